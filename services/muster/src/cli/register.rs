//! `muster registry`: who there is and what they may do.

use std::{io::Write, path::PathBuf};

use clap::{Args, Subcommand};
use muster_api::{
    registry::v1::{
        AuthoriseThirdCountryRequest, Authority, CouncilAct, EnrolProviderRequest, ExtendCatalogueRequest, Hospital,
        ListAuthoritiesRequest, ListAuthoritiesResponse, ListHospitalsRequest, ListHospitalsResponse,
        ListRequirementsRequest, ListServicesRequest, Provider, RegisterAuthorityRequest, RegisterHospitalRequest,
        RepealThirdCountryRequest, Requirement, SetRequirementRequest,
    },
    r#type::v1::Position,
};
use muster_domain::kernel::{Actor, Refusal, RefusalKind, Role, Timestamp};
use muster_edge::wire::fields::timestamp;
use muster_runtime::status::{self, explain};
use serde_json::{Value, json};
use tonic::Status;

use super::{
    failure::{Failure, is_done_unknown, told},
    page_size,
    request::read_file,
    reserve::providers,
    session::Session,
    show::{moment, position},
    values::Until,
};
use crate::{
    exit::Exit,
    files::{
        Register,
        roster::{CONTRACT, Roster, in_force},
    },
};

/// How long a contract lasts when nobody says.
const CONTRACT_LASTS: &str = "+365d";

/// The register.
#[derive(Clone, Debug, Subcommand)]
pub enum RegistryWord {
    /// Take in a file: a roster (services, requirements, providers) or parties (authorities, hospitals)
    Import(Import),
    /// Hospitals that you may see
    Hospitals(Which),
    /// Users of the Reserve
    Authorities(Which),
    /// What Member States require of whoever works there
    Requirements,
    /// What can be asked for
    Services,
    /// Put a hospital on record, or replace its record
    RegisterHospital(NewHospital),
    /// Put a user of the Reserve on record, or replace its record
    RegisterAuthority(NewAuthority),
    /// Set what a Member State requires of whoever works there
    SetRequirement(NewRequirement),
    /// Record the Council act that opens the Reserve to a third country
    AuthoriseThirdCountry(NewAct),
    /// Record that such an act was repealed
    RepealThirdCountry {
        /// Which country
        country: String,
        /// The act's reference
        #[arg(long)]
        reference: String,
    },
}

/// Takes in a file.
#[derive(Args, Clone, Debug)]
pub struct Import {
    /// The file
    file: PathBuf,
    /// From when on the providers' contracts are in force, e.g. 2026-01-01T00:00:00Z [default: as on record, else now]
    #[arg(long)]
    from: Option<Until>,
    /// Until when, e.g. 2027-01-01T00:00:00Z or +365d [default: as on record, else one year]
    #[arg(long)]
    until: Option<Until>,
}

