//! Offers: made, answered, ended, and who is told what of them.

use muster_api::{
    dispatch::v1::{
        AcceptOfferRequest, DeclineOfferRequest, GetOfferRequest, ListOffersRequest, ListOffersResponse,
        MarkSeenRequest, RescindOfferRequest,
    },
    r#type::v1::{Offer, ReadAt, read_at::AsOf},
};
use muster_domain::{intake::events::RequestEvent, kernel::Role};
use muster_edge::testing::{call, reason};
use muster_runtime::status::explain;
use tonic::Code;

use crate::scene::{OFFER_STANDS, Scene, whom_to_call};

#[tokio::test]
async fn a_grant_is_offered_and_who_accepts_it_is_told_whom_to_call() {
    let scene = Scene::start().await;
    scene.enrol("a", 1).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    let whole = scene.offer().await;
    let asked = scene.get(Role::Provider, "a", &whole.offer, None).await.unwrap();
    assert_eq!((&*whole.request, &*whole.hospital, &*whole.priority), ("r-1", "chu-rouen", "P2"));
    assert_eq!((&*asked.request, &*asked.hospital, &*asked.priority), ("", "", ""));
    assert_eq!((&*asked.incident_class, &*asked.country, asked.considered.len()), ("malicious-code", "FR", 0));

    let see = MarkSeenRequest { request_id: String::new(), offer: whole.offer.clone() };
    let seen = scene.client().mark_seen(call(Role::Provider, "a", see)).await.unwrap().into_inner();
    let offer = scene.get(Role::Provider, "a", &whole.offer, seen.position).await.unwrap();
    assert_eq!((&*offer.status, offer.seen_at.is_some()), ("seen", true));

    let accepted = scene.accept("a", &whole.offer).await.unwrap();
    let engagement = accepted.engagement.unwrap();
    assert_eq!((&*engagement.offer, &*engagement.stage), (&*whole.offer, "mobilising"));
    assert_eq!((&*engagement.request, &*engagement.hospital_name), ("r-1", "CHU de Rouen"));
    assert_eq!(engagement.contact, Some(whom_to_call()));
    let offer = scene.get(Role::Provider, "a", &whole.offer, accepted.position).await.unwrap();
    assert_eq!((&*offer.status, &*offer.hospital), ("accepted", "chu-rouen"));
}

#[tokio::test]
async fn a_decline_moves_on_at_once() {
    let scene = Scene::start().await;
    scene.enrol("a", 1).await;
    scene.enrol("b", 1).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    let first = scene.offer().await;
    scene.decline(&first.provider, &first.offer, "skills", "nobody knows this records system").await.unwrap();
    let next = scene.offer().await;
    assert_ne!(next.provider, first.provider);
    let declined = scene.get(Role::Provider, &first.provider, &first.offer, None).await.unwrap();
    assert_eq!((&*declined.status, &*declined.reason), ("declined", "skills"));
    assert_eq!(declined.note, "nobody knows this records system");
}

#[tokio::test]
async fn a_decline_says_why_in_a_way_that_can_be_read() {
    let scene = Scene::start().await;
    scene.enrol("a", 1).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    let offer = scene.offer().await.offer;
    let unreadable = scene.decline("a", "", "busy", "").await.unwrap_err();
    assert_eq!(explain(&unreadable).fields.keys().collect::<Vec<_>>(), ["offer", "reason"]);
    assert_eq!(reason(&scene.decline("a", &offer, "other", " ").await.unwrap_err()), "NOTE_BLANK");
    let long = "x".repeat(2001);
    let refused = scene.decline("a", &offer, "time", &long).await.unwrap_err();
    assert_eq!(explain(&refused).fields.keys().collect::<Vec<_>>(), ["note"]);
    assert_eq!(scene.offer().await.offer, offer, "nothing was done");
}

#[tokio::test]
async fn an_offer_that_nobody_answers_moves_on_by_itself_and_a_late_accept_is_refused() {
    let scene = Scene::start().await;
    scene.enrol("a", 1).await;
    scene.enrol("b", 1).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    let first = scene.offer().await;
    scene.rig.clock.advance(OFFER_STANDS);
    let late = scene.accept(&first.provider, &first.offer).await.unwrap_err();
    assert_eq!((late.code(), &*reason(&late)), (Code::FailedPrecondition, "OFFER_EXPIRED"));
    scene.offers("expired", 1).await;
    let next = scene.offer().await;
    assert_ne!(next.provider, first.provider);
    assert_eq!(reason(&scene.accept(&first.provider, &first.offer).await.unwrap_err()), "OFFER_EXPIRED");
    scene.accept(&next.provider, &next.offer).await.unwrap();
}

