//! Reading what stands in a file, value by value: all that is wrong is told at once, each by its path.

use std::fmt::Display;

use muster_domain::{
    check::Violations,
    kernel::{FieldViolation, Timestamp},
};

use super::{
    node::Node,
    schema::{SCHEMA, below},
};

/// A place in a file, and what stands there.
#[derive(Clone, Debug)]
pub struct At<'a> {
    node: Option<&'a Node>,
    path: String,
}

impl<'a> At<'a> {
    /// The place at `path`.
    pub fn new(node: &'a Node, path: impl Into<String>) -> Self {
        Self { node: (*node != Node::Null).then_some(node), path: path.into() }
    }

    /// A field of what stands here.
    pub fn field(&self, name: &str) -> Self {
        Self { node: self.node.and_then(|node| node.get(name)), path: below(&self.path, name) }
    }

    /// Whether anything stands here.
    pub fn is_there(&self) -> bool {
        self.node.is_some()
    }

    /// What stands here.
    pub fn node(&self) -> Option<&'a Node> {
        self.node
    }

    /// Where this is.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The fields of an object whose names are data, in order.
    pub fn fields(&self) -> Vec<(&'a str, Self)> {
        match self.node {
            Some(Node::Object(fields)) => {
                fields.iter().map(|(name, node)| (name.as_str(), At::new(node, below(&self.path, name)))).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// What is wrong so far. Reading goes on after a wrong value, with nothing in its place.
#[derive(Debug, Default)]
pub struct Reading(Vec<FieldViolation>);

impl Reading {
    /// Something is wrong at `path`.
    pub fn wrong(&mut self, path: impl Display, rule: &'static str, says: impl Display) {
        self.0.push(FieldViolation { field: path.to_string(), rule, says: says.to_string() });
    }

    /// More that is wrong.
    pub fn also(&mut self, more: impl IntoIterator<Item = FieldViolation>) {
        self.0.extend(more);
    }

    /// Whether something is wrong at `path`, below it, or with something that it is part of.
    pub fn is_wrong(&self, path: &str) -> bool {
        let holds = |whole: &str, part: &str| {
            part.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.0.iter().any(|wrong| holds(path, &wrong.field) || holds(&wrong.field, path))
    }

    /// All that is wrong, in the order in which it was found.
    pub fn into_wrong(self) -> Vec<FieldViolation> {
        self.0
    }

    /// What is part of something that is wrong itself is not worth a word.
    fn missing<T>(&mut self, at: &At<'_>) -> Option<T> {
        if !self.is_wrong(&at.path) {
            self.wrong(&at.path, SCHEMA, "is missing");
        }
        None
    }

    fn other_kind<T>(&mut self, at: &At<'_>, node: &Node, wanted: &str) -> Option<T> {
        self.wrong(&at.path, SCHEMA, format_args!("is {}, not {wanted}", node.kind()));
        None
    }

    /// A text that must be there.
    pub fn text(&mut self, at: &At<'_>) -> Option<String> {
        match at.node {
            None => self.missing(at),
            Some(Node::Text(text)) => Some(text.clone()),
            Some(node) => self.other_kind(at, node, "a text"),
        }
    }

    /// A text that may be missing.
    pub fn optional_text(&mut self, at: &At<'_>) -> Option<String> {
        at.node.and_then(|_| self.text(at))
    }

    /// A code or id that must be there.
    pub fn parsed<T, E: Display>(&mut self, at: &At<'_>, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let text = self.text(at)?;
        let wrong = |error: E| self.wrong(&at.path, SCHEMA, format_args!("is wrong: {error}"));
        parse(&text).map_err(wrong).ok()
    }

    /// A code or id that may be missing.
    pub fn optional<T, E: Display>(&mut self, at: &At<'_>, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        at.node.and_then(|_| self.parsed(at, parse))
    }

    /// A whole number that must be there.
    pub fn number(&mut self, at: &At<'_>) -> Option<u32> {
        match at.node {
            None => self.missing(at),
            Some(Node::Number(number)) => {
                let read = number.as_u64().and_then(|number| u32::try_from(number).ok());
                if read.is_none() {
                    self.wrong(
                        &at.path,
                        SCHEMA,
                        format_args!("is {number}, not a whole number from 0 to {}", u32::MAX),
                    );
                }
                read
            }
            Some(node) => self.other_kind(at, node, "a number"),
        }
    }

    /// A whole number that may be missing.
    pub fn optional_number(&mut self, at: &At<'_>) -> Option<u32> {
        at.node.and_then(|_| self.number(at))
    }

    /// Yes or no; it must be there.
    pub fn flag(&mut self, at: &At<'_>) -> Option<bool> {
        match at.node {
            None => self.missing(at),
            Some(Node::Flag(flag)) => Some(*flag),
            Some(node) => self.other_kind(at, node, "true or false"),
        }
    }

    /// Yes or no; it may be missing.
    pub fn optional_flag(&mut self, at: &At<'_>) -> Option<bool> {
        at.node.and_then(|_| self.flag(at))
    }

    /// A moment that must be there.
    pub fn time(&mut self, at: &At<'_>) -> Option<Timestamp> {
        self.parsed(at, |text| match text.parse::<jiff::Timestamp>() {
            Ok(time) => Ok(Timestamp::from_millis(time.as_millisecond())),
            Err(_) => Err(format!("'{text}' is no time like 2026-02-10T07:00:00Z")),
        })
    }

    /// The entries of a list that must be there.
    pub fn list<'a>(&mut self, at: &At<'a>) -> Vec<At<'a>> {
        match at.node {
            None => self.missing(at).unwrap_or_default(),
            Some(Node::List(entries)) => {
                entries.iter().enumerate().map(|(i, entry)| At::new(entry, format!("{}[{i}]", at.path))).collect()
            }
            Some(node) => self.other_kind(at, node, "a list").unwrap_or_default(),
        }
    }

    /// The entries of a list that may be missing.
    pub fn optional_list<'a>(&mut self, at: &At<'a>) -> Vec<At<'a>> {
        if at.is_there() { self.list(at) } else { Vec::new() }
    }

    /// An object that must be there. Its fields can be read all the same if it is not.
    pub fn object(&mut self, at: &At<'_>) {
        match at.node {
            Some(Node::Object(_)) => {}
            Some(node) => self.other_kind(at, node, "an object").unwrap_or_default(),
            None => self.missing(at).unwrap_or_default(),
        }
    }

    /// Texts of any kind, also those that nobody reads: neither what is marked as classified nor what tells of a patient
    /// may come near Muster.
    pub fn harmless(&mut self, node: &Node, path: &str) {
        self.harmless_field("", node, path);
    }

    /// A field's name may be the label that says what its value tells: `"mrn": 471123`.
    fn harmless_field(&mut self, name: &str, node: &Node, path: &str) {
        let mut found = Violations::none();
        match node {
            Node::Text(text) => {
                found.unclassified(path, text);
                found.no_patient(path, &labelled(name, text));
            }
            Node::Number(number) => found.no_patient(path, &labelled(name, number)),
            Node::List(entries) => {
                for (i, entry) in entries.iter().enumerate() {
                    self.harmless_field(name, entry, &format!("{path}[{i}]"));
                }
            }
            Node::Object(fields) => {
                for (name, value) in fields {
                    self.harmless_field(name, value, &below(path, name));
                }
            }
            Node::Null | Node::Flag(_) => {}
        }
        self.0.extend(found.into_fields());
    }
}

fn labelled(name: &str, value: impl Display) -> String {
    if name.is_empty() { value.to_string() } else { format!("{name}: {value}") }
}
