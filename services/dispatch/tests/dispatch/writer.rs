//! The desk's writer, one step at a time.

use bytes::Bytes;
use muster_dispatch::writer::{Input, Output, Stop, Writer};
use muster_domain::{
    dispatch::{
        desk::{Command, Desk, OfferState},
        events::{DeskEvent, Stage},
    },
    event::Event,
    kernel::{ContractId, PackageId, PrincipalId, RequestId, Timestamp},
    registry::events::{Certificate, Contract, Provider, ProviderEvent},
};
use muster_journal::{
    append::{Appended, Lost},
    engine::{Broken, Done, Undone},
    port::{FRAME_BYTES_MAX, ReadError, Record},
    stored::{self, Position},
};

use crate::{
    hand::{Hand, Log, accept, at, by, meta, new_id, offer, see},
    scene::provider,
};

/// A log with provider `a` and so many granted requests, and a writer that has made the offers `o-1`, `o-2`, …
fn offered(count: u32) -> (Log, Hand) {
    let log = Log::new();
    log.enrol(provider("a", count));
    for request in 0..count {
        log.grant(&format!("r-{request}"), 3);
    }
    let hand = Hand::ready(&log, at(0));
    assert_eq!(hand.writer.desk().active().count() as u32, count);
    (log, hand)
}

fn done(sequence: u64, index: u32, news: bool) -> Option<Result<Done, Undone>> {
    Some(Ok(Done { position: Position { sequence, index }, news }))
}

fn reason(answer: Option<Result<Done, Undone>>) -> &'static str {
    let Some(Err(Undone::Refused(refusal))) = &answer else { panic!("it was not refused: {answer:?}") };
    refusal.reason
}

/// The events of the desk in the log, in order.
fn events(log: &Log) -> Vec<DeskEvent> {
    log.commits().into_iter().flat_map(|(_, commit)| commit.events).map(|event| event.try_into().unwrap()).collect()
}

#[test]
fn facts_are_taken_in_order_and_each_commit_says_how_far() {
    let log = Log::new();
    log.enrol(provider("a", 1));
    log.murmur("r-2");
    log.grant("r-1", 3);
    let mut hand = Hand::ready(&log, at(0));
    log.murmur("r-2");
    log.withdraw("r-1", new_id());
    hand.catch_up(&log, at(1));
    hand.catch_up(&log, at(1));
    hand.settle(&log, at(1));
    let taken: Vec<_> = log.commits().into_iter().map(|(_, commit)| commit.taken).collect();
    assert_eq!(taken, [Some(1), Some(3), Some(8)], "the fence is record 4, its own frame record 5 or 6");
    let facts = events(&log).into_iter().filter(|event| !matches!(event, DeskEvent::Offered { .. }));
    let facts: Vec<_> = facts.map(|event| std::mem::discriminant(&event)).collect();
    let withdrawn = RequestId::parse("r-1").unwrap();
    assert_eq!(facts.len(), 5, "two taken at first; then withdrawn, rescinded, finished");
    assert_eq!(facts[2], std::mem::discriminant(&DeskEvent::WithdrawalTaken { request: withdrawn }));
    assert_eq!(hand.writer.taken(), log.last());
}

#[test]
fn a_missing_record_stops_the_writer_and_a_repeated_one_does_not() {
    let (log, mut hand) = offered(1);
    let first = log.records(0).remove(0);
    hand.tell(Input::Record(first), at(0));
    assert_eq!((&hand.stopped, hand.wants.len()), (&None, 0));
    log.murmur("r-9");
    let skipped = log.murmur("r-9") + 1;
    log.withdraw("r-0", new_id());
    let record = log.records(skipped - 1).remove(0);
    hand.ask(1, accept(1), meta(1, 0, at(0)), at(0));
    hand.tell(Input::Record(record), at(0));
    let gap = Broken::Read(ReadError::Gap { expected: skipped - 2, found: skipped });
    assert_eq!(hand.stopped, Some(Stop::Broken(gap.clone())));
    assert_eq!(hand.answer(1), Some(Err(Undone::Broken(gap))), "whoever waits is told");
}

