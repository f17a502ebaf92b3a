//! The story, scene by scene. A scene that cannot be played to its end does not stop the others; what was missing is told
//! at the end.

use futures::try_join;
use muster_api::{
    eligibility::v1::CompareRequestsRequest,
    intake::v1::{FileReportRequest, SummaryReport},
    r#type::v1::{Cut, Engagement},
};

use super::{
    cast::{Trouble, fresh},
    narrator::Line,
    night,
    play::{Play, ended, lane, state},
    stage::Stage,
};

/// A report's SHA-256; the text itself stays outside Muster.
const REPORT_SHA256: &str = "6b1f0a9c2d5e4f73818c9ab0d1e2f3a4b5c6d7e8f90112233445566778899aab";

/// A request and whoever works on it.
struct Work<'a> {
    play: Play<'a>,
    engagement: Engagement,
}

/// All of it.
pub async fn story(stage: &Stage) {
    let rouen =
        stage.scene("Rouen, France: ransomware on five sites (real, November 2019)", Box::pin(rouen(stage))).await;
    let clinic =
        stage.scene("Barcelona, Spain: an encrypted hospital (real, March 2023)", Box::pin(barcelona(stage))).await;
    stage.scene("Groningen, the Netherlands: a flooded website (real, January 2023)", Box::pin(groningen(stage))).await;
    Box::pin(night::story(stage)).await;
    stage.scene("Lindenfurt, Germany, and Silberau, Austria: two requests, one team", Box::pin(one_team(stage))).await;
    if let Some(clinic) = clinic {
        stage.scene("Barcelona again: a team drops out on the job", Box::pin(replaced(stage, &clinic))).await;
    }
    if let Some(rouen) = rouen {
        stage.scene("Rouen again: done, and reported", Box::pin(done(stage, &rouen))).await;
    }
}

/// Granted in full by an officer; two providers are asked at once and one of them has the work.
async fn rouen(stage: &Stage) -> Result<Work<'_>, Trouble> {
    let play = Play::open(stage, "FR-2019-ROUEN").await?;
    let page = play.endorse_and_submit().await?;
    play.tell_judged(&page);
    play.tell_ground(&page);
    let page = play.decide("granted", None, Vec::new(), "").await?;
    play.tell_decided(&page);
    let offers = play.offered().await?;
    play.tell_offered(&offers);
    play.tell_passed_over(&offers);
    if let Some(offer) = offers.first() {
        play.tell_sealed(offer).await?;
    }
    let engagement = play.race(&offers).await?;
    play.stage(&engagement, "on-task").await?;
    play.days(&engagement, 9).await?;
    Ok(Work { play, engagement })
}

/// Partly granted by an officer, each cut with its reason.
async fn barcelona(stage: &Stage) -> Result<Work<'_>, Trouble> {
    let play = Play::open(stage, "ES-2023-CLINIC").await?;
    let page = play.endorse_and_submit().await?;
    play.tell_judged(&page);
    let mut terms = play.requested().await?;
    (terms.onsite_teams, terms.person_days) = (1, 60);
    let cut = |what: &str, reason: &str| Cut { what: what.to_owned(), reason: reason.to_owned() };
    let cuts = vec![
        cut("onsite_teams", "the regional agency has a team of its own in the building"),
        cut("person_days", "one team on the spot needs no more until the next look at it"),
    ];
    let page = play.decide("partly-granted", Some(terms), cuts, "").await?;
    play.tell_decided(&page);
    let offers = play.offered().await?;
    play.tell_offered(&offers);
    play.tell_passed_over(&offers);
    let engagement = play.somebody_accepts().await?;
    let page = play.stage(&engagement, "on-task").await?;
    play.tell_stage(&page, &engagement, "is on task");
    Ok(Work { play, engagement })
}

/// Refused: nothing shows a significant incident.
async fn groningen(stage: &Stage) -> Result<(), Trouble> {
    let play = Play::open(stage, "NL-2023-UMCG-DDOS").await?;
    let page = play.endorse_and_submit().await?;
    play.tell_judged(&page);
    let reason = "a slow website is no significant incident (Art 15(1))";
    let page = play.decide("refused", None, Vec::new(), reason).await?;
    play.tell_decided(&page);
    play.until("the request is closed", |page| lane(page) == "closed").await.map(drop)
}

