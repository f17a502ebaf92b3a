//! The calls of `muster.registry.v1`.

use std::sync::Arc;

use muster_api::{
    registry::v1::{
        ApproveSuspensionRequest, ApproveSuspensionResponse, AuthoriseThirdCountryRequest,
        AuthoriseThirdCountryResponse, CountersignMandateRequest, CountersignMandateResponse, EnrolProviderRequest,
        EnrolProviderResponse, ExtendCatalogueRequest, ExtendCatalogueResponse, GetProviderRequest,
        GetProviderResponse, GetRealmRequest, GetRealmResponse, ListAuthoritiesRequest, ListAuthoritiesResponse,
        ListHospitalsRequest, ListHospitalsResponse, ListMandatesRequest, ListMandatesResponse, ListProvidersRequest,
        ListProvidersResponse, ListRequirementsRequest, ListRequirementsResponse, ListServicesRequest,
        ListServicesResponse, OpenRealmRequest, OpenRealmResponse, ProposeSuspensionRequest, ProposeSuspensionResponse,
        Provider as WireProvider, RegisterAuthorityRequest, RegisterAuthorityResponse, RegisterHospitalRequest,
        RegisterHospitalResponse, ReinstateProviderRequest, ReinstateProviderResponse, RepealThirdCountryRequest,
        RepealThirdCountryResponse, RevokeMandateRequest, RevokeMandateResponse, SetRequirementRequest,
        SetRequirementResponse, SignMandateRequest, SignMandateResponse,
        registry_service_server::{RegistryService, RegistryServiceServer},
    },
    r#type::v1::Position as WirePosition,
};
use muster_domain::{
    codes::{Country, ServiceId},
    event::Event,
    kernel::{Aggregate, AuthorityId, HospitalId, MandateId, ProviderId, Role, SpocId, Timestamp},
    parties::{Parties, Party},
    registry::{
        authority,
        catalogue::{self, Catalogue},
        events::{Authority, Hospital, Mandate, NationalRequirement, Provider, Realm},
        hospital, mandate,
        provider::{self, Enrolment},
        realm, requirement,
        third_country::{self, ThirdCountry},
    },
};
use muster_edge::{
    Answer, Caller, Edge,
    edge::refused,
    page::Page,
    wire::fields::{Fields, one, timestamp, violation},
};
use muster_journal::{
    engine::{
        Done, Meta,
        executor::Executor,
        follower::{Follower, View},
    },
    port::{InvalidSubject, Subject},
    stored::Position,
};
use muster_runtime::{
    access::{Access, Action, may},
    clock::{Clock, SystemClock},
    ids, status,
};
use tonic::{Request, Response, Status, service::Routes};

use crate::{views::Register, wire};

/// The registry service.
#[derive(Clone)]
pub struct Service {
    edge: Edge,
    realms: Arc<Executor<Realm>>,
    hospitals: Arc<Executor<Hospital>>,
    authorities: Arc<Executor<Authority>>,
    providers: Arc<Executor<Provider>>,
    mandates: Arc<Executor<Mandate>>,
    requirements: Arc<Executor<NationalRequirement>>,
    third_countries: Arc<Executor<ThirdCountry>>,
    catalogues: Arc<Executor<Catalogue>>,
    register: View<Register>,
}

impl Service {
    /// The service on the journal of `edge`; `follower` reads the log for it.
    pub fn new(edge: Edge, follower: &mut Follower) -> Self {
        Self {
            realms: executor(&edge),
            hospitals: executor(&edge),
            authorities: executor(&edge),
            providers: executor(&edge),
            mandates: executor(&edge),
            requirements: executor(&edge),
            third_countries: executor(&edge),
            catalogues: executor(&edge),
            register: follower.view(Register::default()),
            edge,
        }
    }

    /// Its calls, beside what is served already.
    pub fn beside(self, routes: Routes) -> Routes {
        routes.add_service(RegistryServiceServer::new(self))
    }

