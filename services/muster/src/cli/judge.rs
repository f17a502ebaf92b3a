//! Judging and ranking: `muster why`, `muster override`, `muster policy`, and what an officer says of a request.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use muster_api::{
    eligibility::v1::{
        ApproveOverrideRequest, ApprovePolicyRequest, Assessment, CompareRequestsRequest, DecideRequest, Finding,
        GetAssessmentRequest, GetAssessmentResponse, GetPolicyRequest, GetPolicyResponse, ListAssessmentsRequest,
        ListAssessmentsResponse, Policy, ProposeOverrideRequest, ProposePolicyRequest, ResolveRequest, finding::Fact,
    },
    r#type::v1::{Cut, Needs, Terms},
};
use muster_domain::kernel::{Actor, Role};
use muster_edge::wire::fields::duration;
use tonic::{Code, Status};

use super::{
    failure::Failure,
    json,
    request::{One, read_file},
    session::Session,
    show::{bands, minute, policy_terms, proposal_line},
    values::{Bands, RequestName, cut, length, yes_no},
};

/// Why a request stands where it stands.
#[derive(Args, Clone, Debug)]
pub struct Why {
    #[command(flatten)]
    one: One,
    /// Why it comes before or after this one, and what would swap them
    #[arg(long, value_name = "OTHER")]
    vs: Option<RequestName>,
}

impl Why {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        let caller = session.reader()?;
        let request = session.request(&self.one.request, &caller).await?;
        let mut client = session.eligibility(&caller).await?;
        let Some(other) = self.vs else {
            let ask = GetAssessmentRequest { read_at: session.read_at(), request };
            return session.show(&client.get_assessment(ask).await.map_err(not_judged)?.into_inner());
        };
        let other = session.request(&other, &caller).await?;
        let ask = CompareRequestsRequest { read_at: session.read_at(), first: request, second: other };
        let mut answer = client.compare_requests(ask).await.map_err(not_judged)?.into_inner();
        if session.is_text() {
            let numbers = session.numbers(&caller).await?;
            answer.ahead = numbers.get(&answer.ahead).cloned().unwrap_or(answer.ahead);
            for swap in &mut answer.would_swap {
                *swap = numbers.iter().fold(swap.clone(), |swap, (id, number)| swap.replace(id, number));
            }
        }
        session.show(&answer)
    }
}

/// A request that is there may not be judged yet.
fn not_judged(status: Status) -> Failure {
    let missing = status.code() == Code::NotFound;
    let failure = Failure::from(status);
    if missing { failure.or_instead("a request is judged once it is submitted: muster request list") } else { failure }
}

/// Assessments, the most urgent first.
#[derive(Args, Clone, Debug)]
pub struct Queue {
    /// Only in this state: assessed, decided or withdrawn; may be repeated
    #[arg(long, default_values = ["assessed"])]
    state: Vec<String>,
    /// Only of this country
    #[arg(long, default_value = "", hide_default_value = true)]
    country: String,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

impl Queue {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        let caller = session.reader()?;
        let mut client = session.eligibility(&caller).await?;
        let mut all = ListAssessmentsResponse::default();
        while let Some(size) = super::page_size(self.limit, all.assessments.len()) {
            let ask = ListAssessmentsRequest {
                read_at: session.read_at(),
                page_size: size,
                page_token: all.next_page_token.clone(),
                states: self.state.clone(),
                country: self.country.clone(),
            };
            let mut answer = client.list_assessments(ask).await?.into_inner();
            all.assessments.append(&mut answer.assessments);
            all = ListAssessmentsResponse { assessments: all.assessments, ..answer };
            if all.next_page_token.is_empty() {
                break;
            }
        }
        if session.is_text() {
            let numbers = session.numbers(&caller).await?;
            for each in &mut all.assessments {
                each.request = numbers.get(&each.request).cloned().unwrap_or_else(|| each.request.clone());
            }
        }
        session.show_now(&all, &caller).await
    }
}

