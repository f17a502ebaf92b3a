//! The Reserve: providers, capacity, mandates, and who there is.

use muster_api::{
    monitor::v1::{GetLedgerResponse, GetProviderViewResponse, LedgerLine},
    registry::v1::{
        Contract, GetProviderResponse, ListAuthoritiesResponse, ListHospitalsResponse, ListMandatesResponse,
        ListProvidersResponse, ListRequirementsResponse, ListServicesResponse, Provider,
    },
};
use muster_domain::kernel::Timestamp;

use super::{
    super::look::{Cell, Look, Table, Tone, toned},
    Show, clock, lasting, minute, opt_moment, or_none, section, work,
};

/// A table, or what is told when there is nothing in it.
fn listed<T>(items: &[T], table: &Table, more: &str, nothing: &str) -> String {
    let all = if items.is_empty() { String::new() } else { table.to_string() };
    let more = if more.is_empty() { "" } else { "and more: see --limit\n" };
    format!("{}{more}", or_none(all, nothing))
}

impl Show for ListProvidersResponse {
    fn text(&self, look: Look) -> String {
        let mut table = Table::new(look, ["provider", "name", "in", "works in", "languages", "services", "standing"]);
        for each in &self.providers {
            let places: Vec<_> = each.contracts.iter().flat_map(|contract| contract.member_states.clone()).collect();
            let services: usize =
                each.contracts.iter().map(|contract| contract.services.len()).max().unwrap_or_default();
            table.row([
                each.provider.as_str().into(),
                each.name.as_str().into(),
                each.established_in.as_str().into(),
                places.join(" ").into(),
                each.languages.join(" ").into(),
                format!("{services}").into(),
                standing(each),
            ]);
        }
        listed(&self.providers, &table, &self.next_page_token, "no provider that you may see")
    }

    fn ids(&self) -> Vec<String> {
        self.providers.iter().map(|provider| provider.provider.clone()).collect()
    }
}

fn standing(provider: &Provider) -> Cell {
    match &provider.proposal {
        _ if provider.suspended => toned(Tone::Bad, "suspended"),
        Some(_) => toned(Tone::Warning, "suspension proposed"),
        None => toned(Tone::Good, "trusted"),
    }
}

impl Show for GetProviderResponse {
    fn text(&self, look: Look) -> String {
        let provider = self.provider.clone().unwrap_or_default();
        let mut head = Table::bare(look);
        head.row([toned(Tone::Strong, provider.provider.as_str()), provider.name.as_str().into(), standing(&provider)]);
        let mut table = Table::bare(look);
        let mut tell = |what: &str, says: String| {
            if !says.is_empty() {
                table.row([toned(Tone::Quiet, what), says.into()]);
            }
        };
        let (from, control) = (&provider.established_in, &provider.controlled_from);
        tell("established", format!("in {from}, controlled from {control}"));
        tell("languages", provider.languages.join(", "));
        tell("certificates", provider.certificates.iter().map(|one| one.name.clone()).collect::<Vec<_>>().join(", "));
        tell("cleared for", provider.clearances.join(", "));
        tell("in health", format!("{} references", provider.health_references));
        for conflict in &provider.conflicts {
            let because = format!("{} {} ({})", conflict.scope, conflict.reference, conflict.reason);
            tell("conflict", format!("{}: {because}", conflict.effect));
        }
        if let Some(proposal) = &provider.proposal {
            let lapses = minute(proposal.lapses_at.as_ref());
            tell(
                "proposal",
                format!("{} proposes to suspend it, until {lapses}: {}", proposal.proposed_by, proposal.reason),
            );
        }
        let contracts: String = provider.contracts.iter().map(|one| contract(look, one)).collect();
        format!("{head}{table}{contracts}")
    }

    fn ids(&self) -> Vec<String> {
        self.provider.iter().map(|provider| provider.provider.clone()).collect()
    }
}

fn contract(look: Look, contract: &Contract) -> String {
    let mut table = Table::bare(look);
    let starts = [
        ("remote", &contract.remote_start),
        ("on site at home", &contract.onsite_home),
        ("on site abroad", &contract.onsite_abroad),
    ]
    .map(|(what, time)| format!("{what} {}", lasting(time.as_ref())));
    for (what, says) in [
        ("in force", format!("{} to {}", minute(contract.from.as_ref()), minute(contract.until.as_ref()))),
        ("works in", contract.member_states.join(", ")),
        ("services", contract.services.join(", ")),
        ("teams", format!("{}, of these {} on site", contract.teams, contract.onsite_teams)),
        ("days", format!("{}, of these {} pre-committed", contract.person_days, contract.pre_committed_days)),
        ("starts in", starts.join(", ")),
    ] {
        table.row([toned(Tone::Quiet, what), says.into()]);
    }
    section(look, &format!("Contract {}", contract.contract), &table.to_string())
}

impl Show for GetLedgerResponse {
    fn text(&self, look: Look) -> String {
        listed(&self.lines, &ledger(look, &self.lines), "", "no contract that you may see")
    }

    fn ids(&self) -> Vec<String> {
        self.lines.iter().map(|line| format!("{}/{}", line.provider, line.contract)).collect()
    }
}

