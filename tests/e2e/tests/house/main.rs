//! The house as its users meet it, on real servers and with real processes: what needs no machine to itself.
#![cfg(test)]

mod accounts;
mod clock;
mod copying;
mod demo;
mod drift;
mod journal;
mod late;
mod readme;
mod story;
mod telemetry;
mod trust;
mod unsafe_journal;
