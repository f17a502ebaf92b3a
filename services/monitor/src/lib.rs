//! What everybody may watch: the realm as folded for people.

pub mod views;
