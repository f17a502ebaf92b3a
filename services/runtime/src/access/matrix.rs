//! The whole matrix, said a second time and the other way round: by role, and by what each may do. What is not listed for a
//! role is denied to it.

use std::collections::{BTreeMap, BTreeSet};

use muster_domain::kernel::{Actor, AuthorityId, HospitalId, PrincipalId, ProviderId, Role, SpocId};

use super::{Access, Action, Party, Reach, may};

/// What everybody who is signed in may read.
const PUBLIC: &str = "GetRealm ListAuthorities ListRequirements ListServices GetStatus";

/// What shows a case or the work on it.
const CASE: &str = "GetRequest ListRequests GetAssessment ListAssessments CompareRequests ListOffers GetOffer WatchOffers \
    ListEngagements GetBoard WatchBoard GetRequestPage WatchRequest ListEvents";

/// What shows providers and figures.
const RESERVE: &str = "GetProvider ListProviders GetLedger GetProviderView GetStatistics";

/// What one role may do, and how far. Lists may overlap only with the same reach.
fn rights(role: Role) -> Vec<(Reach, &'static str)> {
    use Reach::{All, Country, Own};
    match role {
        Role::Hospital => vec![
            (All, PUBLIC),
            (All, "GetPolicy"),
            (Own, CASE),
            (Own, "OpenRequest AmendRequest WithdrawRequest ListHospitals ListMandates"),
        ],
        Role::Authority => vec![
            (All, PUBLIC),
            (All, "GetPolicy"),
            (Country, CASE),
            (Country, "OpenRequest AmendRequest EndorseRequest ReturnRequest HandleNationally"),
            (Country, "ListHospitals SignMandate ListMandates"),
            (Own, "SubmitRequest WithdrawRequest FileReport RevokeMandate"),
        ],
        Role::Spoc => vec![
            (All, PUBLIC),
            (All, "GetPolicy"),
            (Own, CASE),
            (Own, "SubmitRequest CountersignMandate RevokeMandate ListHospitals ListMandates"),
        ],
        Role::Officer => vec![
            (All, PUBLIC),
            (All, CASE),
            (All, RESERVE),
            (All, "GetPolicy ListHospitals ListMandates"),
            (All, "Resolve Decide ProposeOverride ApproveOverride ProposePolicy ApprovePolicy"),
            (All, "ProposeSuspension ApproveSuspension ReinstateProvider"),
            (All, "RescindOffer ExtendEngagement ReleaseEngagement ReopenPackage GiveUpPackage"),
        ],
        Role::Commission => vec![
            (All, PUBLIC),
            (All, CASE),
            (All, RESERVE),
            (All, "GetPolicy ListHospitals ListMandates"),
            (All, "Resolve Decide ProposeOverride ApproveOverride ProposePolicy ApprovePolicy"),
        ],
        Role::Provider => vec![
            (All, PUBLIC),
            (Own, "GetProvider ListProviders GetLedger GetProviderView"),
            (Own, "ListOffers GetOffer WatchOffers MarkSeen AcceptOffer DeclineOffer"),
            (Own, "ListEngagements ReportStage ReportDays CompleteEngagement FailEngagement"),
        ],
        Role::Auditor => {
            vec![(All, PUBLIC), (All, CASE), (All, RESERVE), (All, "GetPolicy ListHospitals ListMandates")]
        }
        Role::Operator => vec![
            (All, PUBLIC),
            (All, "OpenRealm RegisterHospital RegisterAuthority EnrolProvider SetRequirement"),
            (All, "AuthoriseThirdCountry RepealThirdCountry ExtendCatalogue"),
            (All, "GetPolicy ListHospitals GetProvider ListProviders ListMandates"),
        ],
        Role::System => vec![],
    }
}

/// How a caller stands to what it names.
#[derive(Clone, Copy, Debug)]
enum Relation {
    /// A party by name.
    Party,
    /// An authority of the country, not a party by name.
    Compatriot,
    /// Neither.
    Stranger,
    /// It does not exist.
    Nothing,
}

impl Relation {
    const ALL: [Self; 4] = [Self::Party, Self::Compatriot, Self::Stranger, Self::Nothing];

