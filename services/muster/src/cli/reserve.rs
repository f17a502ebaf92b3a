//! The Reserve: providers, capacity, standing mandates.

use clap::{Args, Subcommand};
use muster_api::{
    monitor::v1::{GetLedgerRequest, GetProviderViewRequest},
    registry::v1::{
        ApproveSuspensionRequest, CountersignMandateRequest, GetProviderRequest, ListMandatesRequest,
        ListMandatesResponse, ListProvidersRequest, ListProvidersResponse, ProposeSuspensionRequest,
        ReinstateProviderRequest, RevokeMandateRequest, SignMandateRequest,
    },
};
use muster_domain::kernel::{Actor, Role};
use muster_edge::wire::fields::timestamp;

use super::{failure::Failure, page_size, session::Session, show::minute, values::Until};

/// Providers.
#[derive(Clone, Debug, Subcommand)]
pub enum ProviderWord {
    /// Providers that you may see
    List {
        /// Only those that can work in this country
        #[arg(long, default_value = "", hide_default_value = true)]
        country: String,
        /// Only those with a contract for this service
        #[arg(long, default_value = "", hide_default_value = true)]
        service: String,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// A provider's terms and standing
    Show(Provider),
    /// A provider's own page: offers to answer, work, clocks, capacity
    View {
        /// Its id [default: the caller's own]
        #[arg(default_value = "", hide_default_value = true)]
        provider: String,
    },
    /// No new offers from then on; running work goes on
    #[command(subcommand)]
    Suspend(SuspendWord),
    /// End a suspension
    Reinstate {
        #[command(flatten)]
        provider: Provider,
        /// Why, in words
        #[arg(long)]
        reason: String,
    },
}

/// A suspension takes two persons.
#[derive(Clone, Debug, Subcommand)]
pub enum SuspendWord {
    /// Ask for it; it lapses after 7 days unless somebody else approves
    Propose {
        #[command(flatten)]
        provider: Provider,
        /// Why, in words
        #[arg(long)]
        reason: String,
    },
    /// Approve what somebody else proposed
    Approve(Provider),
}

/// A provider.
#[derive(Args, Clone, Debug)]
pub struct Provider {
    /// Its id
    provider: String,
}

impl ProviderWord {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::List { country, service, limit } => {
                let caller = session.reader()?;
                session.show(&providers(session, &caller, &country, &service, limit).await?)
            }
            Self::Show(Provider { provider }) => {
                let caller = session.reader()?;
                let ask = GetProviderRequest { read_at: session.read_at(), provider };
                session.show(&session.registry(&caller).await?.get_provider(ask).await?.into_inner())
            }
            Self::View { provider } => {
                let caller = session.caller(if provider.is_empty() { Role::Provider } else { Role::Auditor })?;
                let ask = GetProviderViewRequest { read_at: session.read_at(), provider };
                session.show(&session.monitor(&caller).await?.get_provider_view(ask).await?.into_inner())
            }
            Self::Suspend(word) => word.tell(session).await,
            Self::Reinstate { provider: Provider { provider }, reason } => {
                let caller = session.caller(Role::Officer)?;
                let ask =
                    ReinstateProviderRequest { request_id: session.request_id()?, provider: provider.clone(), reason };
                let answer = session.registry(&caller).await?.reinstate_provider(ask).await?.into_inner();
                session.done(&answer, answer.position, &provider, &format!("{provider} may be offered work again"))
            }
        }
    }
}

/// Providers, page by page.
pub(super) async fn providers(
    session: &Session,
    caller: &Actor,
    country: &str,
    service: &str,
    limit: usize,
) -> Result<ListProvidersResponse, Failure> {
    let mut client = session.registry(caller).await?;
    let mut all = ListProvidersResponse::default();
    while let Some(size) = page_size(limit, all.providers.len()) {
        let ask = ListProvidersRequest {
            read_at: session.read_at(),
            page_size: size,
            page_token: all.next_page_token.clone(),
            country: country.to_owned(),
            service: service.to_owned(),
        };
        let mut answer = client.list_providers(ask).await?.into_inner();
        all.providers.append(&mut answer.providers);
        all = ListProvidersResponse { providers: all.providers, ..answer };
        if all.next_page_token.is_empty() {
            break;
        }
    }
    Ok(all)
}

impl SuspendWord {
    async fn tell(self, session: &Session) -> Result<(), Failure> {
        let caller = session.caller(Role::Officer)?;
        match self {
            Self::Propose { provider: Provider { provider }, reason } => {
                let ask =
                    ProposeSuspensionRequest { request_id: session.request_id()?, provider: provider.clone(), reason };
                let answer = session.registry(&caller).await?.propose_suspension(ask).await?.into_inner();
                let until = minute(answer.lapses_at.as_ref());
                let says = format!("the suspension of {provider} is proposed, until {until}");
                session.done(&answer, answer.position, &provider, &says)?;
                session.next(&format!(
                    "somebody else approves it: muster provider suspend approve {provider} --as officer:ID"
                ));
                Ok(())
            }
            Self::Approve(Provider { provider }) => {
                session.confirm(&format!("Suspend {provider}? It gets no new offers."))?;
                let ask = ApproveSuspensionRequest { request_id: session.request_id()?, provider: provider.clone() };
                let answer = session.registry(&caller).await?.approve_suspension(ask).await?.into_inner();
                session.done(&answer, answer.position, &provider, &format!("{provider} is suspended"))
            }
        }
    }
}

