//! Watching: board, request page, log, figures, live or as of any moment.

use std::{collections::BTreeMap, time::Duration};

use clap::{Args, Subcommand};
use muster_api::{
    dispatch::v1::{WatchOffersRequest, WatchOffersResponse},
    monitor::v1::{
        BoardFilter, GetBoardRequest, GetBoardResponse, GetRequestPageRequest, GetRequestPageResponse,
        GetStatisticsRequest, GetStatusRequest, ListEventsRequest, ListEventsResponse, WatchBoardRequest,
        WatchBoardResponse, WatchRequestRequest, WatchRequestResponse,
    },
    r#type::v1::Position,
};
use muster_domain::kernel::{Actor, Timestamp};
use muster_edge::wire::fields::timestamp;
use muster_monitor::views::standing::State;
use tonic::{Status, Streaming};

use super::{
    failure::Failure,
    judge::Why,
    look::short,
    page_size, request,
    reserve::Capacity,
    session::Session,
    show::{card_line, log_lines, moment, offer_line, page_text, position},
    values::{AsOf, Place, RequestName, time},
};
use crate::exit::Exit;

/// How long to wait before a broken stream is taken up again, or a log that ended is looked at again.
const PAUSE: Duration = Duration::from_secs(1);

/// How often in a row a stream may break without telling anything before that is a failure.
const TRIES: u32 = 5;

/// Which cards of the board.
#[derive(Args, Clone, Debug)]
pub struct Filter {
    /// Only in this state, e.g. submitted; may be repeated
    #[arg(long)]
    state: Vec<String>,
    /// Only of this country; may be repeated
    #[arg(long)]
    country: Vec<String>,
    /// Only where it is this role's turn, e.g. officer
    #[arg(long, default_value = "", hide_default_value = true)]
    turn: String,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

/// The board.
#[derive(Args, Clone, Debug)]
pub struct Board {
    #[command(flatten)]
    filter: Filter,
    /// Closed and withdrawn requests too
    #[arg(long)]
    closed: bool,
}

impl Filter {
    fn cards(&self, with_closed: bool) -> BoardFilter {
        BoardFilter {
            states: self.state.clone(),
            countries: self.country.clone(),
            turn: self.turn.clone(),
            with_closed,
        }
    }

    pub(super) async fn board(&self, session: &Session, with_closed: bool) -> Result<(), Failure> {
        let caller = session.reader()?;
        let mut client = session.monitor(&caller).await?;
        let mut all = GetBoardResponse::default();
        while let Some(size) = page_size(self.limit, all.cards.len()) {
            let ask = GetBoardRequest {
                read_at: session.read_at(),
                page_size: size,
                page_token: all.next_page_token.clone(),
                filter: Some(self.cards(with_closed)),
            };
            let mut answer = client.get_board(ask).await?.into_inner();
            all.cards.append(&mut answer.cards);
            all = GetBoardResponse { cards: all.cards, ..answer };
            if all.next_page_token.is_empty() {
                break;
            }
        }
        session.show(&all)?;
        let at = position(all.as_of.as_ref());
        if let Some(first) = all.cards.first().filter(|_| !session.is_json()) {
            session.say(&format!("as of {at}. Next: muster request show {}", first.number));
        }
        Ok(())
    }
}

impl Board {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        self.filter.board(session, self.closed).await
    }
}

/// Everything about one request, as `caller` may know it.
pub(super) async fn page(session: &Session, name: &str, caller: &Actor) -> Result<GetRequestPageResponse, Failure> {
    let ask = GetRequestPageRequest { read_at: session.read_at(), request: name.to_owned() };
    Ok(session.monitor(caller).await?.get_request_page(ask).await?.into_inner())
}

/// The same at an earlier moment.
#[derive(Args, Clone, Debug)]
pub struct Back {
    /// A position of the log, e.g. 57.0, or a time of the realm
    #[arg(value_name = "MOMENT")]
    moment: AsOf,
    #[command(subcommand)]
    what: BackWord,
}

/// What can be looked at as it was.
#[derive(Clone, Debug, Subcommand)]
pub enum BackWord {
    /// The board
    Board(Board),
    /// Everything about one request
    Request(request::One),
    /// Why a request stood where it stood
    Why(Why),
    /// The ledger
    Capacity(Capacity),
    /// The figures of the evaluation
    Stats(Stats),
}

