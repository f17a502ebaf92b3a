//! Offers and engagements.

use muster_api::{
    dispatch::v1::{AcceptOfferResponse, GetOfferResponse, ListEngagementsResponse, ListOffersResponse},
    r#type::v1::{Candidate, Engagement, Offer, candidate::Standing},
};

use super::{
    super::look::{Cell, Look, Table, Tone, short, toned},
    Show, effort, lasting, line, minute, opt_moment, or_none, priority, section,
};

impl Show for ListOffersResponse {
    fn text(&self, look: Look) -> String {
        let more = if self.next_page_token.is_empty() { "" } else { "and more: see --limit\n" };
        let all = if self.offers.is_empty() { String::new() } else { offers(look, &self.offers) };
        format!("{}{more}", or_none(all, "no offer that you may see"))
    }

    fn ids(&self) -> Vec<String> {
        self.offers.iter().map(|offer| offer.offer.clone()).collect()
    }
}

/// Offers as a table.
pub fn offers(look: Look, offers: &[Offer]) -> String {
    let mut table = Table::new(look, ["offer", "status", "provider", "priority", "country", "asks for", "answer"]);
    for offer in offers {
        let [id, status, provider, priority, country, asked, answer] = offer_cells(look, offer);
        table.row([id, status, provider, priority, country, asked, answer]);
    }
    table.to_string()
}

fn offer_cells(look: Look, offer: &Offer) -> [Cell; 7] {
    let package = offer.package.clone().unwrap_or_default();
    let asked = effort(package.remote_teams, package.onsite_teams, package.person_days);
    let extra = if offer.extra { ", extra" } else { "" };
    [
        offer.offer.as_str().into(),
        toned(status_tone(&offer.status), format!("{}{extra}", offer.status)),
        offer.provider.as_str().into(),
        priority(&offer.priority),
        offer.country.as_str().into(),
        asked.into(),
        answer(look, offer).into(),
    ]
}

fn status_tone(status: &str) -> Tone {
    match status {
        "accepted" => Tone::Good,
        "pending" | "seen" => Tone::Warning,
        _ => Tone::Quiet,
    }
}

/// By when it must be answered, or how it ended.
fn answer(look: Look, offer: &Offer) -> String {
    match (opt_moment(offer.ended_at.as_ref()), opt_moment(offer.expires_at.as_ref())) {
        (Some(ended), _) => {
            let reason = if offer.reason.is_empty() { String::new() } else { format!(", {}", offer.reason) };
            format!("{}{reason}", short(ended))
        }
        (None, Some(expires)) => look.away(expires),
        (None, None) => String::new(),
    }
}

/// An offer on one line, as it changes.
pub fn offer_line(look: Look, offer: &Offer) -> String {
    let [id, status, provider, priority, country, asked, answer] = offer_cells(look, offer);
    let cells = [toned(Tone::Quiet, short(look.now)), id, status, provider, priority, country, asked, answer];
    Table::one(look, cells, [16, 5, 9, 8, 2, 2, 46, 10]).to_string()
}

impl Show for GetOfferResponse {
    fn text(&self, look: Look) -> String {
        let offer = self.offer.clone().unwrap_or_default();
        let package = offer.package.clone().unwrap_or_default();
        let mut head = Table::bare(look);
        let status = toned(status_tone(&offer.status), offer.status.as_str());
        head.row([toned(Tone::Strong, offer.offer.as_str()), status, priority(&offer.priority)]);
        let mut table = Table::bare(look);
        let mut tell = |what: &str, says: String| {
            if !says.is_empty() {
                table.row([toned(Tone::Quiet, what), says.into()]);
            }
        };
        let kind = if offer.entity_kind.is_empty() { String::new() } else { format!(", {}", offer.entity_kind) };
        tell("work", format!("{} in {}{kind}", offer.incident_class, offer.country));
        tell("languages", offer.languages.join(", "));
        tell("services", package.services.join(", "));
        tell("effort", effort(package.remote_teams, package.onsite_teams, package.person_days));
        tell("lead", if package.lead { "yes".to_owned() } else { String::new() });
        tell("for", lasting(offer.duration.as_ref()));
        tell("provider", format!("{}, contract {}", offer.provider, offer.contract));
        tell("request", offer.request.clone());
        tell("hospital", offer.hospital.clone());
        tell("offered", minute(offer.offered_at.as_ref()));
        tell("answer by", opt_moment(offer.expires_at.as_ref()).map(|at| look.moment(at)).unwrap_or_default());
        tell("seen", minute(offer.seen_at.as_ref()));
        tell("ended", minute(offer.ended_at.as_ref()));
        tell(
            "reason",
            [offer.reason, offer.note].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": "),
        );
        format!("{head}{table}{}", section(look, "Considered", &candidates(look, &offer.considered)))
    }

    fn ids(&self) -> Vec<String> {
        self.offer.iter().map(|offer| offer.offer.clone()).collect()
    }
}