#[test]
fn facts_behind_one_id_on_two_subjects_are_both_taken() {
    let (log, mut hand) = offered(2);
    let same = new_id();
    log.withdraw("r-0", same);
    log.withdraw("r-1", same);
    hand.catch_up(&log, at(1));
    hand.settle(&log, at(1));
    assert_eq!(log.fold().withdrawn.len(), 2);
}

/// Enrolled and suspended in one record: as the writer fills its frame, the second fact leaves with the next one, which never
/// lands.
#[test]
fn a_record_of_several_facts_is_taken_whole_by_whoever_goes_on() {
    let log = Log::new();
    let mut hand = Hand::take_over(&log);
    for number in 0..255 {
        log.enrol(provider(&format!("p-{number}"), 1));
    }
    let id = by("a");
    let both = vec![
        (new_id(), vec![Event::Provider(ProviderEvent::Enrolled(provider("a", 1)))]),
        (new_id(), vec![ProviderEvent::Reinstated { reason: "no".to_owned() }.into(), suspended()]),
    ];
    log.write(&log.subjects.provider(&id).unwrap(), both);
    hand.catch_up(&log, at(0));
    assert!(hand.land(&log, at(0)), "the fence");
    assert!(hand.land(&log, at(0)), "as much as one frame may hold");
    assert!(!log.fold().providers[&id].suspended, "the rest never lands: the process ends here");
    let next = Hand::ready(&log, at(1));
    assert!(log.fold().providers[&id].suspended);
    assert_eq!(next.writer.desk(), &log.fold());
    let enrolled = events(&log).into_iter().filter(|event| matches!(event, DeskEvent::ProviderTaken { .. })).count();
    assert_eq!(enrolled, 255 + 2, "each fact once");
}

fn suspended() -> Event {
    let somebody = || PrincipalId::parse("somebody").unwrap();
    let reason = "no answer for two days".to_owned();
    ProviderEvent::Suspended { reason, proposed_by: somebody(), approved_by: somebody() }.into()
}

#[test]
fn what_comes_while_a_frame_is_under_way_leaves_as_the_next_one_in_order() {
    let (log, mut hand) = offered(4);
    for number in 1..=4 {
        hand.ask(number.into(), see(number), meta(number.into(), 0, at(1)), at(1));
    }
    assert!(hand.answers.is_empty(), "nothing is answered before the log has it");
    assert!(hand.land(&log, at(1)));
    let first = log.last();
    assert_eq!((hand.answer(1), hand.answers.len()), (done(first, 0, true), 1), "the first left alone");
    assert!(hand.land(&log, at(1)));
    let told: Vec<_> = (2..=4).map(|ticket| hand.answer(ticket)).collect();
    assert_eq!(told, [done(first + 1, 0, true), done(first + 1, 1, true), done(first + 1, 2, true)]);
    let decided_at: Vec<_> = log.commits().into_iter().rev().take(4).map(|(_, commit)| commit.decided_at).collect();
    let within = |index| Some(Position { sequence: 0, index });
    assert_eq!(decided_at[..3], [within(1), within(0), Some(Position { sequence: first, index: 0 })]);
    assert!(!hand.land(&log, at(1)));
}

#[test]
fn refusals_and_nothing_to_do_wait_for_the_log_too() {
    let (log, mut hand) = offered(1);
    let last = log.commits().last().unwrap().0;
    hand.ask(1, see(9), meta(1, 0, at(1)), at(1));
    assert_eq!((hand.answers.len(), hand.wants.front()), (0, Some(&Output::Check)));
    hand.ask(2, see(1), meta(2, 0, at(1)), at(1));
    hand.ask(3, see(9), meta(3, 0, at(1)), at(1));
    hand.ask(4, see(1), meta(4, 0, at(1)), at(1));
    assert!(hand.land(&log, at(1)), "the check");
    assert_eq!((reason(hand.answer(1)), hand.answers.len()), ("NO_SUCH_OFFER", 1));
    assert!(hand.land(&log, at(1)), "the frame");
    let seen = log.last();
    assert_eq!(hand.answer(2), done(seen, 0, true));
    assert_eq!(reason(hand.answer(3)), "NO_SUCH_OFFER");
    assert_eq!(hand.answer(4), done(seen, 0, false), "it was so by the commit before");
    assert!(last < Position { sequence: seen, index: 0 });
}