    /// Does what an officer asks of a provider's record.
    async fn act_on(&self, provider: &ProviderId, command: provider::Command, meta: Meta) -> Result<Done, Status> {
        let subject = at("provider", self.edge.subjects.provider(provider))?;
        self.providers.execute(&subject, command, meta).await.map_err(refused)
    }

    /// What can be asked for, as the log has it now.
    async fn catalogue(&self) -> Result<Catalogue, Status> {
        let subject = self.edge.subjects.catalogue().map_err(status::fault)?;
        Ok(self.catalogues.read(&subject).await.map_err(refused)?.state)
    }

    /// Whether the caller may do this to a mandate.
    async fn may_touch(&self, caller: &Caller, action: Action, mandate: &MandateId) -> Result<(), Status> {
        let party = |people: &Parties| {
            let register = self.register.now();
            register.mandate(mandate).map(|mandate| people.of_mandate(mandate)).unwrap_or_default()
        };
        self.edge.may(caller, action, ("mandate", mandate.as_str()), party).await
    }

    /// The record of the authority that calls.
    fn own_record(&self, caller: &Caller) -> Result<Authority, Status> {
        let id = caller.actor.principal.as_str();
        let record = AuthorityId::parse(id).ok().and_then(|id| self.edge.people.now().authority(&id).cloned());
        record.ok_or_else(|| status::not_found("authority", id))
    }
}

fn executor<A: Aggregate>(edge: &Edge) -> Arc<Executor<A>>
where
    A::State: Send,
    A::Command: Send,
    A::Event: TryFrom<Event> + Into<Event> + Send,
{
    let clock = edge.clock.clone();
    Arc::new(Executor::new(edge.journal.clone(), Arc::new(move || clock.now()), ids::new))
}

/// Has a command decided, and answers from where on it holds.
async fn act<A: Aggregate>(
    executor: &Executor<A>,
    subject: &Subject,
    command: A::Command,
    meta: Meta,
) -> Result<Option<WirePosition>, Status>
where
    A::State: Send,
    A::Command: Send,
    A::Event: TryFrom<Event> + Into<Event> + Send,
{
    Ok(Some(executor.execute(subject, command, meta).await.map_err(refused)?.position.into()))
}

/// The subject of what `field` names: with the word for its kind before it, a very long id has none.
fn at(field: &str, subject: Result<Subject, InvalidSubject>) -> Result<Subject, Status> {
    subject.map_err(|_| {
        status::unreadable(&[violation(field, "is too long for the id of a record: 54 characters always fit")])
    })
}

/// Reads a message, or tells everything that is wrong with it.
fn read<T>(read: impl FnOnce(&mut Fields) -> Option<T>) -> Result<T, Status> {
    let mut fields = Fields::default();
    let value = read(&mut fields);
    fields.done(value)
}

/// Reads the country that a list is asked to keep to, if any.
fn only_of(country: &str) -> Result<Option<Country>, Status> {
    read(|fields| Some(fields.optional("country", country, Country::parse)))
}

/// The parties of a provider's record: the provider.
fn of_provider(provider: &ProviderId) -> Party {
    Party { providers: [provider.clone()].into(), ..Party::default() }
}

/// A provider as the caller may see it at a moment: a proposal is for those who may approve it or read all.
fn shown(caller: &Caller, enrolment: &Enrolment, moment: Timestamp) -> WireProvider {
    let reads_all = match caller.actor.role {
        Role::Officer | Role::Commission | Role::Auditor => true,
        Role::Hospital | Role::Authority | Role::Spoc | Role::Provider | Role::Operator | Role::System => false,
    };
    wire::provider(enrolment, enrolment.standing.proposal(moment).filter(|_| reads_all))
}

fn told(position: Position) -> Option<WirePosition> {
    Some(position.into())
}

