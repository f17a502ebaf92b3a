//! A realm opens once, with its clock; both are then fixed for good.

use crate::{
    kernel::{Aggregate, Corrupt, RealmId, Received, rejections},
    registry::events::{Realm, RealmClock, RealmEvent},
};

/// The one realm that is not an exercise.
pub const LIVE: &str = "live";

impl Realm {
    /// Whether help is real here.
    pub fn is_live(&self) -> bool {
        self.id.as_str() == LIVE
    }
}

/// What may be asked of a realm.
#[derive(Clone, Debug)]
pub enum Command {
    /// Let it exist.
    Open(Realm),
}

rejections! {
    /// Why a realm refuses.
    Rejection {
        /// The live realm was given an exercise's clock.
        LiveIsNoExercise = Invalid "LIVE_IS_NO_EXERCISE";
            "house rule D15: exercises never touch live";
            "realm.exercise is set, and `live` runs on system time";
            "give the exercise a name of its own";
        /// An exercise was given the system's clock.
        ExerciseNeedsClock(realm: RealmId) = Invalid "EXERCISE_NEEDS_CLOCK";
            "house rule D15: exercises never touch live";
            "realm.exercise is missing, and only `live` runs on system time; {realm} is an exercise";
            "say when the exercise starts and how fast it runs";
        /// Time would stand still.
        StandsStill = Invalid "CLOCK_STANDS_STILL";
            "house rule: exercise speed is at least 1";
            "realm.exercise.speed is 0, so that no deadline would ever come";
            "give a speed of 1 or more";
        /// It runs on another clock.
        AlreadyOpen(realm: RealmId) = AlreadyExists "REALM_ALREADY_OPEN";
            "house rule: a realm keeps its clock";
            "realm {realm} is open with another clock";
            "use it as it is, or open an exercise under another name";
    }
}

impl Aggregate for Realm {
    type State = Option<Self>;
    type Command = Command;
    type Event = RealmEvent;
    type Rejection = Rejection;

    fn decide(state: &Option<Self>, command: Command, _: &Received) -> Result<Vec<RealmEvent>, Rejection> {
        match command {
            Command::Open(realm) => open(state.as_ref(), realm),
        }
    }

    fn evolve(state: &mut Option<Self>, event: &RealmEvent) -> Result<(), Corrupt> {
        match event {
            RealmEvent::Opened(realm) if state.is_none() => *state = Some(realm.clone()),
            RealmEvent::Opened(realm) => return Err(Corrupt(format!("realm {} opened twice", realm.id))),
        }
        Ok(())
    }
}

fn open(state: Option<&Realm>, realm: Realm) -> Result<Vec<RealmEvent>, Rejection> {
    match realm.clock {
        RealmClock::System if !realm.is_live() => return Err(Rejection::ExerciseNeedsClock(realm.id)),
        RealmClock::Exercise { .. } if realm.is_live() => return Err(Rejection::LiveIsNoExercise),
        RealmClock::Exercise { speed: 0, .. } => return Err(Rejection::StandsStill),
        RealmClock::System | RealmClock::Exercise { .. } => {}
    }
    match state {
        None => Ok(vec![RealmEvent::Opened(realm)]),
        Some(open) if open.id == realm.id && same_pace(open.clock, realm.clock) => Ok(vec![]),
        Some(open) => Err(Rejection::AlreadyOpen(open.id.clone())),
    }
}

/// Whether both clocks were asked for in the same words; `started` is when they were said.
fn same_pace(a: RealmClock, b: RealmClock) -> bool {
    match (a, b) {
        (RealmClock::System, RealmClock::System) => true,
        (
            RealmClock::Exercise { starts_at: a, speed: a_speed, started: _ },
            RealmClock::Exercise { starts_at: b, speed: b_speed, started: _ },
        ) => a == b && a_speed == b_speed,
        (RealmClock::System, RealmClock::Exercise { .. }) | (RealmClock::Exercise { .. }, RealmClock::System) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernel::{Actor, Role, Timestamp},
        testing::{Scenario, actor, at, id},
    };

    fn realm(name: &str, clock: RealmClock) -> Realm {
        Realm { id: id!(RealmId, name), clock }
    }

    fn exercise(started: i64, speed: u32) -> RealmClock {
        let starts_at = at("2019-11-16T06:00:00Z");
        RealmClock::Exercise { starts_at, started: Timestamp::from_millis(started), speed }
    }

    fn operator() -> Actor {
        actor(Role::Operator, "operator-1")
    }

    fn open(history: Option<Realm>, realm: Realm) -> crate::testing::Answer<Realm> {
        let history = history.map(RealmEvent::Opened);
        Scenario::<Realm>::given(history).when(Command::Open(realm), operator(), at("2026-02-10T07:00:00Z"))
    }

    #[test]
    fn a_realm_opens_with_its_clock() {
        for realm in [realm("live", RealmClock::System), realm("blue-sky", exercise(5, 1))] {
            open(None, realm.clone()).then([RealmEvent::Opened(realm)]);
        }
    }

    #[test]
    fn an_exercise_opened_again_later_in_the_same_words_is_nothing_new() {
        open(Some(realm("blue-sky", exercise(5, 60))), realm("blue-sky", exercise(9, 60))).then_nothing();
        open(Some(realm("live", RealmClock::System)), realm("live", RealmClock::System)).then_nothing();
    }

    #[test]
    fn an_open_realm_keeps_its_pace() {
        let opened = realm("blue-sky", exercise(5, 60));
        open(Some(opened.clone()), realm("blue-sky", exercise(5, 61))).refused(Rejection::AlreadyOpen(opened.id));
    }

    #[test]
    fn an_exercise_needs_a_clock_that_runs() {
        open(None, realm("blue-sky", exercise(5, 0))).refused(Rejection::StandsStill);
    }

    #[test]
    fn live_runs_on_system_time_and_nothing_else_does() {
        open(None, realm("live", exercise(5, 1))).refused(Rejection::LiveIsNoExercise);
        open(None, realm("blue-sky", RealmClock::System))
            .refused(Rejection::ExerciseNeedsClock(id!(RealmId, "blue-sky")));
    }
}