#[test]
fn a_refusal_never_leaves_a_writer_that_another_has_overtaken() {
    let (log, mut old) = offered(1);
    Hand::ready(&log, at(1));
    old.ask(1, see(9), meta(1, 0, at(1)), at(1));
    assert!(old.land(&log, at(1)));
    assert_eq!((old.stopped.take(), old.answer(1)), (Some(Stop::Overtaken), Some(Err(Undone::Unsure))));
}

#[test]
fn a_repeat_is_answered_with_its_first_position_wherever_that_is() {
    let (log, mut hand) = offered(2);
    hand.ask(1, see(1), meta(1, 0, at(1)), at(1));
    hand.ask(2, see(2), meta(2, 0, at(1)), at(1));
    hand.ask(3, see(1), meta(1, 0, at(1)), at(1));
    hand.ask(4, see(2), meta(2, 0, at(1)), at(1));
    hand.ask(5, accept(1), meta(1, 9, at(1)), at(1));
    hand.settle(&log, at(1));
    let first = log.last() - 1;
    assert_eq!(hand.answer(3), done(first, 0, false), "under way when it was repeated");
    assert_eq!(hand.answer(4), done(first + 1, 0, false), "waiting when it was repeated");
    let reused = Some(Err(Undone::Reused(meta(1, 9, at(1)).command)));
    assert_eq!(hand.answer(5), reused);

    let mut next = Hand::ready(&log, at(2));
    let before = log.last();
    next.ask(1, see(1), meta(1, 0, at(2)), at(2));
    next.ask(2, accept(1), meta(1, 9, at(2)), at(2));
    next.settle(&log, at(2));
    assert_eq!((next.answer(1), next.answer(2)), (done(first, 0, false), reused), "by whoever writes");
    assert_eq!(log.last(), before, "and nothing is written");
}

#[test]
fn a_command_is_known_until_its_request_has_been_over_for_a_month_and_then_refused() {
    let (log, mut hand) = offered(3);
    let days = |days: i64| at(days * 24 * 60);
    let complete = Command::Complete { offer: offer(1), by: by("a"), days_used: 5 };
    let stage = Command::ReachStage { offer: offer(2), by: by("a"), stage: Stage::OnTask };
    let asked = [(1, accept(1)), (2, complete), (3, accept(2)), (4, stage)];
    for (id, command) in asked.clone() {
        hand.ask(id, command, meta(id, 0, at(1)), at(1));
        hand.settle(&log, at(1));
    }
    let first: Vec<_> = (1..=4).map(|id| hand.answer(id).unwrap().unwrap().position).collect();
    let known = |position| Some(Ok(Done { position, news: false }));
    let again = |hand: &mut Hand, now: Timestamp, payload: u8| {
        hand.answers.clear();
        for (id, command) in asked.clone() {
            hand.ask(id, command, meta(id, payload, now), now);
        }
        hand.settle(&log, now);
    };
    log.enrol(provider("b", 1));
    hand.settle(&log, days(30));
    again(&mut hand, days(30), 0);
    assert_eq!(
        (1..=4).map(|id| hand.answer(id)).collect::<Vec<_>>(),
        first.iter().map(|at| known(*at)).collect::<Vec<_>>()
    );
    again(&mut hand, days(30), 1);
    assert!((1..=4).all(|id| matches!(hand.answer(id), Some(Err(Undone::Reused(_))))));

    log.enrol(provider("c", 1));
    hand.settle(&log, days(31));
    let (commits, desk) = (log.commits().len(), hand.writer.desk().clone());
    again(&mut hand, days(31), 0);
    assert_eq!(reason(hand.answer(1)), "ENGAGEMENT_ENDED");
    assert_eq!(hand.answer(2), known(log.commits().last().unwrap().0), "it is completed already");
    assert_eq!((hand.answer(3), hand.answer(4)), (known(first[2]), known(first[3])), "work that runs is not over");
    assert_eq!((log.commits().len(), hand.writer.desk()), (commits, &desk), "nothing is done again");
    let mut next = Hand::take_over(&log);
    next.settle(&log, days(31));
    again(&mut next, days(31), 0);
    assert_eq!(reason(next.answer(1)), "ENGAGEMENT_ENDED", "whoever takes over has forgotten the same");
    assert_eq!(next.answer(3), known(first[2]));
}