#[tonic::async_trait]
impl RegistryService for Service {
    async fn open_realm(&self, call: Request<OpenRealmRequest>) -> Answer<OpenRealmResponse> {
        let (caller, message) = self.edge.admit(call, Action::OpenRealm)?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let system = SystemClock.now();
        let realm = read(|fields| wire::read_realm(fields, message.realm, &self.edge.realm, system))?;
        let subject = self.edge.subjects.realm().map_err(status::fault)?;
        let position = act(&self.realms, &subject, realm::Command::Open(realm), meta).await?;
        Ok(Response::new(OpenRealmResponse { position }))
    }

    async fn get_realm(&self, call: Request<GetRealmRequest>) -> Answer<GetRealmResponse> {
        let (caller, message) = self.edge.admit(call, Action::GetRealm)?;
        // A replica that has just started has not read its own realm yet.
        if self.register.now().realm().is_none() {
            self.edge.catch_up(&caller).await?;
        }
        let looked = self.edge.read(&caller, &self.register, message.read_at, |register, progress| {
            Some((progress.position, wire::realm(register.realm()?)))
        });
        let missing = || status::not_found("realm", self.edge.realm.as_str());
        let (as_of, realm) = looked.await?.ok_or_else(missing)?;
        let now = Some(timestamp(self.edge.clock.now()));
        Ok(Response::new(GetRealmResponse { as_of: told(as_of), realm: Some(realm), now }))
    }

    async fn register_hospital(&self, call: Request<RegisterHospitalRequest>) -> Answer<RegisterHospitalResponse> {
        let (caller, message) = self.edge.admit(call, Action::RegisterHospital)?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let hospital = read(|fields| wire::read_hospital(fields, message.hospital))?;
        let subject = at("hospital.hospital", self.edge.subjects.hospital(&hospital.id))?;
        let position = act(&self.hospitals, &subject, hospital::Command::Register(hospital), meta).await?;
        Ok(Response::new(RegisterHospitalResponse { position }))
    }

    async fn list_hospitals(&self, call: Request<ListHospitalsRequest>) -> Answer<ListHospitalsResponse> {
        let (caller, message) = self.edge.admit(call, Action::ListHospitals)?;
        let page = Page::read(message.page_size, &message.page_token, message.read_at)?;
        let country = only_of(&message.country)?;
        let looked = self.edge.read(&caller, &self.register, page.read_at(), |register, progress| {
            let people = self.edge.people.now();
            let hospitals = register.hospitals().map(|one| (one.id.to_string(), one));
            let (records, next) = page.cut(progress.position, hospitals, |hospital| {
                country.is_none_or(|country| hospital.member_state == country)
                    && may(&caller.actor, Action::ListHospitals, &people.of_hospital(&hospital.id)) == Access::Allowed
            });
            let hospitals = records.into_iter().map(wire::hospital).collect();
            ListHospitalsResponse { as_of: told(progress.position), hospitals, next_page_token: next }
        });
        Ok(Response::new(looked.await?))
    }

    async fn register_authority(&self, call: Request<RegisterAuthorityRequest>) -> Answer<RegisterAuthorityResponse> {
        let (caller, message) = self.edge.admit(call, Action::RegisterAuthority)?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let authority = read(|fields| wire::read_authority(fields, message.authority))?;
        let subject = at("authority.authority", self.edge.subjects.authority(&authority.id))?;
        let position = act(&self.authorities, &subject, authority::Command::Register(authority), meta).await?;
        Ok(Response::new(RegisterAuthorityResponse { position }))
    }

    async fn list_authorities(&self, call: Request<ListAuthoritiesRequest>) -> Answer<ListAuthoritiesResponse> {
        let (caller, message) = self.edge.admit(call, Action::ListAuthorities)?;
        let page = Page::read(message.page_size, &message.page_token, message.read_at)?;
        let country = only_of(&message.country)?;
        let looked = self.edge.read(&caller, &self.register, page.read_at(), |register, progress| {
            let authorities = register.authorities().map(|one| (one.id.to_string(), one));
            let of_country = |one: &&Authority| country.is_none() || one.country == country;
            let (records, next) = page.cut(progress.position, authorities, of_country);
            let authorities = records.into_iter().map(wire::authority).collect();
            ListAuthoritiesResponse { as_of: told(progress.position), authorities, next_page_token: next }
        });
        Ok(Response::new(looked.await?))
    }

