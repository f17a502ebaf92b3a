//! `muster request`: a request's way from the hospital's call to the answer.

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand};
use muster_api::{
    intake::v1::{
        AmendRequestRequest, EndorseRequestRequest, FileReportRequest, GetRequestRequest, HandleNationallyRequest,
        ListRequestsRequest, OpenRequestRequest, OpenRequestResponse, ReturnRequestRequest, SubmitRequestRequest,
        SummaryReport, WithdrawRequestRequest,
    },
    monitor::v1::GetRequestPageRequest,
    registry::v1::{CatalogueEntry, GetRealmRequest, Hospital, ListServicesRequest, RegisterHospitalRequest},
    r#type::v1::{Contact, Facts, Position},
};
use muster_domain::{
    codes::ServiceId,
    intake::{contact, events as domain, facts::check},
    kernel::{Actor, Aggregate, Corrupt, HospitalId, PrincipalId, Role, Timestamp},
    registry::{
        catalogue::Catalogue,
        events::{CatalogueEvent, Hospital as Record, ServiceEntry},
        realm::LIVE,
    },
};
use muster_edge::wire;
use muster_runtime::status::explain;
use tonic::{Code, Status};

use super::{
    failure::Failure,
    judge::{Decide, Queue, Resolve},
    party::Turn,
    session::Session,
    show::{moment, position},
    values::{RequestName, yes_no},
    watching::{Filter, page},
};
use crate::files::{
    BadFile,
    cases::{Case, Cases},
};

/// What can be done with a request.
#[derive(Clone, Debug, Subcommand)]
pub enum RequestWord {
    /// A hospital asks for help, as a case in a file says
    Open(Open),
    /// Requests that you may see, closed ones too
    List(Filter),
    /// Everything about one request
    Show(One),
    /// Declare anew, until submission: an endorsed request then needs endorsing anew
    Amend(Amend),
    /// The authority makes the request its own
    Endorse(One),
    /// The authority sends the request back with a reason
    Return(Return),
    /// The authority helps by itself; the request is closed
    HandleNationally(Nationally),
    /// The single point of contact submits: the 48 hours begin
    Submit(One),
    /// The user no longer asks: offers are rescinded, work is released
    Withdraw(Withdraw),
    /// File the summary report, due two months after support ended
    Report(Report),
    /// An officer establishes a fact that is not known
    Resolve(Resolve),
    /// An officer answers; the answer is final
    Decide(Decide),
    /// Assessments, the most urgent first
    Queue(Queue),
}

/// A request.
#[derive(Args, Clone, Debug)]
pub struct One {
    /// Its number, e.g. R-12, or its id
    pub request: RequestName,
}

/// A case in a file.
#[derive(Args, Clone, Debug)]
pub struct FromFile {
    /// A file of cases in the neutral schema
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Which case of the file; needed if it has several
    #[arg(long, value_name = "ID")]
    case: Option<String>,
    /// Whom to call
    #[arg(long, value_name = "NAME")]
    contact_name: Option<String>,
    /// Where to write: an address that the attack cannot reach
    #[arg(long, value_name = "ADDRESS")]
    contact_email: Option<String>,
    /// Where to call
    #[arg(long, value_name = "NUMBER")]
    contact_phone: Option<String>,
}

/// Opens a request.
#[derive(Args, Clone, Debug)]
pub struct Open {
    #[command(flatten)]
    from: FromFile,
    /// For which hospital [default: the caller's own, or the entity's name as an id: CHU de Rouen is chu-de-rouen]
    #[arg(long, value_name = "ID", value_parser = hospital)]
    hospital: Option<HospitalId>,
    /// First put the hospital on record as the case describes it, as the operator
    #[arg(long)]
    register: bool,
}

fn hospital(text: &str) -> Result<HospitalId, String> {
    HospitalId::parse(text).map_err(|error| error.to_string())
}

/// Declares anew.
#[derive(Args, Clone, Debug)]
pub struct Amend {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    from: FromFile,
}

/// Sends a request back.
#[derive(Args, Clone, Debug)]
pub struct Return {
    #[command(flatten)]
    one: One,
    /// facts-missing, measures-missing, not-significant, entity-type or other
    #[arg(long)]
    reason: String,
    /// What the hospital should do, in words; needed if the reason is other
    #[arg(long, default_value = "", hide_default_value = true)]
    note: String,
}