/// Establishes a fact.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("fact").required(true))]
pub struct Resolve {
    #[command(flatten)]
    one: One,
    /// The emergency department: open, restricted, diverted, closed or not-applicable
    #[arg(long, group = "fact", value_name = "STATE")]
    emergency: Option<String>,
    /// Sites or hospitals that cannot work as usual
    #[arg(long, group = "fact", value_name = "NUMBER")]
    hospitals_affected: Option<u32>,
    /// Whether patient records cannot be reached
    #[arg(long, group = "fact", value_name = "yes|no", value_parser = yes_no)]
    records_unavailable: Option<bool>,
    /// Whether the services hit are back
    #[arg(long, group = "fact", value_name = "yes|no", value_parser = yes_no)]
    services_restored: Option<bool>,
    /// Whether personal data are breached
    #[arg(long, group = "fact", value_name = "yes|no", value_parser = yes_no)]
    data_breach: Option<bool>,
    /// The entity's NIS2 annex: I, II or none
    #[arg(long, group = "fact", value_name = "ANNEX")]
    annex: Option<String>,
    /// The entity's NIS2 category: essential, important or none
    #[arg(long, group = "fact", value_name = "CATEGORY")]
    category: Option<String>,
    /// The entity's size: large, medium or small
    #[arg(long, group = "fact", value_name = "SIZE")]
    size: Option<String>,
    /// The spillover risk: none, low, medium or high
    #[arg(long, group = "fact", value_name = "RISK")]
    spillover: Option<String>,
    /// A criterion, a to e, that does not bear on this request
    #[arg(long, group = "fact", value_name = "CRITERION")]
    not_relevant: Option<String>,
    /// How the officer knows, in words
    #[arg(long)]
    reason: String,
}

impl Resolve {
    /// The one fact that was given.
    fn fact(&self) -> Option<Fact> {
        let text = |text: &Option<String>, fact: fn(String) -> Fact| text.clone().map(fact);
        text(&self.emergency, Fact::Emergency)
            .or(self.hospitals_affected.map(Fact::HospitalsAffected))
            .or(self.records_unavailable.map(Fact::RecordsUnavailable))
            .or(self.services_restored.map(Fact::ServicesRestored))
            .or(self.data_breach.map(Fact::DataBreach))
            .or_else(|| text(&self.annex, Fact::Annex))
            .or_else(|| text(&self.category, Fact::Category))
            .or_else(|| text(&self.size, Fact::Size))
            .or_else(|| text(&self.spillover, Fact::Spillover))
            .or_else(|| text(&self.not_relevant, Fact::NotRelevant))
    }

    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        let (caller, name) = (session.caller(Role::Officer)?, &self.one.request);
        let request = session.request(name, &caller).await?;
        let ask = ResolveRequest {
            request_id: session.request_id()?,
            request: request.clone(),
            finding: Some(Finding { fact: self.fact() }),
            reason: self.reason.clone(),
        };
        let answer = session.eligibility(&caller).await?.resolve(ask).await?.into_inner();
        session.done(&answer, answer.position, &request, &format!("{} judged again", name.as_str()))?;
        session.next(&format!("muster why {}", name.as_str()));
        Ok(())
    }
}

/// Answers a request.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("outcome").required(true))]
pub struct Decide {
    #[command(flatten)]
    one: One,
    /// Grant all that was requested
    #[arg(long, group = "outcome")]
    grant: bool,
    /// Refuse; needs --reason
    #[arg(long, group = "outcome", requires = "reason")]
    refuse: bool,
    /// Grant a part: what is left out is cut, each with its reason
    #[arg(long, group = "outcome", requires = "cut")]
    partly: bool,
    /// With --partly: what is granted where it is less than requested: remote_teams=N, onsite_teams=N, person_days=N,
    /// duration=14d, services=ID,ID
    #[arg(long, value_name = "WHAT=HOW-MUCH", num_args = 1.., conflicts_with_all = ["grant", "refuse"])]
    terms: Vec<String>,
    /// With --partly: what is not granted and why: a service, remote_teams, onsite_teams, person_days or duration
    #[arg(long, value_name = "WHAT=REASON", value_parser = cut, conflicts_with_all = ["grant", "refuse"])]
    cut: Vec<(String, String)>,
    /// Why, in words
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
}

