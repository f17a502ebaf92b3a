//! How each kind of value is kept, and the macros that keep a message by naming its fields once.

use std::{collections::BTreeSet, time::Duration};

use muster_domain::{
    codes::{Country, IncidentType, Language, Nuts, ServiceId, Tlp},
    kernel::{
        AuthorityId, ContractId, HospitalId, MandateId, OfferId, PackageId, PrincipalId, ProviderId, RealmId,
        RequestId, Role, SpocId, SubjectRef, Timestamp,
    },
};
pub(super) use prost::Message;
use uuid::Uuid;

pub(super) use super::{EventType, Undecodable};
use crate::trace::{NoTrace, Trace};

/// A value of the domain that a field of type `Kept` can hold.
pub(super) trait Keep<Kept>: Sized {
    /// The value as it is stored.
    fn keep(&self) -> Kept;

    /// The value that was stored, if it is one.
    fn recall(kept: Kept) -> Result<Self, Undecodable>;
}

/// The events of one aggregate, each kept as the payload of a `StoredEvent`.
pub(super) trait Events: Sized {
    /// Every type and version that `read` knows.
    const TYPES: &[EventType];

    /// What this event is called, in the newest version.
    fn event_type(&self) -> EventType;

    /// Its message in that version.
    fn payload(&self) -> Vec<u8>;

    /// The message that such a payload is; `None` if no event of this aggregate is called so.
    fn message(name: &str, version: u32) -> Option<&'static str>;

    /// Reads an event; `None` if no event of this aggregate is called so.
    fn read(name: &str, version: u32, payload: &[u8]) -> Result<Option<Self>, Undecodable>;
}

impl Undecodable {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    pub(super) fn newer(what: impl Into<String>) -> Self {
        Self { newer: true, ..Self::new(what) }
    }

    /// The same, seen from the message or list that holds the field `part`.
    pub(super) fn within(mut self, part: &str) -> Self {
        let dot = if self.place.is_empty() || self.place.starts_with('[') { "" } else { "." };
        self.place = format!("{part}{dot}{}", self.place);
        self
    }

    /// A field without `optional` that is not there.
    pub(super) fn missing() -> Self {
        Self::new("is missing")
    }
}

/// Reads a message from bytes that hold it and nothing else, in the one form that encoding gives.
pub(super) fn exactly<M: Message + Default>(bytes: &[u8]) -> Result<M, Undecodable> {
    let message = M::decode(bytes).map_err(|error| Undecodable::new(error.to_string()))?;
    let known = message.encode_to_vec();
    if known == bytes {
        Ok(message)
    } else if known.len() < bytes.len() {
        Err(Undecodable::newer("holds more than this version knows"))
    } else {
        Err(Undecodable::new("is spelt otherwise than this version would"))
    }
}

macro_rules! kept_as_it_is {
    ($($value:ty),*) => {$(
        impl Keep<$value> for $value {
            fn keep(&self) -> $value {
                self.clone()
            }

            fn recall(kept: $value) -> Result<Self, Undecodable> {
                Ok(kept)
            }
        }
    )*};
}
kept_as_it_is!(bool, u8, u32, u64, String);

/// Codes and ids: what has one text. Other texts that are read as the same code, for people's sake, were not written by us.
/// `codes:` grow: one that is not known may be newer.
macro_rules! kept_as_text {
    ($($value:ident),* $(,)?) => { kept_as_text!(new: $($value),*); };
    (codes: $($value:ident),* $(,)?) => { kept_as_text!(newer: $($value),*); };
    ($unread:ident: $($value:ident),*) => {$(
        impl Keep<String> for $value {
            fn keep(&self) -> String {
                self.as_str().to_owned()
            }

            fn recall(kept: String) -> Result<Self, Undecodable> {
                match Self::parse(&kept) {
                    Ok(value) if value.as_str() == kept => Ok(value),
                    Ok(value) => Err(Undecodable::new(format!("'{kept}' is not how '{}' is kept", value.as_str()))),
                    Err(error) => Err(Undecodable::$unread(error.to_string())),
                }
            }
        }
    )*};
}
pub(super) use kept_as_text;

kept_as_text!(codes: Country, IncidentType, Language, Nuts, Role, ServiceId, Tlp);
kept_as_text!(AuthorityId, ContractId, HospitalId, MandateId, OfferId, PackageId, PrincipalId, ProviderId, RealmId);
kept_as_text!(RequestId, SpocId, SubjectRef);

