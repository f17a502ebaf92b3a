//! Requests: the board, the list, the page.

use muster_api::{
    monitor::v1::{Card, GetBoardResponse, GetRequestPageResponse, PackageLine, RequestPage, StoryLine},
    r#type::v1::{Contact, Facts, Impact},
};
use muster_domain::kernel::Timestamp;

use super::{
    super::look::{Cell, Look, Table, Tone, short, toned},
    Show, clock, count, effort, judging, line, minute, moment, opt_moment, or_none, priority, section, work,
};

impl Show for GetBoardResponse {
    fn text(&self, look: Look) -> String {
        let headings = ["request", "priority", "state", "hospital", "country", "next clock", "turn"];
        let mut table = Table::new(look, headings);
        for card in &self.cards {
            table.row(card_cells(look, card));
        }
        let counts: Vec<_> = self.counts.iter().map(|at| format!("{} {}", at.count, at.state)).collect();
        let more = if self.next_page_token.is_empty() { "" } else { "and more: see --limit\n" };
        let cards = if self.cards.is_empty() { String::new() } else { table.to_string() };
        format!("{}{more}{}", or_none(cards, "no request on the board"), line(counts.join(", ")))
    }

    fn ids(&self) -> Vec<String> {
        self.cards.iter().map(|card| card.request.clone()).collect()
    }

    fn now(&self) -> Option<Timestamp> {
        opt_moment(self.now.as_ref())
    }
}

fn card_cells(look: Look, card: &Card) -> [Cell; 7] {
    let escalated = if card.escalated { ", escalated" } else { "" };
    let tone = if card.escalated { Tone::Bad } else { Tone::Plain };
    [
        card.number.as_str().into(),
        priority(&card.priority),
        toned(tone, format!("{}{escalated}", state(card))),
        card.hospital_name.as_str().into(),
        card.country.as_str().into(),
        card.next_clock.as_ref().map(|next| clock(look, next)).unwrap_or_default(),
        card.turn.as_str().into(),
    ]
}

/// A card's state, with how many of its packages are on their way.
fn state(card: &Card) -> String {
    match card.packages {
        0 | 1 => card.state.clone(),
        all => format!("{} {}/{all}", card.state, card.packages_offered.saturating_add(card.packages_engaged)),
    }
}

/// A card on one line, as it changes.
pub fn card_line(look: Look, card: &Card) -> String {
    let [number, priority, state, hospital, country, next, turn] = card_cells(look, card);
    let at = toned(Tone::Quiet, short(look.now));
    let cells = [at, number, priority, state, hospital, country, next, turn];
    Table::one(look, cells, [16, 6, 2, 13, 32, 2, 30, 9]).to_string()
}

impl Show for GetRequestPageResponse {
    fn text(&self, look: Look) -> String {
        self.page.as_ref().map(|page| page_text(look, page)).unwrap_or_default()
    }

    fn ids(&self) -> Vec<String> {
        self.page.iter().flat_map(|page| &page.card).map(|card| card.request.clone()).collect()
    }

    fn now(&self) -> Option<Timestamp> {
        opt_moment(self.now.as_ref())
    }
}

/// Everything about one request.
pub fn page_text(look: Look, page: &RequestPage) -> String {
    let card = page.card.clone().unwrap_or_default();
    let declared = page.facts.as_ref().map(|facts| declared(look, facts, page.contact.as_ref())).unwrap_or_default();
    let mut text = head(look, &card, page);
    text += &section(look, "Declared", &declared);
    text += &section(look, "Clocks", &clocks(look, page));
    text += &section(look, "Why", &page.why.join("\n"));
    text += &section(look, "Answer", &page.decision.as_ref().map(judging::decision).unwrap_or_default());
    // Packages are named by their request; its number is shorter, and the command line reads it too.
    let by_number = |text: String| match card.number.as_str() {
        "" => text,
        number => text.replace(&card.request, number),
    };
    text += &section(look, "Packages", &by_number(packages(look, &page.packages)));
    text += &section(
        look,
        "Offers",
        &if page.offers.is_empty() { String::new() } else { work::offers(look, &page.offers) },
    );
    let engagements = &page.engagements;
    let engaged = if engagements.is_empty() { String::new() } else { work::engagements(look, engagements) };
    text += &section(look, "Engagements", &engaged);
    text += &section(look, "Story", &by_number(story(look, &page.story)));
    text
}

fn head(look: Look, card: &Card, page: &RequestPage) -> String {
    let mut first = Table::bare(look);
    let number = toned(Tone::Strong, card.number.as_str());
    let next = card.next_clock.as_ref().map(|next| clock(look, next)).unwrap_or_default();
    let turn = if card.turn.is_empty() { String::new() } else { format!("{}'s turn", card.turn) };
    first.row([number, priority(&card.priority), state(card).into(), next, turn.into()]);
    let route = page.route.as_ref().map(|route| match route.spoc.as_str() {
        "" => format!("submitted by {} itself", route.authority),
        spoc => format!("endorsed by {}, submitted by {spoc}", route.authority),
    });
    let linked = if page.linked.is_empty() {
        String::new()
    } else {
        format!("also about this incident: {}", page.linked.join(", "))
    };
    let escalated = if card.escalated { "escalated: no provider is left to ask, somebody must act" } else { "" };
    format!(
        "{first}{} ({}), {}, {}\nrequest {}\n{}{}{}",
        card.hospital_name,
        card.hospital,
        card.country,
        card.tlp,
        card.request,
        line(route.unwrap_or_default()),
        line(look.paint(Tone::Bad, escalated)),
        line(linked),
    )
}