#[test]
fn a_fence_stops_the_writer_before_it() {
    let (log, mut old) = offered(2);
    old.ask(1, accept(1), meta(1, 0, at(1)), at(1));
    old.ask(2, accept(9), meta(2, 0, at(1)), at(1));
    let mut new = Hand::take_over(&log);
    assert!(new.land(&log, at(1)));
    assert!(old.land(&log, at(1)), "its frame comes too late");
    assert_eq!(old.stopped, Some(Stop::Overtaken));
    assert_eq!((old.answer(1), old.answer(2)), (Some(Err(Undone::Unsure)), Some(Err(Undone::Unsure))));
    old.ask(3, accept(1), meta(1, 0, at(1)), at(1));
    old.tell(Input::Look, at(90));
    old.catch_up(&log, at(90));
    assert_eq!((old.answer(3), old.wants.len()), (Some(Err(Undone::Unsure)), 0), "it decides nothing any more");
    new.settle(&log, at(1));
    new.ask(1, accept(1), meta(1, 0, at(1)), at(1));
    new.settle(&log, at(1));
    assert_eq!(new.answer(1), done(log.last(), 0, true), "asked again, it is done");
}

#[test]
fn a_writer_that_reads_of_another_stops() {
    let (log, mut old) = offered(1);
    let mut new = Hand::take_over(&log);
    assert!(new.land(&log, at(1)));
    old.catch_up(&log, at(1));
    assert_eq!(old.stopped, Some(Stop::Overtaken));
}

#[test]
fn a_frame_read_before_its_answer_comes_is_the_writers_own() {
    let (log, mut hand) = offered(1);
    hand.ask(1, accept(1), meta(1, 0, at(1)), at(1));
    let Some(Output::Append { expected, frame, bytes }) = hand.wants.pop_front() else { panic!("it is new") };
    let sequence = log.append(&log.desk(), expected, frame, bytes).unwrap();
    hand.catch_up(&log, at(1));
    assert_eq!((&hand.stopped, hand.answers.len(), hand.writer.taken()), (&None, 0, sequence));
    hand.tell(Input::Appended(Ok(Appended { sequence })), at(1));
    assert_eq!(hand.answer(1), done(sequence, 0, true));
}

#[test]
fn an_outcome_that_stays_unknown_ends_the_writer_and_the_next_one_finds_it() {
    let (log, mut hand) = offered(1);
    hand.ask(1, accept(1), meta(1, 0, at(1)), at(1));
    hand.ask(2, see(1), meta(2, 0, at(1)), at(1));
    let Some(Output::Append { expected, frame, bytes }) = hand.wants.pop_front() else { panic!("it is new") };
    hand.tell(Input::Appended(Err(Lost::Unknown("no answer came".to_owned()))), at(1));
    assert!(matches!(hand.stopped, Some(Stop::Unavailable(_))));
    assert_eq!((hand.answer(1), hand.answer(2)), (Some(Err(Undone::Unsure)), Some(Err(Undone::Unsure))));
    let sequence = log.append(&log.desk(), expected, frame, bytes).unwrap();
    let mut next = Hand::ready(&log, at(2));
    next.ask(1, accept(1), meta(1, 0, at(2)), at(2));
    next.settle(&log, at(2));
    assert_eq!(next.answer(1), done(sequence, 0, false), "it had landed after all");
}