impl Back {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        let session = session.looking_back(self.moment);
        match self.what {
            BackWord::Board(board) => board.tell(&session).await,
            BackWord::Request(one) => request::show(&session, &one.request).await,
            BackWord::Why(why) => why.tell(&session).await,
            BackWord::Capacity(capacity) => capacity.tell(&session).await,
            BackWord::Stats(stats) => stats.tell(&session).await,
        }
    }
}

/// The figures of the evaluation.
#[derive(Args, Clone, Debug)]
pub struct Stats {
    /// Requests submitted from here on
    #[arg(long, value_name = "RFC3339", value_parser = time)]
    from: Option<Timestamp>,
    /// Requests submitted before
    #[arg(long, value_name = "RFC3339", value_parser = time)]
    until: Option<Timestamp>,
}

impl Stats {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        let caller = session.reader()?;
        let ask = GetStatisticsRequest {
            read_at: session.read_at(),
            from: self.from.map(timestamp),
            until: self.until.map(timestamp),
        };
        session.show(&session.monitor(&caller).await?.get_statistics(ask).await?.into_inner())
    }
}

pub(super) async fn status(session: &Session) -> Result<(), Failure> {
    session.only_now("status")?;
    let caller = session.reader()?;
    session.show(&session.monitor(&caller).await?.get_status(GetStatusRequest {}).await?.into_inner())
}

/// The log.
#[derive(Args, Clone, Debug)]
pub struct Log {
    /// Only about this request
    request: Option<RequestName>,
    /// Only what stands after this position
    #[arg(long, value_name = "POSITION")]
    after: Option<Place>,
    /// Only in the log of this subject, or of this context, e.g. intake
    #[arg(long, default_value = "", hide_default_value = true)]
    subject: String,
    /// Go on as the log grows
    #[arg(long)]
    follow: bool,
    /// At most so many
    #[arg(long, default_value_t = 1000)]
    limit: usize,
}