    async fn enrol_provider(&self, call: Request<EnrolProviderRequest>) -> Answer<EnrolProviderResponse> {
        let (caller, message) = self.edge.admit(call, Action::EnrolProvider)?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let terms = read(|fields| wire::read_provider(fields, message.provider))?;
        let subject = at("provider.provider", self.edge.subjects.provider(&terms.id))?;
        let catalogue = self.catalogue().await?;
        let position = act(&self.providers, &subject, provider::Command::Enrol { terms, catalogue }, meta).await?;
        Ok(Response::new(EnrolProviderResponse { position }))
    }

    async fn propose_suspension(&self, call: Request<ProposeSuspensionRequest>) -> Answer<ProposeSuspensionResponse> {
        let (caller, message) = self.edge.admit(call, Action::ProposeSuspension)?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let provider = one("provider", &message.provider, ProviderId::parse)?;
        let command = provider::Command::ProposeSuspension { reason: message.reason };
        let position = self.act_on(&provider, command, meta).await?.position;
        self.register.reaches(position.sequence, caller.patience).await.map_err(refused)?;
        let lapses_at = self.register.now().lapses(&provider, position).map(timestamp);
        Ok(Response::new(ProposeSuspensionResponse { position: told(position), lapses_at }))
    }

    async fn approve_suspension(&self, call: Request<ApproveSuspensionRequest>) -> Answer<ApproveSuspensionResponse> {
        let (caller, message) = self.edge.admit(call, Action::ApproveSuspension)?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let provider = one("provider", &message.provider, ProviderId::parse)?;
        let done = self.act_on(&provider, provider::Command::ApproveSuspension, meta).await?;
        Ok(Response::new(ApproveSuspensionResponse { position: told(done.position) }))
    }

    async fn reinstate_provider(&self, call: Request<ReinstateProviderRequest>) -> Answer<ReinstateProviderResponse> {
        let (caller, message) = self.edge.admit(call, Action::ReinstateProvider)?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let provider = one("provider", &message.provider, ProviderId::parse)?;
        let command = provider::Command::Reinstate { reason: message.reason };
        let done = self.act_on(&provider, command, meta).await?;
        Ok(Response::new(ReinstateProviderResponse { position: told(done.position) }))
    }

    async fn get_provider(&self, call: Request<GetProviderRequest>) -> Answer<GetProviderResponse> {
        let (caller, message) = self.edge.admit(call, Action::GetProvider)?;
        let id = one("provider", &message.provider, ProviderId::parse)?;
        self.edge.may(&caller, Action::GetProvider, ("provider", id.as_str()), |_| of_provider(&id)).await?;
        let looked = self.edge.read(&caller, &self.register, message.read_at, |register, progress| {
            let moment = self.edge.moment(message.read_at, progress);
            Some((progress.position, shown(&caller, register.provider(&id)?, moment)))
        });
        let (as_of, provider) = looked.await?.ok_or_else(|| status::not_found("provider", id.as_str()))?;
        Ok(Response::new(GetProviderResponse { as_of: told(as_of), provider: Some(provider) }))
    }

