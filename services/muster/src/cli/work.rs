//! Offers, engagements and packages.

use clap::{Args, Subcommand};
use muster_api::dispatch::v1::{
    AcceptOfferRequest, CompleteEngagementRequest, DeclineOfferRequest, ExtendEngagementRequest, FailEngagementRequest,
    GetOfferRequest, GiveUpPackageRequest, ListEngagementsRequest, ListEngagementsResponse, ListOffersRequest,
    ListOffersResponse, MarkSeenRequest, ReleaseEngagementRequest, ReopenPackageRequest, ReportDaysRequest,
    ReportStageRequest, RescindOfferRequest,
};
use muster_domain::kernel::{Actor, Role};
use muster_edge::wire::fields::timestamp;

use super::{
    failure::Failure,
    page_size,
    session::Session,
    values::{PackageName, RequestName, Until},
};

/// Offers.
#[derive(Clone, Debug, Subcommand)]
pub enum OfferWord {
    /// Offers that wait for an answer, those that end first first
    List(Offers),
    /// One offer, who was considered and why
    Show(Offer),
    /// The provider has opened the offer; it binds to nothing
    Seen(Offer),
    /// The provider takes the work: it is bound from here
    Accept(Offer),
    /// The provider does not take the work; the next one is asked at once
    Decline {
        #[command(flatten)]
        offer: Offer,
        /// no-capacity, skills, conflict-of-interest, time or other
        #[arg(long)]
        reason: String,
        /// The reason in words; needed if it is other
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
    },
    /// An officer takes the offer back; the next provider is asked at once
    Rescind(Noted),
}

/// An offer, or the engagement that it became.
#[derive(Args, Clone, Debug)]
pub struct Offer {
    /// Its id, e.g. o-9
    offer: String,
}

/// An offer or engagement, and why.
#[derive(Args, Clone, Debug)]
pub struct Noted {
    #[command(flatten)]
    offer: Offer,
    /// Why, in words
    #[arg(long)]
    note: String,
}

/// Which offers.
#[derive(Args, Clone, Debug)]
pub struct Offers {
    /// Only in this state: pending, seen, accepted, declined, expired, rescinded or lost; may be repeated
    #[arg(long, default_values = ["pending", "seen"])]
    status: Vec<String>,
    /// In every state
    #[arg(long, conflicts_with = "status")]
    all: bool,
    /// Only for this request
    #[arg(long)]
    request: Option<RequestName>,
    /// Only to this provider
    #[arg(long, default_value = "", hide_default_value = true)]
    provider: String,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

impl OfferWord {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::List(offers) => offers.tell(session).await,
            Self::Show(Offer { offer }) => {
                let caller = session.reader()?;
                let ask = GetOfferRequest { read_at: session.read_at(), offer };
                let answer = session.dispatch(&caller).await?.get_offer(ask).await?.into_inner();
                session.show_now(&answer, &caller).await
            }
            Self::Seen(Offer { offer }) => {
                let caller = session.provider_of(&offer).await?;
                let ask = MarkSeenRequest { request_id: session.request_id()?, offer: offer.clone() };
                let answer = session.dispatch(&caller).await?.mark_seen(ask).await?.into_inner();
                session.done(&answer, answer.position, &offer, &format!("{offer} seen"))?;
                session.next(&format!("muster offer accept {offer}, or muster offer decline {offer} --reason REASON"));
                Ok(())
            }
            Self::Accept(Offer { offer }) => accept(session, &offer).await,
            Self::Decline { offer: Offer { offer }, reason, note } => {
                let caller = session.provider_of(&offer).await?;
                let request_id = session.request_id()?;
                let ask = DeclineOfferRequest { request_id, offer: offer.clone(), reason: reason.clone(), note };
                let answer = session.dispatch(&caller).await?.decline_offer(ask).await?.into_inner();
                session.done(&answer, answer.position, &offer, &format!("{offer} declined: {reason}"))
            }
            Self::Rescind(Noted { offer: Offer { offer }, note }) => {
                let caller = session.caller(Role::Officer)?;
                session.confirm(&format!("Take {offer} back?"))?;
                let ask = RescindOfferRequest { request_id: session.request_id()?, offer: offer.clone(), note };
                let answer = session.dispatch(&caller).await?.rescind_offer(ask).await?.into_inner();
                session.done(&answer, answer.position, &offer, &format!("{offer} rescinded"))
            }
        }
    }
}

