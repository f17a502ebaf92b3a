//! Code lists of the field, as data: countries, regions, languages, services, incident types, markings.
//! Every list refuses what it does not know.

use std::fmt;

/// A code that its list does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCode {
    /// The list.
    pub list: &'static str,
    /// What was found.
    pub found: String,
}

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not in {}", self.found, self.list.trim_end())
    }
}

fn unknown(list: &'static str, found: &str) -> UnknownCode {
    UnknownCode { list, found: found.to_owned() }
}

/// The Member States in protocol order; Greece is `EL` (Interinstitutional Style Guide).
pub const MEMBER_STATES: [&str; 27] = [
    "BE", "BG", "CZ", "DK", "DE", "EE", "IE", "EL", "ES", "FR", "HR", "IT", "CY", "LV", "LT", "LU", "HU", "MT", "NL",
    "AT", "PL", "PT", "RO", "SI", "SK", "FI", "SE",
];

/// ISO 3166-1 alpha-2 codes outside the Union, and `XK` for Kosovo.
const OTHER_COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AU AW AX AZ BA BB BD BF BH BI BJ BL BM BN BO BQ BR BS BT BV \
    BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX DJ DM DO DZ EC EG EH ER ET FJ FK FM FO GA GB GD GE GF GG GH \
    GI GL GM GN GP GQ GS GT GU GW GY HK HM HN HT ID IL IM IN IO IQ IR IS JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB \
    LC LI LK LR LS LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MU MV MW MX MY MZ NA NC NE NF NG NI NO NP NR NU NZ OM \
    PA PE PF PG PH PK PM PN PR PS PW PY QA RE RS RU RW SA SB SC SD SG SH SJ SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH \
    TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// A country: ISO 3166-1 alpha-2, with `EL` for Greece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Reads a code; `GR` is read as `EL`.
    pub fn parse(text: &str) -> Result<Self, UnknownCode> {
        let code = if text == "GR" { "EL" } else { text };
        let known = MEMBER_STATES.contains(&code) || OTHER_COUNTRIES.split_whitespace().any(|other| other == code);
        match code.as_bytes() {
            &[a, b] if known => Ok(Self([a, b])),
            _ => Err(unknown("ISO 3166-1 alpha-2, with EL for Greece", text)),
        }
    }

    /// The two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Whether it is a Member State of the Union.
    pub fn is_member_state(&self) -> bool {
        MEMBER_STATES.contains(&self.as_str())
    }
}

/// A NUTS 2021 or 2024 code of any level; its first two letters are the country.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nuts(String);

impl Nuts {
    /// Reads a code of the form `[A-Z]{2}[0-9A-Z]{0,3}` whose country is known; `GR` is read as `EL`,
    /// `UK` as `GB`.
    pub fn parse(text: &str) -> Result<Self, UnknownCode> {
        let bad = || unknown("NUTS", text);
        let (country, rest) = text.split_at_checked(2).ok_or_else(bad)?;
        // The United Kingdom's regions stood under `UK`, its country code is `GB`.
        let country = Country::parse(if country == "UK" { "GB" } else { country }).map_err(|_| bad())?;
        if rest.len() > 3 || !rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
            return Err(bad());
        }
        Ok(Self(format!("{}{rest}", country.as_str())))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the region lies in `country`.
    pub fn is_in(&self, country: Country) -> bool {
        self.0.starts_with(country.as_str())
    }
}

/// A language tag (BCP 47): Reg. (EU) 2025/38 Art 17(2)(i) allows official languages of the institutions or of a Member
/// State, so the list is open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Language(String);

