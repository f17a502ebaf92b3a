//! The shapes of `muster.type.v1` as the domain's own, both ways.
//!
//! * `to_wire` functions are named after what they give: `wire::facts(&Facts) -> v1::Facts`.
//! * What comes in is read field by field through [`fields::Fields`], which collects all that is wrong, so that a caller is
//!   told everything at once.

pub mod fields;