/// Handles a request nationally.
#[derive(Args, Clone, Debug)]
pub struct Nationally {
    #[command(flatten)]
    one: One,
    /// How, in words
    #[arg(long, default_value = "", hide_default_value = true)]
    note: String,
}

/// Withdraws a request.
#[derive(Args, Clone, Debug)]
pub struct Withdraw {
    #[command(flatten)]
    one: One,
    /// Why, in words
    #[arg(long)]
    reason: String,
}

/// Files the summary report.
#[derive(Args, Clone, Debug)]
pub struct Report {
    #[command(flatten)]
    one: One,
    /// Whether the aim of the support was reached
    #[arg(long, value_name = "yes|no", value_parser = yes_no, action = ArgAction::Set)]
    aim_reached: bool,
    /// Hours until emergency care ran as usual, if known
    #[arg(long, value_name = "HOURS")]
    hours_to_emergency_care: Option<u32>,
    /// SHA-256 of the report, as `sha256sum` tells it; the report itself stays outside Muster
    #[arg(long, value_name = "HEX")]
    document_sha256: String,
}

impl RequestWord {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Open(open) => open.tell(session).await,
            Self::List(filter) => filter.board(session, true).await,
            Self::Show(one) => show(session, &one.request).await,
            Self::Amend(amend) => amend.tell(session).await,
            Self::Endorse(one) => endorse(session, &one.request).await,
            Self::Return(send) => send.tell(session).await,
            Self::HandleNationally(nationally) => nationally.tell(session).await,
            Self::Submit(one) => submit(session, &one.request).await,
            Self::Withdraw(withdraw) => withdraw.tell(session).await,
            Self::Report(report) => report.tell(session).await,
            Self::Resolve(resolve) => resolve.tell(session).await,
            Self::Decide(decide) => decide.tell(session).await,
            Self::Queue(queue) => queue.tell(session).await,
        }
    }
}

pub(super) async fn show(session: &Session, request: &RequestName) -> Result<(), Failure> {
    let caller = session.reader()?;
    let mut answer = page(session, request.as_str(), &caller).await?;
    if let Some(page) = answer.page.as_mut().filter(|page| session.is_text() && !page.linked.is_empty()) {
        let numbers = session.numbers(&caller).await?;
        for linked in &mut page.linked {
            let number = numbers.get(linked).unwrap_or(linked).clone();
            for line in &mut page.story {
                line.text = line.text.replace(linked.as_str(), &number);
            }
            *linked = number;
        }
    }
    session.show(&answer)
}

impl FromFile {
    fn case(&self, session: &Session) -> Result<Case, Failure> {
        let file = self.from.display().to_string();
        let text = read_file(&self.from)?;
        let cases = Cases::read(&file, &text)?;
        let ids = cases.ids();
        if self.case.is_none() && ids.len() > 1 {
            let says = format!("{file} has {} cases: {}", ids.len(), ids.join(", "));
            return Err(Failure::usage(says, "say which: --case ID"));
        }
        let case = cases.case(self.case.as_deref())?;
        if !case.unused.is_empty() {
            session.say(&format!(
                "not used, because nobody could know it then or it bears on nothing: {}",
                case.unused.join(", ")
            ));
        }
        Ok(case)
    }

    /// Whom to call: what is said now, and what is known of all that is not.
    fn contact(&self, case: &Case, known: Contact) -> Contact {
        let said = |part: &Option<String>, known: String| part.clone().unwrap_or(known);
        Contact {
            name: said(&self.contact_name, known.name),
            email: said(&self.contact_email, known.email),
            phone: said(&self.contact_phone, known.phone),
            narrative: if case.narrative.is_empty() { known.narrative } else { case.narrative.clone() },
        }
    }

    /// The same rules that hold in the realm, told by their place in the file and by flag, before anything is
    /// registered or sent.
    fn stands(&self, case: &Case, facts: &domain::Facts, contact: &Contact, realm: &Realm) -> Result<(), Failure> {
        let mut wrong = check(facts, realm.now, realm.live);
        realm.catalogue.require("facts.needs.services", &facts.needs.services, &mut wrong);
        let wrong = case.placed(wrong);
        if !wrong.is_empty() {
            return Err(BadFile { file: self.from.display().to_string(), wrong }.into());
        }
        let Contact { name, email, phone, narrative } = contact;
        let wrong = contact::check("contact", &contact::Contact { name, email, phone, narrative });
        wrong.or_refuse(|wrong| {
            let says = wrong.to_string().replace("contact.", "--contact-");
            Failure::usage(says, "mend what is named and give the command again; nothing was sent")
        })
    }
}

