//! The simulator: `run` plays a realm of many processes with everything that may go wrong, from one seed; the rest judges what
//! came of it. An invariant of the house is one predicate, used three ways; here it is an oracle: it reads the list
//! of events and nothing else, keeps them in data structures of its own, and shares no rule with the code it judges. What it
//! knows of a rule it was told a second time.
//!
//! Oracles judge any log: a simulated one, one that real processes wrote, one of production.

pub mod history;
pub mod log;
pub mod oracles;
pub mod replay;
pub mod rules;
pub mod run;
pub mod timeline;
