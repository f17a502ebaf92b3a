//! The board: a page of it, and as it changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    time::Duration,
};

use muster_api::monitor::v1::{
    Card, GetBoardRequest, GetBoardResponse, StateCount, WatchBoardRequest, WatchBoardResponse,
};
use muster_domain::kernel::RequestId;
use muster_edge::{
    Answer, Caller, Edge,
    page::Page,
    watch::{self, Messages, Moment, Told},
    wire::fields::timestamp,
};
use muster_journal::{engine::follower::Held, stored::Position};
use muster_runtime::access::Action;
use tonic::{Request, Response};

use super::{Service, sight::Sight};
use crate::{
    views::{
        Item, Monitor,
        board::{Filter, Group, Place},
        standing::State,
    },
    wire,
};

/// Changes come together, at most five times a second.
const PACE: Duration = Duration::from_millis(200);

/// Changes in one message, about.
const PART: usize = 256;

pub(super) async fn get(service: &Service, call: Request<GetBoardRequest>) -> Answer<GetBoardResponse> {
    let (caller, message) = service.edge.admit(call, Action::GetBoard)?;
    let page = Page::read(message.page_size, &message.page_token, message.read_at)?;
    let filter = wire::read_filter(message.filter)?;
    let looked = service.edge.read(&caller, &service.monitor, page.read_at(), |monitor, progress| {
        let now = service.edge.moment(message.read_at, progress);
        let sight = Sight::of(&service.edge, &caller, Action::GetBoard);
        let after = page.after().and_then(Place::parse);
        let (counts, (shown, next_page_token)) = match sight.groups(monitor, progress.position) {
            Some(mut groups) => {
                groups.retain(|group| filter.lets(group));
                let entries = monitor.board().from(after).map(|one| (one.0.key(), one));
                let cut = page.cut(progress.position, entries, |(_, _, group)| groups.contains(group));
                (counts(monitor, &groups), cut)
            }
            None => {
                let own: BTreeMap<_, _> = sight
                    .requests(monitor, progress.position)
                    .filter(|(_, _, group)| filter.lets(group))
                    .map(|one| (one.0, one))
                    .collect();
                let counts = sum(own.values().map(|(_, _, group)| (group.state, 1)));
                // The place where the page goes on may be shown no more.
                let begin = monitor.board().from(after).next().filter(|(place, ..)| Some(*place) == after);
                let rest = own.range((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded));
                let rest = rest.map(|(_, one)| *one);
                let entries = begin.into_iter().chain(rest).map(|one| (one.0.key(), one));
                (counts, page.cut(progress.position, entries, |_| true))
            }
        };
        GetBoardResponse {
            as_of: Some(progress.position.into()),
            now: Some(timestamp(now)),
            cards: shown.into_iter().filter_map(|(_, request, _)| Some(monitor.known(request)?.card(now))).collect(),
            counts: wire::counts(&counts),
            next_page_token,
        }
    });
    Ok(Response::new(looked.await?))
}

/// How many cards stand in each state, of these groups.
fn counts(monitor: &Monitor, groups: &BTreeSet<&Group>) -> BTreeMap<State, u32> {
    let counted = monitor.board().groups().filter(|(group, _)| groups.contains(group));
    sum(counted.map(|(group, count)| (group.state, count)))
}

fn sum(counted: impl Iterator<Item = (State, u32)>) -> BTreeMap<State, u32> {
    let mut counts = BTreeMap::new();
    for (state, more) in counted {
        let count: &mut u32 = counts.entry(state).or_default();
        *count = count.saturating_add(more);
    }
    counts
}

pub(super) async fn watch(service: &Service, call: Request<WatchBoardRequest>) -> Answer<Messages<WatchBoardResponse>> {
    let (listener, message) = service.edge.admit_listener(call, Action::WatchBoard)?;
    let filter = wire::read_filter(message.filter)?;
    let after = message.after.map(Position::from);
    let mut feed = Feed::new(service.edge.clone(), listener.caller.clone(), filter, after);
    let tell = move |held: &Held<Monitor>, moment: Moment| Ok(feed.tell(held, moment));
    let stream = watch::watch(&service.edge, listener, &service.monitor, after, PACE, tell).await?;
    Ok(Response::new(stream))
}

/// One caller's board as it changes.
struct Feed {
    edge: Edge,
    caller: Caller,
    filter: Filter,
    /// From where this call goes on.
    from: Option<Position>,
    /// Whether the caller has been told all that stood at the beginning.
    loaded: bool,
    own: Option<Own>,
    counts: Option<Vec<StateCount>>,
}

/// What somebody who does not see all was shown and is still to be shown: nothing else may be said to be gone.
struct Own {
    shown: BTreeMap<RequestId, State>,
    /// Last first, each with the place of its last change.
    pending: Vec<(Position, RequestId)>,
    /// Where `pending` was made.
    made_at: Position,
}

