//! A request in the hands of the contracting authority: the gates, the bands, the clock and the answer.

use std::collections::BTreeSet;

use muster_domain::{
    codes::Country,
    eligibility::{
        assessment::{Assessment, Command as Ask, Decision, State, Submission},
        events::{Criterion, Cut, Finding, Level, Outcome, Policy, Terms},
    },
    intake::events::{Facts, Spillover},
    kernel::{Actor, PrincipalId, Received, Role, Timestamp},
    registry::events::{Annex, AuthorityKind, CouncilAct},
};
use muster_golden::values::{self, country, request_id};
use muster_sim::run::{
    cast::{self, actor},
    rng::Rng,
};

use super::{Command, DAY, Expects, HOUR, Model, News, Nothing, news_if, nothing_if, one_of, require, somebody, words};

/// What is known of the case.
#[derive(Default)]
pub struct Case {
    /// The request, with the facts as known by now.
    asked: Option<Submission>,
    /// Whether criterion (d) bears on it no more.
    irrelevant: bool,
    told: BTreeSet<Level>,
    missed: bool,
    /// Bands, why, by whom, and when; it stands for a day.
    proposed: Option<([u8; 5], String, PrincipalId, Timestamp)>,
    /// Bands, and who approved.
    overridden: Option<([u8; 5], PrincipalId)>,
    answer: Option<Decision>,
    withdrawn: bool,
}

impl Model for Case {
    type Of = Assessment;
    #[rustfmt::skip]
    const COMMANDS: &[&str] = &[
        "Assess", "Resolve", "Escalate", "MissDeadline", "ProposeOverride", "ApproveOverride", "Decide",
        "DecideByPolicy", "Withdraw",
    ];
    #[rustfmt::skip]
    const REASONS: &[&str] = &[
        "NOT_ASSESSED", "ALREADY_ASSESSED", "WITHDRAWN", "ALREADY_DECIDED", "NOT_ENTITLED", "UNKNOWN_FACTS",
        "GATE_FAILED", "TERMS_DO_NOT_FIT", "COUNCIL_ACT_ENDED", "OVER_COUNCIL_ACT_CAP", "POLICY_DOES_NOT_DECIDE",
        "FINDING_SAYS_NOTHING", "REASON_MISSING", "REASON_UNFIT", "BAND_OUT_OF_RANGE", "NO_PROPOSAL", "SAME_PERSON",
        "NOT_DUE",
    ];

    fn draw(&self, lots: &mut Rng, now: Timestamp) -> (Command<Self>, Actor) {
        let new = submission(lots, now);
        let asked = self.asked.as_ref().unwrap_or(&new);
        let entitled = actor(asked.answered_by(), one_of(lots, ["anna", "bert"]));
        let by = if lots.seldom(2) { somebody(lots) } else { entitled };
        let reason = words(lots);
        let command = match lots.below(25) {
            _ if self.asked.is_none() && !lots.seldom(3) => Ask::Assess(Box::new(new)),
            _ if lots.seldom(200) => Ask::Withdraw,
            0 => Ask::Assess(Box::new(one_of(lots, [asked.clone(), new]))),
            1..=6 => Ask::Resolve { finding: finding(lots), reason },
            7..=9 => Ask::Escalate { level: *lots.pick(Level::ALL).unwrap() },
            10 => Ask::MissDeadline,
            11..=14 => Ask::ProposeOverride { bands: bands(lots), reason },
            15..=18 => {
                let proposed = self.proposed.as_ref().map(|(bands, ..)| *bands).filter(|_| !lots.seldom(4));
                Ask::ApproveOverride { bands: proposed.unwrap_or(bands(lots)) }
            }
            19..=21 => some_answer(lots, asked, now, reason),
            _ => {
                let [grants, refuses] = [lots.seldom(2), lots.seldom(2)];
                Ask::DecideByPolicy { policy: Box::new(Policy { grants, refuses, ..Policy::built_in() }) }
            }
        };
        (command, by)
    }

