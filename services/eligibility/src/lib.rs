//! Eligibility as a service: what it does by itself when requests are submitted and deadlines come.

pub mod react;