impl Offers {
    async fn tell(self, session: &Session) -> Result<(), Failure> {
        let caller = session.reader()?;
        let request = match &self.request {
            Some(name) => session.request(name, &caller).await?,
            None => String::new(),
        };
        let mut client = session.dispatch(&caller).await?;
        let mut all = ListOffersResponse::default();
        while let Some(size) = page_size(self.limit, all.offers.len()) {
            let ask = ListOffersRequest {
                read_at: session.read_at(),
                page_size: size,
                page_token: all.next_page_token.clone(),
                statuses: if self.all { Vec::new() } else { self.status.clone() },
                request: request.clone(),
                provider: self.provider.clone(),
            };
            let mut answer = client.list_offers(ask).await?.into_inner();
            all.offers.append(&mut answer.offers);
            all = ListOffersResponse { offers: all.offers, ..answer };
            if all.next_page_token.is_empty() {
                break;
            }
        }
        session.show_now(&all, &caller).await?;
        if let Some(first) = all.offers.iter().find(|offer| ["pending", "seen"].contains(&offer.status.as_str())) {
            session.next(&format!("muster offer show {0}, then muster offer accept {0}", first.offer));
        } else if all.offers.is_empty() && !self.all {
            session.next("muster offer list --all shows those that were answered or have ended, too");
        }
        Ok(())
    }
}

async fn accept(session: &Session, offer: &str) -> Result<(), Failure> {
    let caller = session.provider_of(offer).await?;
    let ask = AcceptOfferRequest { request_id: session.request_id()?, offer: offer.to_owned() };
    let answer = session.dispatch(&caller).await?.accept_offer(ask).await?.into_inner();
    session.show_now(&answer, &caller).await?;
    session.next(&format!("muster engagement stage {offer} on-task"));
    Ok(())
}

/// The work itself.
#[derive(Clone, Debug, Subcommand)]
pub enum EngagementWord {
    /// Engagements that you may see, the newest first
    List(Engagements),
    /// The provider tells where the work is; stages only go forward
    Stage {
        #[command(flatten)]
        offer: Offer,
        /// on-task or recovering
        stage: String,
    },
    /// The provider tells how many person-days it has used in all so far
    Days {
        #[command(flatten)]
        offer: Offer,
        /// Person-days in all
        days: u32,
    },
    /// The provider has done the work; days not used go back
    Complete {
        #[command(flatten)]
        offer: Offer,
        /// Person-days used in all
        #[arg(long)]
        days: u32,
    },
    /// The provider gives up; another one is sought at once
    Fail {
        #[command(flatten)]
        noted: Noted,
        /// Person-days used in all
        #[arg(long)]
        days: u32,
    },
    /// An officer takes the work back; another provider is sought at once
    Release(Noted),
    /// An officer lets support last longer
    Extend {
        #[command(flatten)]
        offer: Offer,
        /// Until when now, e.g. 2026-03-01T00:00:00Z, or how much longer, e.g. +14d
        #[arg(long)]
        until: Until,
        /// Person-days reserved on top
        #[arg(long, default_value_t = 0)]
        days: u32,
    },
}

/// Which engagements.
#[derive(Args, Clone, Debug)]
pub struct Engagements {
    /// Only in this stage: mobilising, on-task, recovering, completed or released; may be repeated
    #[arg(long)]
    stage: Vec<String>,
    /// Only for this request
    #[arg(long)]
    request: Option<RequestName>,
    /// Only of this provider
    #[arg(long, default_value = "", hide_default_value = true)]
    provider: String,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

impl EngagementWord {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::List(engagements) => {
                let caller = session.reader()?;
                let all = engagements.find(session, &caller).await?;
                session.show_now(&all, &caller).await
            }
            Self::Stage { offer: Offer { offer }, stage } => {
                let caller = session.provider_of(&offer).await?;
                let request_id = session.request_id()?;
                let ask = ReportStageRequest { request_id, offer: offer.clone(), stage: stage.clone() };
                let answer = session.dispatch(&caller).await?.report_stage(ask).await?.into_inner();
                session.done(&answer, answer.position, &offer, &format!("{offer} is {stage}"))?;
                session.next(&format!("muster engagement complete {offer} --days N, once the work is done"));
                Ok(())
            }
            Self::Days { offer: Offer { offer }, days } => {
                let caller = session.provider_of(&offer).await?;
                let ask =
                    ReportDaysRequest { request_id: session.request_id()?, offer: offer.clone(), days_used: days };
                let answer = session.dispatch(&caller).await?.report_days(ask).await?.into_inner();
                session.done(&answer, answer.position, &offer, &format!("{offer}: {days} person-days used"))
            }
            Self::Complete { offer: Offer { offer }, days } => {
                let caller = session.provider_of(&offer).await?;
                let request_id = session.request_id()?;
                let ask = CompleteEngagementRequest { request_id, offer: offer.clone(), days_used: days };
                let answer = session.dispatch(&caller).await?.complete_engagement(ask).await?.into_inner();
                session.done(&answer, answer.position, &offer, &format!("{offer} completed, {days} person-days used"))
            }
            Self::Fail { noted: Noted { offer: Offer { offer }, note }, days } => {
                let caller = session.provider_of(&offer).await?;
                session.confirm(&format!("Give {offer} up?"))?;
                let request_id = session.request_id()?;
                let ask = FailEngagementRequest { request_id, offer: offer.clone(), note, days_used: days };
                let answer = session.dispatch(&caller).await?.fail_engagement(ask).await?.into_inner();
                session.done(&answer, answer.position, &offer, &format!("{offer} given up"))
            }
            Self::Release(Noted { offer: Offer { offer }, note }) => {
                let caller = session.caller(Role::Officer)?;
                session.confirm(&format!("Take the work of {offer} back?"))?;
                let ask = ReleaseEngagementRequest { request_id: session.request_id()?, offer: offer.clone(), note };
                let answer = session.dispatch(&caller).await?.release_engagement(ask).await?.into_inner();
                session.done(&answer, answer.position, &offer, &format!("{offer} released"))
            }
            Self::Extend { offer: Offer { offer }, until, days } => extend(session, &offer, until, days).await,
        }
    }
}

