//! What stands on record: hospitals, authorities, requirements, names of services, the realm.

use std::collections::BTreeMap;

use muster_domain::{
    codes::Nuts,
    kernel::{Actor, RealmId, Received, Role, Timestamp},
    registry::{
        authority,
        catalogue::{self, Catalogue},
        events::{Authority, AuthorityKind, Hospital, NationalRequirement, Realm, RealmClock, ServiceEntry},
        hospital, realm, requirement,
    },
};
use muster_golden::values::{country, realm_id, service, spoc_id};
use muster_sim::run::{
    cast::{self, actor},
    rng::Rng,
};

use super::{Command, Expects, Model, News, news_if, nothing_if, one_of, require};

/// A record that is replaced as a whole: what was said last stands, if it is right.
macro_rules! record {
    ($model:ident: $record:ident, $module:ident::$command:ident, $some:expr, $is_right:expr) => {
        #[derive(Default)]
        pub struct $model(Option<$record>);

        impl Model for $model {
            type Of = $record;
            const COMMANDS: &[&str] = &[stringify!($command)];
            const REASONS: &[&str] = $module::Rejection::REASONS;

            fn draw(&self, lots: &mut Rng, _: Timestamp) -> (Command<Self>, Actor) {
                let some: fn(&mut Rng) -> $record = $some;
                ($module::Command::$command(some(lots)), actor(Role::Operator, "operator-1"))
            }

            fn expect(&mut self, $module::Command::$command(said): &Command<Self>, _: &Received) -> Expects {
                let is_right: fn(&$record) -> bool = $is_right;
                require(is_right(said), Self::REASONS.first().unwrap())?;
                let known = self.0.replace(said.clone());
                news_if(known.as_ref() != Some(said))
            }

            fn agrees(&self, state: &Option<$record>, _: Timestamp) -> bool {
                *state == self.0
            }
        }
    };
}

record! {
    Hospitals: Hospital, hospital::Register,
    |lots| {
        let name = one_of(lots, ["", "CHU", "CHRU"]).to_owned();
        let nuts = one_of(lots, ["FRD22", "FRD21", "BE10"]);
        Hospital { name, nuts: Nuts::parse(nuts).unwrap(), ..cast::hospital(0) }
    },
    |record| !record.name.is_empty() && record.nuts.as_str().starts_with(record.member_state.as_str())
}

record! {
    Authorities: Authority, authority::Register,
    |lots| Authority {
        kind: *lots.pick(AuthorityKind::ALL).unwrap(),
        country: one_of(lots, [None, Some(country("FR")), Some(country("MD"))]),
        spoc: one_of(lots, [None, Some(spoc_id("a-spoc"))]),
        ..cast::crisis_authority(country("FR"))
    },
    // Art 14(3), 15(3): a country's user is of that country and has a contact point; CERT-EU has neither.
    |record| {
        let in_the_union = record.country.map(|country| country.is_member_state());
        let expected = match record.kind {
            AuthorityKind::Csirt | AuthorityKind::CrisisManagement => Some(true),
            AuthorityKind::ThirdCountry => Some(false),
            AuthorityKind::CertEu => None,
        };
        in_the_union == expected && record.spoc.is_some() == expected.is_some()
    }
}

record! {
    Requirements: NationalRequirement, requirement::Set,
    |lots| {
        let member_state = country(one_of(lots, ["FR", "FR", "MD"]));
        NationalRequirement { member_state, ..cast::requirement(one_of(lots, [0, 1, 2, 3, 4, 5])) }
    },
    |record| record.member_state.is_member_state()
}

/// The names that services have, once and for good.
pub struct Names(BTreeMap<String, String>);

impl Default for Names {
    fn default() -> Self {
        Self(BTreeMap::from([("x.ddos-mitigation".to_owned(), "DDoS mitigation".to_owned())]))
    }
}

impl Model for Names {
    type Of = Catalogue;
    const COMMANDS: &[&str] = &["Extend"];
    const REASONS: &[&str] = catalogue::Rejection::REASONS;

    fn draw(&self, lots: &mut Rng, _: Timestamp) -> (Command<Self>, Actor) {
        let entry = |lots: &mut Rng| ServiceEntry {
            id: service(one_of(lots, ["x.ddos-mitigation", "x.radiology", "x.pharmacy", "x.dialysis"])),
            name: one_of(lots, ["DDoS mitigation", "Radiology", "Imaging", ""]).to_owned(),
            source: String::new(),
        };
        let entries = (0..lots.below(4)).map(|_| entry(lots)).collect();
        (catalogue::Command::Extend(entries), actor(Role::Operator, "operator-1"))
    }

    fn expect(&mut self, catalogue::Command::Extend(entries): &Command<Self>, _: &Received) -> Expects {
        require(entries.iter().all(|entry| !entry.name.is_empty()), "SERVICES_INVALID")?;
        let mut names = self.0.clone();
        for entry in entries {
            let name = names.entry(entry.id.to_string()).or_insert_with(|| entry.name.clone());
            require(*name == entry.name, "SERVICE_NAME_TAKEN")?;
        }
        let more = names.len() > self.0.len();
        self.0 = names;
        news_if(more)
    }

    fn agrees(&self, state: &Catalogue, _: Timestamp) -> bool {
        self.0.iter().all(|(id, name)| state.name(&service(id)) == Some(name))
    }
}

/// The name with which a realm was opened, and when and how fast it runs if it is an exercise.
#[derive(Default)]
pub struct Opened(Option<(RealmId, Option<(Timestamp, u32)>)>);

impl Model for Opened {
    type Of = Realm;
    const COMMANDS: &[&str] = &["Open"];
    const REASONS: &[&str] = realm::Rejection::REASONS;

    fn draw(&self, lots: &mut Rng, now: Timestamp) -> (Command<Self>, Actor) {
        let starts_at = cast::at(one_of(lots, [0, 24]));
        let exercise = RealmClock::Exercise { starts_at, started: now, speed: one_of(lots, [0, 1, 60]) };
        let clock = one_of(lots, [RealmClock::System, exercise]);
        let id = realm_id(one_of(lots, ["live", "drill", "other-drill"]));
        (realm::Command::Open(Realm { id, clock }), actor(Role::Operator, "operator-1"))
    }

    fn expect(&mut self, realm::Command::Open(Realm { id, clock }): &Command<Self>, _: &Received) -> Expects {
        let (live, pace) = (id.as_str() == "live", pace(*clock));
        require(!live || pace.is_none(), "LIVE_IS_NO_EXERCISE")?;
        require(live || pace.is_some(), "EXERCISE_NEEDS_CLOCK")?;
        require(pace.is_none_or(|(_, speed)| speed > 0), "CLOCK_STANDS_STILL")?;
        let said = (id.clone(), pace);
        match &self.0 {
            Some(known) => nothing_if(*known == said, "REALM_ALREADY_OPEN"),
            None => {
                self.0 = Some(said);
                Ok(News)
            }
        }
    }

    fn agrees(&self, state: &Option<Realm>, _: Timestamp) -> bool {
        state.as_ref().map(|realm| (realm.id.clone(), pace(realm.clock))) == self.0
    }
}

/// What an exercise's clock was asked to be; when that was said does not matter.
fn pace(clock: RealmClock) -> Option<(Timestamp, u32)> {
    match clock {
        RealmClock::System => None,
        RealmClock::Exercise { starts_at, speed, started: _ } => Some((starts_at, speed)),
    }
}