/// Which records.
#[derive(Args, Clone, Debug)]
pub struct Which {
    /// Only of this country
    #[arg(long, default_value = "", hide_default_value = true)]
    country: String,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

/// A hospital's record.
#[derive(Args, Clone, Debug)]
pub struct NewHospital {
    /// Its id
    hospital: String,
    /// The name of the organisation
    #[arg(long)]
    name: String,
    /// Where it is, e.g. FR
    #[arg(long)]
    member_state: String,
    /// Its region, e.g. FRD22
    #[arg(long)]
    nuts: String,
    /// Its kind, e.g. university-hospital
    #[arg(long, default_value = "", hide_default_value = true)]
    kind: String,
    /// The NIS2 annex that lists its type: I, II, none or unknown
    #[arg(long, default_value = "unknown")]
    annex: String,
    /// Its NIS2 category: essential, important, none or unknown
    #[arg(long, default_value = "unknown")]
    category: String,
    /// Its size: large, medium, small or unknown
    #[arg(long, default_value = "unknown")]
    size: String,
}

/// A user of the Reserve.
#[derive(Args, Clone, Debug)]
pub struct NewAuthority {
    /// Its id
    authority: String,
    /// The name of the organisation
    #[arg(long)]
    name: String,
    /// csirt, cyber-crisis-management-authority, cert-eu or third-country-authority
    #[arg(long)]
    kind: String,
    /// Its country, e.g. FR; none for CERT-EU
    #[arg(long, default_value = "", hide_default_value = true)]
    country: String,
    /// The single point of contact that transmits its requests; none for CERT-EU
    #[arg(long, default_value = "", hide_default_value = true)]
    spoc: String,
}

/// What a Member State requires.
#[derive(Args, Clone, Debug)]
pub struct NewRequirement {
    /// Whose requirement, e.g. FR
    member_state: String,
    /// A certificate that is enough; may be repeated. It binds the lead alone
    #[arg(long)]
    certificate: Vec<String>,
    /// The certificate is asked only for essential entities
    #[arg(long)]
    essential_only: bool,
    /// The provider must be controlled from the Union
    #[arg(long)]
    eu_control: bool,
    /// Personnel must be cleared for this Member State
    #[arg(long)]
    clearance: bool,
}

/// A Council act.
#[derive(Args, Clone, Debug)]
pub struct NewAct {
    /// Which country, e.g. MD
    country: String,
    /// The act's reference
    #[arg(long)]
    reference: String,
    /// From when on, e.g. 2026-01-01T00:00:00Z [default: now]
    #[arg(long)]
    from: Option<Until>,
    /// Until when: at most one year, e.g. +365d
    #[arg(long, default_value = CONTRACT_LASTS)]
    until: Until,
    /// The most days of support for one request, if the act sets a cap
    #[arg(long)]
    days_max: Option<u32>,
}

impl RegistryWord {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Import(import) => import.tell(session).await,
            Self::Hospitals(which) => which.hospitals(session).await,
            Self::Authorities(which) => which.authorities(session).await,
            Self::Requirements => {
                let caller = session.reader()?;
                let ask = ListRequirementsRequest { read_at: session.read_at() };
                session.show(&session.registry(&caller).await?.list_requirements(ask).await?.into_inner())
            }
            Self::Services => {
                let caller = session.reader()?;
                let ask = ListServicesRequest { read_at: session.read_at() };
                session.show(&session.registry(&caller).await?.list_services(ask).await?.into_inner())
            }
            Self::RegisterHospital(hospital) => hospital.tell(session).await,
            Self::RegisterAuthority(authority) => authority.tell(session).await,
            Self::SetRequirement(requirement) => requirement.tell(session).await,
            Self::AuthoriseThirdCountry(act) => act.tell(session).await,
            Self::RepealThirdCountry { country, reference } => {
                let caller = session.caller(Role::Operator)?;
                session.confirm(&format!("Record that {reference} was repealed?"))?;
                let request_id = session.request_id()?;
                let ask = RepealThirdCountryRequest { request_id, country: country.clone(), reference };
                let answer = session.registry(&caller).await?.repeal_third_country(ask).await?.into_inner();
                session.done(
                    &answer,
                    answer.position,
                    &country,
                    &format!("the act that opens the Reserve to {country} is repealed"),
                )
            }
        }
    }
}

impl Which {
    async fn hospitals(self, session: &Session) -> Result<(), Failure> {
        let caller = session.reader()?;
        let mut client = session.registry(&caller).await?;
        let mut all = ListHospitalsResponse::default();
        while let Some(size) = page_size(self.limit, all.hospitals.len()) {
            let ask = ListHospitalsRequest {
                read_at: session.read_at(),
                page_size: size,
                page_token: all.next_page_token.clone(),
                country: self.country.clone(),
            };
            let mut answer = client.list_hospitals(ask).await?.into_inner();
            all.hospitals.append(&mut answer.hospitals);
            all = ListHospitalsResponse { hospitals: all.hospitals, ..answer };
            if all.next_page_token.is_empty() {
                break;
            }
        }
        session.show(&all)
    }

    async fn authorities(self, session: &Session) -> Result<(), Failure> {
        let caller = session.reader()?;
        let mut client = session.registry(&caller).await?;
        let mut all = ListAuthoritiesResponse::default();
        while let Some(size) = page_size(self.limit, all.authorities.len()) {
            let ask = ListAuthoritiesRequest {
                read_at: session.read_at(),
                page_size: size,
                page_token: all.next_page_token.clone(),
                country: self.country.clone(),
            };
            let mut answer = client.list_authorities(ask).await?.into_inner();
            all.authorities.append(&mut answer.authorities);
            all = ListAuthoritiesResponse { authorities: all.authorities, ..answer };
            if all.next_page_token.is_empty() {
                break;
            }
        }
        session.show(&all)
    }
}

impl NewHospital {
    async fn tell(self, session: &Session) -> Result<(), Failure> {
        let caller = session.caller(Role::Operator)?;
        let Self { hospital, name, member_state, nuts, kind, annex, category, size } = self;
        let id = hospital.clone();
        let record = Hospital { hospital, name, member_state, nuts, kind, annex, category, size };
        let ask = RegisterHospitalRequest { request_id: session.request_id()?, hospital: Some(record) };
        let answer = session.registry(&caller).await?.register_hospital(ask).await?.into_inner();
        session.done(&answer, answer.position, &id, &format!("hospital {id} is on record"))
    }
}

