//! One request and everybody who has a part in it: what each of them does, told as it happens.

use futures::future::join_all;
use muster_api::{
    dispatch::v1::{
        AcceptOfferRequest, CompleteEngagementRequest, DeclineOfferRequest, FailEngagementRequest, GetOfferRequest,
        MarkSeenRequest, ReportDaysRequest, ReportStageRequest,
    },
    eligibility::v1::DecideRequest,
    intake::v1::{EndorseRequestRequest, OpenRequestRequest, SubmitRequestRequest},
    monitor::v1::RequestPage,
    registry::v1::Hospital,
    r#type::v1::{Contact, Cut, Engagement, Needs, Offer, Terms},
};
use muster_domain::kernel::{Role, Timestamp};
use muster_edge::wire;

use super::{
    cast::{Player, Trouble, fresh},
    narrator::{Line, clock},
    stage::Stage,
    words::{self, moment, when},
};

/// How many providers a story asks before it gives up.
const ROUNDS_MAX: usize = 6;

/// A request.
pub struct Play<'a> {
    stage: &'a Stage,
    /// The hospital's record.
    pub hospital: Hospital,
    /// Its authority.
    pub authority: Player,
    /// The single point of contact that transmits.
    pub spoc: Player,
    /// Its id.
    pub request: String,
    /// What it is called where several are told together.
    name: Option<&'static str>,
}

impl<'a> Play<'a> {
    /// A hospital opens a request, as the case says.
    pub async fn open(stage: &'a Stage, case: &'static str) -> Result<Self, Trouble> {
        let told = stage.data.case(case).map_err(|bad| Trouble::Missing(bad.to_string()))?;
        let hospital =
            stage.data.hospital(&told).cloned().ok_or_else(|| Trouble::Missing(format!("hospital in {case}")))?;
        let country = hospital.member_state.clone();
        let authority = stage.data.authority(&country).cloned();
        let authority = authority.ok_or_else(|| Trouble::Missing(format!("authority of {country}")))?;
        let caller = Player::new(Role::Hospital, &hospital.hospital);
        let message = OpenRequestRequest {
            request_id: fresh(),
            hospital: String::new(),
            facts: Some(wire::facts(&told.facts_at(stage.now().await?))),
            contact: Some(Contact {
                name: "The duty desk".to_owned(),
                email: format!("duty@{}.example", hospital.hospital),
                phone: String::new(),
                narrative: told.narrative.clone(),
            }),
        };
        let opened = stage.cast.intake().open_request(caller.call(message)).await;
        let request = caller.got("open a request", opened)?.request;
        let play = Self {
            stage,
            hospital,
            authority: Player::new(Role::Authority, authority.authority),
            spoc: Player::new(Role::Spoc, authority.spoc),
            request,
            name: None,
        };
        stage.remember(case, &play.request);
        let page = play.until("the request is open", |_| true).await?;
        let name = &play.hospital.name;
        play.tell(&page, "intake.request.opened", format!("{name} asks for help. {}", told.narrative));
        Ok(play)
    }

    /// The same, told by this name from now on.
    pub fn named(self, name: &'static str) -> Self {
        Self { name: Some(name), ..self }
    }

    /// Waits until the request's page shows something.
    pub async fn until(&self, what: &str, shows: impl Fn(&RequestPage) -> bool) -> Result<RequestPage, Trouble> {
        let what = format!("{}: {what}", self.hospital.name);
        self.stage.cast.page_until(&self.stage.officer, &self.request, &what, shows).await
    }

    /// Tells what happened, at the moment that the log has for it.
    pub fn tell(&self, page: &RequestPage, event_type: &str, text: impl AsRef<str>) {
        self.tell_at(when(page, event_type), text.as_ref());
    }

    fn tell_at(&self, at: Timestamp, text: &str) {
        let text = self.name.map_or_else(|| capital(text), |name| format!("{name}: {text}"));
        self.stage.narrator.say(Line::Event(at, text));
    }

    fn why(&self, reasons: impl IntoIterator<Item = String>) {
        for reason in reasons {
            self.stage.narrator.say(Line::Why(reason));
        }
    }

    fn name_of<'b>(&'b self, provider: &'b str) -> &'b str {
        self.stage.data.name(provider)
    }

    /// The authority makes it its own and the single point of contact submits it; then it is judged.
    pub async fn endorse_and_submit(&self) -> Result<RequestPage, Trouble> {
        let message = EndorseRequestRequest { request_id: fresh(), request: self.request.clone() };
        let endorsed = self.stage.cast.intake().endorse_request(self.authority.call(message)).await;
        self.authority.got("endorse the request", endorsed)?;
        let message = SubmitRequestRequest { request_id: fresh(), request: self.request.clone() };
        let submitted = self.stage.cast.intake().submit_request(self.spoc.call(message)).await;
        let due = moment(self.spoc.got("submit the request", submitted)?.answer_due_at);
        let page = self.assessed().await?;
        let text =
            format!("the national CSIRT endorses, its contact point submits: an answer is due by {}.", clock(due));
        self.tell(&page, "intake.request.submitted", text);
        Ok(page)
    }