#[test]
fn a_writer_that_takes_over_has_the_same_desk_and_goes_on_from_what_was_taken() {
    let (log, mut hand) = offered(3);
    hand.ask(1, accept(1), meta(1, 0, at(1)), at(1));
    hand.settle(&log, at(1));
    log.murmur("r-0");
    log.murmur("r-0");
    let withdrawal = log.withdraw("r-1", new_id());
    let next = Hand::take_over(&log);
    assert_eq!((next.writer.desk(), next.writer.taken()), (&log.fold(), hand.writer.taken() - 1), "up to the accept");
    let next = Hand::ready(&log, at(2));
    assert!(next.writer.taken() > withdrawal);
    assert_eq!(next.writer.desk(), &log.fold());
    assert!(log.fold().withdrawn.contains(&RequestId::parse("r-1").unwrap()));
}

#[test]
fn a_log_without_what_was_read_of_it_is_not_built_on() {
    let (log, _) = offered(1);
    let (start, later) = (log.start(log.last()), log.load(&log.desk(), 0));
    let begin = |later: &[Record]| Writer::new(log.desk(), start.clone(), later, new_id());
    let [ref rest @ .., ref last] = later[..] else { panic!("it has records") };
    assert_eq!(begin(&later[rest.len()..]).unwrap().0.desk(), &log.fold());
    for other in [vec![], rest.to_vec()] {
        assert!(matches!(begin(&other), Err(Broken::Corrupt { sequence, .. }) if sequence == last.sequence));
    }
    let skipped = [last.clone(), last.clone()];
    assert!(matches!(begin(&skipped), Err(Broken::Chain { .. })), "each record follows the one before it");
}

#[test]
fn deadlines_wake_the_desk_once_each() {
    let (log, mut hand) = offered(1);
    let due = hand.writer.next_look().unwrap();
    assert_eq!(due, at(60), "an offer of P2 stands for an hour");
    hand.tell(Input::Look, at(59));
    assert_eq!(hand.wants.len(), 0, "not yet");
    hand.tell(Input::Look, due);
    hand.settle(&log, due);
    assert!(matches!(hand.writer.desk().offers[&offer(1)].state, OfferState::Expired(_)));
    assert!(hand.writer.next_look().unwrap() > due);
    assert_eq!(hand.writer.desk(), &log.fold());
}

#[test]
fn an_accept_received_in_time_is_decided_before_the_wake_up() {
    let (log, mut hand) = offered(1);
    let due = hand.writer.next_look().unwrap();
    hand.ask(1, accept(1), meta(1, 0, at(59)), due);
    hand.tell(Input::Look, due);
    hand.settle(&log, due);
    assert!(matches!(hand.answer(1), Some(Ok(Done { news: true, .. }))));
    assert!(matches!(log.fold().offers[&offer(1)].state, OfferState::Engaged(_)));
}

/// More packages than one commit offers: the first commit is the last of its frame, and the process ends before the next.
#[test]
fn what_was_left_half_settled_is_gone_on_with() {
    let log = Log::new();
    let mut hand = Hand::take_over(&log);
    for request in 0..90 {
        log.grant(&format!("r-{request}"), 3);
    }
    for number in 90..255 {
        log.enrol(provider(&format!("p-{number}"), 0));
    }
    let mut terms = provider("a", 90);
    terms.contracts[0].capacity.person_days = 90 * 20;
    log.enrol(terms);
    hand.catch_up(&log, at(0));
    assert!(hand.land(&log, at(0)), "the fence");
    assert!(hand.land(&log, at(0)), "256 commits");
    let offers = |desk: &Desk| desk.active().count();
    assert_eq!((offers(hand.writer.desk()), offers(&log.fold())), (90, 64), "the log has the first commit's alone");
    let mut next = Hand::take_over(&log);
    assert!(next.writer.next_look() <= Some(at(1)), "there is something to look at");
    next.settle(&log, at(1));
    assert_eq!(offers(&log.fold()), 64);
    next.tell(Input::Look, at(1));
    next.settle(&log, at(1));
    assert_eq!((offers(next.writer.desk()), offers(&log.fold())), (90, 90));
}