/// The ledger as a table: what is free of what there is, and where the rest is.
fn ledger(look: Look, lines: &[LedgerLine]) -> Table {
    let headings =
        ["provider", "contract", "teams free", "on site free", "days free", "held", "reserved", "used", "until"];
    let mut table = Table::new(look, headings);
    for each in lines {
        let teams = each.teams.unwrap_or_default();
        let onsite = each.onsite_teams.unwrap_or_default();
        let days = each.days.unwrap_or_default();
        let suspended = if each.suspended { " (suspended)" } else { "" };
        let tone = if teams.free == 0 { Tone::Warning } else { Tone::Plain };
        table.row([
            format!("{}{suspended}", each.provider).into(),
            each.contract.as_str().into(),
            toned(tone, format!("{} of {}", teams.free, teams.total)),
            format!("{} of {}", onsite.free, onsite.total).into(),
            format!("{} of {}", days.free, days.total).into(),
            days.held.to_string().into(),
            days.reserved.to_string().into(),
            days.used.to_string().into(),
            minute(each.until.as_ref()).chars().take(10).collect::<String>().into(),
        ]);
    }
    table
}

impl Show for GetProviderViewResponse {
    fn text(&self, look: Look) -> String {
        let view = self.view.clone().unwrap_or_default();
        let suspended = if view.suspended { ", suspended" } else { "" };
        let mut clocks = Table::bare(look);
        for each in &view.clocks {
            clocks.row([clock(look, each), toned(Tone::Quiet, minute(each.due_at.as_ref()))]);
        }
        let offers = if view.offers.is_empty() { String::new() } else { work::offers(look, &view.offers) };
        let running = &view.engagements;
        let running = if running.is_empty() { String::new() } else { work::engagements(look, running) };
        let mut text = format!("{}  {}{suspended}\n", look.paint(Tone::Strong, &view.provider), view.name);
        text += &section(look, "Offers to answer", &offers);
        text += &section(look, "Engagements", &running);
        text += &section(look, "Clocks", &clocks.to_string());
        text += &section(look, "Capacity", &ledger(look, &view.ledger).to_string());
        text
    }

    fn ids(&self) -> Vec<String> {
        self.view.iter().map(|view| view.provider.clone()).collect()
    }

    fn now(&self) -> Option<Timestamp> {
        opt_moment(self.now.as_ref())
    }
}

impl Show for ListMandatesResponse {
    fn text(&self, look: Look) -> String {
        let mut table = Table::new(look, ["mandate", "state", "hospital", "authority", "spoc", "from", "until"]);
        for each in &self.mandates {
            let reason =
                if each.revoked_reason.is_empty() { String::new() } else { format!(": {}", each.revoked_reason) };
            table.row([
                each.mandate.as_str().into(),
                format!("{}{reason}", each.state).into(),
                each.hospital.as_str().into(),
                each.authority.as_str().into(),
                each.spoc.as_str().into(),
                minute(each.from.as_ref()).into(),
                minute(each.until.as_ref()).into(),
            ]);
        }
        listed(&self.mandates, &table, &self.next_page_token, "no mandate that you may see")
    }

    fn ids(&self) -> Vec<String> {
        self.mandates.iter().map(|mandate| mandate.mandate.clone()).collect()
    }
}

impl Show for ListHospitalsResponse {
    fn text(&self, look: Look) -> String {
        let mut table = Table::new(look, ["hospital", "name", "in", "region", "kind", "annex", "category", "size"]);
        for each in &self.hospitals {
            let cells = [&each.hospital, &each.name, &each.member_state, &each.nuts, &each.kind, &each.annex];
            let [id, name, state, nuts, kind, annex] = cells.map(|text| text.as_str().into());
            table.row([id, name, state, nuts, kind, annex, each.category.as_str().into(), each.size.as_str().into()]);
        }
        listed(&self.hospitals, &table, &self.next_page_token, "no hospital that you may see")
    }

    fn ids(&self) -> Vec<String> {
        self.hospitals.iter().map(|hospital| hospital.hospital.clone()).collect()
    }
}

impl Show for ListAuthoritiesResponse {
    fn text(&self, look: Look) -> String {
        let mut table = Table::new(look, ["authority", "name", "kind", "country", "spoc"]);
        for each in &self.authorities {
            table.row(
                [&each.authority, &each.name, &each.kind, &each.country, &each.spoc].map(|text| text.as_str().into()),
            );
        }
        listed(&self.authorities, &table, &self.next_page_token, "no authority is on record")
    }

    fn ids(&self) -> Vec<String> {
        self.authorities.iter().map(|authority| authority.authority.clone()).collect()
    }
}

impl Show for ListRequirementsResponse {
    fn text(&self, look: Look) -> String {
        let mut table = Table::new(look, ["in", "certificate, one of", "EU control", "clearance"]);
        for each in &self.requirements {
            let only = if each.essential_only { " (essential entities)" } else { "" };
            let certificates = each.certificates_any_of.join(" or ");
            let certificates = if certificates.is_empty() { certificates } else { certificates + only };
            let yes = |yes: bool| if yes { "yes" } else { "no" };
            table.row([
                each.member_state.as_str().into(),
                certificates.into(),
                yes(each.eu_control).into(),
                yes(each.clearance).into(),
            ]);
        }
        listed(&self.requirements, &table, "", "no Member State requires anything")
    }

    fn ids(&self) -> Vec<String> {
        self.requirements.iter().map(|requirement| requirement.member_state.clone()).collect()
    }
}

impl Show for ListServicesResponse {
    fn text(&self, look: Look) -> String {
        let mut table = Table::new(look, ["service", "name", "source"]);
        for each in &self.services {
            table.row([&each.service, &each.name, &each.source].map(|text| text.as_str().into()));
        }
        listed(&self.services, &table, "", "no service can be asked for")
    }

    fn ids(&self) -> Vec<String> {
        self.services.iter().map(|service| service.service.clone()).collect()
    }
}