/// Everybody looked at, and how each stood.
pub fn candidates(look: Look, candidates: &[Candidate]) -> String {
    let mut table = Table::bare(look);
    for candidate in candidates {
        let (rule, because) = match &candidate.standing {
            Some(Standing::Dropped(dropped)) => (toned(Tone::Quiet, dropped.rule.as_str()), dropped.because.clone()),
            Some(Standing::Fit(fit)) => {
                let start = super::span(std::time::Duration::from_secs(u64::from(fit.start_minutes) * 60));
                let because = format!(
                    "starts in {start}, lacks {} languages, health gap {}, load {} %, draw {}",
                    fit.languages_missing, fit.health_gap, fit.load_percent, fit.draw
                );
                (toned(Tone::Good, "fit"), because)
            }
            None => (Cell::default(), String::new()),
        };
        table.row([candidate.provider.as_str().into(), rule, because.into()]);
    }
    table.to_string()
}

impl Show for ListEngagementsResponse {
    fn text(&self, look: Look) -> String {
        let more = if self.next_page_token.is_empty() { "" } else { "and more: see --limit\n" };
        let all = if self.engagements.is_empty() { String::new() } else { engagements(look, &self.engagements) };
        format!("{}{more}", or_none(all, "no engagement that you may see"))
    }

    fn ids(&self) -> Vec<String> {
        self.engagements.iter().map(|engagement| engagement.offer.clone()).collect()
    }
}

/// Engagements as a table.
pub fn engagements(look: Look, engagements: &[Engagement]) -> String {
    let mut table = Table::new(look, ["offer", "stage", "provider", "hospital", "country", "days", "next"]);
    for each in engagements {
        table.row([
            each.offer.as_str().into(),
            each.stage.as_str().into(),
            each.provider.as_str().into(),
            each.hospital_name.as_str().into(),
            each.country.as_str().into(),
            format!("{} of {}", each.days_used, each.days_reserved).into(),
            next(look, each).into(),
        ]);
    }
    table.to_string()
}

/// What comes next, or how it ended.
fn next(look: Look, each: &Engagement) -> String {
    if let Some(ended) = opt_moment(each.ended_at.as_ref()) {
        let reason = if each.reason.is_empty() { String::new() } else { format!(", {}", each.reason) };
        return format!("ended {}{reason}", short(ended));
    }
    match each.stage.as_str() {
        "mobilising" => opt_moment(each.mobilise_by.as_ref()).map(|at| format!("on task {}", look.away(at))),
        _ => opt_moment(each.ends_at.as_ref()).map(|at| format!("ends {}", look.away(at))),
    }
    .unwrap_or_default()
}

impl Show for AcceptOfferResponse {
    fn text(&self, look: Look) -> String {
        let each = self.engagement.clone().unwrap_or_default();
        let contact = each.contact.clone().unwrap_or_default();
        let mut table = Table::bare(look);
        let mut tell = |what: &str, says: String| {
            if !says.is_empty() {
                table.row([toned(Tone::Quiet, what), says.into()]);
            }
        };
        let package = each.package.clone().unwrap_or_default();
        tell("hospital", format!("{} ({}), {}", each.hospital_name, each.hospital, each.country));
        tell("services", package.services.join(", "));
        tell("effort", effort(package.remote_teams, package.onsite_teams, package.person_days));
        tell(
            "on task",
            opt_moment(each.mobilise_by.as_ref()).map(|at| format!("by {}", look.moment(at))).unwrap_or_default(),
        );
        tell("ends", minute(each.ends_at.as_ref()));
        let whom = [contact.name, contact.phone, contact.email].into_iter().filter(|part| !part.is_empty());
        tell("contact", whom.collect::<Vec<_>>().join(", "));
        tell("in words", contact.narrative.replace('\n', " "));
        format!("{}{table}", line(format!("{} is accepted: the work is yours", each.offer)))
    }

    fn ids(&self) -> Vec<String> {
        self.engagement.iter().map(|engagement| engagement.offer.clone()).collect()
    }
}