/// What a case is judged by.
struct Realm {
    now: Timestamp,
    live: bool,
    catalogue: Catalogue,
}

impl Realm {
    async fn of(session: &Session, caller: &Actor) -> Result<Self, Failure> {
        let mut client = session.registry(caller).await?;
        let realm = client.get_realm(GetRealmRequest { read_at: None }).await?.into_inner();
        let services = client.list_services(ListServicesRequest { read_at: None }).await?.into_inner().services;
        let mut catalogue = Catalogue::default();
        let added = services.into_iter().filter_map(|CatalogueEntry { service, name, source }| {
            let id = ServiceId::parse(&service).ok()?;
            Some(ServiceEntry { id, name, source })
        });
        let added = added.filter(|entry| !catalogue.has(&entry.id)).collect();
        Catalogue::evolve(&mut catalogue, &CatalogueEvent::Extended(added))
            .map_err(|Corrupt(why)| Failure::Fault(format!("the catalogue of services: {why}")))?;
        Ok(Self {
            now: realm.now.as_ref().map(moment).unwrap_or_default(),
            live: realm.realm.is_some_and(|realm| realm.realm == LIVE),
            catalogue,
        })
    }
}

/// What stands in a file.
pub(super) fn read_file(path: &std::path::Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("{} cannot be read: {error}", path.display()), "see that the file is there")
    })
}

impl Open {
    async fn tell(self, session: &Session) -> Result<(), Failure> {
        let case = self.from.case(session)?;
        let hospital = self.hospital_of(session, &case)?;
        let opener = match session.named() {
            Some(actor) => actor,
            None => Actor { role: Role::Hospital, principal: principal(hospital.as_str())? },
        };
        let record = self.register.then(|| self.record(&case, &hospital)).transpose()?;
        let request_id = session.request_id()?;
        let realm = Realm::of(session, &opener).await?;
        let facts = case.facts_at(realm.now);
        let contact = self.from.contact(&case, Contact::default());
        self.from.stands(&case, &facts, &contact, &realm)?;
        if let Some(record) = record {
            register(session, &record).await?;
        }
        let ask = OpenRequestRequest {
            request_id,
            hospital: hospital.to_string(),
            facts: Some(wire::facts(&facts)),
            contact: Some(contact),
        };
        let answer = match session.intake(&opener).await?.open_request(ask.clone()).await {
            Err(status) if explain(&status).reason == "REQUEST_ID_REUSED" => {
                again(session, ask, &opener, status).await?
            }
            Err(status) => return Err(self.not_opened(status)),
            Ok(answer) => answer.into_inner(),
        };
        let number = number(session, &answer.request, answer.position, &opener).await;
        let number = number.as_deref().unwrap_or(&answer.request);
        let says = format!("{number} {}: {}, request {}", answer.state, case.facts.entity.name, answer.request);
        session.done(&answer, answer.position, &answer.request, &says)?;
        session.next(&match answer.state.as_str() {
            "opened" => format!("muster request endorse {number}"),
            "endorsed" => format!("muster request submit {number}"),
            _ => format!("muster why {number}"),
        });
        Ok(())
    }

    /// A hospital that is not on record is the likeliest reason why nothing is found.
    fn not_opened(&self, status: Status) -> Failure {
        let missing = status.code() == Code::NotFound && !self.register;
        let failure = Failure::from(status);
        if missing {
            failure.or_instead("if the hospital is not on record yet, give the same command with --register")
        } else {
            failure
        }
    }

    fn hospital_of(&self, session: &Session, case: &Case) -> Result<HospitalId, Failure> {
        let own = session.named().filter(|actor| actor.role == Role::Hospital);
        let own = own.and_then(|actor| HospitalId::parse(actor.principal.as_str()).ok());
        self.hospital.clone().or(own).or_else(|| case.hospital_id()).ok_or_else(|| {
            let name = &case.facts.entity.name;
            Failure::usage(format!("'{name}' leaves no letter for an id"), "say for which hospital: --hospital ID")
        })
    }

