use std::collections::BTreeSet;

use muster_domain::{
    codes::{Country, Nuts},
    kernel::{HospitalId, PrincipalId, RealmId, Role},
    registry::events::{Annex, Category, Hospital, NationalRequirement, Realm, RealmClock, Size},
};

use super::*;
use crate::port::Subject;

fn frame(event: impl Into<Event>) -> Frame {
    let commit = Commit {
        command: Uuid::from_u128(1),
        fingerprint: [1; 32],
        received_at: Timestamp::from_millis(-5),
        recorded_at: Timestamp::from_millis(7),
        actor: Actor { role: Role::Officer, principal: principal() },
        causation: None,
        correlation: Uuid::from_u128(2),
        policy: None,
        decided_at: Some(Position::default()),
        taken: Some(u64::MAX),
        events: vec![MandateEvent::Countersigned.into(), event.into()],
        trace: None,
    };
    Frame { id: Uuid::from_u128(3), previous: [0; 32], commits: vec![commit] }
}

fn principal() -> PrincipalId {
    PrincipalId::parse("officer-1").unwrap()
}

fn registered() -> HospitalEvent {
    HospitalEvent::Registered(Hospital {
        id: HospitalId::parse("h-1").unwrap(),
        name: "General Hospital".to_owned(),
        member_state: Country::parse("EL").unwrap(),
        nuts: Nuts::parse("EL300").unwrap(),
        kind: "hospital".to_owned(),
        annex: Annex::One,
        category: Category::Essential,
        size: Size::Large,
    })
}

fn required() -> RequirementEvent {
    RequirementEvent::Set(NationalRequirement {
        member_state: Country::parse("FR").unwrap(),
        certificates_any_of: ["a", "b", "c"].map(str::to_owned).into(),
        essential_only: false,
        eu_control: true,
        clearance: true,
    })
}

fn opened() -> RealmEvent {
    RealmEvent::Opened(Realm { id: RealmId::parse("live").unwrap(), clock: RealmClock::System })
}

fn proposed() -> AssessmentEvent {
    AssessmentEvent::OverrideProposed {
        bands: [4, 3, 2, 1, 0],
        reason: "the only burns unit".to_owned(),
        by: principal(),
        lapses_at: Timestamp::from_millis(9),
    }
}

/// Why the frame is not read once its stored form is spoiled so.
#[track_caller]
fn frame_spoiled(spoil: impl FnOnce(&mut v1::Frame)) -> String {
    let mut kept: v1::Frame = frame(registered()).keep();
    spoil(&mut kept);
    decode(&kept.encode_to_vec()).unwrap_err().to_string()
}

/// Why the event is not read once its message is spoiled so.
#[track_caller]
fn message_spoiled<M: Message + Default>(event: impl Into<Event>, spoil: impl FnOnce(&mut M)) -> String {
    let mut kept: v1::Frame = frame(event).keep();
    let payload = &mut kept.commits[0].events[1].payload;
    let mut message = M::decode(payload.as_slice()).unwrap();
    spoil(&mut message);
    *payload = message.encode_to_vec();
    decode(&kept.encode_to_vec()).unwrap_err().to_string()
}

#[test]
fn a_frame_is_read_as_it_was_written() {
    for event in [registered().into(), required().into(), opened().into(), Event::from(proposed())] {
        let frame = frame(event);
        assert_eq!(encode(&frame), encode(&frame.clone()));
        assert_eq!(decode(&encode(&frame)), Ok(frame));
    }
}

#[test]
fn event_types_are_distinct_and_named_after_who_writes_them() {
    let known: Vec<EventType> = EVENT_TYPES.iter().copied().flatten().copied().collect();
    assert_eq!(known.iter().collect::<BTreeSet<_>>().len(), known.len());
    for EventType { name, version } in known {
        // A subject has a realm in the second place: the rest is context and a token.
        let (context, rest) = name.split_once('.').unwrap();
        let (aggregate, event) = rest.split_once('.').unwrap();
        assert!(Subject::parse(&format!("muster.live.{context}.{aggregate}")).is_ok(), "{name}");
        assert!(muster_domain::kernel::is_token(event) && version > 0, "{name}");
    }
}