impl Decide {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        let (caller, name) = (session.caller(Role::Officer)?, &self.one.request);
        let request = session.request(name, &caller).await?;
        let terms = if self.partly { Some(self.terms(session, &request, &caller).await?) } else { None };
        let outcome = match (self.grant, self.refuse) {
            (true, _) => "granted",
            (false, true) => "refused",
            (false, false) => "partly-granted",
        };
        session.confirm(&format!("{}: {outcome}? An answer is final.", name.as_str()))?;
        let ask = DecideRequest {
            request_id: session.request_id()?,
            request: request.clone(),
            outcome: outcome.to_owned(),
            terms,
            cuts: self.cut.iter().cloned().map(|(what, reason)| Cut { what, reason }).collect(),
            reason: self.reason.clone(),
        };
        let answer = session.eligibility(&caller).await?.decide(ask).await?.into_inner();
        session.done(&answer, answer.position, &request, &format!("{} {outcome}", name.as_str()))?;
        if outcome != "refused" {
            session.next(&format!("muster offer list --request {}", name.as_str()));
        }
        Ok(())
    }

    /// What was requested, less what is cut.
    async fn terms(&self, session: &Session, request: &str, caller: &Actor) -> Result<Terms, Failure> {
        let mut client = session.eligibility(caller).await?;
        let ask = GetAssessmentRequest { read_at: session.newest(caller).await?, request: request.to_owned() };
        let assessment = client.get_assessment(ask).await?.into_inner().assessment.unwrap_or_default();
        let needs = assessment.facts.and_then(|facts| facts.needs).unwrap_or_default();
        let policy = client.get_policy(GetPolicyRequest { read_at: None }).await?.into_inner().in_force;
        let default = policy.and_then(|policy| policy.duration);
        let cut: Vec<_> = self.cut.iter().map(|(what, _)| what.as_str()).collect();
        part(&needs, default, &cut, &self.terms)
    }
}

/// What is granted of `needs`: without the services that are cut, and with `changes`.
fn part(
    needs: &Needs,
    default: Option<prost_types::Duration>,
    cut: &[&str],
    changes: &[String],
) -> Result<Terms, Failure> {
    let mut terms = Terms {
        services: needs.services.iter().filter(|service| !cut.contains(&service.as_str())).cloned().collect(),
        remote_teams: needs.remote_teams,
        onsite_teams: needs.onsite_teams,
        person_days: needs.person_days,
        duration: needs.duration.or(default),
    };
    for change in changes {
        let wrong = || {
            Failure::usage(
                format!("'{change}' is not understood"),
                "write remote_teams=N, onsite_teams=N, person_days=N, duration=14d or services=ID,ID",
            )
        };
        let (what, how_much) = change.split_once('=').ok_or_else(wrong)?;
        let number = || how_much.parse::<u32>().map_err(|_| wrong());
        match what {
            "services" => terms.services = how_much.split(',').map(|service| service.trim().to_owned()).collect(),
            "remote_teams" => terms.remote_teams = number()?,
            "onsite_teams" => terms.onsite_teams = number()?,
            "person_days" => terms.person_days = number()?,
            "duration" => terms.duration = Some(duration(length(how_much).map_err(|_| wrong())?)),
            _ => return Err(wrong()),
        }
    }
    Ok(terms)
}