    fn record(&self, case: &Case, id: &HospitalId) -> Result<Record, Failure> {
        case.hospital(id.clone()).ok_or_else(|| {
            let says = "a hospital's record says in which region it is, and the case does not";
            Failure::usage(says, "add its NUTS code to the case, or use muster registry register-hospital")
        })
    }
}

fn principal(id: &str) -> Result<PrincipalId, Failure> {
    PrincipalId::parse(id).map_err(|error| Failure::usage(error.to_string(), "say who acts: --as ROLE:ID"))
}

async fn register(session: &Session, record: &Record) -> Result<(), Failure> {
    let operator = session.on_duty(Role::Operator).ok_or_else(|| {
        Failure::usage(
            "nobody is on duty as operator",
            "register the hospital first: muster registry register-hospital",
        )
    })?;
    let hospital = Hospital {
        hospital: record.id.to_string(),
        name: record.name.clone(),
        member_state: record.member_state.to_string(),
        nuts: record.nuts.to_string(),
        kind: record.kind.clone(),
        annex: record.annex.to_string(),
        category: record.category.to_string(),
        size: record.size.to_string(),
    };
    let ask = RegisterHospitalRequest { request_id: String::new(), hospital: Some(hospital) };
    session.registry(&operator).await?.register_hospital(ask).await?;
    session.say(&format!("hospital {} is on record", record.id));
    Ok(())
}

/// Opens the same again: a case moves to the realm's now, so the command says another time each time it is given. If
/// a request of the caller's tells of this incident, it is the one that was opened, at its own time.
async fn again(
    session: &Session,
    ask: OpenRequestRequest,
    opener: &Actor,
    refused: Status,
) -> Result<OpenRequestResponse, Failure> {
    let mut client = session.intake(opener).await?;
    let facts = ask.facts.clone().unwrap_or_default();
    let list = ListRequestsRequest { page_size: 500, ..ListRequestsRequest::default() };
    let known = client.list_requests(list).await?.into_inner().requests;
    let before = known.into_iter().filter_map(|request| request.facts).filter(|known| known.incident == facts.incident);
    for Facts { detected_at, .. } in before {
        let facts = Some(Facts { detected_at, ..facts.clone() });
        if let Ok(answer) = client.open_request(OpenRequestRequest { facts, ..ask.clone() }).await {
            return Ok(answer.into_inner());
        }
    }
    Err(refused.into())
}

/// A request's short number. It is a convenience: without it the id serves.
async fn number(session: &Session, request: &str, at_least: Option<Position>, caller: &Actor) -> Option<String> {
    let read_at = muster_api::r#type::v1::ReadAt { as_of: None, at_least };
    let ask = GetRequestPageRequest { read_at: Some(read_at), request: request.to_owned() };
    let answer = session.monitor(caller).await.ok()?.get_request_page(ask).await.ok()?.into_inner();
    Some(answer.page?.card?.number).filter(|number| !number.is_empty())
}

impl Amend {
    async fn tell(self, session: &Session) -> Result<(), Failure> {
        let case = self.from.case(session)?;
        let (request, caller) = session.party(Turn::Hospital, &self.one.request).await?;
        let ask = GetRequestRequest { read_at: session.newest(&caller).await?, request: request.clone() };
        let known = session.intake(&caller).await?.get_request(ask).await?.into_inner().request.unwrap_or_default();
        let known_contact = known.contact.unwrap_or_default();
        let known = known.facts.unwrap_or_default();
        let realm = Realm::of(session, &caller).await?;
        let mut facts = case.facts_at(realm.now);
        if let Some(detected_at) = known.detected_at.filter(|_| known.incident == facts.incident) {
            // The incident has its place in the realm's time already.
            facts.detected_at = moment(&detected_at);
        }
        let contact = self.from.contact(&case, known_contact.clone());
        self.from.stands(&case, &facts, &contact, &realm)?;
        let ask = AmendRequestRequest {
            request_id: session.request_id()?,
            request: request.clone(),
            facts: Some(wire::facts(&facts)),
            // Nothing else is said of it: it stays as it is.
            contact: (contact != known_contact).then_some(contact),
        };
        let answer = session.intake(&caller).await?.amend_request(ask).await?.into_inner();
        let name = self.one.request.as_str();
        session.done(&answer, answer.position, &request, &format!("{name} amended"))?;
        session.next(&format!("muster request endorse {name}"));
        Ok(())
    }
}

