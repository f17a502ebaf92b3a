//! muster-eligibility
pub mod react;
