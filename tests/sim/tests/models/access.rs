//! What opens a way: standing mandates, and Council acts on third countries.

use muster_domain::{
    kernel::{Actor, Received, Role, Timestamp},
    registry::{
        events::{Authority, CouncilAct, Mandate},
        mandate::{self, Command as Ask, Party},
        third_country::{self, Command as Act, ThirdCountry},
    },
};
use muster_golden::values::{self, authority_id, country, spoc_id};
use muster_sim::run::{
    cast::{self, actor},
    rng::Rng,
};

use super::{Command, DAY, Expects, Model, News, Nothing, news_if, nothing_if, one_of, require, words};

/// Who signed a mandate, and why it was taken back.
#[derive(Default)]
pub struct Signatures {
    signed: Option<Mandate>,
    countersigned: bool,
    revoked: Option<String>,
}

impl Model for Signatures {
    type Of = Mandate;
    const COMMANDS: &[&str] = &["Sign", "Countersign", "Revoke"];
    const REASONS: &[&str] = mandate::Rejection::REASONS;

    fn draw(&self, lots: &mut Rng, now: Timestamp) -> (Command<Self>, Actor) {
        let spoc = spoc_id(one_of(lots, ["fr-spoc", "fr-spoc", "be-spoc"]));
        let command = match lots.below(20) {
            0..=9 => {
                let Mandate { id, hospital, .. } = values::mandate();
                let authority = if lots.seldom(6) { values::cert_eu() } else { values::authority() };
                let from = Timestamp::from_millis(now.millis() - i64::from(one_of(lots, [0, 2])) * 86_400_000);
                let until = from.plus(one_of(lots, [0, 1, 9, 730, 740]) * DAY);
                let new = (from, until);
                let (from, until) = self.signed.as_ref().filter(|_| lots.seldom(2)).map_or(new, |m| (m.from, m.until));
                Ask::Sign { id, hospital, authority, from, until }
            }
            10..=18 => Ask::Countersign { spoc },
            _ => {
                let by = one_of(lots, [Party::Authority(authority_id("fr-csirt")), Party::Spoc(spoc)]);
                Ask::Revoke { by, reason: words(lots) }
            }
        };
        (command, actor(Role::Authority, "fr-csirt"))
    }

    fn expect(&mut self, command: &Command<Self>, Received { at, .. }: &Received) -> Expects {
        let revoked = self.revoked.as_ref();
        match command {
            Ask::Sign { id, hospital, authority: Authority { id: authority, spoc, .. }, from, until } => {
                let spoc = spoc.clone().ok_or("MANDATE_WITHOUT_SPOC")?;
                let (id, hospital, authority) = (id.clone(), hospital.clone(), authority.clone());
                let mandate = Mandate { id, hospital, authority, spoc, from: *from, until: *until };
                require(revoked.is_none(), "MANDATE_REVOKED")?;
                if let Some(known) = &self.signed {
                    return nothing_if(*known == mandate, "MANDATE_ALREADY_SIGNED");
                }
                let two_years = 731 * DAY;
                require(from < until && at < until && until.since(*from) <= two_years, "MANDATE_INVALID")?;
                self.signed = Some(mandate);
            }
            Ask::Countersign { spoc } => {
                let mandate = self.signed.as_ref().ok_or("MANDATE_NOT_FOUND")?;
                require(revoked.is_none(), "MANDATE_REVOKED")?;
                require(mandate.spoc == *spoc, "MANDATE_NOT_THE_SPOC")?;
                if self.countersigned {
                    return Ok(Nothing);
                }
                require(*at < mandate.until, "MANDATE_OVER")?;
                self.countersigned = true;
            }
            Ask::Revoke { by, reason } => {
                require((1..=200).contains(&reason.len()), "MANDATE_INVALID")?;
                let mandate = self.signed.as_ref().ok_or("MANDATE_NOT_FOUND")?;
                let parties = [Party::Authority(mandate.authority.clone()), Party::Spoc(mandate.spoc.clone())];
                require(parties.contains(by), "MANDATE_NOT_A_PARTY")?;
                if let Some(known) = revoked {
                    return nothing_if(known == reason, "MANDATE_REVOKED");
                }
                self.revoked = Some(reason.clone());
            }
        }
        Ok(News)
    }

    fn agrees(&self, state: &mandate::State, now: Timestamp) -> bool {
        let signed = self.signed.as_ref();
        let acts = signed.filter(|m| self.countersigned && self.revoked.is_none() && m.from <= now && now < m.until);
        state.mandate() == signed && state.acts(now) == acts
    }
}

/// Every act, and whether it was repealed.
#[derive(Default)]
pub struct Acts(Vec<(CouncilAct, bool)>);

impl Model for Acts {
    type Of = ThirdCountry;
    const COMMANDS: &[&str] = &["Authorise", "Repeal"];
    const REASONS: &[&str] = third_country::Rejection::REASONS;

    fn draw(&self, lots: &mut Rng, now: Timestamp) -> (Command<Self>, Actor) {
        let known = lots.pick(&self.0).map(|(act, _)| act.clone()).filter(|_| lots.seldom(2));
        let reference = format!("act {}", lots.below(12));
        let command = if lots.seldom(4) {
            Act::Repeal { reference: known.map_or(reference, |act| act.reference) }
        } else {
            let from = one_of(lots, [now, cast::at(0), now.plus(20 * DAY)]);
            Act::Authorise(known.unwrap_or_else(|| CouncilAct {
                country: country(one_of(lots, ["MD", "MD", "MD", "FR"])),
                reference,
                from,
                until: from.plus(one_of(lots, [0, 10, 20, 365, 370]) * DAY),
                days_max: one_of(lots, [None, Some(74), Some(75)]),
            }))
        };
        (command, actor(Role::Commission, "carla"))
    }

    fn expect(&mut self, command: &Command<Self>, _: &Received) -> Expects {
        match command {
            Act::Authorise(act) => {
                if let Some((known, repealed)) = self.0.iter().find(|(known, _)| known.reference == act.reference) {
                    require(!repealed, "COUNCIL_ACT_REPEALED")?;
                    return nothing_if(known == act, "COUNCIL_ACT_REFERENCE_TAKEN");
                }
                let (abroad, year) = (!act.country.is_member_state(), 366 * DAY);
                let lasts = act.until.since(act.from);
                let right = abroad && !lasts.is_zero() && lasts <= year && act.days_max.is_none_or(|days| days >= 75);
                require(right, "COUNCIL_ACT_INVALID")?;
                let apart = |other: &CouncilAct| act.until <= other.from || other.until <= act.from;
                require(self.0.iter().all(|(other, repealed)| *repealed || apart(other)), "COUNCIL_ACT_OVERLAPS")?;
                self.0.push((act.clone(), false));
                Ok(News)
            }
            Act::Repeal { reference } => {
                let known = self.0.iter_mut().find(|(act, _)| act.reference == *reference);
                let (_, repealed) = known.ok_or("COUNCIL_ACT_NOT_FOUND")?;
                let before = std::mem::replace(repealed, true);
                news_if(!before)
            }
        }
    }

    fn agrees(&self, state: &ThirdCountry, now: Timestamp) -> bool {
        let in_force = self.0.iter().find(|(act, repealed)| !repealed && act.from <= now && now < act.until);
        state.act_in_force(now) == in_force.map(|(act, _)| act)
    }
}
