//! The read models: one fold of the log, of small parts.
//!
//! ```text
//! cases       each request's life, judgement, moments and story, through the domain's own aggregates
//! work        offers and engagements, as every service that shows them reads the log
//! board       each card's mark: order, counts, moments at which time alone changes it
//! whose       which requests may concern somebody
//! figures     what each submitted request adds to the statistics, and their sum
//! changes     when each request and each provider changed last
//! places      where in the log each context wrote
//! auditor     what Muster owes by itself, and since when
//! ```

pub mod auditor;
pub mod board;
pub mod case;
pub mod deadlines;
pub mod ledger;
pub mod standing;
pub mod statistics;
pub mod story;
pub mod telling;
pub mod whose;
pub mod words;

use std::collections::{BTreeMap, BTreeSet};

use muster_domain::{
    clocks::Status,
    dispatch::events::DeskEvent,
    event::Event,
    intake::{events::RequestEvent, phase::Phase},
    kernel::{Corrupt, ProviderId, RequestId, Timestamp},
    registry::events::{AuthorityEvent, Realm, RealmClock, RealmEvent},
};
use muster_edge::{changes::Changes, work::Work};
use muster_journal::{
    engine::follower::{Fold, Seen},
    port::Context,
    stored::event_type,
    subjects::id_of,
};

use auditor::{Auditor, GRACE, Owed};
use board::{Board, Group, Mark};
use case::{Case, Line};
use standing::{Lane, Standing};
use statistics::{Figure, Tally};
use telling::Known;
use whose::Whose;

/// What is shown, and changes by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// A request's card and page.
    Request(RequestId),
    /// A provider's ledger lines.
    Provider(ProviderId),
}

/// All that monitor shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Monitor {
    realm: Option<Realm>,
    cases: BTreeMap<RequestId, Case>,
    numbers: Vec<RequestId>,
    work: Work,
    board: Board,
    whose: Whose,
    figures: BTreeMap<(Timestamp, RequestId), Figure>,
    tally: Tally,
    changes: Changes<Item>,
    places: BTreeMap<Context, Vec<u64>>,
    auditor: Auditor,
}

/// What a commit changed.
#[derive(Default)]
struct Touched {
    requests: BTreeSet<RequestId>,
    providers: BTreeSet<ProviderId>,
    /// Of these nothing is told anew, but somebody else may see them.
    shown_otherwise: BTreeSet<RequestId>,
}

impl Monitor {
    /// The realm and its clock, once it is open.
    pub fn realm(&self) -> Option<&Realm> {
        self.realm.as_ref()
    }

    /// Offers and engagements.
    pub fn work(&self) -> &Work {
        &self.work
    }

    /// What Muster owes at `now` and has not done in time, and since when.
    pub fn late(&self, now: Timestamp) -> Vec<(Owed, Timestamp)> {
        let grace = GRACE.saturating_mul(self.speed());
        let stands = |owed: &Owed| match owed {
            // It ended in another way before.
            Owed::End(request) => self
                .cases
                .get(request)
                .is_some_and(|case| matches!(case.request.phase, Phase::Submitted { .. } | Phase::Withdrawn { .. })),
            Owed::Assess(_)
            | Owed::Escalate(..)
            | Owed::Miss(_)
            | Owed::Take(_)
            | Owed::Expire(_)
            | Owed::Release(_) => true,
        };
        let overdue = self.auditor.overdue(&self.work, now);
        overdue.filter(|(owed, due)| now.since(*due) > grace && stands(owed)).collect()
    }

    /// Open requests by how the clock stands at `now` that ends first.
    pub fn next_clocks(&self, now: Timestamp) -> BTreeMap<Status, u64> {
        let mut clocks = BTreeMap::new();
        for (_, request, group) in self.board.from(None) {
            // What is closed hangs last.
            if group.closed {
                break;
            }
            let next = self.cases.get(request).and_then(|case| deadlines::next(request, case, &self.work, now));
            if let Some(clock) = next {
                let count: &mut u64 = clocks.entry(clock.status).or_default();
                *count = count.saturating_add(1);
            }
        }
        clocks
    }

    /// How many times as fast as system time the realm's clock runs.
    pub fn speed(&self) -> u32 {
        match self.realm.as_ref().map(|realm| realm.clock) {
            Some(RealmClock::Exercise { speed, .. }) => speed,
            Some(RealmClock::System) | None => 1,
        }
    }

    /// The board's order and counts.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Which requests may concern somebody.
    pub fn whose(&self) -> &Whose {
        &self.whose
    }

    /// When what is shown changed last.
    pub fn changes(&self) -> &Changes<Item> {
        &self.changes
    }

