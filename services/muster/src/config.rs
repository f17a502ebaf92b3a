//! The configuration file of a process, and `muster config`. It has the names of the options of `muster serve`, each once, as TOML;
//! what is given on the command line counts first, then the environment, then the file, then the default. There is no secret
//! in it: secrets are files that it names.

use std::{
    any::TypeId,
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, Subcommand,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};
use nkeys::KeyPair;
use serde_json::json;

use crate::serve::ServeArgs;

/// The option that names the file.
const OPTION: &str = "config";

/// See that a configuration is right, or what it comes to
#[derive(Debug, Subcommand)]
pub enum ConfigWord {
    /// See that a file can be taken: every setting known, of the right kind and in its bounds
    Check {
        /// The file
        file: PathBuf,
    },
    /// What `muster serve` with these options would run with, and where each setting comes from
    Dump(Box<ServeArgs>),
    /// A file with every setting, what it means and its default
    Generate,
    /// The file's JSON Schema, for editors
    Schema,
    /// A new key by which a process proves to NATS who it is: makes the file and tells the public key, for the servers' accounts
    NatsKey {
        /// The file, which must not be there yet
        file: PathBuf,
    },
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{} cannot be read: {why}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: io::Error,
    },
    /// It is not TOML.
    #[error("{} is not TOML: {why}", .path.display())]
    NotToml {
        /// Which.
        path: PathBuf,
        /// Where, and what is wrong.
        why: String,
    },
    /// A setting that there is not.
    #[error("{}: there is no setting '{key}'{}; `muster config generate` lists them all", .path.display(), meant(.near))]
    Unknown {
        /// In which file.
        path: PathBuf,
        /// Which.
        key: String,
        /// What may have been meant.
        near: Option<String>,
    },
    /// A setting of another kind.
    #[error("{}: {key} = {found}: it must be {wanted}, e.g. {key} = {example}", .path.display())]
    Kind {
        /// In which file.
        path: PathBuf,
        /// Which.
        key: String,
        /// What it is.
        found: String,
        /// What it should be.
        wanted: &'static str,
        /// Such a value.
        example: &'static str,
    },
    /// A value that the setting does not take.
    #[error("{}: {key} = {value:?}: {why}", .path.display())]
    Value {
        /// In which file.
        path: PathBuf,
        /// Which setting.
        key: String,
        /// Its value.
        value: String,
        /// The rule, and the way out.
        why: String,
    },
    /// A key cannot be made.
    #[error("no key was made in {}: {why}", .path.display())]
    NoKey {
        /// Where.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// What is found cannot be told.
    #[error("{0}")]
    Output(#[from] io::Error),
}

fn meant(near: &Option<String>) -> String {
    near.as_ref().map(|near| format!("; '{near}' may be meant")).unwrap_or_default()
}

/// Everything that a file may set.
fn settings() -> Command {
    ServeArgs::augment_args(Command::new("serve")).no_binary_name(true).disable_help_flag(true)
}

fn names(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    command.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg))).filter(|(name, _)| *name != OPTION)
}

/// What a setting is, in TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Flag,
    List,
    Number,
    Text,
}

impl Kind {
    fn of(arg: &Arg) -> Self {
        let action = arg.get_action();
        if matches!(action, ArgAction::SetTrue) {
            Self::Flag
        } else if matches!(action, ArgAction::Append) {
            Self::List
        } else if [TypeId::of::<u32>(), TypeId::of::<f64>()]
            .iter()
            .any(|number| arg.get_value_parser().type_id() == *number)
        {
            Self::Number
        } else {
            Self::Text
        }
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Flag => ("true or false", "true"),
            Self::List => ("a list of texts", "[\"…\"]"),
            Self::Number => ("a number", "1"),
            Self::Text => ("a text", "\"…\""),
        }
    }

    /// The arguments that say the same; `None` if the value is of another kind.
    fn arguments(self, name: &str, value: &toml::Value) -> Option<Vec<OsString>> {
        let given = |value: &dyn std::fmt::Display| OsString::from(format!("--{name}={value}"));
        Some(match (self, value) {
            (Self::Flag, toml::Value::Boolean(true)) => vec![format!("--{name}").into()],
            (Self::Flag, toml::Value::Boolean(false)) => Vec::new(),
            (Self::List, toml::Value::Array(values)) => {
                values.iter().map(|value| value.as_str().map(|text| given(&text))).collect::<Option<_>>()?
            }
            (Self::Number, toml::Value::Integer(number)) => vec![given(number)],
            (Self::Number, toml::Value::Float(number)) => vec![given(number)],
            (Self::Text, toml::Value::String(text)) => vec![given(text)],
            // A moment need not stand between quotation marks.
            (Self::Text, toml::Value::Datetime(moment)) => vec![given(moment)],
            _ => return None,
        })
    }
}