impl Engagements {
    async fn find(&self, session: &Session, caller: &Actor) -> Result<ListEngagementsResponse, Failure> {
        let request = match &self.request {
            Some(name) => session.request(name, caller).await?,
            None => String::new(),
        };
        let mut client = session.dispatch(caller).await?;
        let mut all = ListEngagementsResponse::default();
        while let Some(size) = page_size(self.limit, all.engagements.len()) {
            let ask = ListEngagementsRequest {
                read_at: session.read_at(),
                page_size: size,
                page_token: all.next_page_token.clone(),
                stages: self.stage.clone(),
                request: request.clone(),
                provider: self.provider.clone(),
            };
            let mut answer = client.list_engagements(ask).await?.into_inner();
            all.engagements.append(&mut answer.engagements);
            all = ListEngagementsResponse { engagements: all.engagements, ..answer };
            if all.next_page_token.is_empty() {
                break;
            }
        }
        Ok(all)
    }
}

/// Lets support last until a time, or so much longer than it lasts now.
async fn extend(session: &Session, offer: &str, until: Until, days: u32) -> Result<(), Failure> {
    let caller = session.caller(Role::Officer)?;
    let request_id = session.request_id()?;
    let until = match until {
        Until::Time(time) => time,
        Until::After(_) => {
            let every = Engagements { stage: Vec::new(), request: None, provider: String::new(), limit: usize::MAX };
            let all = every.find(session, &caller).await?.engagements;
            let ends = all.iter().find(|each| each.offer == offer).and_then(|each| each.ends_at.as_ref());
            let says = format!("it is not known when {offer} ends");
            let ends = ends.ok_or_else(|| Failure::usage(says, "say until when: --until 2026-03-01T00:00:00Z"))?;
            let until = until.from(super::show::moment(ends));
            session.counted(format!("--until {until}"));
            until
        }
    };
    let ask = ExtendEngagementRequest {
        request_id,
        offer: offer.to_owned(),
        ends_at: Some(timestamp(until)),
        person_days: days,
    };
    let answer = session.dispatch(&caller).await?.extend_engagement(ask).await?.into_inner();
    session.done(&answer, answer.position, offer, &format!("{offer} lasts until {until}"))
}

/// Packages.
#[derive(Clone, Debug, Subcommand)]
pub enum PackageWord {
    /// An officer lets everybody be asked again for a package that nobody took
    Reopen(Search),
    /// An officer ends the search for a provider: the package stays undone
    GiveUp(Search),
}

/// A package and why.
#[derive(Args, Clone, Debug)]
pub struct Search {
    /// Its id, or its request's number and its own, e.g. R-12-p1
    package: PackageName,
    /// Why, in words
    #[arg(long)]
    note: String,
}

impl PackageWord {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        let caller = session.caller(Role::Officer)?;
        match self {
            Self::Reopen(Search { package, note }) => {
                let package = session.package(&package, &caller).await?;
                let ask = ReopenPackageRequest { request_id: session.request_id()?, package: package.clone(), note };
                let answer = session.dispatch(&caller).await?.reopen_package(ask).await?.into_inner();
                session.done(&answer, answer.position, &package, &format!("{package}: everybody may be asked again"))
            }
            Self::GiveUp(Search { package, note }) => {
                let package = session.package(&package, &caller).await?;
                session.confirm(&format!("End the search for {package}?"))?;
                let ask = GiveUpPackageRequest { request_id: session.request_id()?, package: package.clone(), note };
                let answer = session.dispatch(&caller).await?.give_up_package(ask).await?.into_inner();
                session.done(&answer, answer.position, &package, &format!("{package}: nobody is asked any more"))
            }
        }
    }
}
