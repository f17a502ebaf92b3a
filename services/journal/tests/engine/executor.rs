//! One command at a time: repeats, conflicts, lost answers, old states, breaks.

use std::sync::Arc;

use muster_domain::{
    kernel::{Refusal, RefusalKind},
    registry::{
        catalogue::{self, Catalogue},
        events::{Provider, ProviderEvent},
        provider,
    },
};
use muster_journal::{
    append::Lost,
    engine::{
        Broken, Done, Undone,
        entity::Entity,
        executor::{Ask, Execution, Executor, Next, Told},
    },
    faulty::{Fault, Faulty},
    memory::Memory,
    port::{AppendError, Journal, ReadError},
    stored::{self, Frame, Position},
};

use super::realm::{
    Clock, at, catalogue, commit, commits, extend, extended, meta, meta_of, new_id, provider as terms, subjects, write,
    write_raw,
};

fn journal() -> Arc<Faulty> {
    Arc::new(Faulty::new(Arc::new(Memory::new())))
}

/// A replica: an executor that knows nothing yet.
fn replica(journal: &Arc<Faulty>) -> Executor<Catalogue> {
    Executor::new(journal.clone(), Clock::default().now(), new_id)
}

fn done(sequence: u64, news: bool) -> Result<Done, Undone> {
    Ok(Done { position: Position { sequence, index: 0 }, news })
}

