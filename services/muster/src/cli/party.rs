//! Who acts when nobody is named: what a command is about tells whose turn it is. Only a development Muster has an
//! auditor on duty who can look it up; elsewhere, whoever acts is named.

use std::collections::BTreeMap;

use muster_api::{
    dispatch::v1::GetOfferRequest,
    intake::v1::{GetRequestRequest, Request},
    monitor::v1::{BoardFilter, GetBoardRequest, GetRequestPageRequest},
    registry::v1::{Authority, ListAuthoritiesRequest},
};
use muster_domain::kernel::{Actor, PrincipalId, Role};

use super::{
    failure::Failure,
    session::Session,
    values::{PackageName, RequestName},
};

/// Whose turn a command on a request is.
#[derive(Clone, Copy, Debug)]
pub enum Turn {
    /// The hospital's.
    Hospital,
    /// Its authority's.
    Authority,
    /// The single point of contact's.
    Spoc,
    /// The hospital's, until its authority has made the request and submitted it.
    Asker,
}

impl Turn {
    const fn role(self) -> Role {
        match self {
            Self::Hospital => Role::Hospital,
            Self::Authority => Role::Authority,
            Self::Spoc => Role::Spoc,
            Self::Asker => Role::Hospital,
        }
    }

    /// Whose turn it is on this request.
    fn on(self, request: &Request) -> Self {
        match self {
            Self::Asker if ["opened", "returned", "endorsed"].contains(&request.state.as_str()) => Self::Hospital,
            Self::Asker => Self::Authority,
            Self::Hospital | Self::Authority | Self::Spoc => self,
        }
    }
}

impl Session {
    /// The id of a request, however it was named.
    pub async fn request(&self, name: &RequestName, caller: &Actor) -> Result<String, Failure> {
        let number = match name {
            RequestName::Id(id) => return Ok(id.clone()),
            RequestName::Number(number) => number.clone(),
        };
        let ask = GetRequestPageRequest { read_at: None, request: number };
        let answer = self.monitor(caller).await?.get_request_page(ask).await?.into_inner();
        Ok(answer.page.and_then(|page| page.card).map(|card| card.request).unwrap_or_default())
    }

    /// The short numbers of the requests that `caller` may see, by id.
    pub async fn numbers(&self, caller: &Actor) -> Result<BTreeMap<String, String>, Failure> {
        let mut numbers = BTreeMap::new();
        let mut client = self.monitor(caller).await?;
        let filter = Some(BoardFilter { with_closed: true, ..BoardFilter::default() });
        let mut ask = GetBoardRequest { page_size: 500, filter, ..GetBoardRequest::default() };
        loop {
            let answer = client.get_board(ask.clone()).await?.into_inner();
            numbers.extend(answer.cards.into_iter().map(|card| (card.request, card.number)));
            if answer.next_page_token.is_empty() {
                return Ok(numbers);
            }
            ask.page_token = answer.next_page_token;
        }
    }

    /// The id of a package, however it was named.
    pub async fn package(&self, name: &PackageName, caller: &Actor) -> Result<String, Failure> {
        match name {
            PackageName::Id(id) => Ok(id.clone()),
            PackageName::OfNumber(request, rest) => Ok(format!("{}{rest}", self.request(request, caller).await?)),
        }
    }

    /// A request's id, and who acts on it: whoever was named, else the party that the request tells of.
    pub async fn party(&self, turn: Turn, name: &RequestName) -> Result<(String, Actor), Failure> {
        if let Some(actor) = self.named() {
            return Ok((self.request(name, &actor).await?, actor));
        }
        let auditor = self.auditor(turn.role())?;
        let id = self.request(name, &auditor).await?;
        let ask = GetRequestRequest { read_at: self.newest(&auditor).await?, request: id.clone() };
        let request = self.intake(&auditor).await?.get_request(ask).await?.into_inner().request.unwrap_or_default();
        let turn = turn.on(&request);
        let (role, (principal, because)) = match turn {
            Turn::Hospital | Turn::Asker => {
                (Role::Hospital, (request.hospital.clone(), "whose request it is".to_owned()))
            }
            Turn::Spoc => self.submitter_of(name, &request, &auditor).await?,
            Turn::Authority => (Role::Authority, self.authority_of(&request, &auditor).await?),
        };
        Ok((id, self.stands_in(role, &principal, &because)?))
    }

