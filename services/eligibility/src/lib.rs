//! muster-eligibility