/// A file's settings as arguments, by name.
struct File(BTreeMap<String, Vec<OsString>>);

impl File {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let path = path.to_owned();
        let text = fs::read_to_string(&path).map_err(|why| ConfigError::Unreadable { path: path.clone(), why })?;
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(why) => return Err(ConfigError::NotToml { path, why: toml::de::Error::to_string(&why) }),
        };
        // What the environment says is none of the file's fault.
        let (command, mut read) = (settings().mut_args(|arg| arg.env(Resettable::Reset)), BTreeMap::new());
        for (key, value) in &table {
            let Some((_, arg)) = names(&command).find(|(name, _)| name == key) else {
                let near = names(&command).map(|(name, _)| name.to_owned()).find(|name| is_near(name, key));
                return Err(ConfigError::Unknown { path, key: key.clone(), near });
            };
            let kind = Kind::of(arg);
            let Some(arguments) = kind.arguments(key, value) else {
                let (wanted, example) = kind.words();
                return Err(ConfigError::Kind { path, key: key.clone(), found: value.to_string(), wanted, example });
            };
            read.insert(key.clone(), arguments);
        }
        let file = Self(read);
        file.check(command).map_err(|(key, value, why)| ConfigError::Value { path, key, value, why })?;
        Ok(file)
    }

    /// Whether every value is one that its option takes; the option, the value and the rule if not.
    fn check(&self, command: Command) -> Result<(), (String, String, String)> {
        let Err(error) = command.try_get_matches_from(self.0.values().flatten()) else { return Ok(()) };
        // What must be given may be given elsewhere.
        if error.kind() == ErrorKind::MissingRequiredArgument {
            return Ok(());
        }
        let text = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => text.clone(),
            _ => String::new(),
        };
        let option = text(ContextKind::InvalidArg);
        let key = option.trim_start_matches('-').split([' ', '=']).next().unwrap_or_default().to_owned();
        let why = match (std::error::Error::source(&error), error.get(ContextKind::ValidValue)) {
            (Some(source), _) => source.to_string(),
            (None, Some(ContextValue::Strings(valid))) => format!("it must be one of {}", valid.join(", ")),
            (None, _) => error.kind().to_string(),
        };
        Err((key, text(ContextKind::InvalidValue), why))
    }
}

/// Whether one may have been meant by the other: with other dashes, shorter or longer, or a letter otherwise.
fn is_near(name: &str, key: &str) -> bool {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '.', '-'], "");
    let (name, key) = (plain(name), plain(key));
    name == key || (key.len() > 3 && (name.contains(&key) || key.contains(&name))) || is_a_letter_off(&name, &key)
}

/// Whether they differ by one letter that is added, left out or written otherwise.
fn is_a_letter_off(one: &str, other: &str) -> bool {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let (one, other): (Vec<_>, Vec<_>) = (one.chars().skip(same).collect(), other.chars().skip(same).collect());
    let tail = |text: &[char]| text.get(1..).map(<[char]>::to_vec);
    tail(&one) == tail(&other) || tail(&one).as_deref() == Some(&other[..]) || tail(&other).as_deref() == Some(&one[..])
}

/// A command line with what its configuration file says, and which settings come from there.
#[derive(Debug)]
pub struct Given {
    /// All arguments, the program's name first.
    pub args: Vec<OsString>,
    from_file: BTreeSet<String>,
}

/// Reads the file that a command line or the environment names, if one does.
pub fn with_file(command: &Command, args: Vec<OsString>) -> Result<Given, ConfigError> {
    let alone = |args| Ok(Given { args, from_file: BTreeSet::new() });
    let Ok(seen) = command.clone().ignore_errors(true).try_get_matches_from(&args) else { return alone(args) };
    let (mut command, mut seen, mut words) = (command, &seen, Vec::new());
    while let Some((word, within)) = seen.subcommand() {
        let Some(next) = command.find_subcommand(word) else { break };
        (command, seen) = (next, within);
        words.push(word.to_owned());
    }
    if !command.get_arguments().any(|arg| arg.get_long() == Some(OPTION)) {
        return alone(args);
    }
    let Some(path) = seen.get_one::<PathBuf>(OPTION) else { return alone(args) };
    let file = File::read(path)?;
    let mut given = Given { args, from_file: BTreeSet::new() };
    let mut at = 1;
    for word in words {
        at = given.args.iter().skip(at).position(|arg| arg == OsStr::new(&word)).map_or(at, |found| at + found + 1);
    }
    for (name, arg) in names(command) {
        let is_given = matches!(
            seen.value_source(arg.get_id().as_str()),
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        );
        if let Some(arguments) = file.0.get(name).filter(|_| !is_given) {
            given.from_file.insert(name.to_owned());
            given.args.splice(at..at, arguments.iter().cloned());
        }
    }
    Ok(given)
}

