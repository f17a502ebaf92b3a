//! What the story stands on, and what is said before and after it.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::{Mutex, PoisonError},
};

use futures::future::BoxFuture;
use muster_api::{
    eligibility::v1::{GetPolicyRequest, Policy},
    monitor::v1::{GetLedgerRequest, GetStatusRequest, LedgerLine},
    r#type::v1::{Position, ReadAt},
};
use muster_domain::kernel::{RealmId, Role, Timestamp};
use tonic::transport::Channel;

use super::{
    DemoError,
    cast::{Cast, Player, Trouble},
    data::Data,
    ending,
    narrator::{Line, Narrator},
    scenes, seed,
    words::count,
};
use crate::cli::look::Tone;

/// What the story stands on.
pub struct Stage {
    /// The way to the services.
    pub cast: Cast,
    /// What it plays with.
    pub data: Data,
    /// Who tells it.
    pub narrator: Narrator,
    /// How many times as fast as system time the exercise runs.
    pub speed: u32,
    /// The officer who answers requests.
    pub officer: Player,
    /// Another one, for what needs two persons.
    pub other_officer: Player,
    requests: Mutex<BTreeMap<&'static str, String>>,
    troubles: Mutex<Vec<String>>,
    /// A moment worth looking back at.
    bookmark: Mutex<Timestamp>,
}

impl Stage {
    /// A stage on a process that answers at `channel`.
    pub fn new(channel: Channel, data: Data, narrator: Narrator, speed: u32) -> Self {
        Self {
            cast: Cast::new(channel),
            data,
            narrator,
            speed,
            officer: Player::new(Role::Officer, "duty-1"),
            other_officer: Player::new(Role::Officer, "duty-2"),
            requests: Mutex::default(),
            troubles: Mutex::default(),
            bookmark: Mutex::default(),
        }
    }

    /// All of it: the Reserve, the story, the totals, and whether everything ended as it should.
    pub async fn play(&self, realm: &RealmId) -> Result<(), DemoError> {
        self.say_what_this_is(realm);
        seed::seed(&self.cast, &self.data, self.now().await?).await?;
        self.say_who_there_is();
        Box::pin(scenes::story(self)).await;
        let differences = ending::tell(self).await?;
        self.narrator.caught_up().await;
        if differences == 0 { Ok(()) } else { Err(DemoError::Differs(differences)) }
    }

    fn say_what_this_is(&self, realm: &RealmId) {
        let half_an_hour = 1800_u32.checked_div(self.speed).unwrap_or_default();
        self.narrator.say(Line::Title(format!("Muster, exercise {realm}: half an hour passes in {half_an_hour} s")));
        self.narrator.say(Line::Said(
            Tone::Quiet,
            "Rouen, Barcelona and Groningen were attacked as told here, and never asked the Reserve. All else is \
             invented, every provider above all. Everybody acts through the public API, in their own name."
                .to_owned(),
        ));
    }

    fn say_who_there_is(&self) {
        let providers = &self.data.roster.providers;
        let contracts = || providers.iter().flat_map(|provider| &provider.contracts);
        let teams: u32 = contracts().map(|contract| contract.teams).sum();
        let days: u32 = contracts().map(|contract| contract.person_days).sum();
        self.narrator.say(Line::Said(
            Tone::Plain,
            format!(
                "{}, {teams} teams and {days} person-days for 27 Member States; {} authorities, {}.",
                count(providers.len(), "provider"),
                self.data.parties.authorities.len(),
                count(self.data.parties.hospitals.len(), "hospital"),
            ),
        ));
    }

    /// Plays a scene and tells it to its end; what it could not do is kept for the end.
    pub async fn scene<T>(&self, heading: &str, scene: BoxFuture<'_, Result<T, Trouble>>) -> Option<T> {
        self.narrator.say(Line::Heading(heading.to_owned()));
        let played = scene.await;
        if let Err(trouble) = &played {
            self.narrator.say(Line::Said(Tone::Bad, format!("The scene cannot go on: {trouble}")));
            let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
            troubles.push(format!("{heading}: {trouble}"));
        }
        self.narrator.caught_up().await;
        played.ok()
    }

