//! Who may do what: one table and one pure function over principal, action and resource, for every call and every message
//! of every stream.
//!
//! A handler asks in this order, and so never tells whether something exists to somebody who may not know:
//!
//! 1. find what the call is about; what is not there is `Party::default()`, which is nobody's;
//! 2. `may`: `Denied` is told to everybody of that role, whatever they name; `Hidden` gets the answer for *not there*;
//! 3. `Allowed`, but not there: the answer for *not there*.
//!
//! A list or a stream asks `may` for each of its items and leaves out what is not `Allowed`; `Denied` is the same for all
//! items and refuses the call.

#[cfg(test)]
mod matrix;

use muster_domain::{
    codes::Tlp,
    kernel::{Actor, Role},
    parties::Party,
};

/// How far a role reaches with an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It never does this.
    Never,
    /// Where it is a party by name.
    Own,
    /// There, and wherever else it is an authority of the country.
    Country,
    /// Everywhere.
    All,
}

/// Declares every action and how far each role reaches with it, as a table.
macro_rules! actions {
    ($($service:literal { $(
        $action:ident $hospital:ident $authority:ident $spoc:ident $officer:ident $commission:ident $provider:ident
        $auditor:ident $operator:ident;
    )* })*) => {
        /// What can be asked of Muster: one value for each RPC.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Action {$($(
            #[doc = concat!("`", $service, "/", stringify!($action), "`")]
            $action,
        )*)*}

        impl Action {
            /// Every action, in the table's order.
            pub const ALL: &[Self] = &[$($(Self::$action,)*)*];

            /// The RPC, as its path without the leading slash.
            pub const fn rpc(self) -> &'static str {
                match self {
                    $($(Self::$action => concat!($service, "/", stringify!($action)),)*)*
                }
            }
        }

        /// How far `role` reaches with `action`.
        pub const fn reach(role: Role, action: Action) -> Reach {
            match action {$($(
                Action::$action => match role {
                    Role::Hospital => reach!($hospital),
                    Role::Authority => reach!($authority),
                    Role::Spoc => reach!($spoc),
                    Role::Officer => reach!($officer),
                    Role::Commission => reach!($commission),
                    Role::Provider => reach!($provider),
                    Role::Auditor => reach!($auditor),
                    Role::Operator => reach!($operator),
                    // Muster acts inside, on its own events; a call in its name is a forgery.
                    Role::System => Reach::Never,
                },
            )*)*}
        }
    };
}

/// The table's words; `land` is the country.
macro_rules! reach {
    (no) => {
        Reach::Never
    };
    (own) => {
        Reach::Own
    };
    (land) => {
        Reach::Country
    };
    (all) => {
        Reach::All
    };
}

