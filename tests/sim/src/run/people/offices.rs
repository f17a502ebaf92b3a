//! What nobody expects of those who keep the registry and the policy.

use std::time::Duration;

use muster_domain::{
    codes::ServiceId,
    eligibility::policy,
    kernel::{Actor, Role, Timestamp},
    registry::{
        authority,
        catalogue::{self, Catalogue},
        events::{Provider, Realm, RealmClock, ServiceEntry},
        hospital, mandate, provider, realm, requirement,
    },
};
use muster_golden::values::{self, country, mandate_id, provider_id, realm_id, service, spoc_id};

use super::{
    Asked, People,
    doing::{officer, operator},
};
use crate::run::{
    asked::Command,
    cast::{self, actor},
};

impl People {
    /// Somebody tries something with a record of the registry, or with the policy.
    pub(super) fn meddle_with_registry(&mut self, now: Timestamp) -> Asked {
        match self.rng.below(10) {
            0..=2 => self.meddle_with_provider(),
            3..=5 => self.meddle_with_mandate(now),
            6 | 7 => self.meddle_with_policy(),
            8 => self.meddle_with_catalogue(),
            _ => self.meddle_with_record(),
        }
    }

    fn meddle_with_provider(&mut self) -> Asked {
        let terms = cast::firm(self.rng.byte() % cast::FIRMS, self.rng.shape());
        // Firm 9 is in no Reserve.
        let id = if self.rng.seldom(6) { provider_id("firm-9") } else { terms.id.clone() };
        let reason = self.words();
        let (command, by) = match self.rng.below(4) {
            0 => {
                let terms = Provider { id: id.clone(), contracts: Vec::new(), ..terms };
                (provider::Command::Enrol { terms, catalogue: Catalogue::default() }, operator())
            }
            1 => (provider::Command::ProposeSuspension { reason }, officer("bert")),
            2 => (provider::Command::ApproveSuspension, officer("anna")),
            _ => (provider::Command::Reinstate { reason }, officer("bert")),
        };
        self.to_provider(&id, command, by)
    }

    fn meddle_with_mandate(&mut self, now: Timestamp) -> Asked {
        let n = self.rng.byte() % 3;
        // Nobody transmits for CERT-EU.
        let authority = if n == 2 { values::cert_eu() } else { cast::authority(country("FR"), 0) };
        let id = mandate_id(&format!("mandate-{n}-{}", self.rng.below(4)));
        let Ok(subject) = self.subjects.mandate(&id) else { return Vec::new() };
        let by = actor(Role::Authority, authority.id.as_str());
        let (spoc, own) = (spoc_id("xx-spoc"), authority.spoc.clone());
        let spoc = own.clone().filter(|_| self.rng.seldom(2)).unwrap_or(spoc);
        let command = match self.rng.below(4) {
            0 => {
                // It ends before it begins, or soon.
                let until = if self.rng.seldom(2) { now } else { now.plus(Duration::from_secs(60)) };
                mandate::Command::Sign { id, hospital: cast::hospital(n).id, authority, from: now, until }
            }
            1 => mandate::Command::Countersign { spoc },
            2 => mandate::Command::Revoke { by: mandate::Party::Spoc(spoc), reason: self.words() },
            _ => mandate::Command::Revoke { by: mandate::Party::Authority(authority.id), reason: self.words() },
        };
        vec![(subject, Command::Mandate(command), by)]
    }

    fn meddle_with_policy(&mut self) -> Asked {
        let next = self.policy.saturating_add(1);
        let mut policy = cast::policy(next, self.rng.shape());
        let by: Actor = match self.rng.below(4) {
            0 => actor(Role::Provider, "firm-1"),
            1 => actor(Role::Commission, "carla"),
            _ => officer("bert"),
        };
        let command = match self.rng.below(4) {
            0 => {
                policy.version = next.saturating_add(1);
                policy::Command::Propose(policy)
            }
            1 => {
                policy.offer_stands = [Duration::ZERO; 4];
                policy::Command::Propose(policy)
            }
            2 => policy::Command::Propose(policy),
            _ => policy::Command::Approve(policy),
        };
        let subject = self.subjects.policy().ok();
        subject.map(|subject| (subject, Command::Policy(command), by)).into_iter().collect()
    }

    fn meddle_with_catalogue(&mut self) -> Asked {
        let id: ServiceId = service(if self.rng.seldom(2) { "isim.forensics" } else { "x.pharmacy-systems" });
        let name = if self.rng.seldom(3) { String::new() } else { format!("pharmacies {}", self.rng.below(2)) };
        let subject = self.subjects.catalogue().ok();
        let command = Command::Catalogue(catalogue::Command::Extend(vec![ServiceEntry {
            id,
            name,
            source: "an exercise".to_owned(),
        }]));
        subject.map(|subject| (subject, command, operator())).into_iter().collect()
    }

    fn meddle_with_record(&mut self) -> Asked {
        let asked = match self.rng.below(5) {
            0 => {
                let mut record = cast::authority(country("FR"), 0);
                record.name = if self.rng.seldom(2) { String::new() } else { format!("authority {}", self.rng.byte()) };
                (self.subjects.authority(&record.id).ok(), Command::Authority(authority::Command::Register(record)))
            }
            1 => {
                let mut record = cast::hospital(1);
                record.name = String::new();
                (self.subjects.hospital(&record.id).ok(), Command::Hospital(hospital::Command::Register(record)))
            }
            2 => {
                let mut rule = cast::requirement(self.rng.shape());
                rule.member_state = country("MD");
                let subject = self.subjects.requirement(rule.member_state).ok();
                (subject, Command::Requirement(requirement::Command::Set(rule)))
            }
            _ => {
                let starts = cast::at(0);
                let speed = u32::from(self.rng.seldom(2));
                let clock = RealmClock::Exercise { starts_at: starts, started: starts, speed };
                let id = realm_id(if self.rng.seldom(2) { "live" } else { "drill" });
                let clock = if self.rng.seldom(3) { RealmClock::System } else { clock };
                (self.subjects.realm().ok(), Command::Realm(realm::Command::Open(Realm { id, clock })))
            }
        };
        asked.0.map(|subject| (subject, asked.1, operator())).into_iter().collect()
    }
}
