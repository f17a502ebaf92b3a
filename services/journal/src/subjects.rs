//! Which subject each aggregate has; the names stand here and nowhere else.

use muster_domain::{
    codes::Country,
    kernel::{AuthorityId, HospitalId, MandateId, ProviderId, RealmId, RequestId},
};

use crate::port::{Context, InvalidSubject, Subject};

/// The subjects of one realm.
#[derive(Clone, Debug)]
pub struct Subjects(pub RealmId);

impl Subjects {
    fn registry(&self, kind: &str, id: &str) -> Result<Subject, InvalidSubject> {
        Subject::new(&self.0, Context::Registry, &format!("{kind}-{id}"))
    }

    /// The realm itself.
    pub fn realm(&self) -> Result<Subject, InvalidSubject> {
        Subject::new(&self.0, Context::Registry, "realm")
    }

    /// The service catalogue.
    pub fn catalogue(&self) -> Result<Subject, InvalidSubject> {
        Subject::new(&self.0, Context::Registry, "catalogue")
    }

    /// A hospital's record.
    pub fn hospital(&self, id: &HospitalId) -> Result<Subject, InvalidSubject> {
        self.registry("hospital", id.as_str())
    }

    /// An authority's record.
    pub fn authority(&self, id: &AuthorityId) -> Result<Subject, InvalidSubject> {
        self.registry("authority", id.as_str())
    }

    /// A provider's record.
    pub fn provider(&self, id: &ProviderId) -> Result<Subject, InvalidSubject> {
        self.registry("provider", id.as_str())
    }

    /// A standing mandate.
    pub fn mandate(&self, id: &MandateId) -> Result<Subject, InvalidSubject> {
        self.registry("mandate", id.as_str())
    }

    /// A Member State's requirement.
    pub fn requirement(&self, country: Country) -> Result<Subject, InvalidSubject> {
        self.registry("requirement", &country.as_str().to_ascii_lowercase())
    }

    /// A third country's access.
    pub fn third_country(&self, country: Country) -> Result<Subject, InvalidSubject> {
        self.registry("third-country", &country.as_str().to_ascii_lowercase())
    }

    /// A request.
    pub fn request(&self, id: &RequestId) -> Result<Subject, InvalidSubject> {
        Subject::new(&self.0, Context::Intake, id.as_str())
    }

    /// A request's assessment.
    pub fn assessment(&self, id: &RequestId) -> Result<Subject, InvalidSubject> {
        Subject::new(&self.0, Context::Eligibility, id.as_str())
    }

    /// The policy.
    pub fn policy(&self) -> Result<Subject, InvalidSubject> {
        Subject::new(&self.0, Context::Eligibility, "policy")
    }

    /// The desk.
    pub fn desk(&self) -> Result<Subject, InvalidSubject> {
        Subject::new(&self.0, Context::Dispatch, "desk")
    }
}

/// What the ids of the registry's subjects begin with where there are many of a kind, and the names of their events.
const REGISTRY_KINDS: [(&str, &str); 6] = [
    ("hospital-", "registry.hospital"),
    ("authority-", "registry.authority"),
    ("provider-", "registry.provider"),
    ("mandate-", "registry.mandate"),
    ("requirement-", "registry.requirement"),
    ("third-country-", "registry.third-country"),
];

/// The id of the thing that a subject is about, without the registry's word for its kind.
pub fn id_of(subject: &Subject) -> &str {
    let id = subject.id();
    match subject.context() {
        Context::Registry => REGISTRY_KINDS.iter().find_map(|(kind, _)| id.strip_prefix(kind)).unwrap_or(id),
        Context::Intake | Context::Eligibility | Context::Dispatch => id,
    }
}

/// What the names of the events begin with that may stand on a subject, e.g. `intake.request`; `None` if none may.
pub fn event_kind(subject: &Subject) -> Option<&'static str> {
    match (subject.context(), subject.id()) {
        (Context::Registry, "realm") => Some("registry.realm"),
        (Context::Registry, "catalogue") => Some("registry.catalogue"),
        (Context::Registry, id) => {
            REGISTRY_KINDS.iter().find(|(kind, _)| id.starts_with(kind)).map(|(_, events)| *events)
        }
        (Context::Intake, _) => Some("intake.request"),
        (Context::Eligibility, "policy") => Some("eligibility.policy"),
        (Context::Eligibility, _) => Some("eligibility.assessment"),
        (Context::Dispatch, _) => Some("dispatch.desk"),
    }
}
