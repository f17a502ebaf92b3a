//! What eligibility still has to do, after any history.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex},
};

use muster_domain::{
    codes::Country,
    eligibility::{
        assessment::{Assessment, Command, State, Submission},
        events::{Finding, Outcome, Policy, PolicyEvent},
    },
    event::Event,
    intake::events::{CloseReason, Emergency, RequestEvent, Route},
    kernel::{Actor, Aggregate, HospitalId, PrincipalId, RealmId, Received, Role, Timestamp},
    registry::events::{CouncilAct, Realm, RealmClock, RealmEvent, ThirdCountryEvent},
};
use muster_edge::testing::{START, actor};
use muster_eligibility::react::{Docket, Order};
use muster_journal::{
    engine::{
        agenda::{Agenda, Item},
        follower::{Fold, Seen},
    },
    port::Subject,
    stored::{Commit, Position},
    subjects::Subjects,
};
use tracing::{
    Event as TraceEvent, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use uuid::Uuid;

use crate::house::{HOUR, House, act, cert_eu, csirt, emergency_unknown, facts, id, moldova, no_measures};

/// What an open request of a Member State waits for.
const DEADLINES: &str = "24h escalate-24h, 36h escalate-36h, 44h escalate-44h, 48h miss";

/// What it is about; what happened, by hours; what is still to be done then, by when it is due.
const TABLE: [(&str, &str, &str); 31] = [
    ("nothing is to be done for nobody", "", ""),
    ("what is submitted is assessed", "1h submit", "1h assess"),
    ("an open request has its deadlines", "0h submit, 0h do:assess", DEADLINES),
    (
        "they run from submission",
        "2h submit, 9h do:assess",
        "26h escalate-24h, 38h escalate-36h, 46h escalate-44h, 50h miss",
    ),
    ("a Union entity has them too", "0h submit-union, 0h do:assess", DEADLINES),
    ("a third country has none", "0h authorise, 0h submit-third, 0h do:assess", ""),
    (
        "each level is told once",
        "0h submit, 0h do:assess, 24h do:escalate-24h",
        "36h escalate-36h, 44h escalate-44h, 48h miss",
    ),
    (
        "a missed deadline is told once",
        "0h submit, 0h do:assess, 48h do:miss",
        "24h escalate-24h, 36h escalate-36h, 44h escalate-44h",
    ),
    ("an answer ends them", "0h submit, 0h do:assess, 3h grant", ""),
    ("a refusal ends them", "0h submit, 0h do:assess, 3h refuse", ""),
    ("a late answer ends them", "0h submit, 0h do:assess, 49h grant", ""),
    (
        "a policy answers",
        "0h policy-grants, 0h submit, 1h do:assess",
        "1h decide, 24h escalate-24h, 36h escalate-36h, 44h escalate-44h, 48h miss",
    ),
    ("and has answered", "0h policy-grants, 0h submit, 0h do:assess, 0h do:decide", ""),
    ("a policy that refuses does not grant", "0h policy-refuses, 0h submit, 0h do:assess", DEADLINES),
    ("a policy that grants does not refuse", "0h policy-grants, 0h submit-failed, 0h do:assess", DEADLINES),
    ("a policy refuses a failed gate", "0h policy-refuses, 0h submit-failed, 1h do:assess, 1h do:decide", ""),
    ("no policy answers what is not known", "0h policy-both, 0h submit-unknown, 0h do:assess", DEADLINES),
    (
        "a finding calls for the answer",
        "0h policy-both, 0h submit-unknown, 0h do:assess, 5h resolve",
        "5h decide, 24h escalate-24h, 36h escalate-36h, 44h escalate-44h, 48h miss",
    ),
    ("no policy answers a third country", "0h policy-both, 0h authorise, 0h submit-third, 0h do:assess", ""),
    ("no policy answers a Union entity", "0h policy-both, 0h submit-union, 0h do:assess", DEADLINES),
    (
        "a policy put in force answers what waits",
        "0h submit, 0h do:assess, 2h policy-grants",
        "2h decide, 24h escalate-24h, 36h escalate-36h, 44h escalate-44h, 48h miss",
    ),
    (
        "one that was replaced answers nothing any more",
        "0h policy-grants, 0h submit, 0h do:assess, 0h policy-none",
        DEADLINES,
    ),
    ("another finding does not ask twice", "0h policy-both, 0h submit, 0h do:assess, 0h do:decide, 1h policy-both", ""),
    ("what is withdrawn before it is assessed is not assessed", "0h submit, 0h withdraw", ""),
    ("unless another process just did", "0h submit, 0h withdraw, 0h assessed-elsewhere", "0h withdraw"),
    ("a withdrawal is all that is left to say", "0h policy-none, 0h submit, 0h do:assess, 5h withdraw", "5h withdraw"),
    (
        "nobody answers what is being withdrawn",
        "0h policy-grants, 0h submit-unknown, 0h do:assess, 5h withdraw, 5h resolve, 5h policy-both",
        "5h withdraw",
    ),
    ("what is answered can be withdrawn", "0h submit, 0h do:assess, 1h grant, 9h withdraw", "9h withdraw"),
    ("it is withdrawn once", "0h submit, 0h do:assess, 1h grant, 9h withdraw, 9h close-withdrawn, 9h do:withdraw", ""),
    ("what is closed is over", "0h submit, 0h do:assess, 1h refuse, 1h close-refused", ""),
    ("what was never submitted is no affair of ours", "0h withdraw, 0h close-withdrawn", ""),
];

#[test]
fn after_every_history_just_this_is_to_be_done() {
    for (about, log, expected) in TABLE {
        let mut story = Story::new();
        for step in log.split(", ").filter(|step| !step.is_empty()) {
            let (hours, what) = step.split_once("h ").unwrap();
            story.now = START.plus(hours.parse::<u32>().unwrap() * HOUR);
            story.happens(what);
        }
        assert_eq!(story.told(), expected, "{about}");
        // Whoever reads the same log later has the same to do, under the same ids.
        let mut later = Docket::default();
        story.log.iter().for_each(|(subject, commit)| fold(&mut later, subject, commit, &story.log));
        assert_eq!(later.items(), story.docket.items(), "{about}");
    }
}

/// A log, and the docket folded from it. All is about the request `r1`.
struct Story {
    now: Timestamp,
    docket: Docket,
    state: State,
    policy: Policy,
    log: Vec<(Subject, Commit)>,
}

fn subjects() -> Subjects {
    Subjects(RealmId::parse("drill").unwrap())
}

fn fold(docket: &mut Docket, subject: &Subject, commit: &Commit, log: &[(Subject, Commit)]) {
    let before = log.iter().take_while(|(_, known)| known.command != commit.command);
    let sequence = 1 + u64::try_from(before.count()).unwrap();
    let position = Position { sequence, index: 0 };
    docket.fold(&Seen { position, subject, commit, log_time: commit.recorded_at });
}

impl Story {
    fn new() -> Self {
        let (state, policy) = (State::default(), Policy::built_in());
        Self { now: START, docket: Docket::default(), state, policy, log: Vec::new() }
    }

    fn append(&mut self, subject: Subject, by: Actor, events: Vec<Event>) {
        let command = Uuid::from_u128(u128::try_from(self.log.len()).unwrap());
        let commit = Commit {
            command,
            fingerprint: [0; 32],
            received_at: self.now,
            recorded_at: self.now,
            actor: by,
            causation: None,
            correlation: command,
            policy: None,
            decided_at: None,
            taken: None,
            events,
            trace: None,
        };
        fold(&mut self.docket, &subject, &commit, &self.log);
        self.log.push((subject, commit));
    }

    fn happens(&mut self, what: &str) {
        match what {
            "authorise" => self.third_country(ThirdCountryEvent::Authorised(act("2026/1"))),
            "submit" => self.submit(csirt("FR"), |_| {}),
            "submit-unknown" => self.submit(csirt("FR"), emergency_unknown),
            "submit-failed" => self.submit(csirt("FR"), no_measures),
            "submit-union" => self.submit(cert_eu(), |_| {}),
            "submit-third" => self.submit(moldova(), |_| {}),
            "withdraw" => self.request(RequestEvent::Withdrawn { reason: String::new() }),
            "close-refused" => self.request(RequestEvent::Closed { reason: CloseReason::Refused }),
            "close-withdrawn" => self.request(RequestEvent::Closed { reason: CloseReason::Withdrawn }),
            "grant" => self.person(Self::answer(Outcome::Granted)),
            "refuse" => self.person(Self::answer(Outcome::Refused)),
            "resolve" => {
                let finding = Finding::Emergency(Emergency::Closed);
                self.person(Command::Resolve { finding, reason: "told by telephone".to_owned() });
            }
            // An assessment that was under way in another process when the withdrawal came.
            "assessed-elsewhere" => {
                let submission = self.submission(csirt("FR"));
                self.assessment(actor(Role::System, "eligibility"), Command::Assess(Box::new(submission)));
            }
            _ => match (what.strip_prefix("do:"), what.strip_prefix("policy-")) {
                (Some(item), _) => self.carry_out(item),
                (_, Some(policy)) => self.put_in_force(policy),
                (None, None) => panic!("nothing is called {what}"),
            },
        }
    }

    fn answer(outcome: Outcome) -> Command {
        let reason = "as the law has it".to_owned();
        Command::Decide { outcome, terms: None, cuts: vec![], reason, council_act: None }
    }

    fn put_in_force(&mut self, which: &str) {
        let grants = matches!(which, "grants" | "both");
        let refuses = matches!(which, "refuses" | "both");
        self.policy = Policy { version: self.policy.version + 1, grants, refuses, ..Policy::built_in() };
        let by = |name: &str| PrincipalId::parse(name).unwrap();
        let event =
            PolicyEvent::PutInForce { policy: self.policy.clone(), proposed_by: by("anna"), approved_by: by("bert") };
        self.append(subjects().policy().unwrap(), actor(Role::Officer, "bert"), vec![Event::Policy(event)]);
    }

    fn third_country(&mut self, event: ThirdCountryEvent) {
        let subject = subjects().third_country(Country::parse("MD").unwrap()).unwrap();
        self.append(subject, actor(Role::Operator, "ops"), vec![Event::ThirdCountry(event)]);
    }

    fn submission(&self, route: Route) -> Submission {
        Submission {
            request: id("r1"),
            submitted_at: self.now,
            hospital: HospitalId::parse("h").unwrap(),
            facts: facts(&route, |_| {}),
            route,
            council_act: None,
            policy: self.policy.clone(),
            live: false,
        }
    }

    fn submit(&mut self, route: Route, change: impl FnOnce(&mut muster_api::r#type::v1::Facts)) {
        let (hospital, facts) = (HospitalId::parse("h").unwrap(), facts(&route, change));
        self.request(RequestEvent::Submitted { route, hospital, facts, mandate: None });
    }

    fn request(&mut self, event: RequestEvent) {
        let subject = subjects().request(&id("r1")).unwrap();
        self.append(subject, actor(Role::Spoc, "spoc-fr"), vec![Event::Request(event)]);
    }

    fn person(&mut self, command: Command) {
        self.assessment(actor(Role::Officer, "anna"), command);
    }

    /// Does what the docket holds under this word.
    fn carry_out(&mut self, what: &str) {
        let item = self.item(what).clone();
        assert!(item.due <= self.now, "{what} is not due");
        self.assessment(actor(Role::System, "eligibility"), item.order.command);
    }

    fn item(&self, what: &str) -> &Item<Order> {
        let mut items = self.docket.items().values();
        items.find(|item| item.order.what == what).unwrap_or_else(|| panic!("{what} is not to be done"))
    }

    fn assessment(&mut self, by: Actor, command: Command) {
        let received = Received { at: self.now, by: by.clone() };
        let events = Assessment::decide(&self.state, command, &received).unwrap();
        events.iter().for_each(|event| Assessment::evolve(&mut self.state, event).unwrap());
        let events = events.into_iter().map(Event::Assessment).collect();
        self.append(subjects().assessment(&id("r1")).unwrap(), by, events);
    }

    /// What is to be done, as the table writes it.
    fn told(&self) -> String {
        let mut items: Vec<_> = self.docket.items().values().map(|item| (item.due, item.order.what.as_str())).collect();
        items.sort_unstable();
        let told = items.into_iter().map(|(due, what)| format!("{}h {what}", due.since(START).as_secs() / 3600));
        told.collect::<Vec<_>>().join(", ")
    }

    /// What the request is to be assessed by.
    fn to_be_assessed(&self) -> &Submission {
        let Command::Assess(submission) = &self.item("assess").order.command else { panic!("not an assessment") };
        submission
    }
}

#[test]
fn a_request_is_assessed_by_what_was_in_force_when_it_was_submitted() {
    let mut story = Story::new();
    let clock = RealmClock::System;
    let realm = Realm { id: RealmId::parse("live").unwrap(), clock };
    let opened = vec![Event::Realm(RealmEvent::Opened(realm))];
    story.append(subjects().realm().unwrap(), actor(Role::Operator, "ops"), opened);
    story.happens("policy-grants");
    story.happens("authorise");
    story.happens("submit-third");
    story.happens("policy-both");
    story.third_country(ThirdCountryEvent::Repealed { reference: "2026/1".to_owned() });
    let submission = story.to_be_assessed();
    assert_eq!((submission.policy.version, submission.live), (2, true));
    assert_eq!(submission.council_act.as_ref().map(|act| act.reference.as_str()), Some("2026/1"));
}

#[test]
fn of_several_acts_the_one_in_force_opens_the_reserve() {
    let (first, until) = (act("2026/1"), act("").until);
    let next = CouncilAct { reference: "2027/1".to_owned(), from: until, until: until.plus(HOUR), ..first.clone() };
    let mut story = Story::new();
    for act in [first, next] {
        story.third_country(ThirdCountryEvent::Authorised(act));
    }
    let in_force = |story: &Story, at: Timestamp| {
        let act = story.docket.council_act(Country::parse("MD").unwrap(), at);
        act.map(|act| act.reference.clone())
    };
    assert_eq!(in_force(&story, START).as_deref(), Some("2026/1"));
    assert_eq!(in_force(&story, until).as_deref(), Some("2027/1"));
    assert_eq!(in_force(&story, until.plus(HOUR)), None);
    story.third_country(ThirdCountryEvent::Repealed { reference: "2026/1".to_owned() });
    assert_eq!(in_force(&story, START), None);
    assert_eq!(in_force(&story, until).as_deref(), Some("2027/1"));
    assert_eq!(story.docket.council_act(Country::parse("UA").unwrap(), START), None);
}

/// Keeps what is told of faults, field by field.
#[derive(Clone, Default)]
struct Faults(Arc<Mutex<Vec<BTreeMap<&'static str, String>>>>);

impl Subscriber for Faults {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &TraceEvent<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

#[tokio::test]
async fn what_is_refused_for_good_is_told_loudly_and_holds_up_nobody() {
    let faults = Faults::default();
    let _guard = tracing::subscriber::set_default(faults.clone());
    let house = House::open().await;
    // Under this id something else was assessed, which cannot be.
    let mut other = Story::new();
    other.happens("submit");
    other.happens("do:assess");
    let (subject, commit) = other.log.pop().unwrap();
    house.rig.append(&subject, commit.actor, commit.events).await;
    house.rig.clock.advance(HOUR);
    house.submit("r1", csirt("FR"), |_| {}).await;
    house.assessed("r2", csirt("FR"), |_| {}).await;
    let told = async {
        while faults.0.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(20 * std::time::Duration::from_secs(1), told).await.unwrap();
    let told = faults.0.lock().unwrap().clone();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0]["request"].as_str(), told[0]["what"].as_str()), ("r1", "\"assess\""));
    assert_eq!(told[0]["undone"], "request r1 is assessed here");
}
