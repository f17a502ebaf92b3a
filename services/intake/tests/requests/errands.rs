//! What intake still has to do.

use futures::StreamExt;
use muster_domain::{
    codes::{Country, Language, Tlp},
    dispatch::events::DeskEvent,
    eligibility::events::{AssessmentEvent, Case, Outcome, PriorityKey},
    intake::events,
    kernel::{HospitalId, RequestId, Role},
    registry::events::{Annex, AuthorityKind, Category, Size},
};
use muster_edge::testing::{Rig, START, actor};
use muster_intake::react::Errands;
use muster_journal::engine::{
    agenda::Agenda,
    follower::{Fold, Reader},
};

use super::{idle_rig, open, withdraw};

#[tokio::test]
async fn nothing_is_left_to_do_for_a_closed_request_when_the_desk_takes_its_withdrawal() {
    let (rig, mut client, _service) = idle_rig().await;
    let request = open(&mut client).await.request;
    withdraw(&mut client, Role::Hospital, "chu-rouen", &request).await.unwrap();
    let taken = DeskEvent::WithdrawalTaken { request: RequestId::parse(&request).unwrap() };
    rig.append(&rig.edge.subjects.desk().unwrap(), actor(Role::System, "desk"), vec![taken.into()]).await;
    assert_eq!(errands(&rig).await, 0);
}

/// How much intake has to do after all that is in the log.
async fn errands(rig: &Rig) -> usize {
    let (mut errands, mut reader) = (Errands::default(), Reader::default());
    let last = rig.edge.journal.last().await.unwrap();
    let mut records = rig.edge.journal.subscribe(0).take(usize::try_from(last).unwrap());
    while let Some(record) = records.next().await {
        reader.take(&record.unwrap(), |seen, _| seen.iter().for_each(|seen| errands.fold(seen))).unwrap();
    }
    errands.items().len()
}

#[tokio::test]
async fn nothing_is_left_to_do_for_a_request_that_ended_while_it_was_refused() {
    let (rig, mut client, _service) = idle_rig().await;
    let (ended, open_still) = (open(&mut client).await.request, open(&mut client).await.request);
    withdraw(&mut client, Role::Hospital, "chu-rouen", &ended).await.unwrap();
    for (request, more) in [(ended, 0), (open_still, 1)] {
        let before = errands(&rig).await;
        let id = RequestId::parse(&request).unwrap();
        let refused = AssessmentEvent::Decided {
            outcome: Outcome::Refused,
            terms: None,
            cuts: vec![],
            reason: "the incident is not significant".to_owned(),
            by_policy: None,
            case: Case {
                request: id.clone(),
                hospital: HospitalId::parse("chu-rouen").unwrap(),
                incident: "fr-2026-1".to_owned(),
                country: Country::parse("FR").unwrap(),
                languages: [Language::parse("fr").unwrap()].into(),
                entity: events::Entity {
                    name: "CHU de Rouen".to_owned(),
                    kind: "university-hospital".to_owned(),
                    annex: Annex::One,
                    category: Category::Essential,
                    size: Size::Large,
                },
                suppliers: [].into(),
                tlp: Tlp::Amber,
                user: AuthorityKind::Csirt,
            },
            key: PriorityKey { bands: [0; 5], member_state_user: true, submitted_at: START, request: id.clone() },
        };
        let subject = rig.edge.subjects.assessment(&id).unwrap();
        rig.append(&subject, actor(Role::Officer, "officer"), vec![refused.into()]).await;
        assert_eq!(errands(&rig).await, before + more);
    }
}