/// Another rank than the facts give.
#[derive(Clone, Debug, Subcommand)]
pub enum OverrideWord {
    /// Ask for another rank; it lapses after 24 hours unless somebody else approves
    Propose {
        #[command(flatten)]
        one: One,
        /// The bands asked for, (a) to (e), e.g. 4-3-2-2-1
        #[arg(long)]
        bands: Bands,
        /// Why, in words
        #[arg(long)]
        reason: String,
    },
    /// Approve another rank that somebody else proposed
    Approve {
        #[command(flatten)]
        one: One,
        /// The bands that you approve, as proposed; without them you are shown the proposal and asked
        #[arg(long)]
        bands: Option<Bands>,
    },
}

impl OverrideWord {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        let caller = session.caller(Role::Officer)?;
        match self {
            Self::Propose { one, bands: Bands(asked), reason } => {
                let request = session.request(&one.request, &caller).await?;
                let (request_id, name) = (session.request_id()?, one.request.as_str());
                let ask = ProposeOverrideRequest { request_id, request: request.clone(), bands: asked.clone(), reason };
                let answer = session.eligibility(&caller).await?.propose_override(ask).await?.into_inner();
                let until = minute(answer.lapses_at.as_ref());
                let says = format!("bands {} proposed for {name}, until {until}", bands(&asked));
                session.done(&answer, answer.position, &request, &says)?;
                let approve = format!("muster override approve {name} --bands {}", bands(&asked));
                session.next(&format!("somebody else approves it: {approve} --as officer:ID"));
                Ok(())
            }
            Self::Approve { one, bands: seen } => {
                let request = session.request(&one.request, &caller).await?;
                let seen = match seen {
                    Some(Bands(seen)) => seen,
                    None => proposed(session, &request, one.request.as_str(), &caller).await?,
                };
                let (request_id, name) = (session.request_id()?, one.request.as_str());
                let ask = ApproveOverrideRequest { request_id, request: request.clone(), bands: seen.clone() };
                let answer = session.eligibility(&caller).await?.approve_override(ask).await?.into_inner();
                let says = format!("{name} ranks by bands {}", bands(&seen));
                session.done(&answer, answer.position, &request, &says)?;
                session.next("muster request queue");
                Ok(())
            }
        }
    }
}

/// The bands that somebody proposed, once they were seen.
async fn proposed(session: &Session, request: &str, name: &str, caller: &Actor) -> Result<Vec<u32>, Failure> {
    let ask = GetAssessmentRequest { read_at: session.newest(caller).await?, request: request.to_owned() };
    let GetAssessmentResponse { assessment, .. } =
        session.eligibility(caller).await?.get_assessment(ask).await?.into_inner();
    let Some(Assessment { proposal: Some(proposal), .. }) = assessment else {
        return Err(Failure::usage(
            format!("nobody proposes another rank for {name}"),
            format!("muster override propose {name} --bands 4-3-2-2-1 --reason WHY"),
        ));
    };
    session.say(&proposal_line(&proposal));
    let instead = format!("muster override approve {name} --bands {}", bands(&proposal.bands));
    session.consent("Approve it?", &instead)?;
    Ok(proposal.bands)
}