    fn expect(&mut self, command: &Command<Self>, received: &Received) -> Expects {
        let Some(asked) = self.asked.clone() else {
            let Ask::Assess(submission) = command else { return Err("NOT_ASSESSED") };
            self.asked = Some(Submission::clone(submission));
            return Ok(News);
        };
        if let Ask::Withdraw = command {
            let before = std::mem::replace(&mut self.withdrawn, true);
            return news_if(!before);
        }
        require(!self.withdrawn, "WITHDRAWN")?;
        match command {
            Ask::Withdraw => Ok(Nothing),
            Ask::Assess(other) => {
                let same = (&other.request, other.submitted_at) == (&asked.request, asked.submitted_at);
                nothing_if(same, "ALREADY_ASSESSED")
            }
            Ask::Resolve { finding, reason } => self.resolve(&asked, finding, reason, received),
            Ask::Escalate { level } => {
                let hours = match level {
                    Level::H24 => 24,
                    Level::H36 => 36,
                    Level::H44 => 44,
                };
                if self.answer.is_some() || self.told.contains(level) || is_abroad(&asked) {
                    return Ok(Nothing);
                }
                require(received.at.since(asked.submitted_at) >= hours * HOUR, "NOT_DUE")?;
                self.told.insert(*level);
                Ok(News)
            }
            Ask::MissDeadline => {
                if self.answer.is_some() || self.missed || is_abroad(&asked) {
                    return Ok(Nothing);
                }
                require(is_late(&asked, received.at), "NOT_DUE")?;
                self.missed = true;
                Ok(News)
            }
            Ask::ProposeOverride { bands, reason } => self.propose(*bands, reason, received),
            Ask::ApproveOverride { bands } => self.approve(*bands, received),
            Ask::Decide { outcome, terms, cuts, reason, council_act } => {
                let (terms, cuts, reason) = (terms.clone(), cuts.clone(), reason.clone());
                let answer = Decision { outcome: *outcome, terms, cuts, reason, by_policy: None };
                self.decide(&asked, answer, council_act.as_ref(), received)
            }
            Ask::DecideByPolicy { policy } => self.decide_by_policy(&asked, policy, received),
        }
    }

    fn agrees(&self, state: &State, _: Timestamp) -> bool {
        let (Some(assessment), Some(asked)) = (state.assessment(), &self.asked) else {
            return state.assessment().is_none() && self.asked.is_none();
        };
        assessment.key.bands == self.ranks(&asked.facts)
            && assessment.unknown().is_empty() == self.is_known(&asked.facts)
            && (assessment.failed().count() > 0) == fails(asked)
            && (assessment.missed, &assessment.escalated) == (self.missed, &self.told)
            && state.decision().map(|d| (d.outcome, &d.terms)) == self.answer.as_ref().map(|d| (d.outcome, &d.terms))
            && matches!(state, State::Withdrawn(..)) == self.withdrawn
    }
}

/// Art 16(1) gives Member States and the Union 48 hours; a third country is answered by the Commission (Art 19(10)).
fn is_abroad(asked: &Submission) -> bool {
    asked.route.kind == AuthorityKind::ThirdCountry
}

fn is_late(asked: &Submission, at: Timestamp) -> bool {
    !is_abroad(asked) && at.since(asked.submitted_at) >= 48 * HOUR
}

/// Art 15(2), 16(8): no measure of its own, or no type of the annexes. Whatever else the gates ask holds in every case here.
fn fails(asked: &Submission) -> bool {
    asked.facts.measures.is_empty() || asked.facts.entity.annex == Annex::None
}

fn is_fit(reason: &str) -> Result<(), &'static str> {
    require(!reason.is_empty(), "REASON_MISSING")?;
    require(reason.len() <= 2_000, "REASON_UNFIT")
}

impl Case {
    fn is_known(&self, facts: &Facts) -> bool {
        facts.spillover != Spillover::Unknown || self.irrelevant
    }

    /// Five hospitals, one essential entity; (d) by what is known of spillover, the worst if nothing is; (e) by measures.
    fn ranks(&self, facts: &Facts) -> [u8; 5] {
        let by_spillover = match facts.spillover {
            Spillover::None => 0,
            Spillover::Low => 1,
            Spillover::Medium => 2,
            Spillover::High | Spillover::Unknown => 3,
        };
        let cross_border = if self.irrelevant { 2 } else { by_spillover };
        let by_facts = [4, 2, 3, cross_border, if facts.measures.is_empty() { 0 } else { 3 }];
        self.overridden.as_ref().map_or(by_facts, |(bands, _)| *bands)
    }