async fn endorse(session: &Session, name: &RequestName) -> Result<(), Failure> {
    let (request, caller) = session.party(Turn::Authority, name).await?;
    let ask = EndorseRequestRequest { request_id: session.request_id()?, request: request.clone() };
    let answer = session.intake(&caller).await?.endorse_request(ask).await?.into_inner();
    session.done(&answer, answer.position, &request, &format!("{} endorsed by {}", name.as_str(), caller.principal))?;
    session.next(&format!("muster request submit {}", name.as_str()));
    Ok(())
}

impl Return {
    async fn tell(self, session: &Session) -> Result<(), Failure> {
        let name = &self.one.request;
        let (request, caller) = session.party(Turn::Authority, name).await?;
        let ask = ReturnRequestRequest {
            request_id: session.request_id()?,
            request: request.clone(),
            reason: self.reason.clone(),
            note: self.note,
        };
        let answer = session.intake(&caller).await?.return_request(ask).await?.into_inner();
        session.done(&answer, answer.position, &request, &format!("{} returned: {}", name.as_str(), self.reason))?;
        session.next(&format!("the hospital amends it: muster request amend {} --from FILE", name.as_str()));
        Ok(())
    }
}

impl Nationally {
    async fn tell(self, session: &Session) -> Result<(), Failure> {
        let name = &self.one.request;
        let (request, caller) = session.party(Turn::Authority, name).await?;
        session.confirm(&format!("Close {} because {} helps by itself?", name.as_str(), caller.principal))?;
        let ask =
            HandleNationallyRequest { request_id: session.request_id()?, request: request.clone(), note: self.note };
        let answer = session.intake(&caller).await?.handle_nationally(ask).await?.into_inner();
        session.done(&answer, answer.position, &request, &format!("{} closed: handled nationally", name.as_str()))
    }
}

async fn submit(session: &Session, name: &RequestName) -> Result<(), Failure> {
    let (request, caller) = session.party(Turn::Spoc, name).await?;
    let ask = SubmitRequestRequest { request_id: session.request_id()?, request: request.clone() };
    let answer = session.intake(&caller).await?.submit_request(ask).await?.into_inner();
    let look = session.look(answer.submitted_at.as_ref().map(moment).unwrap_or_default());
    let due = match answer.answer_due_at.as_ref().map(moment) {
        Some(due) => format!("the answer is due {}", look.moment(due)),
        None => "the answer is due without undue delay (Art 19(10))".to_owned(),
    };
    session.done(&answer, answer.position, &request, &format!("{} submitted: {due}", name.as_str()))?;
    session.next(&format!("muster why {0}, then muster request decide {0} --grant", name.as_str()));
    Ok(())
}

impl Withdraw {
    async fn tell(self, session: &Session) -> Result<(), Failure> {
        let name = &self.one.request;
        let (request, caller) = session.party(Turn::Asker, name).await?;
        session.confirm(&format!("Withdraw {}? Offers are rescinded and work is released.", name.as_str()))?;
        let ask =
            WithdrawRequestRequest { request_id: session.request_id()?, request: request.clone(), reason: self.reason };
        let answer = session.intake(&caller).await?.withdraw_request(ask).await?.into_inner();
        session.done(&answer, answer.position, &request, &format!("{} withdrawn", name.as_str()))
    }
}

impl Report {
    async fn tell(self, session: &Session) -> Result<(), Failure> {
        let name = &self.one.request;
        let (request, caller) = session.party(Turn::Authority, name).await?;
        let report = SummaryReport {
            aim_reached: self.aim_reached,
            hours_to_emergency_care: self.hours_to_emergency_care,
            document_sha256: self.document_sha256,
        };
        let ask =
            FileReportRequest { request_id: session.request_id()?, request: request.clone(), report: Some(report) };
        let answer = session.intake(&caller).await?.file_report(ask).await?.into_inner();
        session.done(&answer, answer.position, &request, &format!("the report on {} is filed", name.as_str()))?;
        session.next(&format!(
            "muster log {} shows the whole record, up to {}",
            name.as_str(),
            position(answer.position.as_ref())
        ));
        Ok(())
    }
}