actions! {
    //                      hospital authority spoc officer commission provider auditor operator
    "muster.registry.v1.RegistryService" {
        OpenRealm              no       no      no      no      no       no       no      all;
        GetRealm               all      all     all     all     all      all      all     all;
        RegisterHospital       no       no      no      no      no       no       no      all;
        ListHospitals          own      land    own     all     all      no       all     all;
        RegisterAuthority      no       no      no      no      no       no       no      all;
        ListAuthorities        all      all     all     all     all      all      all     all;
        EnrolProvider          no       no      no      no      no       no       no      all;
        ProposeSuspension      no       no      no      all     no       no       no      no;
        ApproveSuspension      no       no      no      all     no       no       no      no;
        ReinstateProvider      no       no      no      all     no       no       no      no;
        GetProvider            no       no      no      all     all      own      all     all;
        ListProviders          no       no      no      all     all      own      all     all;
        SignMandate            no       land    no      no      no       no       no      no;
        CountersignMandate     no       no      own     no      no       no       no      no;
        RevokeMandate          no       own     own     no      no       no       no      no;
        ListMandates           own      land    own     all     all      no       all     all;
        SetRequirement         no       no      no      no      no       no       no      all;
        ListRequirements       all      all     all     all     all      all      all     all;
        AuthoriseThirdCountry  no       no      no      no      no       no       no      all;
        RepealThirdCountry     no       no      no      no      no       no       no      all;
        ExtendCatalogue        no       no      no      no      no       no       no      all;
        ListServices           all      all     all     all     all      all      all     all;
    }
    "muster.intake.v1.IntakeService" {
        OpenRequest            own      land    no      no      no       no       no      no;
        AmendRequest           own      land    no      no      no       no       no      no;
        EndorseRequest         no       land    no      no      no       no       no      no;
        ReturnRequest          no       land    no      no      no       no       no      no;
        HandleNationally       no       land    no      no      no       no       no      no;
        // Of the authorities only CERT-EU submits itself (Art 15(3)(b)): which one may is the request's rule.
        SubmitRequest          no       own     own     no      no       no       no      no;
        WithdrawRequest        own      own     no      no      no       no       no      no;
        FileReport             no       own     no      no      no       no       no      no;
        GetRequest             own      land    own     all     all      no       all     no;
        ListRequests           own      land    own     all     all      no       all     no;
    }
    "muster.eligibility.v1.EligibilityService" {
        GetAssessment          own      land    own     all     all      no       all     no;
        ListAssessments        own      land    own     all     all      no       all     no;
        Resolve                no       no      no      all     all      no       no      no;
        // Officers answer Member States and CERT-EU, the Commission third countries: which is the assessment's rule.
        Decide                 no       no      no      all     all      no       no      no;
        ProposeOverride        no       no      no      all     all      no       no      no;
        ApproveOverride        no       no      no      all     all      no       no      no;
        CompareRequests        own      land    own     all     all      no       all     no;
        GetPolicy              all      all     all     all     all      no       all     all;
        ProposePolicy          no       no      no      all     all      no       no      no;
        ApprovePolicy          no       no      no      all     all      no       no      no;
    }
    "muster.dispatch.v1.DispatchService" {
        ListOffers             own      land    own     all     all      own      all     no;
        GetOffer               own      land    own     all     all      own      all     no;
        WatchOffers            own      land    own     all     all      own      all     no;
        MarkSeen               no       no      no      no      no       own      no      no;
        AcceptOffer            no       no      no      no      no       own      no      no;
        DeclineOffer           no       no      no      no      no       own      no      no;
        RescindOffer           no       no      no      all     no       no       no      no;
        ReportStage            no       no      no      no      no       own      no      no;
        ReportDays             no       no      no      no      no       own      no      no;
        ExtendEngagement       no       no      no      all     no       no       no      no;
        CompleteEngagement     no       no      no      no      no       own      no      no;
        FailEngagement         no       no      no      no      no       own      no      no;
        ReleaseEngagement      no       no      no      all     no       no       no      no;
        ReopenPackage          no       no      no      all     no       no       no      no;
        GiveUpPackage          no       no      no      all     no       no       no      no;
        ListEngagements        own      land    own     all     all      own      all     no;
    }
    "muster.monitor.v1.MonitorService" {
        GetBoard               own      land    own     all     all      no       all     no;
        WatchBoard             own      land    own     all     all      no       all     no;
        GetRequestPage         own      land    own     all     all      no       all     no;
        WatchRequest           own      land    own     all     all      no       all     no;
        GetLedger              no       no      no      all     all      own      all     no;
        GetProviderView        no       no      no      all     all      own      all     no;
        GetStatistics          no       no      no      all     all      no       all     no;
        ListEvents             own      land    own     all     all      no       all     no;
        GetStatus              all      all     all     all     all      all      all     all;
    }
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Yes.
    Allowed,
    /// Nobody of this role may, whatever it is about.
    Denied,
    /// The caller may not know that it exists: answer exactly as if it did not.
    Hidden,
}

/// Whether `who` may do `action` to `resource`. The id of an organisation's principal is the organisation's id.
pub fn may(who: &Actor, action: Action, resource: &Party) -> Access {
    let within = match reach(who.role, action) {
        Reach::Never => return Access::Denied,
        Reach::Own => names(resource, who),
        Reach::Country => names(resource, who) || is_open_to_country_of(resource, who),
        Reach::All => true,
    };
    if within { Access::Allowed } else { Access::Hidden }
}

/// Whether `who` is a party by name.
fn names(party: &Party, who: &Actor) -> bool {
    let id = who.principal.as_str();
    match who.role {
        Role::Hospital => party.hospital.as_ref().is_some_and(|hospital| hospital.as_str() == id),
        Role::Authority => party.authority.as_ref().is_some_and(|authority| authority.as_str() == id),
        Role::Spoc => party.spocs.iter().any(|spoc| spoc.as_str() == id),
        Role::Provider => party.providers.iter().any(|provider| provider.as_str() == id),
        Role::Officer | Role::Commission | Role::Auditor | Role::Operator | Role::System => false,
    }
}

