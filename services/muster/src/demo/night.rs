//! The part of the story in which a policy that two officers put in force answers by itself.

use std::time::Duration;

use muster_api::{
    eligibility::v1::{
        ApprovePolicyRequest, Finding, GetPolicyRequest, Policy, ProposePolicyRequest, ResolveRequest, finding::Fact,
    },
    intake::v1::WithdrawRequestRequest,
    monitor::v1::{LedgerLine, RequestPage},
};
use muster_edge::wire::fields::duration;

use super::{
    cast::{Player, Trouble, fresh},
    narrator::Line,
    play::{Play, ended},
    seed,
    stage::Stage,
    words::{self, when},
};

/// How long an offer for a P2 stands under that policy.
const OFFER_STANDS: Duration = Duration::from_mins(30);

/// All of it.
pub async fn story(stage: &Stage) {
    stage.scene("Two officers let Muster grant by itself", Box::pin(begin(stage))).await;
    stage
        .scene("Ballyquill, Ireland: nobody between the call and the offer (invented)", Box::pin(by_mandate(stage)))
        .await;
    stage.scene("Serra Clara, Portugal: a no, a silence, a yes (invented)", Box::pin(no_silence_yes(stage))).await;
    stage.scene("Kadrimäe, Estonia: a missing fact, and a withdrawal (invented)", Box::pin(withdrawn(stage))).await;
    stage.scene("The officers decide again", Box::pin(end(stage))).await;
}

/// A policy is put in force by two persons, and a hospital gets a standing mandate.
async fn begin(stage: &Stage) -> Result<(), Trouble> {
    let mut policy = Policy { grants: true, ..next_policy(stage).await? };
    if let Some(p2) = policy.offer_stands.get_mut(1) {
        *p2 = duration(OFFER_STANDS);
    }
    propose(stage, &policy).await?;
    let says = format!(
        "An officer proposes policy {}: what passes every gate with all facts known is granted.",
        policy.version
    );
    stage.tell_now(says).await?;
    let message = ApprovePolicyRequest { request_id: fresh(), policy: Some(policy.clone()) };
    let own = stage.cast.eligibility().approve_policy(stage.officer.call(message)).await;
    if let Err(Trouble::Refused { says, .. }) = stage.officer.got("approve the policy", own) {
        stage.narrator.say(Line::Why(format!("the same officer approves it, and is told: {says}")));
    }
    approve(stage, &policy).await?;
    stage.tell_now(format!("Another officer approves it. Policy {} is in force.", policy.version)).await?;

    let case = stage.data.case("IE-SYN-BRANNOC").map_err(|bad| Trouble::Missing(bad.to_string()))?;
    let hospital = stage.data.hospital(&case).ok_or_else(|| Trouble::Missing("hospital in Ireland".to_owned()))?;
    let (authority, spoc) = stage.authority(&hospital.member_state)?;
    seed::mandate(&stage.cast, &hospital.hospital, &authority, &spoc, stage.now().await?).await?;
    let says = format!(
        "Ireland's CSIRT and its contact point sign a standing mandate: what is critical at {} goes on at once.",
        hospital.name
    );
    stage.tell_now(says).await
}

/// The same policy without what it decided by itself.
async fn end(stage: &Stage) -> Result<(), Trouble> {
    let policy = Policy { grants: false, ..next_policy(stage).await? };
    propose(stage, &policy).await?;
    approve(stage, &policy).await?;
    stage
        .tell_now(format!("Two officers put policy {} in force: people answer every request again.", policy.version))
        .await
}

/// The policy in force, as the next version of itself.
async fn next_policy(stage: &Stage) -> Result<Policy, Trouble> {
    let found = stage.cast.eligibility().get_policy(stage.officer.call(GetPolicyRequest::default())).await;
    let in_force = stage.officer.got("read the policy", found)?.in_force;
    let policy = in_force.ok_or_else(|| Trouble::Missing("policy in force".to_owned()))?;
    Ok(Policy { version: policy.version.saturating_add(1), ..policy })
}

async fn propose(stage: &Stage, policy: &Policy) -> Result<(), Trouble> {
    let message = ProposePolicyRequest { request_id: fresh(), policy: Some(policy.clone()) };
    let proposed = stage.cast.eligibility().propose_policy(stage.officer.call(message)).await;
    stage.officer.got("propose a policy", proposed).map(drop)
}

async fn approve(stage: &Stage, policy: &Policy) -> Result<(), Trouble> {
    let message = ApprovePolicyRequest { request_id: fresh(), policy: Some(policy.clone()) };
    let approved = stage.cast.eligibility().approve_policy(stage.other_officer.call(message)).await;
    stage.other_officer.got("approve the policy", approved).map(drop)
}

