//! Filling the register: who there is, and the Reserve.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use muster_api::registry::v1::{
    Authority, CountersignMandateRequest, EnrolProviderRequest, GetRealmRequest, Hospital, Provider,
    RegisterAuthorityRequest, RegisterHospitalRequest, Requirement, SetRequirementRequest, SignMandateRequest,
};
use muster_domain::kernel::{Role, Timestamp};
use muster_edge::wire::fields::timestamp;

use super::{
    cast::{Cast, Player, Trouble, fresh},
    data::Data,
    words::moment,
};
use crate::files::roster::in_force;

/// How long contracts and mandates run: the exercise's clock is fast, and nobody should meet their end.
const IN_FORCE: Duration = Duration::from_hours(24 * 365 * 20);

/// How long a mandate runs: two years at most.
const MANDATE: Duration = Duration::from_hours(24 * 365);

/// Records under way at once.
const AT_ONCE: usize = 16;

enum Record {
    Authority(Authority),
    Hospital(Hospital),
    Requirement(Requirement),
    Provider(Provider),
}

/// Puts all of it on record.
pub async fn seed(cast: &Cast, data: &Data, now: Timestamp) -> Result<(), Trouble> {
    let authorities = data.parties.authorities.iter().cloned().map(Record::Authority);
    let hospitals = data.parties.hospitals.iter().cloned().map(Record::Hospital);
    let requirements = data.roster.requirements.iter().cloned().map(Record::Requirement);
    let providers = data.roster.providers.iter();
    let providers = providers.map(|provider| Record::Provider(in_force(provider, now, now.plus(IN_FORCE))));
    let records = authorities.chain(hospitals).chain(requirements).chain(providers);
    stream::iter(records)
        .map(|record| put(cast, record))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await
        .map(drop)
}

async fn put(cast: &Cast, record: Record) -> Result<(), Trouble> {
    let (operator, mut registry, request_id) = (operator(), cast.registry(), fresh());
    match record {
        Record::Authority(authority) => {
            let message = RegisterAuthorityRequest { request_id, authority: Some(authority) };
            operator.got("register an authority", registry.register_authority(operator.call(message)).await)?;
        }
        Record::Hospital(hospital) => {
            let message = RegisterHospitalRequest { request_id, hospital: Some(hospital) };
            operator.got("register a hospital", registry.register_hospital(operator.call(message)).await)?;
        }
        Record::Requirement(requirement) => {
            let message = SetRequirementRequest { request_id, requirement: Some(requirement) };
            operator.got("set a requirement", registry.set_requirement(operator.call(message)).await)?;
        }
        Record::Provider(provider) => {
            let message = EnrolProviderRequest { request_id, provider: Some(provider) };
            operator.got("enrol a provider", registry.enrol_provider(operator.call(message)).await)?;
        }
    }
    Ok(())
}

/// What the realm's clock shows.
pub async fn now(cast: &Cast) -> Result<Timestamp, Trouble> {
    let operator = operator();
    let realm = cast.registry().get_realm(operator.call(GetRealmRequest::default())).await;
    Ok(moment(operator.got("read the clock", realm)?.now))
}

/// The authority signs a standing mandate for a hospital, and its single point of contact signs too.
pub async fn mandate(
    cast: &Cast,
    hospital: &str,
    authority: &Player,
    spoc: &Player,
    now: Timestamp,
) -> Result<(), Trouble> {
    let message = SignMandateRequest {
        request_id: fresh(),
        hospital: hospital.to_owned(),
        from: Some(timestamp(now)),
        until: Some(timestamp(now.plus(MANDATE))),
    };
    let signed = cast.registry().sign_mandate(authority.call(message)).await;
    let mandate = authority.got("sign a mandate", signed)?.mandate;
    let message = CountersignMandateRequest { request_id: fresh(), mandate };
    let signed = cast.registry().countersign_mandate(spoc.call(message)).await;
    spoc.got("countersign a mandate", signed).map(drop)
}

fn operator() -> Player {
    Player::new(Role::Operator, "operator")
}
