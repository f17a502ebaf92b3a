//! The service catalogue: what Muster knows from the start, and what was added since. Nothing is ever renamed or
//! removed, so a request of any year still reads as it was meant.

use std::{collections::BTreeMap, fmt};

use crate::{
    check::Violations,
    codes::{SERVICES, ServiceId},
    kernel::{Aggregate, Corrupt, Received, rejections},
    registry::events::{CatalogueEvent, ServiceEntry},
};

/// The services that can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    added: BTreeMap<ServiceId, ServiceEntry>,
}

impl Catalogue {
    /// Whether `service` can be asked for.
    pub fn has(&self, service: &ServiceId) -> bool {
        self.name(service).is_some()
    }

    /// The name of `service`.
    pub fn name(&self, service: &ServiceId) -> Option<&str> {
        let known = SERVICES.iter().find(|(id, _)| *id == service.as_str()).map(|(_, name)| *name);
        known.or_else(|| self.added.get(service).map(|entry| entry.name.as_str()))
    }

    /// Every service: what Muster knows from the start, then what was added, by id.
    pub fn entries(&self) -> impl Iterator<Item = ServiceEntry> {
        let known = SERVICES.iter().filter_map(|(id, name)| {
            let id = ServiceId::parse(id).ok()?;
            Some(ServiceEntry { source: source(&id).to_owned(), id, name: (*name).to_owned() })
        });
        known.chain(self.added.values().cloned())
    }

    /// What is wrong with services named in `field`: those that nobody can ask for.
    pub fn require<'a>(
        &self,
        field: impl fmt::Display,
        services: impl IntoIterator<Item = &'a ServiceId>,
        wrong: &mut Violations,
    ) {
        for service in services {
            let says = format_args!("has {service}, which is not in the catalogue");
            wrong.require(self.has(service), &field, "Art 14(7): types of services as data", says);
        }
    }
}

/// Where the id of a service known from the start comes from.
fn source(service: &ServiceId) -> &'static str {
    if service.as_str().starts_with("x.") { "own specialisation" } else { "FIRST CSIRT Services Framework 2.1" }
}

/// What may be asked of the catalogue.
#[derive(Clone, Debug)]
pub enum Command {
    /// Add services; those that are in it by the same name already are nothing new.
    Extend(Vec<ServiceEntry>),
}

rejections! {
    /// Why the catalogue refuses.
    Rejection {
        /// Fields are wrong.
        Entries(violations: Violations) = Invalid[violations] "SERVICES_INVALID";
            "Art 14(7): types of services as data";
            "the services cannot be added: {violations}";
            "correct these fields and send all again; nothing was recorded";
        /// The id means another service.
        NameTaken(service: ServiceId, name: String) = AlreadyExists "SERVICE_NAME_TAKEN";
            "house rule: a service keeps its name";
            "{service} is in the catalogue as '{name}'";
            "give the new service an id of its own; nothing was recorded";
    }
}

impl Aggregate for Catalogue {
    type State = Self;
    type Command = Command;
    type Event = CatalogueEvent;
    type Rejection = Rejection;

    fn decide(state: &Self, command: Command, _: &Received) -> Result<Vec<CatalogueEvent>, Rejection> {
        match command {
            Command::Extend(entries) => extend(state, entries),
        }
    }

    fn evolve(state: &mut Self, event: &CatalogueEvent) -> Result<(), Corrupt> {
        match event {
            CatalogueEvent::Extended(entries) => {
                for entry in entries {
                    if state.has(&entry.id) {
                        return Err(Corrupt(format!("service {} added twice", entry.id)));
                    }
                    state.added.insert(entry.id.clone(), entry.clone());
                }
            }
        }
        Ok(())
    }
}

fn extend(state: &Catalogue, entries: Vec<ServiceEntry>) -> Result<Vec<CatalogueEvent>, Rejection> {
    check(&entries).or_refuse(Rejection::Entries)?;
    let mut after = state.clone();
    let mut new = Vec::new();
    for entry in entries {
        match after.name(&entry.id) {
            Some(name) if name == entry.name => {}
            Some(name) => return Err(Rejection::NameTaken(entry.id.clone(), name.to_owned())),
            None => {
                after.added.insert(entry.id.clone(), entry.clone());
                new.push(entry);
            }
        }
    }
    if new.is_empty() { Ok(vec![]) } else { Ok(vec![CatalogueEvent::Extended(new)]) }
}