/// The ledger.
#[derive(Args, Clone, Debug)]
pub struct Capacity {
    /// Only this provider's contracts
    #[arg(long, default_value = "", hide_default_value = true)]
    provider: String,
}

impl Capacity {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        let caller = session.reader()?;
        let ask = GetLedgerRequest { read_at: session.read_at(), provider: self.provider };
        session.show(&session.monitor(&caller).await?.get_ledger(ask).await?.into_inner())
    }
}

/// Standing mandates.
#[derive(Clone, Debug, Subcommand)]
pub enum MandateWord {
    /// The authority signs: it would endorse a critical request of this hospital at once
    Sign {
        /// For which hospital
        #[arg(long)]
        hospital: String,
        /// From when on, e.g. 2026-01-01T00:00:00Z [default: now]
        #[arg(long)]
        from: Option<Until>,
        /// Until when: at most two years, e.g. +365d
        #[arg(long, default_value = "+365d")]
        until: Until,
    },
    /// Its single point of contact signs too: only now does the mandate act
    Countersign(Mandate),
    /// Either signatory ends the mandate
    Revoke {
        #[command(flatten)]
        mandate: Mandate,
        /// Why, in words
        #[arg(long)]
        reason: String,
    },
    /// Mandates that you may see
    List {
        /// Only of this hospital
        #[arg(long, default_value = "", hide_default_value = true)]
        hospital: String,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

/// A mandate.
#[derive(Args, Clone, Debug)]
pub struct Mandate {
    /// Its id
    mandate: String,
}

impl MandateWord {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Sign { hospital, from, until } => {
                let caller = session.caller(Role::Authority)?;
                let now = session.now(&caller).await?;
                let (from, until) = session.period(from, until, now);
                let ask = SignMandateRequest {
                    request_id: session.request_id()?,
                    hospital,
                    from: Some(timestamp(from)),
                    until: Some(timestamp(until)),
                };
                let answer = session.registry(&caller).await?.sign_mandate(ask).await?.into_inner();
                let mandate = &answer.mandate;
                session.done(&answer, answer.position, mandate, &format!("mandate {mandate} signed"))?;
                session.next(&format!("its single point of contact signs too: muster mandate countersign {mandate}"));
                Ok(())
            }
            Self::Countersign(Mandate { mandate }) => {
                let caller = signatory(session, &mandate, Role::Spoc).await?;
                let ask = CountersignMandateRequest { request_id: session.request_id()?, mandate: mandate.clone() };
                let answer = session.registry(&caller).await?.countersign_mandate(ask).await?.into_inner();
                session.done(&answer, answer.position, &mandate, &format!("mandate {mandate} acts in its period"))
            }
            Self::Revoke { mandate: Mandate { mandate }, reason } => {
                let caller = signatory(session, &mandate, Role::Authority).await?;
                session.confirm(&format!("End mandate {mandate}?"))?;
                let ask = RevokeMandateRequest { request_id: session.request_id()?, mandate: mandate.clone(), reason };
                let answer = session.registry(&caller).await?.revoke_mandate(ask).await?.into_inner();
                session.done(&answer, answer.position, &mandate, &format!("mandate {mandate} revoked"))
            }
            Self::List { hospital, limit } => {
                let caller = session.reader()?;
                session.show(&mandates(session, &caller, &hospital, limit).await?)
            }
        }
    }
}

/// Who signs for this role: whoever was named, else whom the mandate names.
async fn signatory(session: &Session, mandate: &str, role: Role) -> Result<Actor, Failure> {
    if let Some(actor) = session.named() {
        return Ok(actor);
    }
    let auditor = session.auditor(role)?;
    let all = mandates(session, &auditor, "", usize::MAX).await?.mandates;
    let Some(found) = all.into_iter().find(|each| each.mandate == mandate) else {
        return Err(Failure::usage(format!("there is no mandate '{mandate}'"), "see muster mandate list"));
    };
    let principal = if role == Role::Spoc { found.spoc } else { found.authority };
    session.stands_in(role, &principal, "whom the mandate names")
}

async fn mandates(
    session: &Session,
    caller: &Actor,
    hospital: &str,
    limit: usize,
) -> Result<ListMandatesResponse, Failure> {
    let mut client = session.registry(caller).await?;
    let mut all = ListMandatesResponse::default();
    while let Some(size) = page_size(limit, all.mandates.len()) {
        let ask = ListMandatesRequest {
            read_at: session.read_at(),
            page_size: size,
            page_token: all.next_page_token.clone(),
            hospital: hospital.to_owned(),
        };
        let mut answer = client.list_mandates(ask).await?.into_inner();
        all.mandates.append(&mut answer.mandates);
        all = ListMandatesResponse { mandates: all.mandates, ..answer };
        if all.next_page_token.is_empty() {
            break;
        }
    }
    Ok(all)
}
