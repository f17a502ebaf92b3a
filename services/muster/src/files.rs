//! The files that Muster reads: cases as requests, the roster of the Reserve, and who the users are. Their schemas
//! are neutral, not Muster's own; what a file says is read strictly, and all that is wrong with it is told at once.

pub mod cases;
pub mod node;
pub mod parties;
pub mod reading;
pub mod roster;
pub mod schema;

use std::fmt;

use muster_domain::kernel::FieldViolation;

use node::Node;
use schema::SCHEMA;

/// A file that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFile {
    /// Which file.
    pub file: String,
    /// All that is wrong, each by its path in the file; an empty path is the file as a whole.
    pub wrong: Vec<FieldViolation>,
}

impl BadFile {
    fn whole(file: String, says: String) -> Self {
        Self { file, wrong: vec![FieldViolation { field: String::new(), rule: SCHEMA, says }] }
    }
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be taken:", self.file)?;
        for FieldViolation { field, rule, says } in &self.wrong {
            let divider = if field.is_empty() { "" } else { " " };
            write!(f, "\n  {field}{divider}{says} ({rule})")?;
        }
        Ok(())
    }
}

/// A file that fills the register.
#[derive(Clone, Debug, PartialEq)]
pub enum Register {
    /// Services, national requirements and providers.
    Roster(roster::Roster),
    /// Users of the Reserve and hospitals.
    Parties(parties::Parties),
}

impl Register {
    /// Reads a file, which is what its fields say it is; `file` is its name in what is said of it.
    pub fn read(file: &str, text: &str) -> Result<Self, BadFile> {
        let file = file.to_owned();
        let node = match parse(text) {
            Ok(node) => node,
            Err(wrong) => return Err(BadFile { file, wrong: vec![wrong] }),
        };
        let has = |names: &[&str]| names.iter().any(|name| node.get(name).is_some());
        let mut reading = reading::Reading::default();
        reading.harmless(&node, "");
        let register = if has(&["providers", "service_catalogue", "national_requirements"]) {
            Self::Roster(roster::read(&node, &mut reading))
        } else if has(&["authorities", "hospitals"]) {
            Self::Parties(parties::read(&node, &mut reading))
        } else {
            let says = "it holds neither a roster (service_catalogue, national_requirements, providers) nor parties \
                        (authorities, hospitals); cases are opened one by one: muster request open --from";
            return Err(BadFile::whole(file, says.to_owned()));
        };
        let wrong = reading.into_wrong();
        if wrong.is_empty() { Ok(register) } else { Err(BadFile { file, wrong }) }
    }
}

/// Reads a text as JSON; what is wrong is told by line and column.
pub fn parse(text: &str) -> Result<Node, FieldViolation> {
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| FieldViolation {
        field: String::new(),
        rule: SCHEMA,
        says: format!("it is not JSON: {error}"),
    })
}