/// Whether `who` is an authority of the country and the marking lets it know. TLP:AMBER+STRICT and TLP:RED stay with those
/// named; until an authority has made a request its own, all of the country's are whom it is sent to.
fn is_open_to_country_of(party: &Party, who: &Actor) -> bool {
    let named_only = party.authority.is_some() && party.tlp >= Some(Tlp::AmberStrict);
    let among = party.country_authorities.iter().any(|authority| authority.as_str() == who.principal.as_str());
    who.role == Role::Authority && !named_only && among
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use muster_domain::kernel::{AuthorityId, HospitalId, PrincipalId, ProviderId, SpocId};

    use super::*;

    fn actor(role: Role, id: &str) -> Actor {
        Actor { role, principal: PrincipalId::parse(id).unwrap() }
    }

    /// A case of `chu-rouen`, made its own by `csirt-fr`, with an offer to `p1`.
    fn case(tlp: Tlp) -> Party {
        Party {
            hospital: Some(HospitalId::parse("chu-rouen").unwrap()),
            authority: Some(AuthorityId::parse("csirt-fr").unwrap()),
            country_authorities: ["csirt-fr", "crisis-fr"].map(|id| AuthorityId::parse(id).unwrap()).into(),
            spocs: [SpocId::parse("spoc-fr").unwrap()].into(),
            providers: [ProviderId::parse("p1").unwrap()].into(),
            tlp: Some(tlp),
        }
    }

    #[test]
    fn a_strict_marking_keeps_a_case_with_the_authority_that_made_it_its_own() {
        let other = actor(Role::Authority, "crisis-fr");
        for (tlp, expected) in [
            (Tlp::Clear, Access::Allowed),
            (Tlp::Green, Access::Allowed),
            (Tlp::Amber, Access::Allowed),
            (Tlp::AmberStrict, Access::Hidden),
            (Tlp::Red, Access::Hidden),
        ] {
            assert_eq!(may(&other, Action::GetRequest, &case(tlp)), expected, "{tlp}");
            assert_eq!(may(&actor(Role::Authority, "csirt-fr"), Action::GetRequest, &case(tlp)), Access::Allowed);
        }
        let new = Party { authority: None, ..case(Tlp::Red) };
        assert_eq!(may(&other, Action::EndorseRequest, &new), Access::Allowed);
    }

    #[test]
    fn an_id_counts_only_in_its_own_role() {
        for role in [Role::Authority, Role::Spoc, Role::Provider] {
            let impostor = actor(role, "chu-rouen");
            for action in [Action::GetRequest, Action::GetOffer] {
                assert_ne!(may(&impostor, action, &case(Tlp::Clear)), Access::Allowed, "{role} {action:?}");
            }
        }
    }

    #[test]
    fn the_country_reaches_no_further_than_reading_and_taking_up() {
        let other = actor(Role::Authority, "crisis-fr");
        for action in [Action::WithdrawRequest, Action::FileReport, Action::SubmitRequest, Action::RevokeMandate] {
            assert_eq!(may(&other, action, &case(Tlp::Clear)), Access::Hidden, "{action:?}");
        }
    }

    #[test]
    fn every_rpc_has_its_row_and_every_row_its_rpc() {
        let mut declared = BTreeSet::new();
        for service in ["registry", "intake", "eligibility", "dispatch", "monitor"] {
            let text = std::fs::read_to_string(format!("../../proto/muster/{service}/v1/{service}.proto")).unwrap();
            let mut of = None;
            for line in text.lines().map(str::trim) {
                if let Some(name) = line.strip_prefix("service ") {
                    of = Some(name.trim_end_matches(" {").to_owned());
                }
                if let Some(rpc) = line.strip_prefix("rpc ") {
                    let rpc = rpc.split('(').next().unwrap();
                    declared.insert(format!("muster.{service}.v1.{}/{rpc}", of.as_deref().unwrap()));
                }
            }
        }
        let ruled: BTreeSet<_> = Action::ALL.iter().map(|action| action.rpc().to_owned()).collect();
        assert_eq!(declared, ruled);
    }
}
