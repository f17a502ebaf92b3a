//! Who may be asked for a package: hard rules in a fixed order, each with its article; and how well a provider fits.

use crate::{
    dispatch::events::{Fit, Package, Rule},
    eligibility::events::Case,
    kernel::Timestamp,
    registry::events::{Category, Conflict, ConflictEffect, ConflictScope, Contract, NationalRequirement, Provider},
};

/// What the rules look at besides the provider.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The case.
    pub case: &'a Case,
    /// What would be asked.
    pub package: &'a Package,
    /// What the Member State requires, if it requires anything.
    pub requirement: Option<&'a NationalRequirement>,
    /// Whether the Reserve is open to the user: always, but for third countries (Art 19(4)).
    pub open: bool,
    /// The moment of asking.
    pub at: Timestamp,
}

/// The contract in force at a moment; periods do not overlap, so there is one at most.
pub fn contract_at(provider: &Provider, at: Timestamp) -> Option<&Contract> {
    provider.contracts.iter().find(|contract| contract.from <= at && at < contract.until)
}

/// The contract under which the provider may be asked, or the first rule that drops it. Capacity that is taken at the
/// moment, and whether the provider was tried before, are not looked at here.
pub fn admissible<'a>(provider: &'a Provider, suspended: bool, question: &Question) -> Result<&'a Contract, Rule> {
    let Question { package, .. } = question;
    hold(question.open, Rule::CouncilAct)?;
    let contract = contract_at(provider, question.at).ok_or(Rule::ContractInForce)?;
    let onsite = package.onsite_teams > 0;
    for_the_case(provider, contract, suspended, onsite, question)?;
    hold(package.services.is_subset(&contract.services), Rule::Services)?;
    hold(!package.lead || may_lead(provider, question), Rule::Certificate)?;
    hold(within_limits(package, contract), Rule::ContractLimits)?;
    Ok(contract)
}

/// The rules that look at the case alone, whatever part of the work is asked.
pub fn for_the_case(
    provider: &Provider,
    contract: &Contract,
    suspended: bool,
    onsite: bool,
    question: &Question,
) -> Result<(), Rule> {
    let case = question.case;
    let binding = binding(question);
    hold(!suspended, Rule::NotSuspended)?;
    hold(contract.member_states.contains(&case.country), Rule::MemberState)?;
    hold(speaks(provider, case, onsite), Rule::Language)?;
    hold(!provider.conflicts.iter().any(|conflict| excludes(conflict, case)), Rule::NoConflict)?;
    hold(binding.is_none_or(|r| !r.clearance || provider.clearances.contains(&r.member_state)), Rule::Clearance)?;
    hold(binding.is_none_or(|r| !r.eu_control || provider.controlled_from.is_member_state()), Rule::EuControl)
}

fn hold(holds: bool, rule: Rule) -> Result<(), Rule> {
    if holds { Ok(()) } else { Err(rule) }
}

/// The national requirement, if it binds for this entity. An entity of unknown category is treated as essential.
fn binding<'a>(question: &Question<'a>) -> Option<&'a NationalRequirement> {
    let essential = match question.case.entity.category {
        Category::Essential | Category::Unknown => true,
        Category::Important | Category::None => false,
    };
    question.requirement.filter(|requirement| essential || !requirement.essential_only)
}

/// People on the spot are helped in a language of theirs; remotely, English will do.
fn speaks(provider: &Provider, case: &Case, onsite: bool) -> bool {
    case.languages.is_empty()
        || !provider.languages.is_disjoint(&case.languages)
        || (!onsite && provider.languages.iter().any(|language| language.as_str() == "en"))
}

fn excludes(conflict: &Conflict, case: &Case) -> bool {
    let is = |text: &str| text.eq_ignore_ascii_case(&conflict.reference);
    let concerned = match conflict.scope {
        ConflictScope::Incident => is(&case.incident),
        ConflictScope::Entity => is(case.hospital.as_str()) || is(&case.entity.name),
        ConflictScope::EntityKind => is(&case.entity.kind),
        ConflictScope::Supplier => case.suppliers.iter().any(|supplier| is(supplier)),
    };
    concerned && conflict.effect == ConflictEffect::Exclude
}

/// Whether the provider has a certificate that the Member State asks of a lead.
pub fn may_lead(provider: &Provider, question: &Question) -> bool {
    let Some(asked) = binding(question).map(|requirement| &requirement.certificates_any_of) else { return true };
    asked.is_empty()
        || provider.certificates.iter().any(|certificate| {
            asked.contains(&certificate.name) && certificate.expires.is_none_or(|end| question.at < end)
        })
}

fn within_limits(package: &Package, contract: &Contract) -> bool {
    let capacity = &contract.capacity;
    package.teams() <= capacity.teams
        && package.onsite_teams <= capacity.onsite_teams
        && package.person_days <= capacity.person_days
}