fn check(entries: &[ServiceEntry]) -> Violations {
    let mut wrong = Violations::none();
    wrong.entries("services", entries.len());
    for (i, entry) in entries.iter().enumerate() {
        wrong.named(format_args!("services[{i}].name"), "Art 14(7)", &entry.name);
        wrong.line(format_args!("services[{i}].source"), &entry.source);
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernel::Role,
        testing::{Answer, Scenario, actor, at},
    };

    fn entry(id: &str, name: &str) -> ServiceEntry {
        ServiceEntry { id: ServiceId::parse(id).unwrap(), name: name.to_owned(), source: "own extension".to_owned() }
    }

    fn extend(before: Vec<ServiceEntry>, entries: Vec<ServiceEntry>) -> Answer<Catalogue> {
        let history = (!before.is_empty()).then_some(CatalogueEvent::Extended(before));
        let operator = actor(Role::Operator, "operator-1");
        Scenario::given(history).when(Command::Extend(entries), operator, at("2026-02-10T07:00:00Z"))
    }

    #[test]
    fn a_new_service_can_be_asked_for() {
        let radiology = entry("x.radiology", "Radiology");
        let scenario =
            extend(vec![], vec![radiology.clone()]).then([CatalogueEvent::Extended(vec![radiology.clone()])]);
        assert!(scenario.state().has(&radiology.id));
        assert!(scenario.state().has(&ServiceId::parse("isim.forensics").unwrap()));
        assert!(!scenario.state().has(&ServiceId::parse("x.unheard-of").unwrap()));
    }

    #[test]
    fn the_catalogue_lists_what_it_knows_then_what_was_added() {
        let radiology = entry("x.radiology", "Radiology");
        let scenario =
            extend(vec![], vec![radiology.clone()]).then([CatalogueEvent::Extended(vec![radiology.clone()])]);
        let listed: Vec<_> = scenario.state().entries().collect();
        assert_eq!(listed.len(), SERVICES.len() + 1);
        assert_eq!((listed[0].id.as_str(), listed.last()), ("isim.analysis", Some(&radiology)));
        assert!(listed.iter().all(|entry| scenario.state().has(&entry.id) && !entry.source.is_empty()));
    }

    #[test]
    fn services_that_it_lacks_are_named() {
        let services = ["x.unheard-of", "isim.forensics", "x.radiology"].map(|id| ServiceId::parse(id).unwrap());
        let mut wrong = Violations::none();
        Catalogue::default().require("services", &services, &mut wrong);
        let says: Vec<_> = wrong.fields().iter().map(|violation| violation.says.as_str()).collect();
        assert_eq!(
            says,
            ["has x.unheard-of, which is not in the catalogue", "has x.radiology, which is not in the catalogue"]
        );
    }

    #[test]
    fn what_is_there_by_the_same_name_is_nothing_new() {
        let known = || entry("x.ddos-mitigation", "DDoS mitigation");
        let radiology = || entry("x.radiology", "Radiology");
        extend(vec![radiology()], vec![known(), radiology()]).then_nothing();
        extend(vec![], vec![known(), radiology(), radiology()]).then([CatalogueEvent::Extended(vec![radiology()])]);
    }

    #[test]
    fn an_id_keeps_its_name_and_one_conflict_refuses_all() {
        let radiology = || entry("x.radiology", "Radiology");
        let renamed = || entry("x.radiology", "Imaging");
        let taken = || Rejection::NameTaken(radiology().id, "Radiology".to_owned());
        extend(vec![radiology()], vec![entry("x.new", "New"), renamed()]).refused(taken());
        extend(vec![], vec![radiology(), renamed()]).refused(taken());
        let forensics = entry("isim.forensics", "Forensics");
        let name = "Artifact and forensic evidence analysis".to_owned();
        extend(vec![], vec![forensics.clone()]).refused(Rejection::NameTaken(forensics.id, name));
    }

    #[test]
    fn a_service_has_a_name() {
        let violations = check(&[entry("x.radiology", " ")]);
        assert_eq!(violations.to_string(), "services[0].name is blank (Art 14(7))");
    }

    #[test]
    fn a_service_added_twice_is_corrupt() {
        let twice =
            CatalogueEvent::Extended(vec![entry("x.radiology", "Radiology"), entry("x.radiology", "Radiology")]);
        assert!(Catalogue::evolve(&mut Catalogue::default(), &twice).is_err());
    }
}
