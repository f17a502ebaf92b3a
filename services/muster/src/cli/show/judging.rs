//! Judging: why, who comes first, the answer, the policy.

use muster_api::{
    eligibility::v1::{
        CompareRequestsResponse, GetAssessmentResponse, GetPolicyResponse, ListAssessmentsResponse, Override, Policy,
    },
    r#type::v1::Decision,
};

use super::{
    super::look::{Look, Table, Tone, toned},
    Show, clock, effort, lasting, minute, or_none, priority,
};

impl Show for GetAssessmentResponse {
    fn text(&self, _: Look) -> String {
        let lines: String = self.why.iter().map(|line| format!("{line}\n")).collect();
        or_none(lines, "nothing was judged yet")
    }

    fn ids(&self) -> Vec<String> {
        self.assessment.iter().map(|assessment| assessment.request.clone()).collect()
    }
}

impl Show for ListAssessmentsResponse {
    fn text(&self, look: Look) -> String {
        let mut table = Table::new(look, ["rank", "request", "priority", "bands", "state", "hospital", "answer"]);
        for (rank, each) in (1..).zip(&self.assessments) {
            let key = each.key.clone().unwrap_or_default();
            let outcome = each.decision.as_ref().map(|decision| decision.outcome.as_str().into());
            let answer = outcome.or_else(|| each.answer.as_ref().map(|answer| clock(look, answer)));
            table.row([
                format!("{rank}").into(),
                each.request.as_str().into(),
                priority(&each.priority),
                bands(&key.bands).into(),
                each.state.as_str().into(),
                each.hospital.as_str().into(),
                answer.unwrap_or_default(),
            ]);
        }
        let more = if self.next_page_token.is_empty() { "" } else { "and more: see --limit\n" };
        let all = if self.assessments.is_empty() { String::new() } else { table.to_string() };
        format!("{}{more}", or_none(all, "nothing to judge that you may see"))
    }

    fn ids(&self) -> Vec<String> {
        self.assessments.iter().map(|assessment| assessment.request.clone()).collect()
    }
}

impl Show for CompareRequestsResponse {
    fn text(&self, _: Look) -> String {
        let swaps: String = self.would_swap.iter().map(|swap| format!("{swap}\n")).collect();
        format!("{} comes first: they differ in {}\n{}\n{swaps}", self.ahead, self.differs_in, self.because)
    }

    fn ids(&self) -> Vec<String> {
        vec![self.ahead.clone()]
    }
}

/// Bands (a) to (e) as they are written and read: `4-3-2-2-1`.
pub fn bands(bands: &[u32]) -> String {
    bands.iter().map(ToString::to_string).collect::<Vec<_>>().join("-")
}

/// Another rank that somebody asks for.
pub fn proposal_line(proposal: &Override) -> String {
    let lapses = minute(proposal.lapses_at.as_ref());
    format!("{} proposes bands {} until {lapses}: {}", proposal.proposed_by, bands(&proposal.bands), proposal.reason)
}

/// The answer, a line for what it grants and for every cut.
pub fn decision(decision: &Decision) -> String {
    let by = match decision.by_policy {
        Some(version) => format!("policy version {version}"),
        None => decision.decided_by.clone(),
    };
    let reason = if decision.reason.is_empty() { String::new() } else { format!(": {}", decision.reason) };
    let mut text = format!("{} at {} by {by}{reason}\n", decision.outcome, minute(decision.decided_at.as_ref()));
    if let Some(terms) = &decision.terms {
        let teams = effort(terms.remote_teams, terms.onsite_teams, terms.person_days);
        text += &format!("{}; {teams}, for {}\n", terms.services.join(", "), lasting(terms.duration.as_ref()));
    }
    for cut in &decision.cuts {
        text += &format!("cut {}: {}\n", cut.what, cut.reason);
    }
    text
}

impl Show for GetPolicyResponse {
    fn text(&self, look: Look) -> String {
        let mut text = self
            .in_force
            .as_ref()
            .map(|policy| format!("in force\n{}", policy_terms(look, policy)))
            .unwrap_or_default();
        if let Some(proposal) = &self.proposal {
            let lapses = minute(proposal.lapses_at.as_ref());
            text += &format!("\nproposed by {}, until {lapses}\n", proposal.proposed_by);
            text += &proposal.policy.as_ref().map(|policy| policy_terms(look, policy)).unwrap_or_default();
        }
        text
    }

    fn ids(&self) -> Vec<String> {
        self.in_force.iter().map(|policy| policy.version.to_string()).collect()
    }
}

/// What a policy says, a line each.
pub fn policy_terms(look: Look, policy: &Policy) -> String {
    let by_itself =
        |yes: bool, what: &str| if yes { format!("{what} by itself") } else { format!("no: a person {what}") };
    let names = ["P1", "P2", "P3", "P4"];
    let each = |values: Vec<String>| {
        names.iter().zip(values).map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
    };
    let stands = policy.offer_stands.iter().map(|duration| lasting(Some(duration))).collect();
    let width = policy.offer_width.iter().map(ToString::to_string).collect();
    let more = if policy.more_measures_rank_higher { "rank higher in (e)" } else { "do not rank higher" };
    let mut table = Table::bare(look);
    for (what, says) in [
        ("version", policy.version.to_string()),
        ("grants", by_itself(policy.grants, "grants")),
        ("refuses", by_itself(policy.refuses, "refuses")),
        ("more measures", more.to_owned()),
        ("support lasts", format!("{} unless the request says", lasting(policy.duration.as_ref()))),
        ("an offer stands", each(stands)),
        ("asked at once", each(width)),
        (
            "late starts",
            format!("work is taken back {} after the contract's time", lasting(policy.mobilise_grace.as_ref())),
        ),
    ] {
        table.row([toned(Tone::Quiet, what), says.into()]);
    }
    table.to_string()
}