    /// Who acts for the provider that an offer asks.
    pub async fn provider_of(&self, offer: &str) -> Result<Actor, Failure> {
        if let Some(actor) = self.named() {
            return Ok(actor);
        }
        let auditor = self.auditor(Role::Provider)?;
        let ask = GetOfferRequest { read_at: self.newest(&auditor).await?, offer: offer.to_owned() };
        let offer = self.dispatch(&auditor).await?.get_offer(ask).await?.into_inner().offer.unwrap_or_default();
        self.stands_in(Role::Provider, &offer.provider, "whom the offer asks")
    }

    /// Who looks up whose turn it is.
    pub fn auditor(&self, role: Role) -> Result<Actor, Failure> {
        self.on_duty(Role::Auditor).ok_or_else(|| {
            Failure::usage(format!("nobody is known who acts as {role}"), format!("say who acts: --as {role}:ID"))
        })
    }

    /// The party itself, acting in its role; the user is told.
    pub fn stands_in(&self, role: Role, principal: &str, because: &str) -> Result<Actor, Failure> {
        let principal = PrincipalId::parse(principal).map_err(|_| {
            Failure::usage(format!("nobody is known who acts as {role}"), format!("say who acts: --as {role}:ID"))
        })?;
        self.say(&format!("acting as {role}:{principal}, {because}"));
        Ok(Actor { role, principal })
    }

    /// The authority that has taken the request up, else the only one of its country.
    async fn authority_of(&self, request: &Request, auditor: &Actor) -> Result<(String, String), Failure> {
        if !request.authority.is_empty() {
            return Ok((request.authority.clone(), "which has taken the request up".to_owned()));
        }
        let country = request.facts.clone().unwrap_or_default().country;
        let of_country = self.authorities(&country, auditor).await?;
        match of_country.as_slice() {
            [only] => Ok((only.authority.clone(), format!("the only one of {country}"))),
            [] => Err(Failure::usage(
                format!("no authority of {country} is on record"),
                "register one: muster registry register-authority --help".to_owned(),
            )),
            several => {
                let ways: Vec<_> = several.iter().map(|one| format!("--as authority:{}", one.authority)).collect();
                Err(Failure::usage(
                    format!("{country} has several authorities"),
                    format!("say which acts: {}", ways.join(" or ")),
                ))
            }
        }
    }

    /// The single point of contact of the authority that endorsed the request; that authority itself if it has none, as
    /// CERT-EU.
    async fn submitter_of(
        &self,
        name: &RequestName,
        request: &Request,
        auditor: &Actor,
    ) -> Result<(Role, (String, String)), Failure> {
        if request.authority.is_empty() {
            return Err(Failure::usage(
                "no authority has endorsed the request, so nobody is known who would submit it",
                format!("endorse it first: muster request endorse {}", name.as_str()),
            ));
        }
        let all = self.authorities("", auditor).await?;
        let authority = all.into_iter().find(|one| one.authority == request.authority).unwrap_or_default();
        Ok(if authority.spoc.is_empty() {
            (Role::Authority, (authority.authority, "which submits by itself".to_owned()))
        } else {
            (Role::Spoc, (authority.spoc, format!("the single point of contact of {}", authority.authority)))
        })
    }

    /// Users of the Reserve: of one country, or all.
    async fn authorities(&self, country: &str, caller: &Actor) -> Result<Vec<Authority>, Failure> {
        let mut all = Vec::new();
        let mut client = self.registry(caller).await?;
        let mut ask = ListAuthoritiesRequest { page_size: 500, country: country.to_owned(), ..Default::default() };
        loop {
            let answer = client.list_authorities(ask.clone()).await?.into_inner();
            all.extend(answer.authorities);
            if answer.next_page_token.is_empty() {
                return Ok(all);
            }
            ask.page_token = answer.next_page_token;
        }
    }
}