/// The policy in force.
#[derive(Clone, Debug, Subcommand)]
pub enum PolicyWord {
    /// The policy in force, and the one proposed
    Show,
    /// Ask that a policy be in force; it lapses after 7 days unless somebody else approves
    Propose {
        /// A file with the policy as JSON, as `muster policy show -o json` tells it under inForce. Without a version it
        /// gets the next one
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
    },
    /// Approve a policy that somebody else proposed
    Approve {
        /// A file with the policy that you approve; without it you are shown the proposal and asked
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
}

impl PolicyWord {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Show => {
                let caller = session.reader()?;
                let ask = GetPolicyRequest { read_at: session.read_at() };
                session.show(&session.eligibility(&caller).await?.get_policy(ask).await?.into_inner())
            }
            Self::Propose { from } => {
                let caller = session.caller(Role::Officer)?;
                let mut policy = read_policy(&from)?;
                if policy.version == 0 {
                    let known = policies(session, &caller).await?.in_force.unwrap_or_default();
                    policy.version = known.version.saturating_add(1);
                }
                let version = policy.version;
                let ask = ProposePolicyRequest { request_id: session.request_id()?, policy: Some(policy) };
                let answer = session.eligibility(&caller).await?.propose_policy(ask).await?.into_inner();
                let says = format!("policy {version} proposed, until {}", minute(answer.lapses_at.as_ref()));
                session.done(&answer, answer.position, &version.to_string(), &says)?;
                session.next("somebody else approves it: muster policy approve --as officer:ID");
                Ok(())
            }
            Self::Approve { from } => {
                let caller = session.caller(Role::Officer)?;
                let policy = match from {
                    Some(from) => read_policy(&from)?,
                    None => proposed_policy(session, &caller).await?,
                };
                let version = policy.version;
                let ask = ApprovePolicyRequest { request_id: session.request_id()?, policy: Some(policy) };
                let answer = session.eligibility(&caller).await?.approve_policy(ask).await?.into_inner();
                let says = format!("policy {version} is in force");
                session.done(&answer, answer.position, &version.to_string(), &says)
            }
        }
    }
}

async fn policies(session: &Session, caller: &Actor) -> Result<GetPolicyResponse, Failure> {
    let ask = GetPolicyRequest { read_at: None };
    Ok(session.eligibility(caller).await?.get_policy(ask).await?.into_inner())
}

/// The policy that somebody proposed, once it was seen.
async fn proposed_policy(session: &Session, caller: &Actor) -> Result<Policy, Failure> {
    let proposal = policies(session, caller).await?.proposal.unwrap_or_default();
    let Some(policy) = proposal.policy else {
        return Err(Failure::usage("nobody proposes a policy", "muster policy propose --from FILE"));
    };
    session.say(&format!("{} proposes until {}", proposal.proposed_by, minute(proposal.lapses_at.as_ref())));
    session.say(policy_terms(session.look(Default::default()), &policy).trim_end());
    session.consent("Approve it?", "look at it with muster policy show, then muster policy approve --yes")?;
    Ok(policy)
}

fn read_policy(path: &std::path::Path) -> Result<Policy, Failure> {
    json::read(&path.display().to_string(), &read_file(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn needs() -> Needs {
        Needs {
            services: vec!["isim.forensics".to_owned(), "x.backup-restore".to_owned()],
            remote_teams: 1,
            onsite_teams: 2,
            person_days: 90,
            duration: None,
        }
    }

    fn days(days: i64) -> Option<prost_types::Duration> {
        Some(prost_types::Duration { seconds: days * 86_400, nanos: 0 })
    }

    #[test]
    fn a_part_is_what_was_requested_less_what_is_cut() {
        let changes = ["person_days=40", "duration=14d"].map(str::to_owned);
        let terms = part(&needs(), days(30), &["x.backup-restore", "person_days", "duration"], &changes).unwrap();
        let expected = Terms {
            services: vec!["isim.forensics".to_owned()],
            remote_teams: 1,
            onsite_teams: 2,
            person_days: 40,
            duration: days(14),
        };
        assert_eq!(terms, expected);
        let whole = part(&needs(), days(30), &[], &[]).unwrap();
        assert_eq!((whole.services, whole.duration), (needs().services, days(30)), "the policy says how long");
    }

    #[test]
    fn terms_that_are_not_understood_are_wrong_usage() {
        for wrong in ["person_days", "person_days=few", "colour=red", "duration=14", "remote_teams=-1"] {
            let failure = part(&needs(), None, &[], &[wrong.to_owned()]).unwrap_err();
            assert_eq!(Exit::from(&failure), Exit::Usage, "{wrong}");
        }
    }
}