fn reason(answer: Result<Done, Undone>) -> &'static str {
    match answer {
        Err(Undone::Refused(refusal)) => refusal.reason,
        other => panic!("it was not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_repeat_is_answered_with_the_first_position_and_writes_nothing() {
    let journal = journal();
    let (one, other) = (replica(&journal), replica(&journal));
    assert_eq!(one.execute(&catalogue(), extend(1, "one"), meta(1, 0)).await, done(1, true));
    assert_eq!(one.execute(&catalogue(), extend(2, "two"), meta(2, 0)).await, done(2, true));
    assert_eq!(one.execute(&catalogue(), extend(1, "one"), meta(1, 0)).await, done(1, false), "where it was done");
    assert_eq!(other.execute(&catalogue(), extend(1, "one"), meta(1, 0)).await, done(1, false), "by whomever");
    assert_eq!(journal.last().await, Ok(2));
}

#[tokio::test]
async fn another_payload_under_the_same_id_is_refused_by_every_replica() {
    let journal = journal();
    let (one, other) = (replica(&journal), replica(&journal));
    assert_eq!(other.execute(&catalogue(), extend(1, "one"), meta(1, 0)).await, done(1, true));
    assert_eq!(one.execute(&catalogue(), extend(2, "two"), meta(2, 0)).await, done(2, true));
    let reused = Err(Undone::Reused(meta(2, 1).command));
    assert_eq!(one.execute(&catalogue(), extend(3, "three"), meta(2, 1)).await, reused);
    assert_eq!(
        other.execute(&catalogue(), extend(3, "three"), meta(2, 1)).await,
        reused,
        "which had not seen the first"
    );
    assert_eq!(journal.last().await, Ok(2));
}

#[tokio::test]
async fn a_conflict_is_decided_anew_on_the_newest_state() {
    let journal = journal();
    let (one, other) = (replica(&journal), replica(&journal));
    assert_eq!(one.execute(&catalogue(), extend(1, "one"), meta(1, 0)).await, done(1, true));
    assert_eq!(other.execute(&catalogue(), extend(2, "two"), meta(2, 0)).await, done(2, true));
    let taken = one.execute(&catalogue(), extend(2, "another"), meta(3, 0)).await;
    assert_eq!(reason(taken), "SERVICE_NAME_TAKEN", "on the old state it could have been added");
    assert_eq!(other.execute(&catalogue(), extend(3, "three"), meta(4, 0)).await, done(3, true));
    journal.befall([Fault::Conflict, Fault::Conflict]);
    assert_eq!(one.execute(&catalogue(), extend(4, "four"), meta(5, 0)).await, done(4, true), "conflicts pass");
    let written = commits(&journal.load(&catalogue(), 0).await.unwrap());
    assert_eq!(written[3].1.decided_at, Some(Position { sequence: 3, index: 0 }), "it was decided on what it follows");
}

#[tokio::test(start_paused = true)]
async fn an_answer_lost_after_the_commit_is_found_again_and_told_once() {
    let journal = journal();
    let one = replica(&journal);
    for (number, lost) in (1..).zip([Fault::AckLost, Fault::Late]) {
        journal.befall([lost]);
        let command = extend(number, "one");
        assert_eq!(one.execute(&catalogue(), command.clone(), meta(number, 0)).await, done(number, true), "{lost:?}");
        assert_eq!(one.execute(&catalogue(), command, meta(number, 0)).await, done(number, false), "{lost:?}");
        assert_eq!(journal.last().await, Ok(number), "{lost:?}");
    }
    journal.befall([Fault::Unavailable, Fault::AckLost, Fault::Unavailable]);
    assert_eq!(one.execute(&catalogue(), extend(3, "one"), meta(3, 0)).await, done(3, true), "one after the other");
    assert_eq!(journal.last().await, Ok(3));
}

#[tokio::test(start_paused = true)]
async fn without_a_journal_nothing_is_answered() {
    let journal = journal();
    let one = replica(&journal);
    one.execute(&catalogue(), extend(1, "one"), meta(1, 0)).await.unwrap();
    journal.befall(std::iter::repeat_n(Fault::Unavailable, 1000));
    let undone = one.execute(&catalogue(), extend(2, "two"), meta(2, 0)).await;
    assert!(matches!(undone, Err(Undone::Unavailable(_))), "{undone:?}");
    journal.readable(false);
    let refused = one.execute(&catalogue(), extend(1, "another"), meta(3, 0)).await;
    assert!(matches!(refused, Err(Undone::Unavailable(_))), "a refusal rests on the newest state: {refused:?}");
    let nothing = one.execute(&catalogue(), extend(1, "one"), meta(4, 0)).await;
    assert!(matches!(nothing, Err(Undone::Unavailable(_))), "so does nothing to do: {nothing:?}");
    assert!(matches!(one.read(&catalogue()).await, Err(Undone::Unavailable(_))));
    assert_eq!(
        one.execute(&catalogue(), extend(1, "one"), meta(1, 0)).await,
        done(1, false),
        "what is done stays done"
    );
    assert_eq!(journal.last().await, Err(ReadError::Unavailable("a test cut it off".to_owned())));
}

#[tokio::test]
async fn refusals_and_nothing_to_do_never_leave_on_an_old_state() {
    let journal = journal();
    let subject = subjects().provider(&terms(1).id).unwrap();
    let replica = || Executor::<Provider>::new(journal.clone(), Clock::default().now(), new_id);
    let (one, other) = (replica(), replica());
    let enrol = |teams| provider::Command::Enrol { terms: terms(teams), catalogue: Catalogue::default() };
    assert_eq!(one.execute(&subject, enrol(1), meta(1, 0)).await, done(1, true));
    assert_eq!(other.execute(&subject, enrol(2), meta(2, 0)).await, done(2, true));
    assert_eq!(one.execute(&subject, enrol(1), meta(3, 0)).await, done(3, true), "it was so, but is so no longer");
    let propose = provider::Command::ProposeSuspension { reason: "no answer for two days".to_owned() };
    assert_eq!(other.execute(&subject, propose, meta(4, 0)).await, done(4, true));
    let approve = one.execute(&subject, provider::Command::ApproveSuspension, meta_of("operator-2", 5, 0)).await;
    assert_eq!(approve, done(5, true), "as far as this replica knew, nobody had proposed it");
    let again = other.execute(&subject, provider::Command::ApproveSuspension, meta_of("operator-3", 6, 0)).await;
    assert_eq!(reason(again), "ALREADY_SUSPENDED", "as far as this replica knew, it was not");
    assert_eq!(one.execute(&subject, enrol(1), meta(7, 0)).await, done(5, false), "the last commit shows what is so");
}

#[tokio::test]
async fn reading_gives_the_newest_state() {
    let journal = journal();
    let (one, other) = (replica(&journal), replica(&journal));
    one.execute(&catalogue(), extend(1, "one"), meta(1, 0)).await.unwrap();
    other.execute(&catalogue(), extend(2, "two"), meta(2, 0)).await.unwrap();
    let entity = one.read(&catalogue()).await.unwrap();
    assert_eq!((entity.sequence, entity.last), (2, Some(Position { sequence: 2, index: 0 })));
    assert!(entity.state.has(&super::realm::service(2, "two").id));
}

#[tokio::test]
async fn recorded_time_does_not_go_back_when_a_clock_does() {
    let (journal, clock) = (journal(), Clock::default());
    let one = Executor::<Catalogue>::new(journal.clone(), clock.now(), new_id);
    for (number, millis) in (1..).zip([50, 20, 70]) {
        clock.set(millis);
        one.execute(&catalogue(), extend(number, "one"), meta(number, 0)).await.unwrap();
    }
    let recorded =
        commits(&journal.load(&catalogue(), 0).await.unwrap()).into_iter().map(|(_, commit)| commit.recorded_at);
    assert!(recorded.eq([at(50), at(50), at(70)]));
}

#[tokio::test]
async fn a_command_that_no_journal_takes_is_refused_and_others_go_on() {
    let journal = journal();
    let one = replica(&journal);
    let long = "n".repeat(200);
    let entries = (0..50).map(|number| super::realm::service(number, &long)).collect();
    let large = catalogue::Command::Extend(entries);
    let mut execution = Execution::<Catalogue>::new(catalogue(), large, meta(1, 0), None, new_id());
    assert!(matches!(execution.start(at(0)), Next::Ask(Ask::Append { expected: 0, .. })), "it is new");
    let told = Told::Appended(Err(Lost::TooLarge { bytes: 9, bytes_max: 8 }));
    assert!(matches!(execution.step(told, at(0)), Next::Answer(Err(Undone::TooLarge { bytes_max: 8 }))));
    assert_eq!(one.execute(&catalogue(), extend(1, "one"), meta(2, 0)).await, done(1, true));
}

#[tokio::test]
async fn an_unknown_outcome_is_told_as_such_and_the_same_command_finds_it() {
    let journal = journal();
    let one = || Execution::<Catalogue>::new(catalogue(), extend(1, "one"), meta(1, 0), None, new_id());
    let mut first = one();
    let Next::Ask(Ask::Append { expected, frame, bytes }) = first.start(at(0)) else { panic!("it is new") };
    let unknown = Told::Appended(Err(Lost::Unknown("no answer came".to_owned())));
    assert!(matches!(first.step(unknown, at(0)), Next::Answer(Err(Undone::Unsure))));

    let mut again = one();
    let Next::Ask(Ask::Append { expected: 0, frame: second, .. }) = again.start(at(0)) else {
        panic!("it is not in the log yet")
    };
    assert_ne!(frame, second, "two decisions are two frames");
    assert_eq!(journal.append(&catalogue(), expected, frame, bytes.clone()).await, Ok(1), "the first lands late");
    let conflict = again.step(Told::Appended(Err(Lost::Conflict)), at(0));
    assert!(matches!(conflict, Next::Ask(Ask::Load { after: 0 })));
    let Next::Answer(answer) = again.step(Told::Loaded(journal.load(&catalogue(), 0).await), at(0)) else {
        panic!("it is done")
    };
    assert_eq!(answer, done(1, false));
    assert_eq!(journal.append(&catalogue(), 0, second, bytes).await, Err(AppendError::Conflict));
}

/// What each of several commands is told, and a fresh replica too, once the subject's log is broken.
async fn told_of_break(journal: &Arc<Faulty>, one: &Executor<Catalogue>) -> Broken {
    let fresh = replica(journal);
    let mut told = Vec::new();
    for number in 100..103 {
        for executor in [one, &fresh] {
            let answer = executor.execute(&catalogue(), extend(number, "more"), meta(number, 0)).await;
            told.push(answer.expect_err("nothing is decided beyond a break"));
        }
    }
    told.extend(one.read(&catalogue()).await.err());
    let Some(Undone::Broken(broken)) = told.first().cloned() else { panic!("{told:?}") };
    assert!(told.iter().all(|told| *told == Undone::Broken(broken.clone())), "the same is told to all: {told:?}");
    assert_eq!(told.len(), 7);
    broken
}

#[tokio::test]
async fn bytes_that_are_no_frame_break_the_subject_for_good() {
    let journal = journal();
    let one = replica(&journal);
    one.execute(&catalogue(), extend(1, "one"), meta(1, 0)).await.unwrap();
    write_raw(&*journal, &catalogue(), "no frame".into()).await;
    let broken = told_of_break(&journal, &one).await;
    assert!(matches!(broken, Broken::Undecodable { sequence: 2, .. }), "{broken}");
    assert_eq!(journal.last().await, Ok(2), "nothing was written behind it");
}

#[tokio::test]
async fn what_a_newer_muster_wrote_is_left_to_others_and_nothing_is_wrong_with_the_log() {
    let journal = journal();
    let one = replica(&journal);
    one.execute(&catalogue(), extend(1, "one"), meta(1, 0)).await.unwrap();
    let frame = Frame { id: new_id(), previous: [0; 32], commits: vec![commit(2, at(0), vec![extended(2)])] };
    let written = stored::encode(&frame);
    write_raw(&*journal, &catalogue(), [&written[..], &[0x78, 1]].concat().into()).await;
    let broken = told_of_break(&journal, &one).await;
    assert!(broken.is_newer(), "{broken}");
    let refusal = Refusal::from(Undone::from(broken));
    assert_eq!((refusal.reason, refusal.kind), ("LOG_NEWER", RefusalKind::Unavailable));
    assert_eq!(journal.last().await, Ok(2), "nothing was written behind it");
}

#[tokio::test]
async fn a_frame_that_does_not_follow_breaks_the_subject_for_good() {
    let journal = journal();
    let one = replica(&journal);
    one.execute(&catalogue(), extend(1, "one"), meta(1, 0)).await.unwrap();
    let stray = stored::Frame { id: new_id(), previous: [7; 32], commits: vec![commit(9, at(0), vec![extended(9)])] };
    write_raw(&*journal, &catalogue(), stored::encode(&stray)).await;
    let broken = told_of_break(&journal, &one).await;
    assert_eq!(broken, Broken::Chain { sequence: 2, subject: catalogue().to_string() });
}

/// The frame's first commit is good: even so nobody may decide on it, nor call its command done.
#[tokio::test]
async fn half_a_frame_is_never_folded() {
    let foreign = ProviderEvent::Reinstated { reason: "why not".to_owned() };
    let impossible = extended(1);
    for (bad, what) in [(foreign.into(), "an event of another aggregate"), (impossible, "added twice")] {
        let journal = journal();
        let one = replica(&journal);
        one.execute(&catalogue(), extend(1, "a service"), meta(1, 0)).await.unwrap();
        let commits = vec![commit(2, at(0), vec![extended(2)]), commit(3, at(0), vec![extended(3), bad])];
        assert_eq!(write(&*journal, &catalogue(), commits).await, 2);
        let broken = told_of_break(&journal, &one).await;
        assert!(matches!(broken, Broken::Corrupt { sequence: 2, .. }), "{broken}");
        assert!(broken.to_string().contains(what), "{broken}");
        let first = one.execute(&catalogue(), extend(2, "a service"), meta(2, 0)).await;
        assert_eq!(first, Err(Undone::Broken(broken)), "what stands in a broken frame is not done");
    }
}

#[tokio::test]
async fn an_entity_takes_each_record_once() {
    let journal = journal();
    for number in 1..=3 {
        write(&*journal, &catalogue(), vec![commit(number, at(0), vec![extended(number)])]).await;
    }
    let records = journal.load(&catalogue(), 0).await.unwrap();
    let twice = records.iter().chain(&records);
    let entity = twice.clone().try_fold(Entity::<Catalogue>::default(), Entity::take).unwrap();
    assert_eq!(entity.sequence, 3);
    let skipped = [&records[0], &records[2]].into_iter().try_fold(Entity::<Catalogue>::default(), Entity::take);
    assert_eq!(skipped.err(), Some(Broken::Chain { sequence: 3, subject: catalogue().to_string() }));
}

/// More entities than are kept: those that are forgotten are read again, and one that is used all the time is not forgotten.
#[tokio::test]
async fn forgetting_entities_does_no_harm() {
    let journal = journal();
    let one = replica(&journal);
    let used = catalogue();
    one.execute(&used, extend(0, "used"), meta(0, 0)).await.unwrap();
    let other = |number: u64| super::realm::case(&format!("c-{number}"));
    let others = 1..=12_000;
    for number in others.clone() {
        one.execute(&other(number), extend(number, "one"), meta(number, 0)).await.unwrap();
        if number % 1_000 == 0 {
            let before = journal.loads();
            one.execute(&used, extend(number, "used"), meta(100_000 + number, 0)).await.unwrap();
            assert_eq!(journal.loads(), before, "what is used is known");
        }
    }
    for number in others {
        let repeat = one.execute(&other(number), extend(number, "one"), meta(number, 0)).await.unwrap();
        assert!(!repeat.news, "{number}");
    }
    assert_eq!(one.read(&other(1)).await.unwrap().sequence, 2);
    assert_eq!(journal.last().await, Ok(12_000 + 1 + 12));
}
