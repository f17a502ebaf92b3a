//! Words that every context shares: time, names, who acts, how a refusal speaks, what an aggregate is.

use std::{fmt, time::Duration};

use crate::codes::{UnknownCode, code_list};

/// A moment in UTC, in whole milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This moment moved forward; it stops at the end of representable time.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this moment is; zero when it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with `Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => at.fmt(f),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// A name that is not a subject token: what stood where an id should stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidId {
    /// What kind of id was expected.
    pub expected: &'static str,
    /// What was found.
    pub found: String,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is no {}: 1 to 64 of a-z, 0-9 and '-'", self.found, self.expected)
    }
}

/// Whether `text` may stand as one token of a subject: 1 to 64 of `a-z`, `0-9`, `-`.
pub fn is_token(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $expected:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Reads an id; refused unless it is 1 to 64 of `a-z`, `0-9`, `-`.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                if is_token(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidId { expected: $expected, found: text.to_owned() })
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// `live`, or the name of one exercise.
    RealmId = "realm id";
    /// A hospital or other entity affected.
    HospitalId = "hospital id";
    /// A national CSIRT, cyber crisis management authority, CERT-EU or third-country authority.
    AuthorityId = "authority id";
    /// A single point of contact (NIS2 Art 8(3)).
    SpocId = "single point of contact id";
    /// A trusted managed security service provider.
    ProviderId = "provider id";
    /// One contract of a provider.
    ContractId = "contract id";
    /// A standing mandate.
    MandateId = "mandate id";
    /// A request for support.
    RequestId = "request id";
    /// What one provider is asked to do for one grant.
    PackageId = "package id";
    /// One offer; after acceptance the same id names the engagement.
    OfferId = "offer id";
    /// A person's entry in the erasable store outside the log.
    SubjectRef = "subject reference";
    /// Whoever acts, as the identity provider names them; never a person's name.
    PrincipalId = "principal id";
}

code_list! {
    /// What a principal acts as.
    Role, "roles" {
        /// An entity affected.
        Hospital = "hospital",
        /// A Reserve user (Reg. (EU) 2025/38 Art 14(3)).
        Authority = "authority",
        /// A single point of contact: it transmits (Art 15(3)).
        Spoc = "spoc",
        /// ENISA as contracting authority (Art 14(5)).
        Officer = "officer",
        /// The Commission (Art 14(4), 19(10)).
        Commission = "commission",
        /// A trusted provider.
        Provider = "provider",
        /// Reads all, changes nothing.
        Auditor = "auditor",
        /// Runs Muster; registers, but never decides.
        Operator = "operator",
        /// Muster itself, acting on an event or a deadline under a policy in force.
        System = "system",
    }
}

impl Role {
    /// Whether whoever has this role speaks with the people of a case. Auditors and operators need no name and no number.
    pub const fn meets_people(self) -> bool {
        match self {
            Self::Hospital | Self::Authority | Self::Spoc | Self::Officer | Self::Commission | Self::Provider => true,
            Self::Auditor | Self::Operator | Self::System => false,
        }
    }
}

/// Who gave a command.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Actor {
    /// What they act as.
    pub role: Role,
    /// Which principal.
    pub principal: PrincipalId,
}

/// When and by whom a command was received: all that a decision may know besides the state and the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Stamped once, by the replica that received the command.
    pub at: Timestamp,
    /// Who gave it.
    pub by: Actor,
}

/// How a refusal is to be understood; each kind is one gRPC code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The command itself is wrong, whatever the state.
    Invalid,
    /// There is no such thing.
    NotFound,
    /// There already is such a thing.
    AlreadyExists,
    /// The state does not allow it now.
    Precondition,
    /// The caller may not do it.
    Denied,
    /// It cannot be done or known just now; the same again may succeed.
    Unavailable,
    /// The log itself is at fault: whoever runs Muster must act.
    Broken,
}

/// A refusal in words: what a user reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Stable reason in SCREAMING_SNAKE_CASE.
    pub reason: &'static str,
    /// How to understand it.
    pub kind: RefusalKind,
    /// The article or house rule behind it.
    pub rule: &'static str,
    /// What is wrong, naming the field if one is to blame.
    pub says: String,
    /// What to do instead.
    pub way_out: &'static str,
    /// Every field that is wrong; empty when no field is to blame.
    pub fields: Vec<FieldViolation>,
}

/// What is wrong with one field of a command; read aloud it is a sentence: field, what is wrong, rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// The field's path in the command, e.g. `facts.needs.services`.
    pub field: String,
    /// The article or house rule behind it.
    pub rule: &'static str,
    /// What is wrong with it, e.g. `is blank`.
    pub says: String,
}

impl fmt::Display for FieldViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.field, self.says, self.rule)
    }
}

/// Declares why an aggregate refuses: one entry per rejection says all there is to say of it.
///
/// ```text
/// /// What it means.
/// Name(value: Type, ...) = Kind "STABLE_REASON";
///     "article or house rule";
///     "what is wrong, with {value}";
///     "the way out";
/// ```
///
/// `Kind[value]` names the `Violations` among the values, so that callers get them field by field.
macro_rules! rejections {
    ($(#[$doc:meta])* $name:ident {$(
        $(#[$variant_doc:meta])*
        $variant:ident $(($($value:ident: $type:ty),+))? = $kind:ident $([$violations:ident])? $reason:literal;
            $rule:literal;
            $says:literal;
            $way_out:literal;
    )+}) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {$(
            $(#[$variant_doc])*
            $variant $(($($type),+))?,
        )+}

        impl $name {
            /// Every stable reason, in the order above.
            pub const REASONS: &[&str] = &[$($reason,)+];
        }

        impl From<$name> for $crate::kernel::Refusal {
            fn from(rejection: $name) -> Self {
                match rejection {$(
                    $name::$variant $(($($value),+))? => Self {
                        reason: $reason,
                        kind: $crate::kernel::RefusalKind::$kind,
                        rule: $rule,
                        says: format!($says),
                        way_out: $way_out,
                        fields: $crate::kernel::rejections!(@fields $($violations)?),
                    },
                )+}
            }
        }
    };
    (@fields) => { Vec::new() };
    (@fields $violations:ident) => { $violations.into_fields() };
}
pub(crate) use rejections;

/// A history that no sequence of decisions could have written. It is ours to mend, never the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt(pub String);

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "impossible history: {}", self.0)
    }
}

/// A consistency boundary: commands are decided on its state, events change it.
pub trait Aggregate {
    /// What is known; `Default` is before the first event.
    type State: Clone + Default + fmt::Debug + PartialEq;
    /// What may be asked.
    type Command: Clone + fmt::Debug;
    /// What may have happened.
    type Event: Clone + fmt::Debug + PartialEq;
    /// Why a command may be refused.
    type Rejection: fmt::Debug + PartialEq + Into<Refusal>;

    /// Answers a command: the events it causes (none if it was done before), or why not.
    fn decide(
        state: &Self::State,
        command: Self::Command,
        received: &Received,
    ) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// Takes one event into the state.
    fn evolve(state: &mut Self::State, event: &Self::Event) -> Result<(), Corrupt>;
}