impl Language {
    /// Reads a lower-case primary subtag of two or three letters, with optional further subtags.
    pub fn parse(text: &str) -> Result<Self, UnknownCode> {
        let mut subtags = text.split('-');
        let primary = subtags.next().unwrap_or_default();
        let primary_ok = (2..=3).contains(&primary.len()) && primary.bytes().all(|b| b.is_ascii_lowercase());
        let rest_ok = subtags.all(|s| (1..=8).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric()));
        if primary_ok && rest_ok { Ok(Self(text.to_owned())) } else { Err(unknown("BCP 47 language tags", text)) }
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A service, by the ids of the FIRST CSIRT Services Framework 2.1, or `x.*` for an own specialisation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceId(String);

/// The services that Muster knows from the start: id and name.
pub const SERVICES: [(&str, &str); 13] = [
    ("isim.analysis", "Information security incident analysis"),
    ("isim.forensics", "Artifact and forensic evidence analysis"),
    ("isim.mitigation-recovery", "Mitigation and recovery"),
    ("isim.coordination", "Information security incident coordination"),
    ("isim.crisis-support", "Crisis management support"),
    ("isem.monitoring-detection", "Monitoring and detection"),
    ("vm.response", "Vulnerability response"),
    ("x.directory-recovery", "Directory and identity recovery"),
    ("x.backup-restore", "Backup validation and restore"),
    ("x.clinical-systems", "Clinical systems recovery (EHR, LIS, RIS/PACS)"),
    ("x.medical-devices", "Medical device and network segment recovery"),
    ("x.leak-monitoring", "Leak monitoring"),
    ("x.ddos-mitigation", "DDoS mitigation"),
];

impl ServiceId {
    /// Reads an id of the form `area.service`; whether the catalogue in force has it is the registry's to say.
    pub fn parse(text: &str) -> Result<Self, UnknownCode> {
        let part =
            |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        match text.split_once('.') {
            Some((area, service)) if part(area) && part(service) && text.len() <= 64 => Ok(Self(text.to_owned())),
            _ => Err(unknown("service ids of the form area.service", text)),
        }
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether Muster knows the service from the start.
    pub fn is_known(&self) -> bool {
        SERVICES.iter().any(|(id, _)| *id == self.0)
    }
}

/// The Reference Security Incident Taxonomy, version 1003: class and its types.
pub const RSIT: [(&str, &[&str]); 11] = [
    ("abusive-content", &["spam", "harmful-speech", "violence"]),
    ("malicious-code", &["infected-system", "c2-server", "malware-distribution", "malware-configuration"]),
    ("information-gathering", &["scanner", "sniffing", "social-engineering"]),
    ("intrusion-attempts", &["ids-alert", "brute-force", "exploit"]),
    (
        "intrusions",
        &[
            "privileged-account-compromise",
            "unprivileged-account-compromise",
            "application-compromise",
            "system-compromise",
            "burglary",
        ],
    ),
    ("availability", &["dos", "ddos", "misconfiguration", "sabotage", "outage"]),
    (
        "information-content-security",
        &["unauthorised-information-access", "unauthorised-information-modification", "data-loss", "data-leak"],
    ),
    ("fraud", &["unauthorised-use-of-resources", "copyright", "masquerade", "phishing"]),
    (
        "vulnerable",
        &[
            "weak-crypto",
            "ddos-amplifier",
            "potentially-unwanted-accessible",
            "information-disclosure",
            "vulnerable-system",
        ],
    ),
    ("other", &["other", "undetermined"]),
    ("test", &["test"]),
];

/// Values of other RSIT versions and of the MISP machine tags, and what they mean in version 1003.
const RSIT_RENAMED: [(&str, &str); 12] = [
    ("availability/denial-of-service", "availability/dos"),
    ("availability/distributed-denial-of-service", "availability/ddos"),
    ("information-content-security/leak-of-confidential-information", "information-content-security/data-leak"),
    ("information-gathering/scanning", "information-gathering/scanner"),
    ("intrusion-attempts/login-attempts", "intrusion-attempts/brute-force"),
    ("intrusion-attempts/new-attack-signature", "intrusion-attempts/exploit"),
    ("intrusion-attempts/exploiting-known-vulnerabilities", "intrusion-attempts/ids-alert"),
    ("malicious-code/c2", "malicious-code/c2-server"),
    ("malicious-code/malware", "malicious-code/infected-system"),
    ("malicious-code/ransomware", "information-content-security/unauthorised-information-modification"),
    ("intrusions/domain-compromise", "intrusions/system-compromise"),
    ("other/uncategorised", "other/other"),
];

/// What happened, as `class/type` or, when only the class is known, `class`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IncidentType(String);

impl IncidentType {
    /// Reads a value of RSIT; `class:type` and values of neighbouring versions are read by meaning.
    pub fn parse(text: &str) -> Result<Self, UnknownCode> {
        let normal = text.replacen(':', "/", 1);
        let current = RSIT_RENAMED.iter().find(|(old, _)| *old == normal).map_or(normal.as_str(), |(_, new)| new);
        let (class, kind) = current.split_once('/').map_or((current, None), |(class, kind)| (class, Some(kind)));
        let known = RSIT.iter().any(|(known, kinds)| *known == class && kind.is_none_or(|kind| kinds.contains(&kind)));
        if known { Ok(Self(current.to_owned())) } else { Err(unknown("RSIT version 1003", text)) }
    }