    fn resolve(&mut self, asked: &Submission, finding: &Finding, reason: &str, received: &Received) -> Expects {
        entitled(asked, received)?;
        is_fit(reason)?;
        require(*finding != Finding::Spillover(Spillover::Unknown), "FINDING_SAYS_NOTHING")?;
        require(self.answer.is_none(), "ALREADY_DECIDED")?;
        let (mut facts, before) = (asked.facts.clone(), self.irrelevant);
        if let Finding::Spillover(risk) = finding {
            facts.spillover = *risk;
        }
        if let Finding::Annex(annex) = finding {
            facts.entity.annex = *annex;
        }
        self.irrelevant |= matches!(finding, Finding::NotRelevant(_));
        let news = facts != asked.facts || before != self.irrelevant;
        self.asked = Some(Submission { facts, ..asked.clone() });
        news_if(news)
    }

    /// House rule D12, for whatever has a rank.
    fn has_rank(&self, received: &Received) -> Result<(), &'static str> {
        require(matches!(received.by.role, Role::Officer | Role::Commission), "NOT_ENTITLED")?;
        require(self.answer.as_ref().is_none_or(|answer| answer.outcome != Outcome::Refused), "ALREADY_DECIDED")
    }

    fn propose(&mut self, bands: [u8; 5], reason: &str, received: &Received) -> Expects {
        self.has_rank(received)?;
        is_fit(reason)?;
        require(bands.iter().all(|band| *band <= 4), "BAND_OUT_OF_RANGE")?;
        let by = &received.by.principal;
        let same =
            |(b, r, p, at): &(_, String, _, _)| (b, r.as_str(), p) == (&bands, reason, by) && stands(*at, received);
        let ranked = self.asked.as_ref().is_some_and(|asked| self.ranks(&asked.facts) == bands);
        if ranked || self.proposed.as_ref().is_some_and(same) {
            return Ok(Nothing);
        }
        self.proposed = Some((bands, reason.to_owned(), by.clone(), received.at));
        Ok(News)
    }

    fn approve(&mut self, bands: [u8; 5], received: &Received) -> Expects {
        self.has_rank(received)?;
        let said = (bands, received.by.principal.clone());
        let Some((proposed, _, proposer, at)) = &self.proposed else {
            return nothing_if(self.overridden.as_ref() == Some(&said), "NO_PROPOSAL");
        };
        require(*proposed == bands && stands(*at, received), "NO_PROPOSAL")?;
        require(*proposer != received.by.principal, "SAME_PERSON")?;
        (self.proposed, self.overridden) = (None, Some(said));
        Ok(News)
    }

    fn decide(
        &mut self,
        asked: &Submission,
        mut answer: Decision,
        act: Option<&CouncilAct>,
        received: &Received,
    ) -> Expects {
        entitled(asked, received)?;
        let all = all(asked);
        if answer.outcome == Outcome::Granted {
            answer.terms.get_or_insert(all.clone());
        }
        if let Some(known) = &self.answer {
            return nothing_if(*known == answer, "ALREADY_DECIDED");
        }
        let refused = answer.outcome == Outcome::Refused;
        require(self.is_known(&asked.facts), "UNKNOWN_FACTS")?;
        require(refused || !fails(asked), "GATE_FAILED")?;
        if refused || !answer.reason.is_empty() {
            is_fit(&answer.reason)?;
        }
        let (full, nothing) = (answer.terms.as_ref() == Some(&all), answer.terms.is_none());
        let fits = match answer.outcome {
            Outcome::Granted => full && answer.cuts.is_empty(),
            Outcome::PartlyGranted => !full && !nothing && !answer.cuts.is_empty(),
            Outcome::Refused => nothing && answer.cuts.is_empty(),
        };
        require(fits, "TERMS_DO_NOT_FIT")?;
        if let (true, Some(terms)) = (is_abroad(asked), &answer.terms) {
            let act =
                act.filter(|act| act.from <= received.at && received.at < act.until).ok_or("COUNCIL_ACT_ENDED")?;
            require(act.days_max.is_none_or(|days| terms.duration <= days * DAY), "OVER_COUNCIL_ACT_CAP")?;
        }
        self.answered(asked, answer, received.at)
    }

    /// A policy grants or refuses to Member States alone, and cuts nothing.
    fn decide_by_policy(&mut self, asked: &Submission, policy: &Policy, received: &Received) -> Expects {
        require(received.by.role == Role::System, "NOT_ENTITLED")?;
        if let Some(known) = &self.answer {
            return nothing_if(known.by_policy.is_some(), "ALREADY_DECIDED");
        }
        let does = if fails(asked) { policy.refuses } else { policy.grants };
        require(does && self.is_known(&asked.facts) && !is_abroad(asked), "POLICY_DOES_NOT_DECIDE")?;
        let (outcome, terms) =
            if fails(asked) { (Outcome::Refused, None) } else { (Outcome::Granted, Some(all(asked))) };
        let answer = Decision { outcome, terms, cuts: vec![], reason: String::new(), by_policy: Some(policy.version) };
        self.answered(asked, answer, received.at)
    }

    /// A late answer says that it is late.
    fn answered(&mut self, asked: &Submission, answer: Decision, at: Timestamp) -> Expects {
        self.missed |= is_late(asked, at);
        self.answer = Some(answer);
        Ok(News)
    }
}