    async fn list_providers(&self, call: Request<ListProvidersRequest>) -> Answer<ListProvidersResponse> {
        let (caller, message) = self.edge.admit(call, Action::ListProviders)?;
        let page = Page::read(message.page_size, &message.page_token, message.read_at)?;
        let mut fields = Fields::default();
        let country = fields.optional("country", &message.country, Country::parse);
        let service = fields.optional("service", &message.service, ServiceId::parse);
        fields.done(Some(()))?;
        let looked = self.edge.read(&caller, &self.register, page.read_at(), |register, progress| {
            let providers = register.providers().map(|one| (one.terms.id.to_string(), one));
            let (records, next) = page.cut(progress.position, providers, |enrolment| {
                let mut contracts = enrolment.terms.contracts.iter();
                contracts.any(|contract| {
                    country.is_none_or(|country| contract.member_states.contains(&country))
                        && service.as_ref().is_none_or(|service| contract.services.contains(service))
                }) && may(&caller.actor, Action::ListProviders, &of_provider(&enrolment.terms.id)) == Access::Allowed
            });
            let moment = self.edge.moment(message.read_at, progress);
            let providers = records.into_iter().map(|enrolment| shown(&caller, enrolment, moment)).collect();
            ListProvidersResponse { as_of: told(progress.position), providers, next_page_token: next }
        });
        Ok(Response::new(looked.await?))
    }

    async fn sign_mandate(&self, call: Request<SignMandateRequest>) -> Answer<SignMandateResponse> {
        let (caller, message) = self.edge.admit(call, Action::SignMandate)?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let (hospital, from, until) = read(|fields| {
            let hospital = fields.parsed("hospital", &message.hospital, HospitalId::parse);
            let (from, until) = (fields.time("from", message.from), fields.time("until", message.until));
            Some((hospital?, from?, until?))
        })?;
        // A hospital abroad is answered like one that is not there.
        let what = ("hospital", hospital.as_str());
        self.edge.may(&caller, Action::SignMandate, what, |people| people.of_hospital(&hospital)).await?;
        let authority = self.own_record(&caller)?;
        let id = MandateId::parse(meta.created().as_str()).map_err(status::fault)?;
        let subject = self.edge.subjects.mandate(&id).map_err(status::fault)?;
        let mandate = id.to_string();
        let command = mandate::Command::Sign { id, hospital, authority, from, until };
        let position = act(&self.mandates, &subject, command, meta).await?;
        Ok(Response::new(SignMandateResponse { position, mandate }))
    }

    async fn countersign_mandate(
        &self,
        call: Request<CountersignMandateRequest>,
    ) -> Answer<CountersignMandateResponse> {
        let (caller, message) = self.edge.admit(call, Action::CountersignMandate)?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let mandate = one("mandate", &message.mandate, MandateId::parse)?;
        self.may_touch(&caller, Action::CountersignMandate, &mandate).await?;
        let spoc = SpocId::parse(caller.actor.principal.as_str()).map_err(status::fault)?;
        let subject = at("mandate", self.edge.subjects.mandate(&mandate))?;
        let position = act(&self.mandates, &subject, mandate::Command::Countersign { spoc }, meta).await?;
        Ok(Response::new(CountersignMandateResponse { position }))
    }

    async fn revoke_mandate(&self, call: Request<RevokeMandateRequest>) -> Answer<RevokeMandateResponse> {
        let (caller, message) = self.edge.admit(call, Action::RevokeMandate)?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let mandate = one("mandate", &message.mandate, MandateId::parse)?;
        self.may_touch(&caller, Action::RevokeMandate, &mandate).await?;
        let id = caller.actor.principal.as_str();
        let by = if caller.actor.role == Role::Spoc {
            mandate::Party::Spoc(SpocId::parse(id).map_err(status::fault)?)
        } else {
            mandate::Party::Authority(AuthorityId::parse(id).map_err(status::fault)?)
        };
        let subject = at("mandate", self.edge.subjects.mandate(&mandate))?;
        let command = mandate::Command::Revoke { by, reason: message.reason };
        let position = act(&self.mandates, &subject, command, meta).await?;
        Ok(Response::new(RevokeMandateResponse { position }))
    }