#[test]
fn a_log_that_cannot_be_trusted_stops_the_writer() {
    let foreign = |log: &Log| log.write(&log.request("r-1"), vec![(new_id(), vec![suspended()])]);
    let undecodable =
        |log: &Log| log.append(&log.request("r-1"), 0, new_id(), Bytes::from_static(b"no frame")).unwrap();
    type Break = fn(&Log) -> u64;
    for break_it in [foreign as Break, undecodable] {
        let (log, mut hand) = offered(1);
        hand.ask(1, see(1), meta(1, 0, at(1)), at(1));
        let place = break_it(&log);
        hand.catch_up(&log, at(1));
        let Some(Stop::Broken(broken)) = hand.stopped.clone() else { panic!("{:?}", hand.stopped) };
        assert!(broken.to_string().contains(&format!("record {place}")), "{broken}");
        assert_eq!(hand.answer(1), Some(Err(Undone::Broken(broken.clone()))));
        hand.ask(2, see(1), meta(2, 0, at(1)), at(1));
        assert_eq!(hand.answer(2), Some(Err(Undone::Broken(broken))));
    }
}

/// Terms as long as the registry lets them be, or nearly.
fn long_terms(number: u32) -> Provider {
    let mut terms = Provider { id: by(&format!("{number:055}")), ..provider("a", 1) };
    terms.name = "n".repeat(200);
    terms.certificates =
        (0..50).map(|n| Certificate { name: format!("{n:0200}"), expires: Some(at(1_000_000)) }).collect();
    let later = |n: i64| Contract {
        id: ContractId::parse(&format!("later-{n}")).unwrap(),
        from: at(10_000_000 + n),
        until: at(10_000_001 + n),
        ..terms.contracts[0].clone()
    };
    let later: Vec<_> = (0..20).map(later).collect();
    terms.contracts.extend(later);
    terms
}

#[test]
fn no_frame_is_larger_than_a_journal_takes() {
    let log = Log::new();
    let mut hand = Hand::take_over(&log);
    for number in 0..120 {
        log.enrol(long_terms(number));
    }
    for request in 0..160 {
        log.grant(&format!("{request:036}"), 4);
    }
    hand.catch_up(&log, at(0));
    hand.settle(&log, at(0));
    assert_eq!(hand.stopped, None);
    let frames: Vec<_> = log.load(&log.desk(), 0).into_iter().map(|record| record.bytes.len()).collect();
    assert!(frames.iter().all(|bytes| *bytes <= FRAME_BYTES_MAX / 2 + 200 * 1024), "{frames:?}");
    let offers = hand.writer.desk().active().count();
    assert!(offers >= 120, "every provider has an offer: {offers}");
    hand.tell(Input::Look, at(24 * 60 * 366));
    hand.settle(&log, at(24 * 60 * 366));
    assert_eq!((&hand.stopped, hand.writer.desk().active().count()), (&None, 0), "all contracts have ended at once");
    assert_eq!(hand.writer.desk(), &log.fold());
    let escalated = log.commits().into_iter().flat_map(|(_, commit)| commit.events);
    let escalated = escalated.filter(|event| matches!(event, Event::Desk(DeskEvent::Escalated { .. })));
    assert_eq!(escalated.count(), 160, "each package once");
}

#[test]
fn a_commit_is_no_larger_than_it_was_counted() {
    let (log, mut hand) = offered(3);
    hand.ask(
        1,
        Command::Reopen { package: PackageId::parse("r-0-p1").unwrap(), note: String::new() },
        meta(1, 0, at(1)),
        at(1),
    );
    hand.ask(2, accept(1), meta(2, 0, at(1)), at(1));
    hand.settle(&log, at(1));
    for record in log.load(&log.desk(), 0) {
        let frame = stored::decode(&record.bytes).unwrap();
        let counted: usize = frame.commits.iter().map(stored::size).sum();
        let rest = stored::encode(&stored::Frame { commits: vec![], ..frame.clone() }).len();
        let slack = 24 * frame.commits.len();
        let bytes = record.bytes.len();
        assert!((counted + rest - slack..=counted + rest).contains(&bytes), "{bytes} bytes, {counted} counted");
    }
}