    /// All that was requested, as a grant would say it.
    pub async fn requested(&self) -> Result<Terms, Trouble> {
        let page = self.until("what is needed", |page| page.facts.is_some()).await?;
        let needs = page.facts.and_then(|facts| facts.needs).unwrap_or_default();
        let duration = match needs.duration {
            Some(duration) => Some(duration),
            None => self.stage.policy().await?.duration,
        };
        let Needs { services, remote_teams, onsite_teams, person_days, .. } = needs;
        Ok(Terms { services, remote_teams, onsite_teams, person_days, duration })
    }

    /// Waits until it is judged.
    pub async fn assessed(&self) -> Result<RequestPage, Trouble> {
        self.until("the request is judged", |page| !page.gates.is_empty()).await
    }

    /// Tells how it was judged: what failed, or what its rank rests on.
    pub fn tell_judged(&self, page: &RequestPage) {
        self.tell(page, "eligibility.assessment.assessed", words::judged(page));
        let failed = words::failed(page);
        if failed.is_empty() {
            self.why(words::rank(page));
        }
        self.why(failed);
    }

    /// Tells what makes the incident significant.
    pub fn tell_ground(&self, page: &RequestPage) {
        self.why(words::ground(page));
    }

    /// An officer answers; waits until the answer stands.
    pub async fn decide(
        &self,
        outcome: &str,
        terms: Option<Terms>,
        cuts: Vec<Cut>,
        reason: &str,
    ) -> Result<RequestPage, Trouble> {
        let message = DecideRequest {
            request_id: fresh(),
            request: self.request.clone(),
            outcome: outcome.to_owned(),
            terms,
            cuts,
            reason: reason.to_owned(),
        };
        let decided = self.stage.cast.eligibility().decide(self.stage.officer.call(message)).await;
        self.stage.officer.got("answer the request", decided)?;
        self.decided().await
    }

    /// Waits until the answer stands.
    pub async fn decided(&self) -> Result<RequestPage, Trouble> {
        self.until("the request is answered", |page| page.decision.is_some()).await
    }

    /// Tells the answer, and every cut with its reason.
    pub fn tell_decided(&self, page: &RequestPage) {
        let Some(decision) = &page.decision else { return };
        let by = decision.by_policy.map_or_else(|| "an officer".to_owned(), |version| format!("policy {version}"));
        let terms = decision.terms.as_ref().map(words::terms).unwrap_or_default();
        let text = match decision.outcome.as_str() {
            "granted" => format!("{by} grants all of it: {terms}."),
            "refused" => format!("{by} refuses: {}.", decision.reason),
            _ => format!("{by} grants a part of it: {terms}."),
        };
        self.tell(page, "eligibility.assessment.decided", text);
        self.why(decision.cuts.iter().map(|cut| {
            format!(
                "fewer {}: {}",
                cut.what.replace("onsite", "on-site").replace("person_", "person-").replace('_', " "),
                cut.reason
            )
        }));
    }

    /// Waits for offers that a provider may answer, or for the engagement.
    pub async fn offered(&self) -> Result<Vec<Offer>, Trouble> {
        let page =
            self.until("somebody is asked", |page| pending(page).next().is_some() || at_work(page).is_some()).await?;
        Ok(pending(&page).cloned().collect())
    }

    /// Tells who is asked, and why they.
    pub fn tell_offered(&self, offers: &[Offer]) {
        let Some(first) = offers.first() else { return };
        let (fit, until) = (words::looked_at(first), clock(moment(first.expires_at)));
        let text = match offers {
            [one] => format!("{fit}. {} is asked, until {until}.", self.name_of(&one.provider)),
            [_, _] => format!("{fit}. Two are asked, until {until}; the first to accept has it."),
            more => format!("{fit}. {} are asked, until {until}; the first to accept has it.", more.len()),
        };
        self.tell_at(moment(first.offered_at), &text);
        self.tell_chosen(offers);
    }

    /// Why these are asked; by name if they are several.
    fn tell_chosen(&self, offers: &[Offer]) {
        self.why(offers.iter().filter_map(|offer| {
            let fit = words::chosen(offer)?;
            let alone = offers.len() == 1;
            Some(if alone { fit } else { format!("{}: {fit}", self.name_of(&offer.provider)) })
        }));
    }

    /// Tells why others are not asked.
    pub fn tell_passed_over(&self, offers: &[Offer]) {
        let Some(first) = offers.first() else { return };
        self.why(words::passed_over(&self.stage.data, &first.considered, &first.country));
    }