impl Feed {
    fn new(edge: Edge, caller: Caller, filter: Filter, from: Option<Position>) -> Self {
        Self { edge, caller, filter, from, loaded: from.is_some(), own: None, counts: None }
    }

    fn tell(&mut self, held: &Held<Monitor>, moment: Moment) -> Told<WatchBoardResponse> {
        let (edge, caller) = (self.edge.clone(), self.caller.clone());
        let sight = Sight::of(&edge, &caller, Action::WatchBoard);
        let (mut requests, position) = self.part(held, &sight, moment);
        let whole = position == moment.position;
        if whole && (moment.since.is_some() || self.from.is_some()) {
            // Whoever goes on may have been told of these before they turned, on another call.
            requests.extend(held.board().turned(moment.since, moment.now).cloned());
        }
        let (mut cards, mut gone) = (Vec::new(), Vec::new());
        for request in requests {
            match self.show(held, &sight, &request) {
                Some(true) => cards.extend(held.known(&request).map(|known| known.card(moment.now))),
                Some(false) => gone.push(request.to_string()),
                None => {}
            }
        }
        let counts = if whole { self.new_counts(held, &sight) } else { None };
        self.loaded |= whole;
        let news = !cards.is_empty() || !gone.is_empty() || counts.is_some();
        let message = (news || moment.due).then(|| message(position, moment, cards, gone, counts.unwrap_or_default()));
        Told { message, position, turns_at: held.board().next_turn(moment.now) }
    }

    /// Requests that changed and are told next, and up to where.
    fn part(&mut self, held: &Held<Monitor>, sight: &Sight, moment: Moment) -> (BTreeSet<RequestId>, Position) {
        let mut after = moment.after;
        if !sight.sees_all() {
            let own = self.own.get_or_insert_with(|| Own::new(held, sight, &self.filter, self.from, moment.position));
            if let Some(part) = own.next() {
                return part;
            }
            after = after.max(Some(own.made_at));
        }
        let first = held.changes().first_since(after, PART);
        let position = match first.last() {
            Some((last, _)) if first.len() >= PART => *last,
            Some(_) | None => moment.position,
        };
        let requests = first.into_iter().filter_map(|(_, item)| match item {
            Item::Request(request) => Some(request.clone()),
            Item::Provider(_) => None,
        });
        (requests.collect(), position)
    }

    /// Whether a request that changed has a card now, or has it no more; `None` if the caller learns nothing of it.
    fn show(&mut self, held: &Held<Monitor>, sight: &Sight, request: &RequestId) -> Option<bool> {
        let (_, group) = held.board().mark(request)?;
        let visible = sight.sees_all() || sight.sees(request);
        let shown = visible && self.filter.lets(group);
        let before = self.own.as_mut().map(|own| match shown {
            true => own.shown.insert(request.clone(), group.state),
            false => own.shown.remove(request),
        });
        let was_shown = before.flatten().is_some();
        (shown || was_shown || visible && self.loaded).then_some(shown)
    }

    /// How many cards stand in each state, if that changed.
    fn new_counts(&mut self, held: &Held<Monitor>, sight: &Sight) -> Option<Vec<StateCount>> {
        let counts = match &self.own {
            Some(own) => sum(own.shown.values().map(|state| (*state, 1))),
            None => {
                let mut groups = sight.groups(held, held.progress().position).unwrap_or_default();
                groups.retain(|group| self.filter.lets(group));
                counts(held, &groups)
            }
        };
        let counts = wire::counts(&counts);
        let news = self.counts.as_ref() != Some(&counts);
        news.then(|| self.counts.insert(counts).clone())
    }
}

impl Own {
    fn new(held: &Held<Monitor>, sight: &Sight, filter: &Filter, from: Option<Position>, made_at: Position) -> Self {
        let (mut shown, mut pending) = (BTreeMap::new(), Vec::new());
        for (_, request, group) in sight.requests(held, made_at) {
            let Some(last) = held.changes().last(&Item::Request(request.clone())) else { continue };
            if from.is_none_or(|from| last > from) {
                pending.push((last, request.clone()));
            } else if filter.lets(group) {
                shown.insert(request.clone(), group.state);
            }
        }
        pending.sort_by(|one, other| other.cmp(one));
        Self { shown, pending, made_at }
    }

    /// What is to be shown next; all that changed at one place comes together.
    fn next(&mut self) -> Option<(BTreeSet<RequestId>, Position)> {
        let (mut position, request) = self.pending.pop()?;
        let mut part = BTreeSet::from([request]);
        while let Some((last, request)) = self.pending.pop_if(|(last, _)| part.len() < PART || *last == position) {
            position = last;
            part.insert(request);
        }
        Some((part, if self.pending.is_empty() { self.made_at } else { position }))
    }
}

fn message(
    position: Position,
    moment: Moment,
    cards: Vec<Card>,
    gone: Vec<String>,
    counts: Vec<StateCount>,
) -> WatchBoardResponse {
    WatchBoardResponse { position: Some(position.into()), now: Some(timestamp(moment.now)), cards, gone, counts }
}
