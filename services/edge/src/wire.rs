//! The shapes of `muster.type.v1` as the domain's own, both ways.
//!
//! * What goes out is made by functions named after what they give: `wire::facts(&Facts) -> v1::Facts`.
//! * What comes in is read field by field through [`fields::Fields`], which collects all that is wrong, so that a caller is
//!   told everything at once: `wire::read_facts(&mut fields, "facts", message.facts)`. Fields are named as the caller wrote
//!   them, e.g. `facts.needs.services[0]`.

mod contact;
mod facts;
pub mod fields;
mod judging;
#[cfg(test)]
pub(crate) mod samples;
mod work;

pub use contact::read_contact;
pub use facts::{entity, facts, impact, needs, read_facts};
pub use judging::{band, clock, cut, decision, gate, priority_key, read_bands, read_cuts, read_terms, route, terms};
pub use work::{candidate, package};

/// Ids, values of lists, or texts, as the list of their texts.
pub fn texts<T: ToString>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}