    /// Tells who is asked next, after a few words on why now.
    pub fn tell_next(&self, offers: &[Offer], before: &str) {
        let Some(first) = offers.first() else { return };
        let names: Vec<_> = offers.iter().map(|offer| self.name_of(&offer.provider)).collect();
        let are = if names.len() == 1 { "is" } else { "are" };
        let until = clock(moment(first.expires_at));
        let text = format!("{before}{} {are} asked, until {until}.", names.join(" and "));
        self.tell_at(moment(first.offered_at), &text);
        self.tell_chosen(offers);
    }

    /// Tells how the work goes.
    pub fn tell_stage(&self, page: &RequestPage, engagement: &Engagement, how: &str) {
        self.tell(page, "dispatch.desk.stage-reached", format!("{} {how}.", self.name_of(&engagement.provider)));
    }

    /// Tells that the work is done, and what goes back.
    pub fn tell_completed(&self, page: &RequestPage, engagement: &Engagement, days_used: u32) {
        let back = engagement.days_reserved.saturating_sub(days_used);
        let text = format!(
            "{} is done after {days_used} person-days; {back} go back to its contract.",
            self.name_of(&engagement.provider)
        );
        self.tell(page, "dispatch.desk.completed", text);
    }

    /// What a provider sees of an offer before it accepts.
    pub async fn tell_sealed(&self, offer: &Offer) -> Result<(), Trouble> {
        let provider = Player::new(Role::Provider, &offer.provider);
        let message = GetOfferRequest { read_at: None, offer: offer.offer.clone() };
        let seen = self.stage.cast.dispatch().get_offer(provider.call(message)).await;
        let seen = provider.got("look at the offer", seen)?.offer.unwrap_or_default();
        let package = seen.package.unwrap_or_default();
        let hidden =
            if seen.hospital.is_empty() && seen.request.is_empty() { "neither hospital nor request" } else { "all" };
        let text = format!(
            "until it accepts, a provider sees: {}, {}, {}, {}; {hidden}",
            seen.incident_class,
            seen.country,
            seen.languages.join(" "),
            words::effort(package.remote_teams, package.onsite_teams, package.person_days)
        );
        self.why([text]);
        Ok(())
    }

    /// A provider opens an offer and accepts it.
    pub async fn accept(&self, offer: &Offer) -> Result<Engagement, Trouble> {
        let provider = Player::new(Role::Provider, &offer.provider);
        let message = MarkSeenRequest { request_id: fresh(), offer: offer.offer.clone() };
        provider.got("open the offer", self.stage.cast.dispatch().mark_seen(provider.call(message)).await)?;
        let message = AcceptOfferRequest { request_id: fresh(), offer: offer.offer.clone() };
        let accepted = self.stage.cast.dispatch().accept_offer(provider.call(message)).await;
        Ok(provider.got("accept the offer", accepted)?.engagement.unwrap_or_default())
    }

    /// Whoever is asked first and can still answer says no; gives the page then, and who it was.
    pub async fn somebody_declines(&self, reason: &str, note: &str) -> Result<(RequestPage, String), Trouble> {
        let mut trouble = self.nobody();
        for _ in 0..ROUNDS_MAX {
            for offer in self.offered().await? {
                match self.decline(&offer, reason, note).await {
                    Ok(page) => return Ok((page, offer.provider)),
                    Err(refused) => trouble = refused,
                }
            }
        }
        Err(trouble)
    }

    async fn decline(&self, offer: &Offer, reason: &str, note: &str) -> Result<RequestPage, Trouble> {
        let provider = Player::new(Role::Provider, &offer.provider);
        let message = DeclineOfferRequest {
            request_id: fresh(),
            offer: offer.offer.clone(),
            reason: reason.to_owned(),
            note: note.to_owned(),
        };
        let declined = self.stage.cast.dispatch().decline_offer(provider.call(message)).await;
        provider.got("decline the offer", declined)?;
        self.until("the offer is declined", |page| ended(page, &offer.offer)).await
    }

    /// All who are asked accept at the same moment; one has the work, and the others are told why not.
    pub async fn race(&self, offers: &[Offer]) -> Result<Engagement, Trouble> {
        let answers = join_all(offers.iter().map(|offer| self.accept(offer))).await;
        let (mut engagement, mut told) = (None, Vec::new());
        for (offer, answer) in offers.iter().zip(answers) {
            match answer {
                Ok(accepted) => engagement = Some(accepted),
                Err(Trouble::Refused { says, .. }) => told.push((offer, says)),
                Err(trouble) => return Err(trouble),
            }
        }
        let Some(engagement) = engagement else { return self.somebody_accepts().await };
        self.tell_accepted(&engagement, told.len().saturating_add(1));
        self.why(told.into_iter().map(|(offer, says)| format!("{} is told: {says}", self.name_of(&offer.provider))));
        Ok(engagement)
    }

