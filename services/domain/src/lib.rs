//! Every rule of Muster. No I/O, no clock, no randomness, no serialisation, nothing asynchronous: time arrives with the
//! command, ids arrive in it, and the same history always gives the same answer.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::float_arithmetic))]

pub mod calendar;
pub mod check;
pub mod clocks;
pub mod codes;
pub mod event;
pub mod kernel;
pub mod parties;
mod patients;
#[cfg(test)]
mod testing;

/// Who there is and what they may do.
pub mod registry {
    pub mod authority;
    pub mod catalogue;
    pub mod events;
    pub mod hospital;
    pub mod mandate;
    pub mod provider;
    pub mod realm;
    pub mod requirement;
    pub mod terms;
    pub mod third_country;
}
/// Requests for support on their way to the contracting authority.
pub mod intake {
    pub mod contact;
    pub mod events;
    pub mod facts;
    pub mod phase;
    pub mod rejection;
    pub mod request;
    #[cfg(test)]
    mod request_table;
    #[cfg(test)]
    mod request_tests;
}
/// Judging and ranking requests.
pub mod eligibility {
    pub mod assessment;
    pub mod bands;
    mod conditions;
    pub mod events;
    pub mod explain;
    pub mod gates;
    pub mod policy;
    pub mod priority;
    pub mod terms;

    #[cfg(test)]
    mod assessment_table;
    #[cfg(test)]
    mod scenarios;
}
/// Matching, offers and engagements.
pub mod dispatch {
    pub mod admissibility;
    pub mod desk;
    pub mod events;
    pub mod matching;
    pub mod packages;
    pub mod taking;
}
