//! Every aggregate but the desk, walked at random beside a naive model of it: a few fields and the law as a list of rules. The
//! desk's own walk is `lived`.
#![cfg(test)]

mod access;
mod assessment;
mod policy;
mod provider;
mod records;
mod request;

use std::{collections::BTreeSet, fmt::Debug, time::Duration};

use muster_domain::kernel::{Actor, Aggregate, Received, Refusal, Role, Timestamp};
use muster_sim::run::{
    cast::{self, actor},
    rng::Rng,
};
use proptest::prelude::*;

/// What an aggregate should answer; or else the stable reason of its refusal.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    /// It is as the command wants it already.
    Nothing,
    /// Something happens.
    News,
}
use Expected::{News, Nothing};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

type Expects = Result<Expected, &'static str>;
type State<M> = <<M as Model>::Of as Aggregate>::State;
type Command<M> = <<M as Model>::Of as Aggregate>::Command;

/// What a newcomer would expect of an aggregate after reading the law.
trait Model: Default {
    type Of: Aggregate;
    /// Every command; each must bring news in some walk.
    const COMMANDS: &[&str];
    /// Every stable reason; each must be met in some walk.
    const REASONS: &[&str];

    /// A command that somebody may come up with now.
    fn draw(&self, lots: &mut Rng, now: Timestamp) -> (Command<Self>, Actor);
    /// What it should lead to, or the first rule that it breaks; the model then knows of it too.
    fn expect(&mut self, command: &Command<Self>, received: &Received) -> Expects;
    /// Whether `state` tells its readers at `now` what the model knows.
    fn agrees(&self, state: &State<Self>, now: Timestamp) -> bool;
}

/// A rule of the law, or of the house.
fn require(holds: bool, reason: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(reason) }
}

/// Nothing new, if it was said before in the same words.
fn nothing_if(same: bool, reason: &'static str) -> Expects {
    require(same, reason).map(|()| Nothing)
}

fn news_if(changes: bool) -> Expects {
    Ok(if changes { News } else { Nothing })
}

/// A refusal's stable reason.
fn reason(rejection: impl Into<Refusal>) -> &'static str {
    rejection.into().reason
}

fn one_of<T, const N: usize>(lots: &mut Rng, of: [T; N]) -> T {
    of.into_iter().nth(lots.index(N)).unwrap()
}

/// Two officers and the Commission; anna is two of them, and still one person. Muster itself is nobody.
fn somebody(lots: &mut Rng) -> Actor {
    let (role, name) = one_of(
        lots,
        [
            (Role::Officer, "anna"),
            (Role::Officer, "bert"),
            (Role::Commission, "anna"),
            (Role::Commission, "carla"),
            (Role::System, "muster"),
        ],
    );
    actor(role, name)
}

/// Words, seldom none or too many.
fn words(lots: &mut Rng) -> String {
    let unfit = one_of(lots, [String::new(), "x".repeat(2_001)]);
    let fit = one_of(lots, ["because", "because", "other words"]).to_owned();
    if lots.seldom(6) { unfit } else { fit }
}

/// From one command to the next: mostly no time, or what some deadline waits for, seldom a moment more or less.
fn pause(lots: &mut Rng) -> Duration {
    let hours = one_of(lots, [0, 0, 0, 0, 0, 0, 1, 12, 24, 24, 48, 84, 168]);
    let moment = Duration::from_millis(1);
    let [less, more] = [lots.seldom(8), lots.seldom(8)];
    (Duration::from_hours(hours) + moment * more.into()).saturating_sub(moment * less.into())
}

/// Walks an aggregate and its model together, every command said twice, and notes the news and refusals that were `met`. A
/// refusal cannot change the state: `decide` only reads it.
fn walk<M: Model>(seed: u64, steps: usize, met: &mut BTreeSet<String>) -> Result<(), String> {
    let (mut lots, mut model) = (Rng::new(seed, "models"), M::default());
    let (mut state, mut history, mut now) = (State::<M>::default(), Vec::new(), cast::at(0));
    for step in 1..=steps {
        now = now.plus(pause(&mut lots));
        let (command, by) = model.draw(&mut lots, now);
        let received = Received { at: now, by };
        for again in [false, true] {
            let expected = model.expect(&command, &received);
            let decided = M::Of::decide(&state, command.clone(), &received).map_err(reason);
            let wrong = |what: &dyn Debug| {
                let again = if again { ", said again" } else { "" };
                format!(
                    "step {step}{again}: {command:?} by {received:?}\nexpected {expected:?}, and {what:?}\n{state:#?}"
                )
            };
            let answer = decided.as_ref().map(|events| if events.is_empty() { Nothing } else { News });
            if answer.map_err(|reason| *reason) != expected || (again && expected == Ok(News)) {
                return Err(wrong(&decided));
            }
            match &decided {
                Ok(events) if events.is_empty() => {}
                Ok(_) => drop(met.insert(name(&command))),
                Err(reason) => drop(met.insert((*reason).to_owned())),
            }
            let mut after = state.clone();
            for event in decided.iter().flatten() {
                M::Of::evolve(&mut after, event).map_err(|corrupt| wrong(&corrupt))?;
            }
            if !model.agrees(&after, now) {
                return Err(wrong(&("then the model knows otherwise", &after)));
            }
            history.extend(decided.into_iter().flatten());
            state = after;
        }
    }
    let mut afresh = State::<M>::default();
    let folded = history.iter().try_for_each(|event| M::Of::evolve(&mut afresh, event));
    if folded.is_ok() && afresh == state { Ok(()) } else { Err(format!("folded afresh: {folded:?} {afresh:#?}")) }
}

/// The variant's name alone.
fn name(command: &impl Debug) -> String {
    format!("{command:?}").chars().take_while(|c| c.is_alphanumeric()).collect()
}

macro_rules! walks {
    ($($aggregate:ident: $model:ty,)*) => {$(
        mod $aggregate {
            use super::*;

            proptest! {
                // Seed and steps say all that there is to keep of a failure.
                #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

                #[test]
                fn answers_as_its_model_expects(seed in any::<u64>().no_shrink(), steps in 1..80_usize) {
                    walk::<$model>(seed, steps, &mut BTreeSet::new()).map_err(TestCaseError::fail)?;
                }
            }

            /// A walk that never meets a rule shows nothing about it.
            #[test]
            fn meets_every_command_and_every_reason() {
                let mut met = BTreeSet::new();
                (0..300).for_each(|seed| walk::<$model>(seed, 60, &mut met).unwrap());
                let all = <$model>::COMMANDS.iter().chain(<$model>::REASONS).map(|&name| name.to_owned());
                assert_eq!(met, all.collect());
            }
        }
    )*};
}
walks! {
    a_hospital: records::Hospitals,
    an_authority: records::Authorities,
    a_requirement: records::Requirements,
    a_catalogue: records::Names,
    a_realm: records::Opened,
    a_provider: provider::Firm,
    a_mandate: access::Signatures,
    a_third_country: access::Acts,
    a_request: request::Life,
    a_policy: policy::InForce,
    an_assessment: assessment::Case,
}