impl NewAuthority {
    async fn tell(self, session: &Session) -> Result<(), Failure> {
        let caller = session.caller(Role::Operator)?;
        let Self { authority, name, kind, country, spoc } = self;
        let id = authority.clone();
        let record = Authority { authority, name, kind, country, spoc };
        let ask = RegisterAuthorityRequest { request_id: session.request_id()?, authority: Some(record) };
        let answer = session.registry(&caller).await?.register_authority(ask).await?.into_inner();
        session.done(&answer, answer.position, &id, &format!("authority {id} is on record"))
    }
}

impl NewRequirement {
    async fn tell(self, session: &Session) -> Result<(), Failure> {
        let caller = session.caller(Role::Operator)?;
        let Self { member_state, certificate, essential_only, eu_control, clearance } = self;
        let id = member_state.clone();
        let requirement =
            Requirement { member_state, certificates_any_of: certificate, essential_only, eu_control, clearance };
        let ask = SetRequirementRequest { request_id: session.request_id()?, requirement: Some(requirement) };
        let answer = session.registry(&caller).await?.set_requirement(ask).await?.into_inner();
        session.done(&answer, answer.position, &id, &format!("the requirement of {id} is on record"))
    }
}

impl NewAct {
    async fn tell(self, session: &Session) -> Result<(), Failure> {
        let caller = session.caller(Role::Operator)?;
        let now = session.now(&caller).await?;
        let (from, until) = session.period(self.from, self.until, now);
        let country = self.country;
        let act = CouncilAct {
            country: country.clone(),
            reference: self.reference,
            from: Some(timestamp(from)),
            until: Some(timestamp(until)),
            days_max: self.days_max,
        };
        let ask = AuthoriseThirdCountryRequest { request_id: session.request_id()?, act: Some(act) };
        let answer = session.registry(&caller).await?.authorise_third_country(ask).await?.into_inner();
        session.done(&answer, answer.position, &country, &format!("the Reserve is open to {country}"))
    }
}

/// What became of each entry of a file.
#[derive(Default)]
struct Outcome(Vec<Entry>);

struct Entry {
    what: &'static str,
    id: String,
    done: Result<Option<Position>, Status>,
}

impl Import {
    async fn tell(self, session: &Session) -> Result<(), Failure> {
        let file = self.file.display().to_string();
        let register = Register::read(&file, &read_file(&self.file)?)?;
        let operator = session.caller(Role::Operator)?;
        // Every entry is a whole record: taking it in again changes nothing. As a command the import is one, all the
        // same.
        session.request_id()?;
        let mut outcome = Outcome::default();
        match register {
            Register::Roster(roster) => {
                if !roster.unused.is_empty() {
                    session.say(&format!("not used, because it bears on nothing: {}", roster.unused.join(", ")));
                }
                self.roster(session, &operator, roster, &mut outcome).await?;
            }
            Register::Parties(parties) => {
                let mut client = session.registry(&operator).await?;
                for authority in parties.authorities {
                    let id = authority.authority.clone();
                    let ask = RegisterAuthorityRequest { request_id: String::new(), authority: Some(authority) };
                    let done = client.register_authority(ask).await.map(|answer| answer.into_inner().position);
                    outcome.took("authority", id, done);
                }
                for hospital in parties.hospitals {
                    let id = hospital.hospital.clone();
                    let ask = RegisterHospitalRequest { request_id: String::new(), hospital: Some(hospital) };
                    let done = client.register_hospital(ask).await.map(|answer| answer.into_inner().position);
                    outcome.took("hospital", id, done);
                }
            }
        }
        outcome.tell(session)
    }

    async fn roster(
        &self,
        session: &Session,
        operator: &Actor,
        roster: Roster,
        outcome: &mut Outcome,
    ) -> Result<(), Failure> {
        let now = session.now(operator).await?;
        let known = providers(session, operator, "", "", usize::MAX).await?.providers;
        let mut client = session.registry(operator).await?;
        if !roster.services.is_empty() {
            let id = format!("({})", roster.services.len());
            let ask = ExtendCatalogueRequest { request_id: String::new(), services: roster.services.clone() };
            let done = client.extend_catalogue(ask).await.map(|answer| answer.into_inner().position);
            outcome.took("services", id, done);
        }
        for requirement in roster.requirements {
            let id = requirement.member_state.clone();
            let ask = SetRequirementRequest { request_id: String::new(), requirement: Some(requirement) };
            let done = client.set_requirement(ask).await.map(|answer| answer.into_inner().position);
            outcome.took("requirement", id, done);
        }
        for provider in roster.providers {
            let id = provider.provider.clone();
            let before = known.iter().find(|known| known.provider == id);
            if let Some(refused) = before.and_then(would_lose) {
                outcome.took("provider", id, Err(refused));
                continue;
            }
            let (from, until) = self.period(before, now);
            let provider = Some(in_force(&provider, from, until));
            let ask = EnrolProviderRequest { request_id: String::new(), provider };
            let done = client.enrol_provider(ask).await.map(|answer| answer.into_inner().position);
            outcome.took("provider", id, done);
        }
        Ok(())
    }