    /// What scenes could not do.
    pub fn troubles(&self) -> Vec<String> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The request that a case became.
    pub fn remember(&self, case: &'static str, request: &str) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.insert(case, request.to_owned());
    }

    /// The requests of the cases that were played.
    pub fn requests(&self) -> BTreeMap<&'static str, String> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the exercise's clock shows.
    pub async fn now(&self) -> Result<Timestamp, Trouble> {
        seed::now(&self.cast).await
    }

    /// Keeps this moment, as one worth looking back at.
    pub async fn bookmark(&self) -> Result<(), Trouble> {
        let now = self.now().await?;
        *self.bookmark.lock().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(())
    }

    /// Something that has just happened and that no request's page tells.
    pub async fn tell_now(&self, text: String) -> Result<(), Trouble> {
        self.narrator.say(Line::Event(self.now().await?, text));
        Ok(())
    }

    /// A country's authority and its single point of contact.
    pub fn authority(&self, country: &str) -> Result<(Player, Player), Trouble> {
        let known = self.data.authority(country).ok_or_else(|| Trouble::Missing(format!("authority of {country}")))?;
        Ok((Player::new(Role::Authority, &known.authority), Player::new(Role::Spoc, &known.spoc)))
    }

    /// The policy in force.
    pub async fn policy(&self) -> Result<Policy, Trouble> {
        let found = self.cast.eligibility().get_policy(self.officer.call(GetPolicyRequest::default())).await;
        let in_force = self.officer.got("read the policy", found)?.in_force;
        in_force.ok_or_else(|| Trouble::Missing("policy in force".to_owned()))
    }

    /// From a state that holds all that is in the log now.
    pub async fn newest(&self) -> Result<ReadAt, Trouble> {
        let status = self.cast.monitor().get_status(self.officer.call(GetStatusRequest {})).await;
        let head: Option<Position> = self.officer.got("read the status", status)?.head;
        Ok(ReadAt { as_of: None, at_least: head })
    }

    /// The ledger now, of one provider or, if empty, of all.
    pub async fn ledger(&self, provider: &str) -> Result<Vec<LedgerLine>, Trouble> {
        let message = GetLedgerRequest { read_at: Some(self.newest().await?), provider: provider.to_owned() };
        let ledger = self.cast.monitor().get_ledger(self.officer.call(message)).await;
        Ok(self.officer.got("read the ledger", ledger)?.lines)
    }

    /// Says where the exercise can be explored, and how, and stays; `found` says whether commands find it by themselves.
    pub async fn stay(&self, address: SocketAddr, found: bool) {
        let muster = program();
        let at = if found { String::new() } else { format!(" --address http://{address}") };
        let earlier = *self.bookmark.lock().unwrap_or_else(PoisonError::into_inner);
        let say = |tone, text| self.narrator.say(Line::Said(tone, text));
        self.narrator.say(Line::Heading("It stays alive: look around in a second terminal".to_owned()));
        say(Tone::Plain, format!("It answers at http://{address} (gRPC). To try:"));
        say(Tone::Strong, format!("  {muster} board{at}"));
        say(Tone::Strong, format!("  {muster} why R-1{at}"));
        say(Tone::Strong, format!("  {muster} as-of {earlier} board{at}"));
        say(Tone::Quiet, "Ctrl-C ends it and leaves nothing behind.".to_owned());
        std::future::pending().await
    }
}

/// How this program is called from here: as it was, but shorter if it lies below.
fn program() -> String {
    let called = std::env::args().next().unwrap_or_else(|| "muster".to_owned());
    let here = std::env::current_dir().unwrap_or_default();
    match Path::new(&called).strip_prefix(here) {
        Ok(below) => below.display().to_string(),
        Err(_) => called,
    }
}
