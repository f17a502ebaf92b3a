//! Engagements: the work from acceptance to its end, and who may know whom to call.

use std::time::Duration;

use muster_api::{
    dispatch::v1::{
        CompleteEngagementRequest, ExtendEngagementRequest, FailEngagementRequest, GiveUpPackageRequest,
        ListEngagementsRequest, ReleaseEngagementRequest, ReopenPackageRequest, ReportDaysRequest, ReportStageRequest,
    },
    r#type::v1::{Engagement, Position},
};
use muster_domain::kernel::{Role, Timestamp};
use muster_edge::{
    testing::{START, call, reason},
    wire::fields::timestamp,
};
use muster_runtime::status::explain;
use tonic::Status;

use crate::scene::{Scene, whom_to_call};

/// A scene with one engagement, o-1, of provider `a` at chu-rouen.
async fn engaged() -> Scene {
    let scene = Scene::start().await;
    scene.enrol("a", 1).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    let offer = scene.offer().await.offer;
    scene.accept("a", &offer).await.unwrap();
    scene
}

async fn reach(scene: &Scene, stage: &str) -> Result<Option<Position>, Status> {
    let message = ReportStageRequest { offer: "o-1".to_owned(), stage: stage.to_owned(), ..Default::default() };
    let answer = scene.client().report_stage(call(Role::Provider, "a", message)).await?;
    Ok(answer.into_inner().position)
}

async fn days(scene: &Scene, days_used: u32) -> Result<Option<Position>, Status> {
    let message = ReportDaysRequest { offer: "o-1".to_owned(), days_used, ..Default::default() };
    Ok(scene.client().report_days(call(Role::Provider, "a", message)).await?.into_inner().position)
}

async fn complete(scene: &Scene, days_used: u32) -> Result<Option<Position>, Status> {
    let message = CompleteEngagementRequest { offer: "o-1".to_owned(), days_used, ..Default::default() };
    Ok(scene.client().complete_engagement(call(Role::Provider, "a", message)).await?.into_inner().position)
}

async fn extend(scene: &Scene, ends_at: Timestamp, person_days: u32) -> Result<Option<Position>, Status> {
    let ends_at = Some(timestamp(ends_at));
    let message = ExtendEngagementRequest { offer: "o-1".to_owned(), ends_at, person_days, ..Default::default() };
    Ok(scene.client().extend_engagement(call(Role::Officer, "officer", message)).await?.into_inner().position)
}

async fn only(scene: &Scene, role: Role, id: &str, position: Option<Position>) -> Engagement {
    let mut engagements = scene.engagements(role, id, position).await;
    assert_eq!(engagements.len(), 1);
    engagements.remove(0)
}

#[tokio::test]
async fn work_goes_from_stage_to_stage_and_ends() {
    let scene = engaged().await;
    assert_eq!(reason(&reach(&scene, "recovering").await.unwrap_err()), "STAGE_ORDER");
    assert!(explain(&reach(&scene, "lunch").await.unwrap_err()).fields.contains_key("stage"));
    scene.rig.clock.advance(Duration::from_mins(50));
    reach(&scene, "on-task").await.unwrap();
    reach(&scene, "recovering").await.unwrap();
    assert_eq!(reason(&days(&scene, 21).await.unwrap_err()), "DAYS_OUT_OF_RANGE");
    let at = days(&scene, 7).await.unwrap();
    let running = only(&scene, Role::Provider, "a", at).await;
    assert_eq!((&*running.stage, running.days_reserved, running.days_used), ("recovering", 20, 7));
    assert_eq!(running.on_task_at, Some(timestamp(START.plus(Duration::from_mins(50)))));
    let at = complete(&scene, 9).await.unwrap();
    let ended = only(&scene, Role::Officer, "officer", at).await;
    assert_eq!((&*ended.stage, ended.days_used, ended.ended_at.is_some()), ("completed", 9, true));
    assert_eq!(reason(&days(&scene, 9).await.unwrap_err()), "ENGAGEMENT_ENDED");
    assert_eq!(complete(&scene, 9).await.unwrap(), at, "completing it again is no news");
}

#[tokio::test]
async fn a_provider_knows_whom_to_call_while_it_works_and_no_longer() {
    let scene = engaged().await;
    assert_eq!(only(&scene, Role::Provider, "a", None).await.contact, Some(whom_to_call()));
    let at = complete(&scene, 3).await.unwrap();
    let over = only(&scene, Role::Provider, "a", at).await;
    assert_eq!((over.contact, &*over.hospital, &*over.hospital_name), (None, "", ""));
    assert_eq!((&*over.request, over.days_used), ("r-1", 3), "what it did stays its own");
    let before = at.map(|at| Position { sequence: at.sequence - 1, index: 0 });
    let read_at = before.map(|at| muster_api::r#type::v1::ReadAt {
        as_of: Some(muster_api::r#type::v1::read_at::AsOf::Position(at)),
        at_least: None,
    });
    let message = ListEngagementsRequest { read_at, ..Default::default() };
    let then = scene.client().list_engagements(call(Role::Provider, "a", message)).await.unwrap().into_inner();
    let then = &then.engagements[0];
    assert_eq!((&*then.stage, &*then.hospital, &then.contact), ("mobilising", "", &None), "nor by looking back");
}