    async fn list_mandates(&self, call: Request<ListMandatesRequest>) -> Answer<ListMandatesResponse> {
        let (caller, message) = self.edge.admit(call, Action::ListMandates)?;
        let page = Page::read(message.page_size, &message.page_token, message.read_at)?;
        let hospital = read(|fields| Some(fields.optional("hospital", &message.hospital, HospitalId::parse)))?;
        let looked = self.edge.read(&caller, &self.register, page.read_at(), |register, progress| {
            let people = self.edge.people.now();
            let mandates = register.mandates().map(|one| (one.0.id.to_string(), one));
            let (records, next) = page.cut(progress.position, mandates, |(mandate, _)| {
                hospital.as_ref().is_none_or(|hospital| mandate.hospital == *hospital)
                    && may(&caller.actor, Action::ListMandates, &people.of_mandate(mandate)) == Access::Allowed
            });
            let mandates = records.into_iter().filter_map(|(_, state)| wire::mandate(state)).collect();
            ListMandatesResponse { as_of: told(progress.position), mandates, next_page_token: next }
        });
        Ok(Response::new(looked.await?))
    }

    async fn set_requirement(&self, call: Request<SetRequirementRequest>) -> Answer<SetRequirementResponse> {
        let (caller, message) = self.edge.admit(call, Action::SetRequirement)?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let requirement = read(|fields| wire::read_requirement(fields, message.requirement))?;
        let subject = self.edge.subjects.requirement(requirement.member_state).map_err(status::fault)?;
        let position = act(&self.requirements, &subject, requirement::Command::Set(requirement), meta).await?;
        Ok(Response::new(SetRequirementResponse { position }))
    }

    async fn list_requirements(&self, call: Request<ListRequirementsRequest>) -> Answer<ListRequirementsResponse> {
        let (caller, message) = self.edge.admit(call, Action::ListRequirements)?;
        let looked = self.edge.read(&caller, &self.register, message.read_at, |register, progress| {
            let requirements = register.requirements().map(wire::requirement).collect();
            ListRequirementsResponse { as_of: told(progress.position), requirements }
        });
        Ok(Response::new(looked.await?))
    }

    async fn authorise_third_country(
        &self,
        call: Request<AuthoriseThirdCountryRequest>,
    ) -> Answer<AuthoriseThirdCountryResponse> {
        let (caller, message) = self.edge.admit(call, Action::AuthoriseThirdCountry)?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let opening = read(|fields| wire::read_act(fields, message.act))?;
        let subject = self.edge.subjects.third_country(opening.country).map_err(status::fault)?;
        let command = third_country::Command::Authorise(opening);
        let position = act(&self.third_countries, &subject, command, meta).await?;
        Ok(Response::new(AuthoriseThirdCountryResponse { position }))
    }

    async fn repeal_third_country(
        &self,
        call: Request<RepealThirdCountryRequest>,
    ) -> Answer<RepealThirdCountryResponse> {
        let (caller, message) = self.edge.admit(call, Action::RepealThirdCountry)?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let country = one("country", &message.country, Country::parse)?;
        let subject = self.edge.subjects.third_country(country).map_err(status::fault)?;
        let command = third_country::Command::Repeal { reference: message.reference };
        let position = act(&self.third_countries, &subject, command, meta).await?;
        Ok(Response::new(RepealThirdCountryResponse { position }))
    }

    async fn extend_catalogue(&self, call: Request<ExtendCatalogueRequest>) -> Answer<ExtendCatalogueResponse> {
        let (caller, message) = self.edge.admit(call, Action::ExtendCatalogue)?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let services = read(|fields| Some(wire::read_services(fields, message.services)))?;
        let subject = self.edge.subjects.catalogue().map_err(status::fault)?;
        let position = act(&self.catalogues, &subject, catalogue::Command::Extend(services), meta).await?;
        Ok(Response::new(ExtendCatalogueResponse { position }))
    }

    async fn list_services(&self, call: Request<ListServicesRequest>) -> Answer<ListServicesResponse> {
        let (caller, message) = self.edge.admit(call, Action::ListServices)?;
        let looked = self.edge.read(&caller, &self.register, message.read_at, |register, progress| {
            let services = register.catalogue().entries().map(wire::service).collect();
            ListServicesResponse { as_of: told(progress.position), services }
        });
        Ok(Response::new(looked.await?))
    }
}