impl Package {
    /// Remote and on-site teams together.
    pub fn teams(&self) -> u32 {
        self.remote_teams.saturating_add(self.onsite_teams)
    }
}

/// How well an admissible provider fits.
pub fn fit(
    provider: &Provider,
    contract: &Contract,
    question: &Question,
    load_percent: u32,
    policy_version: u32,
) -> Fit {
    let mobilisation = &contract.mobilisation;
    let start = match (question.package.onsite_teams > 0, provider.established_in == question.case.country) {
        (false, _) => mobilisation.remote,
        (true, true) => mobilisation.onsite_home,
        (true, false) => mobilisation.onsite_abroad,
    };
    let missing = question.case.languages.difference(&provider.languages).count();
    Fit {
        start_minutes: u32::try_from(start.as_secs() / 60).unwrap_or(u32::MAX).min(Fit::START_MINUTES_MAX),
        languages_missing: u32::try_from(missing).unwrap_or(u32::MAX).min(Fit::LANGUAGES_MAX),
        health_gap: Fit::HEALTH_MAX.saturating_sub(provider.health_references),
        load_percent: load_percent.min(Fit::LOAD_MAX),
        draw: draw(question.case.request.as_str(), provider.id.as_str(), policy_version),
    }
}

/// The lot that decides between equals: FNV-1a over request, provider and policy version. It favours no name.
fn draw(request: &str, provider: &str, policy_version: u32) -> u32 {
    let hash = [request.as_bytes(), &[0], provider.as_bytes(), &[0], &policy_version.to_be_bytes()]
        .concat()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    u32::try_from((hash ^ (hash >> 32)) & u64::from(Fit::DRAW_MAX)).unwrap_or(0)
}

impl Fit {
    const START_MINUTES_MAX: u32 = (1 << 20) - 1;
    const LANGUAGES_MAX: u32 = (1 << 6) - 1;
    const HEALTH_MAX: u32 = 100;
    const LOAD_MAX: u32 = 100;
    const DRAW_MAX: u32 = (1 << 16) - 1;

    /// The tuple in one integer, for sums over up to 2^14 packages: each field has 14 spare bits, so none carries into the
    /// next.
    pub fn cost(&self) -> u128 {
        [
            (self.start_minutes, 34),
            (self.languages_missing, 20),
            (self.health_gap, 21),
            (self.load_percent, 21),
            (self.draw, 30),
        ]
        .iter()
        .fold(0, |cost, (field, width)| (cost << width) | u128::from(*field))
    }
}

/// Why nobody may be asked, or work on, for a third country's case.
pub fn closed_to(case: &Case) -> String {
    format!("no Council act opens the Reserve to {} for this any more", case.country)
}

/// A dropped provider's reason in words, for people.
pub fn because(rule: Rule, provider: &Provider, question: &Question) -> String {
    let case = question.case;
    let list = |items: Vec<&str>| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
    match rule {
        Rule::CouncilAct => format!("{} (Art 19(4), 19(10))", closed_to(case)),
        Rule::ContractInForce => "no contract is in force (Art 14(2), 17)".to_owned(),
        Rule::NotSuspended => "it is suspended".to_owned(),
        Rule::MemberState => format!("its contract does not cover {} (Art 17(1)(a))", case.country),
        Rule::Language => format!(
            "it works in {}; on the spot they speak {} (Art 17(2)(i))",
            list(provider.languages.iter().map(|l| l.as_str()).collect()),
            list(case.languages.iter().map(|l| l.as_str()).collect()),
        ),
        Rule::Services => {
            let offered = contract_at(provider, question.at).map(|contract| &contract.services);
            let missing =
                question.package.services.iter().filter(|service| offered.is_none_or(|all| !all.contains(service)));
            format!("its contract lacks {} (Art 17)", list(missing.map(|service| service.as_str()).collect()))
        }
        Rule::NoConflict => {
            let reason = provider.conflicts.iter().find(|conflict| excludes(conflict, case)).map(|c| c.reason.as_str());
            format!("conflict of interest: {} (Art 17(2)(c))", reason.unwrap_or("declared"))
        }
        Rule::Certificate => format!("{} asks a certificate of the lead that it lacks (Art 17(1)(a))", case.country),
        Rule::Clearance => format!("its personnel are not cleared for {} (Art 17(2)(d))", case.country),
        Rule::EuControl => {
            format!(
                "{} asks control from the Union; it is controlled from {} (Art 22)",
                case.country, provider.controlled_from
            )
        }
        Rule::ContractLimits => "its contract could never hold the package (Art 14(2))".to_owned(),
        Rule::NotTried => "it was asked before, and did not take or finish the work or was to leave it".to_owned(),
        Rule::FreeCapacity => "its teams or days are taken (Art 14(2))".to_owned(),
    }
}