#[test]
fn what_is_not_known_is_refused_with_its_place_and_taken_for_newer() {
    let newer = "; if a newer Muster wrote it, upgrade this one";
    let name = |kept: &mut v1::Frame| kept.commits[0].events[1].r#type = "registry.hospital.moved".to_owned();
    let unknown = "commits[0].events[1] (registry.hospital.moved version 1): this event type is not known";
    assert_eq!(frame_spoiled(name), format!("{unknown}{newer}"));
    let version = |kept: &mut v1::Frame| kept.commits[0].events[1].version = 2;
    let registered_as =
        |version: u32| format!("commits[0].events[1] (registry.hospital.registered version {version}): ");
    assert_eq!(frame_spoiled(version), format!("{}this version of the event is not known{newer}", registered_as(2)));
    let more = |kept: &mut v1::Frame| kept.commits[0].events[1].payload.extend([0x78, 1]);
    assert_eq!(frame_spoiled(more), format!("{}holds more than this version knows{newer}", registered_as(1)));
    let role = |kept: &mut v1::Frame| kept.commits[0].actor.as_mut().unwrap().role = "king".to_owned();
    assert!(frame_spoiled(role).ends_with(newer), "code lists grow too");
    let written = encode(&frame(registered())).to_vec();
    let refused = decode(&[&written[..], &[0x78, 1]].concat()).unwrap_err();
    assert_eq!(refused.to_string(), format!("frame: holds more than this version knows{newer}"));
    assert!(decode(&written[1..]).unwrap_err().to_string().starts_with("frame: "));
}

#[test]
fn what_no_version_would_write_is_not_taken_for_newer() {
    let frame = v1::Frame { id: vec![1; 16], previous: vec![2; 32], commits: Vec::new() };
    let [id, previous] = [
        v1::Frame { previous: Vec::new(), ..frame.clone() }.encode_to_vec(),
        v1::Frame { id: Vec::new(), ..frame.clone() }.encode_to_vec(),
    ];
    assert!(decode(&[&id[..], &previous[..]].concat()).is_ok());
    let turned = decode(&[&previous[..], &id[..]].concat()).unwrap_err();
    assert_eq!(
        (turned.to_string(), turned.newer),
        ("frame: is spelt otherwise than this version would".to_owned(), false)
    );
}

#[test]
fn a_frame_with_a_wrong_field_is_refused_with_its_place() {
    let id = |kept: &mut v1::Frame| kept.id.truncate(15);
    assert_eq!(frame_spoiled(id), "id: has 15 elements, not 16");
    let previous = |kept: &mut v1::Frame| kept.previous.push(0);
    assert_eq!(frame_spoiled(previous), "previous: has 33 elements, not 32");
    let causation = |kept: &mut v1::Frame| kept.commits[0].causation = Some(vec![]);
    assert_eq!(frame_spoiled(causation), "commits[0].causation: has 0 elements, not 16");
    let actor = |kept: &mut v1::Frame| kept.commits[0].actor = None;
    assert_eq!(frame_spoiled(actor), "commits[0].actor: is missing");
    let role = |kept: &mut v1::Frame| kept.commits[0].actor.as_mut().unwrap().role = "king".to_owned();
    assert!(frame_spoiled(role).starts_with("commits[0].actor.role: 'king' is not in roles: "));
}

#[test]
fn a_message_with_a_wrong_field_is_refused_with_its_place() {
    let at = "commits[0].events[1]";
    let hospital = |spoil: fn(&mut v1::Hospital)| {
        message_spoiled(registered(), |kept: &mut v1::HospitalRegistered| spoil(kept.hospital.as_mut().unwrap()))
    };
    let about = "(registry.hospital.registered version 1)";
    assert_eq!(
        message_spoiled(registered(), |kept: &mut v1::HospitalRegistered| kept.hospital = None),
        format!("{at}.hospital {about}: is missing")
    );
    assert_eq!(
        hospital(|kept| kept.member_state = "XX".to_owned()),
        format!(
            "{at}.hospital.member_state {about}: 'XX' is not in ISO 3166-1 alpha-2, with EL for Greece; if a newer Muster wrote \
                 it, upgrade this one"
        )
    );
    assert_eq!(
        hospital(|kept| kept.member_state = "GR".to_owned()),
        format!("{at}.hospital.member_state {about}: 'GR' is not how 'EL' is kept")
    );
    assert_eq!(
        hospital(|kept| kept.id.clear()),
        format!("{at}.hospital.id {about}: '' is no hospital id: 1 to 64 of a-z, 0-9 and '-'")
    );

    let about = "(registry.realm.opened version 1)";
    let clock = |kept: &mut v1::RealmOpened| {
        kept.realm.as_mut().unwrap().clock.as_mut().unwrap().realm_clock = None;
    };
    assert_eq!(message_spoiled(opened(), clock), format!("{at}.realm.clock {about}: is missing"));
}