impl Keep<String> for Trace {
    fn keep(&self) -> String {
        self.to_string()
    }

    fn recall(kept: String) -> Result<Self, Undecodable> {
        kept.parse().map_err(|error: NoTrace| Undecodable::new(error.to_string()))
    }
}

/// A band.
impl Keep<u32> for u8 {
    fn keep(&self) -> u32 {
        u32::from(*self)
    }

    fn recall(kept: u32) -> Result<Self, Undecodable> {
        Self::try_from(kept).map_err(|_| Undecodable::new(format!("{kept} is more than {}", Self::MAX)))
    }
}

impl Keep<i64> for Timestamp {
    fn keep(&self) -> i64 {
        self.millis()
    }

    fn recall(kept: i64) -> Result<Self, Undecodable> {
        Ok(Self::from_millis(kept))
    }
}

impl Keep<u64> for Duration {
    fn keep(&self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }

    fn recall(kept: u64) -> Result<Self, Undecodable> {
        Ok(Self::from_millis(kept))
    }
}

impl Keep<Vec<u8>> for Uuid {
    fn keep(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn recall(kept: Vec<u8>) -> Result<Self, Undecodable> {
        <[u8; 16]>::recall(kept).map(Self::from_bytes)
    }
}

impl<T: Keep<K>, K> Keep<K> for Box<T> {
    fn keep(&self) -> K {
        T::keep(self)
    }

    fn recall(kept: K) -> Result<Self, Undecodable> {
        T::recall(kept).map(Self::new)
    }
}

impl<T: Keep<K>, K> Keep<Option<K>> for Option<T> {
    fn keep(&self) -> Option<K> {
        self.as_ref().map(T::keep)
    }

    fn recall(kept: Option<K>) -> Result<Self, Undecodable> {
        kept.map(T::recall).transpose()
    }
}

impl<T: Keep<K>, K> Keep<Vec<K>> for Vec<T> {
    fn keep(&self) -> Vec<K> {
        self.iter().map(T::keep).collect()
    }

    fn recall(kept: Vec<K>) -> Result<Self, Undecodable> {
        let recall = |(index, kept)| T::recall(kept).map_err(|error| error.within(&format!("[{index}]")));
        kept.into_iter().enumerate().map(recall).collect()
    }
}

impl<T: Keep<K>, K, const N: usize> Keep<Vec<K>> for [T; N] {
    fn keep(&self) -> Vec<K> {
        self.iter().map(T::keep).collect()
    }

    fn recall(kept: Vec<K>) -> Result<Self, Undecodable> {
        Vec::recall(kept)?
            .try_into()
            .map_err(|wrong: Vec<T>| Undecodable::new(format!("has {} elements, not {N}", wrong.len())))
    }
}

/// In ascending order, as a set gives them; any other order, and any double, was not written by us.
impl<T: Keep<K> + Ord, K> Keep<Vec<K>> for BTreeSet<T> {
    fn keep(&self) -> Vec<K> {
        self.iter().map(T::keep).collect()
    }

