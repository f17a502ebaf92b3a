//! What is kept of work that is over.

use super::*;

#[test]
fn a_copy_shares_what_there_is_ever_more_of_until_it_changes() {
    let original =
        desk(vec![Command::TakeProvider(provider("a", 2)), grant("r1", 3, 1, 0), grant("r2", 3, 1, 0), accept(1, "a")]);
    let mut copy = original.clone();
    ask(&mut copy, Command::Complete { offer: offer(1), by: by("a"), days_used: 5 }, &received(1)).unwrap();
    assert_eq!(original.offers[&offer(1)].status(), OfferStatus::Accepted);
    assert_eq!(original.offers[&offer(1)].stage(), Some(EngagementStage::Mobilising));
    assert_eq!(copy.offers[&offer(1)].stage(), Some(EngagementStage::Completed));
    let requests = original.requests.iter().filter(|(id, granted)| Arc::ptr_eq(granted, &copy.requests[*id]));
    let packages = original.assignments.iter().filter(|(id, package)| Arc::ptr_eq(package, &copy.assignments[*id]));
    let offers = original.offers.iter().filter(|(id, offer)| Arc::ptr_eq(offer, &copy.offers[*id]));
    assert_eq!((requests.count(), packages.count(), offers.count()), (1, 1, 1), "those of the other request");
}

/// Whatever a caller may ask about this package.
fn about_package(package: &PackageId) -> [Command; 2] {
    let (package, note) = (|| package.clone(), || "because".to_owned());
    [Command::Reopen { package: package(), note: note() }, Command::GiveUp { package: package(), note: note() }]
}

/// Whatever a caller may ask about this offer.
fn about_offer(offer: &OfferId, by: &ProviderId) -> Vec<Command> {
    let (offer, by, note) = (|| offer.clone(), || by.clone(), || "because".to_owned());
    let complete = |days_used| Command::Complete { offer: offer(), by: by(), days_used };
    vec![
        Command::See { offer: offer(), by: by() },
        Command::Accept { offer: offer(), by: by() },
        Command::Decline { offer: offer(), by: by(), reason: DeclineReason::Skills, note: note() },
        Command::Rescind { offer: offer(), note: note() },
        Command::ReachStage { offer: offer(), by: by(), stage: Stage::OnTask },
        Command::ReachStage { offer: offer(), by: by(), stage: Stage::Recovering },
        Command::ReportDays { offer: offer(), by: by(), days_used: 9 },
        complete(5),
        complete(6),
        Command::Fail { offer: offer(), by: by(), note: note(), days_used: 9 },
        Command::Release { offer: offer(), note: note() },
        Command::Extend { offer: offer(), ends_at: at(900_000), person_days: 1 },
    ]
}

proptest! {
    /// Whoever forgets which commands were done for such a request does none of them again.
    #[test]
    fn nobody_can_do_anything_for_a_request_that_is_finished(steps in proptest::collection::vec(step(), 1..60)) {
        let mut desk = Desk::default();
        let (mut now, mut grants) = (0, 0);
        for step in &steps {
            if let Step::Wait(minutes) = step {
                now += minutes;
            }
            let Some(command) = command(&desk, step, grants) else { continue };
            grants += usize::from(matches!(step, Step::Grant(..)));
            drop(ask(&mut desk, command, &received(now)));
        }
        for package in desk.assignments.keys().take(3).cloned().collect::<Vec<_>>() {
            drop(ask(&mut desk, Command::GiveUp { package, note: "enough".to_owned() }, &received(now)));
        }
        let finished = |desk: &Desk, package| desk.requests[&desk.assignments[package].request].finished;
        let packages = desk.assignments.keys().filter(|package| finished(&desk, *package)).flat_map(about_package);
        let offers = desk.offers.iter().filter(|(_, made)| finished(&desk, &made.package));
        let offers = offers.flat_map(|(offer, made)| about_offer(offer, &made.provider));
        for command in packages.chain(offers).collect::<Vec<_>>() {
            let events = ask(&mut desk, command.clone(), &received(now)).unwrap_or_default();
            prop_assert!(events.is_empty(), "{:?} gives {:?}", command, events);
        }
    }
}