    /// The contract's period: as it was said, else as it is on record, so that the same file again changes nothing.
    fn period(&self, known: Option<&Provider>, now: Timestamp) -> (Timestamp, Timestamp) {
        let known = known.and_then(|known| known.contracts.first());
        let on_record = |at: Option<prost_types::Timestamp>| at.as_ref().map(moment);
        let from = match self.from {
            Some(from) => from.from(now),
            None => known.and_then(|contract| on_record(contract.from)).unwrap_or(now),
        };
        let until = match self.until {
            Some(until) => until.from(from),
            None => known
                .and_then(|contract| on_record(contract.until))
                .filter(|_| self.from.is_none())
                .unwrap_or_else(|| from.plus(std::time::Duration::from_hours(365 * 24))),
        };
        (from, until)
    }
}

/// Why a provider's record stays as it is: a roster tells of one contract, and would take the place of all.
fn would_lose(known: &Provider) -> Option<Status> {
    let contracts = known.contracts.iter().map(|contract| contract.contract.as_str());
    let others: Vec<_> = contracts.filter(|contract| *contract != CONTRACT).collect();
    (!others.is_empty()).then(|| {
        status::refused(&Refusal {
            reason: "CONTRACTS_WOULD_BE_LOST",
            kind: RefusalKind::Precondition,
            rule: "house rule: an import loses nothing",
            says: format!(
                "on record {} has {} too, and a roster tells of {CONTRACT} alone",
                known.provider,
                others.join(", ")
            ),
            way_out: "send the whole record, every contract in it, as RegistryService.EnrolProvider",
            fields: Vec::new(),
        })
    })
}

impl Outcome {
    fn took(&mut self, what: &'static str, id: String, done: Result<Option<Position>, Status>) {
        self.0.push(Entry { what, id, done });
    }

    /// Tells every entry, the refused ones with all that is wrong. The exit code is that of the first one refused.
    fn tell(self, session: &Session) -> Result<(), Failure> {
        if session.is_json() {
            let entries: Vec<Value> = self.0.iter().map(Entry::json).collect();
            let document = serde_json::to_string_pretty(&json!({ "entries": entries }));
            session.print(&format!("{}\n", document.map_err(|error| Failure::Fault(error.to_string()))?))?;
        } else {
            session.print(&self.0.iter().map(Entry::text).collect::<String>())?;
        }
        let failed: Vec<_> = self.0.into_iter().filter_map(|entry| entry.done.err()).collect();
        let number = failed.len();
        match failed.into_iter().next() {
            None => {
                session.next("muster provider list, muster registry authorities");
                Ok(())
            }
            Some(first) => {
                // The count is talk; the list above has everything.
                let _ = writeln!(
                    std::io::stderr(),
                    "{number} not taken; the others are on record\n\
                     Next: mend what is named and give the whole file again: what is on record stays as it is"
                );
                Err(Failure::Entries(Exit::from(&first)))
            }
        }
    }
}

impl Entry {
    fn text(&self) -> String {
        let Self { what, id, done } = self;
        match done {
            Ok(at) => match at.filter(|at| at.sequence > 0) {
                Some(at) => format!("{what} {id}: on record ({})\n", position(Some(&at))),
                None => format!("{what} {id}: on record\n"),
            },
            Err(status) => {
                let says = told(&explain(status)).replace('\n', "\n  ");
                let whether = if is_done_unknown(status) { "not known whether it is on record" } else { "not taken" };
                format!("{what} {id}: {whether}: {says}\n")
            }
        }
    }

    fn json(&self) -> Value {
        let Self { what, id, done } = self;
        match done {
            Ok(at) => json!({ "what": what, "id": id, "onRecord": true, "position": position(at.as_ref()) }),
            Err(status) => {
                let explained = explain(status);
                json!({
                    "what": what, "id": id, "onRecord": false, "reason": explained.reason, "says": explained.says,
                    "rule": explained.rule, "wayOut": explained.way_out, "fields": explained.fields,
                })
            }
        }
    }
}