impl Log {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        let caller = session.reader()?;
        let after = self.after.map(|place| place.0);
        if !self.follow {
            return session.show(&self.events(session, &caller, after, self.limit).await?);
        }
        session.only_now("log --follow")?;
        let mut after = after;
        loop {
            let answer = self.events(session, &caller, after, usize::MAX).await?;
            let text = log_lines(session.look(Timestamp::default()), &answer.entries);
            if session.is_json() {
                for entry in &answer.entries {
                    session.stream(entry, "")?;
                }
            } else {
                session.print(&text)?;
            }
            after = answer.as_of.or(after);
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn events(
        &self,
        session: &Session,
        caller: &Actor,
        after: Option<Position>,
        limit: usize,
    ) -> Result<ListEventsResponse, Failure> {
        let mut client = session.monitor(caller).await?;
        let mut all = ListEventsResponse::default();
        while let Some(size) = page_size(limit, all.entries.len()) {
            let ask = ListEventsRequest {
                after,
                page_size: size,
                page_token: all.next_page_token.clone(),
                request: self.request.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default(),
                subject: self.subject.clone(),
                read_at: session.read_at(),
            };
            let mut answer = client.list_events(ask).await?.into_inner();
            all.entries.append(&mut answer.entries);
            all = ListEventsResponse { entries: all.entries, ..answer };
            if all.next_page_token.is_empty() {
                break;
            }
        }
        Ok(all)
    }
}

/// What changes.
#[derive(Clone, Debug, Subcommand)]
pub enum WatchWord {
    /// The board: every card, then each that changes
    Board {
        #[command(flatten)]
        filter: Filter,
        /// Closed and withdrawn requests too
        #[arg(long)]
        closed: bool,
        /// Go on from this position
        #[arg(long, value_name = "POSITION")]
        after: Option<Place>,
    },
    /// One request's page, whole whenever it changes
    Request {
        #[command(flatten)]
        one: request::One,
        /// Stop once it is in this state, e.g. assessed
        #[arg(long, value_name = "STATE", value_parser = state)]
        until: Option<State>,
        /// Go on from this position
        #[arg(long, value_name = "POSITION")]
        after: Option<Place>,
    },
    /// Offers that wait for an answer, then each that is new or changes
    Offers {
        /// Go on from this position
        #[arg(long, value_name = "POSITION")]
        after: Option<Place>,
    },
}

fn state(text: &str) -> Result<State, String> {
    State::parse(text).map_err(|error| error.to_string())
}

impl WatchWord {
    pub(super) async fn tell(self, session: &Session) -> Result<(), Failure> {
        session.only_now("watch")?;
        let caller = session.reader()?;
        match self {
            Self::Board { filter, closed, after } => {
                let (cards, mut numbers) = (filter.cards(closed), BTreeMap::new());
                let open = async |after| {
                    let ask = WatchBoardRequest { after, filter: Some(cards.clone()) };
                    Ok(session.monitor(&caller).await?.watch_board(ask).await?.into_inner())
                };
                watch(session, "board", after, open, |session, message| board_changes(session, message, &mut numbers))
                    .await
            }
            Self::Request { one, until, after } => {
                let name = one.request.as_str();
                let open = async |after| {
                    let ask = WatchRequestRequest { request: name.to_owned(), after };
                    Ok(session.monitor(&caller).await?.watch_request(ask).await?.into_inner())
                };
                let what = format!("request {name}");
                watch(session, &what, after, open, |session, message| page_changes(session, message, until)).await
            }
            Self::Offers { after } => {
                let open = async |after| {
                    let ask = WatchOffersRequest { after };
                    Ok(session.dispatch(&caller).await?.watch_offers(ask).await?.into_inner())
                };
                watch(session, "offers", after, open, offer_changes).await
            }
        }
    }
}

/// What a message of a stream says: up to where everything was told, the change, and whether nothing else is waited for.
struct Change {
    position: Option<Position>,
    text: String,
    last: bool,
}

/// Tells a stream until the reader goes away or what is waited for was told. A line that breaks is taken up again where it broke.
async fn watch<M: prost::Message + prost::Name + Default>(
    session: &Session,
    what: &str,
    after: Option<Place>,
    open: impl AsyncFn(Option<Position>) -> Result<Streaming<M>, Failure>,
    mut change: impl FnMut(&Session, &M) -> Change,
) -> Result<(), Failure> {
    let mut after = after.map(|place| place.0);
    let mut tries = 0;
    loop {
        let broken: Failure = match open(after).await {
            Ok(mut stream) => loop {
                match stream.message().await {
                    Ok(Some(message)) => {
                        let Change { position, text, last } = change(session, &message);
                        session.stream(&message, &text)?;
                        if last {
                            return Ok(());
                        }
                        after = position.or(after);
                        tries = 0;
                    }
                    Ok(None) => break Status::unavailable("the stream ended").into(),
                    Err(status) => break status.into(),
                }
            },
            Err(failure) => failure,
        };
        tries += 1;
        if tries > TRIES || Exit::from(&broken) != Exit::Unavailable {
            if let Some(after) = after {
                session.say(&format!("to go on from here: muster watch {what} --after {}", position(Some(&after))));
            }
            return Err(broken);
        }
        if tries == 1 {
            session.say("the line to muster broke: trying to go on");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Cards that changed and cards that went, these by the numbers under which they were shown.
fn board_changes(session: &Session, message: &WatchBoardResponse, numbers: &mut BTreeMap<String, String>) -> Change {
    let look = session.look(message.now.as_ref().map(moment).unwrap_or_default());
    let mut text: String = message.cards.iter().map(|card| card_line(look, card)).collect();
    numbers.extend(message.cards.iter().map(|card| (card.request.clone(), card.number.clone())));
    for request in &message.gone {
        let number = numbers.get(request).unwrap_or(request);
        text += &format!("{}  {number}  is no longer shown\n", short(look.now));
    }
    Change { position: message.position, text, last: false }
}

fn page_changes(session: &Session, message: &WatchRequestResponse, until: Option<State>) -> Change {
    let look = session.look(message.now.as_ref().map(moment).unwrap_or_default());
    let page = message.page.as_ref().map(|page| format!("{}\n", page_text(look, page)));
    let state = message.page.as_ref().and_then(|page| page.card.as_ref()).map(|card| card.state.as_str());
    Change {
        position: message.position,
        text: page.unwrap_or_default(),
        last: until.is_some() && state == until.map(State::as_str),
    }
}

fn offer_changes(session: &Session, message: &WatchOffersResponse) -> Change {
    let look = session.look(message.now.as_ref().map(moment).unwrap_or_default());
    let text = message.offers.iter().map(|offer| offer_line(look, offer)).collect();
    Change { position: message.position, text, last: false }
}