    /// Every request, by id.
    pub fn requests(&self) -> impl Iterator<Item = &RequestId> {
        self.cases.keys()
    }

    /// What is known of a request.
    pub fn case(&self, request: &RequestId) -> Option<&Case> {
        self.cases.get(request)
    }

    /// A request as people name it: by its id or its short number, e.g. `R-142`.
    pub fn find(&self, name: &str) -> Option<&RequestId> {
        match name.strip_prefix("R-") {
            Some(number) => {
                let number: usize = number.parse().ok()?;
                self.numbers.get(number.checked_sub(1)?)
            }
            None => self.cases.get_key_value(&RequestId::parse(name).ok()?).map(|(request, _)| request),
        }
    }

    /// A request with all that is told of it.
    pub fn known(&self, request: &RequestId) -> Option<Known<'_>> {
        let (id, case) = self.cases.get_key_value(request)?;
        Some(Known { id, case, standing: self.standing(id, case), work: &self.work })
    }

    /// The sum of all figures.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The figures of requests submitted in a period.
    pub fn tally_between(&self, from: Option<Timestamp>, until: Option<Timestamp>) -> Tally {
        let begin = (from.unwrap_or(Timestamp::from_millis(i64::MIN)), RequestId::default());
        let mut tally = Tally::default();
        let figures = self.figures.range(begin..).map(|(_, figure)| figure);
        figures.take_while(|figure| until.is_none_or(|until| figure.submitted < until)).for_each(|f| tally.add(f));
        tally
    }

    /// The sequences of the records that a context wrote, in order.
    pub fn places(&self, context: Context) -> &[u64] {
        self.places.get(&context).map(Vec::as_slice).unwrap_or_default()
    }

    /// The request that an event is about, if it is about one; `id` names the aggregate that wrote it.
    pub fn request_of(&self, id: &str, event: &Event) -> Option<RequestId> {
        match event {
            Event::Request(_) | Event::Assessment(_) => RequestId::parse(id).ok(),
            Event::Desk(event) => self.work.desk().request_of(event).cloned(),
            Event::Realm(_)
            | Event::Hospital(_)
            | Event::Authority(_)
            | Event::Provider(_)
            | Event::Mandate(_)
            | Event::Requirement(_)
            | Event::ThirdCountry(_)
            | Event::Catalogue(_)
            | Event::Policy(_) => None,
        }
    }

    fn standing(&self, request: &RequestId, case: &Case) -> Standing {
        let transmitted = match &case.request.phase {
            Phase::Endorsed { by } => self.whose.is_transmitted(by),
            Phase::Opened
            | Phase::Returned { .. }
            | Phase::Submitted { .. }
            | Phase::Withdrawn { .. }
            | Phase::SupportEnded { .. }
            | Phase::Closed(_) => false,
        };
        Standing::of_case(request, case, self.work.desk(), transmitted)
    }

    fn take(&mut self, event: &Event, seen: &Seen, touched: &mut Touched) {
        let taken = match event {
            Event::Realm(RealmEvent::Opened(realm)) => {
                self.realm = Some(realm.clone());
                Ok(())
            }
            Event::Authority(AuthorityEvent::Registered(authority) | AuthorityEvent::Amended(authority)) => {
                touched.shown_otherwise.extend(self.whose.record(authority));
                Ok(())
            }
            Event::Request(event) => self.take_request(event, seen, touched),
            Event::Assessment(event) => match RequestId::parse(id_of(seen.subject)) {
                Ok(request) => match self.cases.get_mut(&request) {
                    Some(case) => case.judge(event, seen),
                    None => Err(Corrupt(format!("{request} is assessed and was not opened"))),
                },
                Err(_) => Ok(()),
            },
            Event::Desk(event) => {
                touched.providers.extend(self.provider_of(event).cloned());
                Ok(())
            }
            Event::Hospital(_)
            | Event::Provider(_)
            | Event::Mandate(_)
            | Event::Requirement(_)
            | Event::ThirdCountry(_)
            | Event::Catalogue(_)
            | Event::Policy(_) => Ok(()),
        };
        if let Err(corrupt) = taken {
            // Whoever decides on this aggregate refuses to go on and says so; what is shown stays as it was before.
            tracing::error!(subject = %seen.subject, sequence = seen.position.sequence, %corrupt, "it is not shown");
        }
    }

    fn take_request(&mut self, event: &RequestEvent, seen: &Seen, touched: &mut Touched) -> Result<(), Corrupt> {
        let Ok(request) = RequestId::parse(id_of(seen.subject)) else { return Ok(()) };
        match self.cases.get_mut(&request) {
            Some(case) => case.take(event, seen)?,
            None => {
                let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX).saturating_add(1);
                self.cases.insert(request.clone(), Case::open(number, event, seen)?);
                self.numbers.push(request.clone());
            }
        }
        if let RequestEvent::Linked { to } = event
            && let Some(earlier) = self.cases.get_mut(to)
        {
            earlier.linked.insert(request.clone());
            touched.requests.insert(to.clone());
        }
        if let Some(case) = self.cases.get(&request) {
            self.whose.note(&request, case);
        }
        Ok(())
    }

    /// The provider whose ledger or offers an event of the desk changes.
    fn provider_of<'a>(&'a self, event: &'a DeskEvent) -> Option<&'a ProviderId> {
        match event {
            DeskEvent::ProviderTaken { provider, .. } => Some(&provider.id),
            DeskEvent::Offered { offer, .. }
            | DeskEvent::Seen { offer }
            | DeskEvent::Accepted { offer, .. }
            | DeskEvent::Declined { offer, .. }
            | DeskEvent::Expired { offer }
            | DeskEvent::Rescinded { offer, .. }
            | DeskEvent::Lost { offer }
            | DeskEvent::StageReached { offer, .. }
            | DeskEvent::DaysReported { offer, .. }
            | DeskEvent::Extended { offer, .. }
            | DeskEvent::Completed { offer, .. }
            | DeskEvent::Released { offer, .. } => self.work.desk().offers.get(offer).map(|made| &made.provider),
            DeskEvent::RequirementTaken(_)
            | DeskEvent::CouncilActTaken(_)
            | DeskEvent::RepealTaken { .. }
            | DeskEvent::PolicyTaken(_)
            | DeskEvent::GrantTaken { .. }
            | DeskEvent::PriorityTaken { .. }
            | DeskEvent::WithdrawalTaken { .. }
            | DeskEvent::Escalated { .. }
            | DeskEvent::Reopened { .. }
            | DeskEvent::GivenUp { .. }
            | DeskEvent::RequestFinished { .. } => None,
        }
    }

    /// Adds what happened to the story of the request that it is about.
    fn note(&mut self, event: &Event, seen: &Seen, touched: &mut Touched) {
        let Some(request) = self.request_of(id_of(seen.subject), event) else { return };
        let Some(case) = self.cases.get_mut(&request) else { return };
        if let Some(text) = story::tell(event, self.work.desk()) {
            case.story.push(Line {
                position: seen.position,
                at: seen.commit.recorded_at,
                by: words::by(event, &seen.commit.actor),
                text,
                event_type: event_type(event).name,
            });
        }
        touched.requests.insert(request);
    }

    /// Puts a request that changed where it belongs on the board and in the figures.
    fn settle(&mut self, request: &RequestId) {
        let Some(known) = self.known(request) else { return };
        let (case, Standing { lane, state, turn }) = (known.case, known.standing);
        let next = known.next_clock(case.moments.changed).map(|clock| (clock.warns_at(), clock.due));
        let facts = &case.request.facts;
        let (country, authority, tlp) = (facts.country, case.authority.clone(), facts.tlp);
        let group = Group { state, closed: lane == Lane::Closed, country, turn, authority, tlp };
        let mark = Mark { group, number: case.number, next };
        let figure = Figure::of_case(request, case, &self.work);
        self.board.put(request, mark);
        if let Some(figure) = figure {
            self.count(request, figure);
        }
    }
}