impl ConfigWord {
    /// Does it; `matches` is what the command line came to.
    pub fn run(self, given: &Given, matches: &ArgMatches) -> Result<(), ConfigError> {
        let mut out = io::stdout();
        match self {
            Self::Check { file } => {
                File::read(&file)?;
                writeln!(out, "{} can be taken", file.display())?;
            }
            Self::Dump(_) => write!(out, "{}", dump(given, matches))?,
            Self::Generate => write!(out, "{}", generate())?,
            Self::Schema => writeln!(out, "{}", schema())?,
            Self::NatsKey { file } => writeln!(out, "{}", nats_key(file)?)?,
        }
        Ok(())
    }
}

/// Makes a user's key; its public part.
fn nats_key(path: PathBuf) -> Result<String, ConfigError> {
    let key = KeyPair::new_user();
    let made = key.seed().map_err(io::Error::other).and_then(|seed| {
        let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        writeln!(file, "{seed}")?;
        file.sync_all()
    });
    made.map_err(|why| ConfigError::NoKey { path, why: why.to_string() })?;
    Ok(key.public_key())
}

fn quoted(text: &OsStr) -> String {
    toml::Value::from(text.to_string_lossy().into_owned()).to_string()
}

/// Values as TOML, of an option of this kind.
fn told(kind: Kind, values: &[&OsStr]) -> String {
    match (kind, values) {
        (Kind::List, values) => {
            format!("[{}]", values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", "))
        }
        (Kind::Flag | Kind::Number, [value]) => value.to_string_lossy().into_owned(),
        (Kind::Text, [value]) => quoted(value),
        (Kind::Flag | Kind::Number | Kind::Text, _) => String::new(),
    }
}

fn dump(given: &Given, matches: &ArgMatches) -> String {
    let mut text = String::new();
    for (name, arg) in names(&settings()) {
        let id = arg.get_id().as_str();
        let origin = match matches.value_source(id) {
            _ if given.from_file.contains(name) => "the file",
            Some(ValueSource::CommandLine) => "the command line",
            Some(ValueSource::EnvVariable) => "the environment",
            Some(_) => "the default",
            None => continue,
        };
        let values: Vec<_> = matches.get_raw(id).into_iter().flatten().collect();
        let told = told(Kind::of(arg), &values);
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name} = {told}  # {origin}");
    }
    text
}

fn help(arg: &Arg) -> String {
    arg.get_help().map(ToString::to_string).unwrap_or_default()
}

fn generate() -> String {
    let mut text =
        "# The configuration of a process: muster serve --config FILE. What is given on the command line or in the\n\
                    # environment counts first. `muster config check FILE` says whether it can be taken.\n"
            .to_owned();
    for (name, arg) in names(&settings()) {
        let kind = Kind::of(arg);
        let defaults: Vec<&OsStr> = arg.get_default_values().iter().map(|value| value.as_os_str()).collect();
        let value = match (kind, defaults.is_empty()) {
            (Kind::Flag, _) => "false".to_owned(),
            (_, true) => kind.words().1.to_owned(),
            (_, false) => told(kind, &defaults),
        };
        let environment = arg.get_env().map(|name| format!(" ({})", name.to_string_lossy())).unwrap_or_default();
        let _ = writeln!(text, "\n# {}{environment}\n#{name} = {value}", help(arg));
    }
    text
}

fn schema() -> String {
    let property = |(name, arg): (&str, &Arg)| {
        let description = help(arg);
        let property = match Kind::of(arg) {
            Kind::Flag => json!({ "type": "boolean", "description": description }),
            Kind::List => json!({ "type": "array", "items": { "type": "string" }, "description": description }),
            Kind::Number => json!({ "type": "number", "description": description }),
            Kind::Text => json!({ "type": "string", "description": description }),
        };
        (name.to_owned(), property)
    };
    let command = settings();
    let properties: serde_json::Map<_, _> = names(&command).map(property).collect();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The configuration of a process of Muster",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    format!("{schema:#}")
}