#[tokio::test]
async fn those_who_read_the_request_and_meet_people_know_whom_to_call() {
    let scene = engaged().await;
    for (role, id, knows) in [
        (Role::Hospital, "chu-rouen", true),
        (Role::Officer, "officer", true),
        (Role::Commission, "cnect", true),
        (Role::Auditor, "court", false),
    ] {
        let engagement = only(&scene, role, id, None).await;
        assert_eq!(engagement.contact.is_some(), knows, "{role}");
        assert_eq!(engagement.hospital_name, "CHU de Rouen");
    }
    assert_eq!(scene.engagements(Role::Provider, "b", None).await, []);
    assert_eq!(scene.engagements(Role::Hospital, "ch-brest", None).await, []);
}

#[tokio::test]
async fn an_officer_lets_support_last_longer() {
    let scene = engaged().await;
    let ends_at = START.plus(Duration::from_hours(720));
    assert_eq!(reason(&extend(&scene, ends_at, 5).await.unwrap_err()), "NOT_LONGER");
    let later = ends_at.plus(Duration::from_hours(48));
    assert_eq!(reason(&extend(&scene, later, 981).await.unwrap_err()), "NO_FREE_DAYS");
    let missing = ExtendEngagementRequest { offer: "o-1".to_owned(), ..Default::default() };
    let missing = scene.client().extend_engagement(call(Role::Officer, "officer", missing)).await.unwrap_err();
    assert!(explain(&missing).fields.contains_key("ends_at"));
    let at = extend(&scene, later, 5).await.unwrap();
    let engagement = only(&scene, Role::Provider, "a", at).await;
    assert_eq!((engagement.ends_at, engagement.days_reserved), (Some(timestamp(later)), 25));
}

#[tokio::test]
async fn a_provider_that_gives_up_is_replaced_at_once() {
    let scene = engaged().await;
    scene.enrol("b", 1).await;
    let blank = FailEngagementRequest { offer: "o-1".to_owned(), days_used: 4, ..Default::default() };
    let note = "team lead ill".to_owned();
    let fail = FailEngagementRequest { note, ..blank.clone() };
    let mut client = scene.client();
    let refused = client.fail_engagement(call(Role::Provider, "a", blank)).await.unwrap_err();
    assert_eq!(reason(&refused), "NOTE_BLANK");
    client.fail_engagement(call(Role::Provider, "a", fail)).await.unwrap();
    let next = scene.offer().await;
    assert_eq!((&*next.provider, next.package.unwrap().person_days), ("b", 16), "for what is left to do");
    let over = only(&scene, Role::Officer, "officer", None).await;
    assert_eq!((&*over.stage, &*over.reason, &*over.note), ("released", "failed", "team lead ill"));
    let released = ListEngagementsRequest { stages: vec!["released".to_owned()], ..Default::default() };
    let listed = client.list_engagements(call(Role::Officer, "officer", released)).await.unwrap().into_inner();
    assert_eq!(listed.engagements.len(), 1);
    let wrong = ListEngagementsRequest { stages: vec!["failed".to_owned()], ..Default::default() };
    let refused = client.list_engagements(call(Role::Officer, "officer", wrong)).await.unwrap_err();
    assert!(explain(&refused).fields.contains_key("stages[0]"));
}

#[tokio::test]
async fn an_officer_takes_work_back_and_another_provider_is_asked() {
    let scene = engaged().await;
    scene.enrol("b", 1).await;
    let note = "the hospital asked for another team".to_owned();
    let release = ReleaseEngagementRequest { offer: "o-1".to_owned(), note, ..Default::default() };
    scene.client().release_engagement(call(Role::Officer, "officer", release)).await.unwrap();
    assert_eq!(scene.offer().await.provider, "b");
    assert_eq!(only(&scene, Role::Provider, "a", None).await.reason, "officer");
}

#[tokio::test]
async fn an_officer_asks_everybody_again_or_ends_the_search() {
    let scene = Scene::start().await;
    scene.enrol("a", 1).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    let offer = scene.offer().await;
    let package = offer.package.unwrap().package;
    assert_eq!(package, "r-1-p1");
    let note = "they have a team now".to_owned();
    let reopen = ReopenPackageRequest { package: package.clone(), note, ..Default::default() };
    let give_up =
        |note: &str| GiveUpPackageRequest { package: package.clone(), note: note.to_owned(), ..Default::default() };
    let mut client = scene.client();
    let refused = client.reopen_package(call(Role::Officer, "officer", reopen.clone())).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_WAITING");
    scene.decline("a", &offer.offer, "no-capacity", "").await.unwrap();
    client.reopen_package(call(Role::Officer, "officer", reopen.clone())).await.unwrap();
    let again = scene.offer().await;
    assert_eq!(again.provider, "a");
    scene.decline("a", &again.offer, "no-capacity", "").await.unwrap();
    let refused = client.give_up_package(call(Role::Officer, "officer", give_up(" "))).await.unwrap_err();
    assert_eq!(reason(&refused), "NOTE_BLANK");
    client.give_up_package(call(Role::Officer, "officer", give_up("nobody has such a team"))).await.unwrap();
    let refused = client.reopen_package(call(Role::Officer, "officer", reopen)).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_WAITING");
}
