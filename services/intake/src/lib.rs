//! muster-intake