#[test]
fn a_set_or_an_array_that_is_none_is_refused() {
    let set = |spoil: fn(&mut Vec<String>)| {
        message_spoiled(required(), |kept: &mut v1::RequirementSet| {
            spoil(&mut kept.requirement.as_mut().unwrap().certificates_any_of);
        })
    };
    let wrong = "commits[0].events[1].requirement.certificates_any_of (registry.requirement.set version 1): is a set out of \
                 order or with doubles";
    assert_eq!(set(|kept| kept.swap(1, 2)), wrong);
    assert_eq!(set(|kept| kept.push("c".to_owned())), wrong);

    let bands = |spoil: fn(&mut Vec<u32>)| {
        message_spoiled(proposed(), |kept: &mut v1::AssessmentOverrideProposed| spoil(&mut kept.bands))
    };
    let about = "(eligibility.assessment.override-proposed version 1)";
    assert_eq!(bands(|kept| kept.push(0)), format!("commits[0].events[1].bands {about}: has 6 elements, not 5"));
    assert_eq!(bands(|kept| kept[3] = 256), format!("commits[0].events[1].bands[3] {about}: 256 is more than 255"));
}

/// An event whose message changed once: it was shouted in capitals before it had a loudness.
mod once_changed {
    use super::*;

    mod v1 {
        #[derive(Clone, PartialEq, prost::Message)]
        pub struct SaidV1 {
            #[prost(string, tag = "1")]
            pub words: String,
        }

        #[derive(Clone, PartialEq, prost::Message)]
        pub struct Said {
            #[prost(string, tag = "1")]
            pub words: String,
            #[prost(bool, tag = "2")]
            pub loud: bool,
        }
    }

    impl From<v1::SaidV1> for v1::Said {
        fn from(v1::SaidV1 { words }: v1::SaidV1) -> Self {
            Self { loud: words == words.to_uppercase(), words }
        }
    }

    #[derive(Clone, Debug, PartialEq)]
    enum TalkEvent {
        Said { words: String, loud: bool },
    }

    events! { TalkEvent {
        "test.talk.said" 2, 1 was SaidV1 => Said { words, loud } in Said;
    }}

    #[test]
    fn the_older_version_is_read_and_the_newest_is_written() {
        let event = TalkEvent::Said { words: "HELP".to_owned(), loud: true };
        assert_eq!(event.event_type(), EventType { name: "test.talk.said", version: 2 });
        assert_eq!(TalkEvent::read("test.talk.said", 2, &event.payload()), Ok(Some(event.clone())));

        let older = v1::SaidV1 { words: "HELP".to_owned() }.encode_to_vec();
        assert_eq!(TalkEvent::read("test.talk.said", 1, &older), Ok(Some(event.clone())));
        assert!(TalkEvent::read("test.talk.said", 1, &event.payload()).is_err());
        assert_eq!(TalkEvent::read("test.talk.said", 3, &older), Ok(None));
        assert_eq!(
            TalkEvent::TYPES.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["test.talk.said.v2", "test.talk.said.v1",]
        );
    }
}

#[test]
fn the_hash_is_sha_256_of_the_stored_bytes() {
    let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let hexadecimal: String = hash(b"").iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hexadecimal, of_nothing);
    assert_ne!(hash(&encode(&frame(registered()))), hash(&encode(&frame(opened()))));
}

#[test]
fn every_event_type_names_a_message_of_the_public_api() {
    let files = prost_types::FileDescriptorSet::decode(muster_api::DESCRIPTORS).unwrap().file;
    let of_events = files.iter().filter(|file| file.package() == "muster.event.v1");
    let messages: BTreeSet<&str> = of_events.flat_map(|file| &file.message_type).map(|m| m.name()).collect();
    for EventType { name, version } in EVENT_TYPES.iter().copied().flatten() {
        let message = payload_message(name, *version).unwrap();
        assert!(messages.contains(message), "{name} {version}: {message}");
    }
    assert_eq!(payload_message("intake.request.opened", 1), Some("RequestOpened"));
    assert_eq!(payload_message("intake.request.opened", 99), None);
}