    /// Something to which the principal `me` stands like this.
    fn resource(self) -> Party {
        let of = |id: &str| Party {
            hospital: Some(HospitalId::parse(id).unwrap()),
            authority: Some(AuthorityId::parse(id).unwrap()),
            country_authorities: [AuthorityId::parse(id).unwrap()].into(),
            spocs: [SpocId::parse(id).unwrap()].into(),
            providers: [ProviderId::parse(id).unwrap()].into(),
            tlp: None,
        };
        match self {
            Self::Party => of("me"),
            Self::Compatriot => {
                Party { country_authorities: [AuthorityId::parse("me").unwrap()].into(), ..of("somebody") }
            }
            Self::Stranger => of("somebody"),
            Self::Nothing => Party::default(),
        }
    }
}

fn expected(role: Role, reach: Reach, relation: Relation) -> Access {
    let allowed = match (reach, relation) {
        (Reach::Never, _) => return Access::Denied,
        (Reach::All, _) | (Reach::Own | Reach::Country, Relation::Party) => true,
        (Reach::Country, Relation::Compatriot) => role == Role::Authority,
        (Reach::Own, Relation::Compatriot) | (Reach::Own | Reach::Country, Relation::Stranger | Relation::Nothing) => {
            false
        }
    };
    if allowed { Access::Allowed } else { Access::Hidden }
}

#[test]
fn the_table_is_the_matrix() {
    let by_name: BTreeMap<String, Action> = Action::ALL.iter().map(|action| (format!("{action:?}"), *action)).collect();
    let mut cells = 0;
    for role in Role::ALL.iter().copied() {
        let mut listed = BTreeMap::new();
        for (reach, names) in rights(role) {
            for name in names.split_whitespace() {
                let action = *by_name.get(name).unwrap_or_else(|| panic!("{name} is no action"));
                let before = listed.insert(action, reach);
                assert!(before.is_none_or(|before| before == reach), "{role} {name} is listed with two reaches");
            }
        }
        let me = Actor { role, principal: PrincipalId::parse("me").unwrap() };
        for action in Action::ALL.iter().copied() {
            let reach = listed.get(&action).copied().unwrap_or(Reach::Never);
            for relation in Relation::ALL {
                let answer = may(&me, action, &relation.resource());
                assert_eq!(answer, expected(role, reach, relation), "{role} {action:?} {relation:?}");
                cells += 1;
            }
        }
    }
    assert_eq!(cells, Role::ALL.len() * Action::ALL.len() * Relation::ALL.len());
}

/// Whether an action changes anything: those that only look begin so.
fn writes(action: Action) -> bool {
    !["Get", "List", "Watch", "Compare"].iter().any(|looking| format!("{action:?}").starts_with(looking))
}

fn allowed_somewhere(role: Role, action: Action) -> bool {
    let me = Actor { role, principal: PrincipalId::parse("me").unwrap() };
    Relation::ALL.iter().any(|relation| may(&me, action, &relation.resource()) == Access::Allowed)
}

#[test]
fn an_auditor_changes_nothing_and_muster_itself_never_calls() {
    for action in Action::ALL.iter().copied() {
        assert!(!(writes(action) && allowed_somewhere(Role::Auditor, action)), "{action:?}");
        assert!(!allowed_somewhere(Role::System, action), "{action:?}");
    }
}

#[test]
fn an_operator_never_sees_a_case() {
    for name in CASE.split_whitespace() {
        let action = Action::ALL.iter().copied().find(|action| format!("{action:?}") == name).unwrap();
        assert!(!allowed_somewhere(Role::Operator, action), "{name}");
    }
}

#[test]
fn everything_can_be_done_by_somebody_and_no_write_by_all() {
    for action in Action::ALL.iter().copied() {
        let roles: BTreeSet<Role> = Role::ALL.iter().copied().filter(|role| allowed_somewhere(*role, action)).collect();
        assert!(!roles.is_empty(), "{action:?}");
        assert!(!writes(action) || roles.len() <= 3, "{action:?} by {roles:?}");
    }
}

#[test]
fn foreign_and_missing_get_the_same_answer_unless_the_role_sees_all() {
    for role in Role::ALL.iter().copied() {
        let me = Actor { role, principal: PrincipalId::parse("me").unwrap() };
        for action in Action::ALL.iter().copied() {
            let foreign = may(&me, action, &Relation::Stranger.resource());
            let missing = may(&me, action, &Relation::Nothing.resource());
            assert_eq!(foreign, missing, "{role} {action:?}");
        }
    }
}