    /// Whoever is asked first and can still answer accepts.
    pub async fn somebody_accepts(&self) -> Result<Engagement, Trouble> {
        let mut trouble = self.nobody();
        for _ in 0..ROUNDS_MAX {
            for offer in self.offered().await? {
                match self.accept(&offer).await {
                    Ok(engagement) => {
                        self.tell_accepted(&engagement, 1);
                        return Ok(engagement);
                    }
                    // The offer may have ended in this moment: somebody else is asked.
                    Err(refused) => trouble = refused,
                }
            }
        }
        Err(trouble)
    }

    fn nobody(&self) -> Trouble {
        Trouble::Missing(format!("provider that answered {} in time", self.hospital.name))
    }

    /// Tells who has the work; `among` so many who accepted at the same moment.
    fn tell_accepted(&self, engagement: &Engagement, among: usize) {
        let (name, by) = (self.name_of(&engagement.provider), clock(moment(engagement.mobilise_by)));
        let text = match among {
            0 | 1 => format!("{name} accepts, to be on task by {by}."),
            2 => format!("both accept at the same moment: {name} has it, to be on task by {by}."),
            _ => format!("all accept at the same moment: {name} has it, to be on task by {by}."),
        };
        self.tell_at(moment(engagement.accepted_at), &text);
    }

    /// The provider reports how the work goes.
    pub async fn stage(&self, engagement: &Engagement, stage: &str) -> Result<RequestPage, Trouble> {
        let provider = Player::new(Role::Provider, &engagement.provider);
        let offer = engagement.offer.clone();
        let message = ReportStageRequest { request_id: fresh(), offer: offer.clone(), stage: stage.to_owned() };
        provider.got("report its stage", self.stage.cast.dispatch().report_stage(provider.call(message)).await)?;
        self.until("the work is reported", |page| {
            page.engagements.iter().any(|known| known.offer == offer && known.stage == stage)
        })
        .await
    }

    /// The provider reports the days it has used in all.
    pub async fn days(&self, engagement: &Engagement, days_used: u32) -> Result<(), Trouble> {
        let provider = Player::new(Role::Provider, &engagement.provider);
        let message = ReportDaysRequest { request_id: fresh(), offer: engagement.offer.clone(), days_used };
        provider.got("report days", self.stage.cast.dispatch().report_days(provider.call(message)).await).map(drop)
    }

    /// The provider is done.
    pub async fn complete(&self, engagement: &Engagement, days_used: u32) -> Result<RequestPage, Trouble> {
        let provider = Player::new(Role::Provider, &engagement.provider);
        let message = CompleteEngagementRequest { request_id: fresh(), offer: engagement.offer.clone(), days_used };
        let completed = self.stage.cast.dispatch().complete_engagement(provider.call(message)).await;
        provider.got("complete the work", completed)?;
        self.until("support has ended", |page| state(page) == "support-ended").await
    }

    /// The provider cannot go on; waits until the work is taken from it.
    pub async fn fail(&self, engagement: &Engagement, days_used: u32, note: &str) -> Result<RequestPage, Trouble> {
        let provider = Player::new(Role::Provider, &engagement.provider);
        let offer = engagement.offer.clone();
        let message =
            FailEngagementRequest { request_id: fresh(), offer: offer.clone(), note: note.to_owned(), days_used };
        provider.got("give up", self.stage.cast.dispatch().fail_engagement(provider.call(message)).await)?;
        self.until("the work is released", |page| {
            page.engagements.iter().any(|known| known.offer == offer && known.stage == "released")
        })
        .await
    }
}

/// A sentence as it begins.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Where the request stands.
pub fn state(page: &RequestPage) -> &str {
    page.card.as_ref().map(|card| card.state.as_str()).unwrap_or_default()
}

/// Where its card hangs on the board.
pub fn lane(page: &RequestPage) -> &str {
    page.card.as_ref().map(|card| card.lane.as_str()).unwrap_or_default()
}

/// Offers that a provider may answer, those asked first first.
pub fn pending(page: &RequestPage) -> impl Iterator<Item = &Offer> {
    page.offers.iter().rev().filter(|offer| is_pending(offer))
}

/// Whether a provider may answer it.
pub fn is_pending(offer: &Offer) -> bool {
    matches!(offer.status.as_str(), "pending" | "seen")
}

/// Whether an offer can no longer be answered.
pub fn ended(page: &RequestPage, offer: &str) -> bool {
    page.offers.iter().any(|known| known.offer == offer && !is_pending(known))
}

/// The engagement that runs.
pub fn at_work(page: &RequestPage) -> Option<&Engagement> {
    page.engagements.iter().find(|engagement| !matches!(engagement.stage.as_str(), "completed" | "released"))
}