#[tokio::test]
async fn another_providers_offer_is_not_there_to_the_byte() {
    let scene = Scene::start().await;
    scene.enrol("a", 1).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    let offer = scene.offer().await.offer;
    let nothing = "o-9";
    assert_eq!(offer.len(), nothing.len());
    let mut answers = Vec::new();
    for id in [&*offer, nothing] {
        let see = MarkSeenRequest { request_id: String::new(), offer: id.to_owned() };
        answers.push([
            scene.get(Role::Provider, "b", id, None).await.unwrap_err(),
            scene.client().mark_seen(call(Role::Provider, "b", see)).await.unwrap_err(),
            scene.accept("b", id).await.unwrap_err(),
            scene.decline("b", id, "time", "").await.unwrap_err(),
        ]);
    }
    for (hidden, missing) in answers[0].iter().zip(&answers[1]) {
        assert_eq!((hidden.code(), &*reason(hidden)), (Code::NotFound, "NOT_FOUND"));
        assert_eq!(hidden.message().replace(&offer, nothing), missing.message());
        let details = String::from_utf8_lossy(hidden.details()).replace(&offer, nothing);
        assert_eq!(details, String::from_utf8_lossy(missing.details()));
    }
    assert_eq!(scene.offers_of(Role::Provider, "b").await, []);
    assert_eq!(scene.offer().await.offer, offer, "and nothing happened to it");
}

#[tokio::test]
async fn a_repeat_is_done_once_and_answered_the_same() {
    let scene = Scene::start().await;
    scene.enrol("a", 1).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    let offer = scene.offer().await.offer;
    let message = AcceptOfferRequest { request_id: "8c9f7b1e-6f1d-4e57-9b6d-0a4a6c3d2e10".to_owned(), offer };
    let accept = || async {
        let answer = scene.client().accept_offer(call(Role::Provider, "a", message.clone())).await;
        answer.unwrap().into_inner()
    };
    let (first, again) = tokio::join!(accept(), accept());
    let later = accept().await;
    assert_eq!((&first, &first), (&again, &later));
    let other = DeclineOfferRequest {
        request_id: message.request_id.clone(),
        offer: message.offer.clone(),
        reason: "time".to_owned(),
        note: String::new(),
    };
    let reused = scene.client().decline_offer(call(Role::Provider, "a", other)).await.unwrap_err();
    assert_eq!(reason(&reused), "REQUEST_ID_REUSED");
    let anew = scene.accept("a", &message.offer).await.unwrap();
    assert_eq!(anew.engagement, first.engagement, "accepting what one has is no news");
}

#[tokio::test]
async fn a_withdrawal_takes_the_offer_back_and_nothing_can_be_accepted() {
    let scene = Scene::start().await;
    scene.enrol("a", 1).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    let offer = scene.offer().await.offer;
    scene.tell("r-1", RequestEvent::Withdrawn { reason: "restored by ourselves".to_owned() }).await;
    scene.offers("rescinded", 1).await;
    assert_eq!(scene.get(Role::Provider, "a", &offer, None).await.unwrap().reason, "withdrawn");
    assert_eq!(reason(&scene.accept("a", &offer).await.unwrap_err()), "OFFER_RESCINDED");
}

#[tokio::test]
async fn an_officer_takes_an_offer_back_and_says_why_to_those_who_may_know() {
    let scene = Scene::start().await;
    scene.enrol("a", 1).await;
    scene.enrol("b", 1).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    let first = scene.offer().await;
    let note = "its team lead is on the way to Porto";
    let rescind = RescindOfferRequest { request_id: String::new(), offer: first.offer.clone(), note: note.to_owned() };
    let denied = scene.client().rescind_offer(call(Role::Provider, &first.provider, rescind.clone())).await;
    assert_eq!(denied.unwrap_err().code(), Code::PermissionDenied);
    let done = scene.client().rescind_offer(call(Role::Officer, "officer", rescind)).await.unwrap().into_inner();
    let told = scene.get(Role::Provider, &first.provider, &first.offer, done.position).await.unwrap();
    assert_eq!((&*told.status, &*told.reason, &*told.note), ("rescinded", "", ""));
    let whole = scene.get(Role::Officer, "officer", &first.offer, done.position).await.unwrap();
    assert_eq!((&*whole.reason, &*whole.note, whole.considered.len()), ("officer", note, 2));
    let listed = list(&scene, ListOffersRequest::default()).await.offers;
    let listed = listed.into_iter().find(|offer| offer.offer == first.offer).unwrap();
    assert_eq!(listed, Offer { considered: Vec::new(), ..whole }, "lists leave out who was looked at");
    let missing = RescindOfferRequest { offer: "o-9".to_owned(), note: note.to_owned(), ..Default::default() };
    let missing = scene.client().rescind_offer(call(Role::Officer, "officer", missing)).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
}