/// A standing mandate and a policy in force: no human stands between the call and the first offer.
async fn by_mandate(stage: &Stage) -> Result<(), Trouble> {
    let play = Play::open(stage, "IE-SYN-BRANNOC").await?;
    let page = play.assessed().await?;
    let by = "The standing mandate endorses and submits it at once.";
    play.tell(&page, "intake.request.submitted", by);
    play.tell_judged(&page);
    let page = play.decided().await?;
    play.tell_decided(&page);
    let offers = play.offered().await?;
    play.tell_offered(&offers);
    let page = play.until("the offers are told", |page| !page.offers.is_empty()).await?;
    let took = when(&page, "dispatch.desk.offered").since(when(&page, "intake.request.opened"));
    let real = took.checked_div(stage.speed).unwrap_or_default();
    stage.narrator.say(Line::Why(format!(
        "from the call to the offers: {} s of exercise time, {} ms of yours",
        took.as_secs(),
        real.as_millis()
    )));
    let engagement = play.somebody_accepts().await?;
    play.stage(&engagement, "on-task").await?;
    let page = play.stage(&engagement, "recovering").await?;
    play.days(&engagement, 4).await?;
    play.tell_stage(&page, &engagement, "has the records back and stays until all of it runs");
    Ok(())
}

/// The first declines, the second does not answer, the third accepts.
async fn no_silence_yes(stage: &Stage) -> Result<(), Trouble> {
    let play = Play::open(stage, "PT-SYN-SERRA").await?;
    let page = play.endorse_and_submit().await?;
    play.tell_judged(&page);
    let page = play.decided().await?;
    play.tell_decided(&page);
    let offers = play.offered().await?;
    play.tell_offered(&offers);
    let (page, by) = play.somebody_declines("no-capacity", "both teams are on the road").await?;
    let text = format!("{} declines: both teams are on the road.", stage.data.name(&by));
    play.tell(&page, "dispatch.desk.declined", text);

    let offers = play.offered().await?;
    play.tell_next(&offers, "");
    if let Some(silent) = offers.first() {
        let page = play.until("an offer expires", |page| ended(page, &silent.offer)).await?;
        let text = format!("{} does not answer in time, and nobody has to notice.", stage.data.name(&silent.provider));
        play.tell(&page, "dispatch.desk.expired", text);
    }
    let offers = play.offered().await?;
    play.tell_next(&offers, "");
    let engagement = play.somebody_accepts().await?;
    let page = play.stage(&engagement, "on-task").await?;
    play.days(&engagement, 2).await?;
    play.tell_stage(&page, &engagement, "is on task");
    Ok(())
}

/// A fact is missing and the policy waits for an officer; then the hospital helps itself and the authority withdraws.
async fn withdrawn(stage: &Stage) -> Result<(), Trouble> {
    let play = Play::open(stage, "EE-SYN-KADRI").await?;
    let page = play.endorse_and_submit().await?;
    play.tell_judged(&page);
    let message = ResolveRequest {
        request_id: fresh(),
        request: play.request.clone(),
        finding: Some(Finding { fact: Some(Fact::Emergency("restricted".to_owned())) }),
        reason: "the hospital's duty desk, by telephone".to_owned(),
    };
    let resolved = stage.cast.eligibility().resolve(stage.officer.call(message)).await;
    stage.officer.got("establish the fact", resolved)?;
    let page = play.decided().await?;
    let priority = page.card.as_ref().map(|card| card.priority.as_str()).unwrap_or_default();
    let text =
        format!("the policy waits; an officer telephones: emergency care is restricted. Now it ranks {priority}.");
    play.tell(&page, "eligibility.assessment.resolved", text);
    play.tell_decided(&page);
    let offers = play.offered().await?;
    play.tell_offered(&offers);
    let engagement = play.somebody_accepts().await?;
    let before = stage.ledger(&engagement.provider).await?;
    withdraw(stage, &play.authority, &play.request).await?;
    let released = |page: &RequestPage| page.engagements.iter().all(|work| work.stage == "released");
    let page = play.until("the team is released", released).await?;
    let after = stage.ledger(&engagement.provider).await?;
    let text = "The backups are clean and the hospital starts by itself: its authority withdraws.";
    play.tell(&page, "intake.request.withdrawn", text);
    stage.narrator.say(Line::Why(format!(
        "{} is released: from {} to {}",
        stage.data.name(&engagement.provider),
        free(&before),
        free(&after)
    )));
    Ok(())
}

async fn withdraw(stage: &Stage, authority: &Player, request: &str) -> Result<(), Trouble> {
    let message = WithdrawRequestRequest {
        request_id: fresh(),
        request: request.to_owned(),
        reason: "restored from clean backups".to_owned(),
    };
    let withdrawn = stage.cast.intake().withdraw_request(authority.call(message)).await;
    authority.got("withdraw the request", withdrawn).map(drop)
}

/// What a provider has free.
fn free(lines: &[LedgerLine]) -> String {
    let teams: u32 = lines.iter().filter_map(|line| line.teams).map(|teams| teams.free).sum();
    let days: u32 = lines.iter().filter_map(|line| line.days).map(|days| days.free).sum();
    let teams = words::count(usize::try_from(teams).unwrap_or_default(), "team");
    format!("{teams} and {days} days free")
}