    /// `class/type`, or `class`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The class alone.
    pub fn class(&self) -> &str {
        self.0.split_once('/').map_or(self.0.as_str(), |(class, _)| class)
    }
}

/// Declares a closed list: an enum whose values have one text each, in both directions.
macro_rules! code_list {
    ($(#[$doc:meta])* $name:ident, $list:literal { $($(#[$vdoc:meta])* $value:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $value,)* }

        impl $name {
            /// Every value, in the list's order.
            pub const ALL: &[Self] = &[$(Self::$value,)*];

            /// Reads a value of the list.
            pub fn parse(text: &str) -> Result<Self, UnknownCode> {
                match text {
                    $($text => Ok(Self::$value),)*
                    _ => Err(UnknownCode { list: concat!($list, ": ", $($text, " ",)*), found: text.to_owned() }),
                }
            }

            /// The value's text.
            pub const fn as_str(&self) -> &'static str {
                match self { $(Self::$value => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use code_list;

code_list! {
    /// Traffic Light Protocol 2.0 (FIRST). It marks who may be told; it is not a classification.
    Tlp, "TLP 2.0" {
        /// Anyone.
        Clear = "TLP:CLEAR",
        /// The community.
        Green = "TLP:GREEN",
        /// The organisation and its clients; for a national team, its constituents.
        Amber = "TLP:AMBER",
        /// The organisation alone.
        AmberStrict = "TLP:AMBER+STRICT",
        /// Named recipients alone.
        Red = "TLP:RED",
    }
}

macro_rules! display_as_str {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
display_as_str!(Country, Nuts, Language, ServiceId, IncidentType);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greece_is_read_as_gr_and_kept_as_el() {
        assert_eq!(Country::parse("GR").unwrap(), Country::parse("EL").unwrap());
        assert_eq!(Country::parse("GR").unwrap().as_str(), "EL");
        assert!(Nuts::parse("UKI44").unwrap().is_in(Country::parse("GB").unwrap()));
        assert_eq!(Nuts::parse("GR300").unwrap().as_str(), "EL300");
    }

    #[test]
    fn a_region_lies_in_its_country_only() {
        let nuts = Nuts::parse("FRD22").unwrap();
        assert!(nuts.is_in(Country::parse("FR").unwrap()));
        assert!(!nuts.is_in(Country::parse("BE").unwrap()));
    }

    #[test]
    fn unknown_codes_are_refused_by_name() {
        for (wrong, list) in [("XX", "ISO"), ("fr", "ISO"), ("FRA", "ISO"), ("", "ISO")] {
            let error = Country::parse(wrong).unwrap_err().to_string();
            assert!(error.contains(list) && error.contains(wrong), "{error}");
        }
        for wrong in ["F", "FRD222", "frd22", "XXD22", "FRé"] {
            assert!(Nuts::parse(wrong).is_err(), "{wrong}");
        }
        for wrong in ["FR", "f", "fr_FR", "français"] {
            assert!(Language::parse(wrong).is_err(), "{wrong}");
        }
        assert!(IncidentType::parse("ransomware").is_err());
        assert!(Tlp::parse("TLP:WHITE").is_err());
    }

    #[test]
    fn older_incident_types_are_read_by_meaning() {
        let kind = IncidentType::parse("malicious-code:ransomware").unwrap();
        assert_eq!(kind.as_str(), "information-content-security/unauthorised-information-modification");
        assert_eq!(kind.class(), "information-content-security");
        for (_, new) in RSIT_RENAMED {
            assert_eq!(IncidentType::parse(new).unwrap().as_str(), new);
        }
    }
}