/// Two requests want the only team that can do the work; the more urgent one gets it, the other waits and is served next.
async fn one_team(stage: &Stage) -> Result<(), Trouble> {
    let opened = try_join!(Play::open(stage, "DE-SYN-LINDENFURT"), Play::open(stage, "AT-SYN-SILBERAU"))?;
    let (lower, higher) = (opened.0.named("Lindenfurt"), opened.1.named("Silberau"));
    let (page, page_of_higher) = try_join!(lower.endorse_and_submit(), higher.endorse_and_submit())?;
    lower.tell_judged(&page);
    higher.tell_judged(&page_of_higher);

    let page = lower.decide("granted", None, Vec::new(), "").await?;
    lower.tell_decided(&page);
    let offers = lower.offered().await?;
    lower.tell_offered(&offers);
    lower.tell_passed_over(&offers);
    stage.bookmark().await?;

    let page = higher.decide("granted", None, Vec::new(), "").await?;
    higher.tell_decided(&page);
    let taken_back = offers.first().map(|offer| offer.offer.clone()).unwrap_or_default();
    let page = lower.until("its offer ends", |page| ended(page, &taken_back)).await?;
    let text = format!("offer {taken_back} is taken back: Silberau needs the one team that can do it.");
    lower.tell(&page, "dispatch.desk.rescinded", text);
    stage.narrator.say(Line::Why(first_of(stage, &higher, &lower).await?));
    let engagement = higher.somebody_accepts().await?;
    higher.stage(&engagement, "on-task").await?;
    let page = higher.stage(&engagement, "recovering").await?;
    higher.tell_stage(&page, &engagement, "has the monitors back");
    let page = higher.complete(&engagement, 3).await?;
    higher.tell_completed(&page, &engagement, 3);

    let offers = lower.offered().await?;
    lower.tell_next(&offers, "the team is free, and in the same commit offered anew: ");
    let engagement = lower.somebody_accepts().await?;
    let page = lower.stage(&engagement, "on-task").await?;
    lower.tell_stage(&page, &engagement, "is on task");
    Ok(())
}

/// Why one request comes before another, in the API's own words.
async fn first_of(stage: &Stage, higher: &Play<'_>, lower: &Play<'_>) -> Result<String, Trouble> {
    let message =
        CompareRequestsRequest { read_at: None, first: higher.request.clone(), second: lower.request.clone() };
    let compared = stage.cast.eligibility().compare_requests(stage.officer.call(message)).await;
    let compared = stage.officer.got("compare the two", compared)?;
    let who = if compared.ahead == higher.request { "Silberau" } else { "Lindenfurt" };
    Ok(format!("{who} comes first: {}", compared.because))
}

/// The provider at work gives up; the next one is asked at once.
async fn replaced(stage: &Stage, work: &Work<'_>) -> Result<(), Trouble> {
    let Work { play, engagement } = work;
    let note = "two of the team are ill and nobody can step in";
    let page = play.fail(engagement, 6, note).await?;
    let name = stage.data.name(&engagement.provider);
    play.tell(&page, "dispatch.desk.released", format!("{name} gives up after 6 person-days: {note}."));
    let offers = play.offered().await?;
    play.tell_next(&offers, "What is left to do is offered on at once: ");
    let next = play.race(&offers).await?;
    let page = play.stage(&next, "on-task").await?;
    play.tell_stage(&page, &next, "is on task and takes over");
    Ok(())
}

/// Support ends, and the authority reports (Art 16(9)).
async fn done(stage: &Stage, work: &Work<'_>) -> Result<(), Trouble> {
    let Work { play, engagement } = work;
    play.stage(engagement, "recovering").await?;
    let page = play.complete(engagement, 21).await?;
    play.tell_completed(&page, engagement, 21);
    let report = SummaryReport {
        aim_reached: true,
        hours_to_emergency_care: Some(4),
        document_sha256: REPORT_SHA256.to_owned(),
    };
    let message = FileReportRequest { request_id: fresh(), request: play.request.clone(), report: Some(report) };
    let filed = stage.cast.intake().file_report(play.authority.call(message)).await;
    play.authority.got("file the report", filed)?;
    let page = play.until("the request is closed", |page| state(page) == "closed").await?;
    let text = "the authority files its report (Art 16(9)), and the request is closed.";
    play.tell(&page, "intake.request.summary-report-filed", text);
    Ok(())
}
