//! muster-tidy