impl Monitor {
    /// Puts a request's figure in the place of the one before.
    fn count(&mut self, request: &RequestId, figure: Figure) {
        let key = (figure.submitted, request.clone());
        let before = self.figures.get(&key);
        if before == Some(&figure) {
            return;
        }
        if let Some(before) = before {
            self.tally.take_away(before);
        }
        self.tally.add(&figure);
        self.figures.insert(key, figure);
    }
}

impl Fold for Monitor {
    fn fold(&mut self, seen: &Seen) {
        let places = self.places.entry(seen.subject.context()).or_default();
        if places.last() != Some(&seen.position.sequence) {
            places.push(seen.position.sequence);
        }
        let mut touched = Touched::default();
        self.work.fold(seen);
        self.auditor.fold(seen);
        for event in &seen.commit.events {
            self.take(event, seen, &mut touched);
            self.note(event, seen, &mut touched);
        }
        for request in &touched.requests {
            if let Some(case) = self.cases.get_mut(request) {
                case.moments.changed = seen.commit.recorded_at;
            }
        }
        for request in touched.requests.union(&touched.shown_otherwise) {
            self.settle(request);
            self.changes.touch(&Item::Request(request.clone()), seen.position);
        }
        for provider in touched.providers {
            self.changes.touch(&Item::Provider(provider), seen.position);
        }
    }
}
