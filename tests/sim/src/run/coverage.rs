//! What was reached: which commands in which states, which refusals.

use std::collections::BTreeMap;

use super::world::Refused;
use crate::replay::Decided;

/// How often what was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached(pub BTreeMap<(String, String), u64>);

impl Reached {
    fn note(&mut self, state: &str, command: &str) {
        let times = self.0.entry((state.to_owned(), command.to_owned())).or_default();
        *times = times.saturating_add(1);
    }

    /// A command was decided.
    pub fn decided(&mut self, decided: &Decided) {
        match decided {
            Decided::Desk(_, command) => self.note("desk", &word(command)),
            Decided::Request(state, command) => {
                let state = state.as_ref().map_or_else(|| "absent".to_owned(), |request| word(&request.phase));
                self.note(&format!("request {state}"), &word(command));
            }
            Decided::Assessment(state, command) => self.note(&format!("assessment {}", word(state)), &word(command)),
        }
    }

    /// A command was refused.
    pub fn refused(&mut self, refused: &Refused) {
        self.note("refused", refused.reason);
    }

    /// Together with what another run reached.
    pub fn add(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            let sum = self.0.entry(what.clone()).or_default();
            *sum = sum.saturating_add(*times);
        }
    }
}

/// The first word of something as Rust shows it.
fn word(of: &impl std::fmt::Debug) -> String {
    let shown = format!("{of:?}");
    shown.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}