/// What was declared, a line each.
fn declared(look: Look, facts: &Facts, contact: Option<&Contact>) -> String {
    let mut table = Table::bare(look);
    let mut tell = |what: &str, says: String| {
        if !says.is_empty() {
            table.row([toned(Tone::Quiet, what), says.into()]);
        }
    };
    let detected = opt_moment(facts.detected_at.as_ref()).map(|at| match facts.detected_precision.as_str() {
        "day" => format!("{} (to the day)", short(at).chars().take(10).collect::<String>()),
        _ => look.moment(at),
    });
    tell("incident", format!("{}, detected {}", facts.incident, detected.unwrap_or_default()));
    tell("where", [facts.country.clone()].into_iter().chain(facts.nuts.iter().cloned()).collect::<Vec<_>>().join(" "));
    tell("languages", facts.languages.join(", "));
    let entity = facts.entity.clone().unwrap_or_default();
    tell(
        "entity",
        format!("{}, {}; NIS2 annex {}, {}, {}", entity.name, entity.kind, entity.annex, entity.category, entity.size),
    );
    tell("what", facts.incident_types.join(", "));
    let exceeded = if facts.national_capacity_exceeded { "; national capacity exceeded" } else { "" };
    tell("claimed", format!("{}{exceeded}", facts.class_claimed));
    tell("known", facts.impact.as_ref().map(known).unwrap_or_default());
    tell("spillover", spillover(facts));
    let needs = facts.needs.clone().unwrap_or_default();
    let teams = effort(needs.remote_teams, needs.onsite_teams, needs.person_days);
    tell("asks for", format!("{}; {teams}", needs.services.join(", ")));
    tell("measures", if facts.measures.is_empty() { "none told".to_owned() } else { facts.measures.join(", ") });
    tell("suppliers", facts.suppliers.join(", "));
    if let Some(contact) = contact {
        let whom = [&contact.name, &contact.phone, &contact.email].into_iter().filter(|part| !part.is_empty());
        tell("contact", whom.cloned().collect::<Vec<_>>().join(", "));
        tell("in words", contact.narrative.replace('\n', " "));
    }
    table.to_string()
}

fn spillover(facts: &Facts) -> String {
    match facts.affected.as_slice() {
        [] => facts.spillover.clone(),
        affected => format!("{}; affected: {}", facts.spillover, affected.join(", ")),
    }
}

/// What is known of the harm; what is not known is not told as if it were.
fn known(impact: &Impact) -> String {
    let fact = |known: Option<bool>, yes: &str, no: &str| known.map(|known| if known { yes } else { no }.to_owned());
    let hospitals = impact.hospitals_affected.map(|number| format!("{} affected", count(number, "hospital")));
    let parts = [
        hospitals,
        Some(format!("emergency {}", impact.emergency)),
        fact(impact.records_unavailable, "records unavailable", "records available"),
        fact(impact.services_restored, "services restored", "services not restored"),
        fact(impact.data_breach, "data breach known", "no data breach known"),
        fact(impact.ransom_demanded, "ransom demanded", "no ransom demand known"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn clocks(look: Look, page: &RequestPage) -> String {
    let mut table = Table::bare(look);
    for each in &page.clocks {
        table.row([clock(look, each), each.owner.as_str().into(), toned(Tone::Quiet, minute(each.due_at.as_ref()))]);
    }
    table.to_string()
}

fn packages(look: Look, packages: &[PackageLine]) -> String {
    let mut text = String::new();
    for each in packages {
        let package = each.package.clone().unwrap_or_default();
        let lead = if package.lead { ", lead" } else { "" };
        let teams = effort(package.remote_teams, package.onsite_teams, package.person_days);
        let services = package.services.join(", ");
        text += &format!("{}  {}: {services}; {teams}{lead}\n", package.package, each.state);
        if !each.escalation.is_empty() {
            text += "  nobody is left to ask:\n";
            text += &work::candidates(look, &each.escalation)
                .lines()
                .map(|line| format!("    {line}\n"))
                .collect::<String>();
        }
    }
    text
}

fn story(look: Look, story: &[StoryLine]) -> String {
    let mut table = Table::bare(look);
    for each in story {
        let at = each.at.as_ref().map(moment).map(short).unwrap_or_default();
        let place = toned(Tone::Quiet, super::position(each.position.as_ref()));
        table.row([place, toned(Tone::Quiet, at), each.by.as_str().into(), each.text.as_str().into()]);
    }
    table.to_string()
}