    fn recall(kept: Vec<K>) -> Result<Self, Undecodable> {
        let values: Vec<T> = Vec::recall(kept)?;
        if values.is_sorted_by(|one, next| one < next) {
            Ok(values.into_iter().collect())
        } else {
            Err(Undecodable::new("is a set out of order or with doubles"))
        }
    }
}

/// The fields of one message, each named once: `field`, or `field: name_in_the_message`, or `0: name_in_the_message`. The
/// list is also the Rust pattern that takes the domain's value apart.
///
/// `keep` makes the message of the fields taken apart, `recall` makes the domain's value of a message. Both name every field
/// of both sides, so a field that only one side has does not compile.
macro_rules! fields {
    (keep $message:ident { $($fields:tt)* }) => {
        fields!(@(keep $message) [] $($fields)*)
    };
    (recall $($domain:ident)::+ { $($fields:tt)* } from $kept:ident: $message:ident) => {
        fields!(@(recall $($domain)::+ from $kept: $message) [] $($fields)*)
    };

    (@(keep $message:ident) [$(($field:tt $name:ident))*]) => {
        v1::$message { $($name: Keep::keep($name),)* }
    };
    (@(recall $($domain:ident)::+ from $kept:ident: $message:ident) [$(($field:tt $name:ident))*]) => {{
        let v1::$message { $($name,)* } = $kept;
        $($domain)::+ {
            $($field: Keep::recall($name).map_err(|error: Undecodable| error.within(stringify!($name)))?,)*
        }
    }};

    // One field after the other, as a pair of its names.
    (@$job:tt [$($pairs:tt)*] $field:tt: $name:ident $(, $($rest:tt)*)?) => {
        fields!(@$job [$($pairs)* ($field $name)] $($($rest)*)?)
    };
    (@$job:tt [$($pairs:tt)*] $field:ident $(, $($rest:tt)*)?) => {
        fields!(@$job [$($pairs)* ($field $field)] $($($rest)*)?)
    };
}
pub(super) use fields;

/// Keeps each struct as the message of the same name.
macro_rules! messages {
    ($($name:ident { $($fields:tt)* })*) => {$(
        impl Keep<v1::$name> for $name {
            fn keep(&self) -> v1::$name {
                let Self { $($fields)* } = self;
                fields!(keep $name { $($fields)* })
            }

            fn recall(kept: v1::$name) -> Result<Self, Undecodable> {
                Ok(fields!(recall Self { $($fields)* } from kept: $name))
            }
        }

        required!($name);
    )*};
}
pub(super) use messages;

/// A message in a field without `optional`: protobuf cannot require it, so recalling does.
macro_rules! required {
    ($name:ident) => {
        impl Keep<Option<v1::$name>> for $name {
            fn keep(&self) -> Option<v1::$name> {
                Some(self.keep())
            }

            fn recall(kept: Option<v1::$name>) -> Result<Self, Undecodable> {
                Self::recall(kept.ok_or_else(Undecodable::missing)?)
            }
        }
    };
}
pub(super) use required;

/// Keeps an enum as the message of the same name, which holds one of several: first the variants that hold one value, then
/// those that are messages of their own.
macro_rules! one_of {
    ($name:ident in $of:ident {
        $($single:ident),*; $($variant:ident { $($fields:tt)* } in $message:ident),*
    }) => {
        impl Keep<v1::$name> for $name {
            fn keep(&self) -> v1::$name {
                let kept = match self {
                    $(Self::$single(value) => v1::$of::$name::$single(value.keep()),)*
                    $(Self::$variant { $($fields)* } => {
                        v1::$of::$name::$variant(fields!(keep $message { $($fields)* }))
                    })*
                };
                v1::$name { $of: Some(kept) }
            }

            fn recall(kept: v1::$name) -> Result<Self, Undecodable> {
                match kept.$of.ok_or_else(Undecodable::missing)? {
                    $(v1::$of::$name::$single(value) => Keep::recall(value).map(Self::$single),)*
                    $(v1::$of::$name::$variant(kept) => {
                        Ok(fields!(recall Self::$variant { $($fields)* } from kept: $message))
                    })*
                }
            }
        }

        required!($name);
    };
}
pub(super) use one_of;

/// Keeps the events of one aggregate: name in the log, version, variant, message. Versions that are no longer written follow
/// the newest as `1 was OldMessage`.
macro_rules! events {
    ($aggregate:ident {
        $($name:literal $version:literal $(, $old:literal was $old_message:ident)*
            => $variant:ident { $($fields:tt)* } in $message:ident;)*
    }) => {
        impl Events for $aggregate {
            const TYPES: &[EventType] = &[
                $(EventType { name: $name, version: $version }, $(EventType { name: $name, version: $old },)*)*
            ];

            fn event_type(&self) -> EventType {
                match self {
                    $(Self::$variant { .. } => EventType { name: $name, version: $version },)*
                }
            }

            fn payload(&self) -> Vec<u8> {
                match self {
                    $(Self::$variant { $($fields)* } => fields!(keep $message { $($fields)* }).encode_to_vec(),)*
                }
            }

            fn message(name: &str, version: u32) -> Option<&'static str> {
                match (name, version) {
                    $(($name, $version) => Some(stringify!($message)),
                    $(($name, $old) => Some(stringify!($old_message)),)*)*
                    _ => None,
                }
            }

            fn read(name: &str, version: u32, payload: &[u8]) -> Result<Option<Self>, Undecodable> {
                let event = match (name, version) {
                    $(($name, $version $(| $old)*) => {
                        let kept = match version {
                            $($old => exactly::<v1::$old_message>(payload)?.into(),)*
                            _ => exactly::<v1::$message>(payload)?,
                        };
                        fields!(recall Self::$variant { $($fields)* } from kept: $message)
                    })*
                    _ => return Ok(None),
                };
                Ok(Some(event))
            }
        }
    };
}
pub(super) use events;