fn stands(proposed_at: Timestamp, received: &Received) -> bool {
    received.at.since(proposed_at) < DAY
}

fn entitled(asked: &Submission, received: &Received) -> Result<(), &'static str> {
    let needed = if is_abroad(asked) { Role::Commission } else { Role::Officer };
    require(received.by.role == needed, "NOT_ENTITLED")
}

fn all(asked: &Submission) -> Terms {
    let needs = asked.facts.needs.clone();
    let (services, remote_teams, onsite_teams) = (needs.services, needs.remote_teams, needs.onsite_teams);
    Terms { services, remote_teams, onsite_teams, person_days: needs.person_days, duration: 76 * DAY }
}

fn act(country: Country, from: Timestamp, days_max: Option<u32>) -> CouncilAct {
    CouncilAct { country, days_max, ..cast::act(1, from, from.plus(7 * DAY)) }
}

/// A request of France or Moldova for 76 days, a day longer than the Council act on Moldova allows.
fn submission(lots: &mut Rng, now: Timestamp) -> Submission {
    let country = country(one_of(lots, ["FR", "FR", "MD"]));
    let mut facts = Facts { country, nuts: vec![], affected: BTreeSet::new(), ..values::facts() };
    facts.needs.duration = Some(76 * DAY);
    facts.spillover = one_of(lots, [Spillover::Unknown, Spillover::Low, Spillover::Low]);
    if lots.seldom(5) {
        facts.measures.clear();
    }
    Submission {
        request: request_id(one_of(lots, ["one", "other"])),
        submitted_at: now,
        hospital: values::hospital().id,
        council_act: (!country.is_member_state()).then(|| act(country, now, Some(75))),
        route: values::route(cast::authority(country, 0)),
        facts,
        policy: Policy::built_in(),
        live: true,
    }
}

fn finding(lots: &mut Rng) -> Finding {
    use Finding::{Annex as Type, NotRelevant, Spillover as Risk};
    let [low, high, unknown] = [Spillover::Low, Spillover::High, Spillover::Unknown].map(Risk);
    one_of(lots, [low, high, unknown, Type(Annex::None), Type(Annex::One), NotRelevant(Criterion::CrossBorder)])
}

fn bands(lots: &mut Rng) -> [u8; 5] {
    [4, 2, 3, one_of(lots, [1, 2, 3, 5]), 3]
}

/// An answer that fits, or nearly.
fn some_answer(lots: &mut Rng, asked: &Submission, now: Timestamp, reason: String) -> Ask {
    let outcome = *lots.pick(Outcome::ALL).unwrap();
    let less = Terms { duration: 75 * DAY, ..all(asked) };
    let cut = Cut { what: "duration".to_owned(), reason: "the cap of the act".to_owned() };
    let (terms, cuts) = match outcome {
        Outcome::PartlyGranted => (Some(less), vec![cut]),
        Outcome::Granted | Outcome::Refused if lots.seldom(6) => (Some(less), vec![]),
        Outcome::Granted | Outcome::Refused => (None, vec![]),
    };
    let renewed = act(asked.facts.country, now, None);
    let council_act = one_of(lots, [asked.council_act.clone(), asked.council_act.clone(), Some(renewed), None]);
    Ask::Decide { outcome, terms, cuts, reason, council_act }
}