#[tokio::test]
async fn who_was_looked_at_is_told_of_any_moment_as_it_was_when_the_offer_was_made() {
    let scene = Scene::start().await;
    scene.enrol("a", 1).await;
    scene.enrol("b", 0).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    let offer = scene.offer().await.offer;
    let get = async |role, by: &str, as_of| {
        let read_at = Some(ReadAt { as_of, at_least: None });
        let message = GetOfferRequest { read_at, offer: offer.clone() };
        scene.client().get_offer(call(role, by, message)).await.unwrap().into_inner()
    };
    let then = get(Role::Officer, "officer", None).await;
    let told = then.offer.clone().unwrap();
    let [fits, dropped] = &told.considered[..] else { panic!("two were looked at") };
    assert_eq!((&*fits.provider, &*dropped.provider), ("a", "b"));
    scene.enrol("b", 2).await;
    scene.decline("a", &offer, "skills", "").await.unwrap();
    assert_eq!(scene.offer().await.provider, "b");
    let as_of = then.as_of.map(AsOf::Position);
    assert_eq!(get(Role::Officer, "officer", as_of).await, then);
    let now = get(Role::Officer, "officer", None).await.offer.unwrap();
    assert_eq!((&*now.status, &now.considered), ("declined", &told.considered));
    assert_eq!(get(Role::Provider, "a", as_of).await.offer.unwrap().considered, []);
}

async fn list(scene: &Scene, message: ListOffersRequest) -> ListOffersResponse {
    scene.client().list_offers(call(Role::Officer, "officer", message)).await.unwrap().into_inner()
}

fn ids(offers: &[Offer]) -> Vec<&str> {
    offers.iter().map(|offer| &*offer.offer).collect()
}

#[tokio::test]
async fn lists_begin_with_what_ends_first_and_come_a_page_at_a_time() {
    let scene = Scene::start().await;
    scene.enrol("a", 9).await;
    // Four P2 to P4 offers: o-1 to o-4. The later P2 offer ends before the earlier P4 offer.
    for (request, severity) in [("r-1", 1), ("r-2", 3), ("r-3", 2), ("r-4", 3)] {
        scene.grant(request, "chu-rouen", severity).await;
        scene.offers("pending", 1).await;
    }
    scene.offers("pending", 4).await;
    scene.decline("a", "o-2", "time", "").await.unwrap();
    scene.accept("a", "o-3").await.unwrap();
    scene.rig.settle().await;
    let all = list(&scene, ListOffersRequest::default()).await;
    assert_eq!(ids(&all.offers), ["o-4", "o-1", "o-3", "o-2"]);

    let (mut told, mut token) = (Vec::new(), String::new());
    loop {
        let message = ListOffersRequest { page_size: 3, page_token: token, ..Default::default() };
        let page = list(&scene, message).await;
        assert_eq!(page.as_of, all.as_of);
        told.extend(page.offers);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(ids(&told), ids(&all.offers));
}

#[tokio::test]
async fn lists_can_be_narrowed_and_wrong_words_are_refused_by_name() {
    let scene = Scene::start().await;
    scene.enrol("a", 1).await;
    scene.enrol("b", 1).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    scene.grant("r-2", "ch-evreux", 3).await;
    let offers = scene.offers("pending", 2).await;
    for offer in &offers {
        let of_provider = ListOffersRequest { provider: offer.provider.clone(), ..Default::default() };
        let of_request = ListOffersRequest { request: offer.request.clone(), ..Default::default() };
        for message in [of_provider, of_request] {
            assert_eq!(ids(&list(&scene, message).await.offers), [&*offer.offer]);
        }
    }
    let declined = ListOffersRequest { statuses: vec!["declined".to_owned()], ..Default::default() };
    assert_eq!(list(&scene, declined).await.offers, []);
    let wrong = ListOffersRequest {
        statuses: vec!["pending".to_owned(), "voided".to_owned()],
        provider: "Nobody".to_owned(),
        ..Default::default()
    };
    let refused = scene.client().list_offers(call(Role::Officer, "officer", wrong)).await.unwrap_err();
    assert_eq!(explain(&refused).fields.keys().collect::<Vec<_>>(), ["provider", "statuses[1]"]);
}

#[tokio::test]
async fn everybody_sees_the_offers_of_their_own_cases_only() {
    let scene = Scene::start().await;
    scene.enrol("a", 1).await;
    scene.enrol("b", 1).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    scene.grant("r-2", "ch-evreux", 3).await;
    scene.offers("pending", 2).await;
    for (role, id, count) in [
        (Role::Hospital, "chu-rouen", 1),
        (Role::Hospital, "ch-brest", 0),
        (Role::Provider, "a", 1),
        (Role::Provider, "c", 0),
        (Role::Auditor, "court", 2),
        (Role::Commission, "cnect", 2),
        (Role::Authority, "csirt-de", 0),
    ] {
        assert_eq!(scene.offers_of(role, id).await.len(), count, "{role} {id}");
    }
    let denied = scene.client().list_offers(call(Role::Operator, "operator", ListOffersRequest::default())).await;
    assert_eq!(denied.unwrap_err().code(), Code::PermissionDenied);
}
