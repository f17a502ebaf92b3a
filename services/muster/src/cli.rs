//! The command line: a client of the public API and of nothing else. A noun, then a verb; data on stdout, talk on
//! stderr; every failure says what is wrong, the rule and the way out.

pub mod context;
pub mod failure;
pub mod json;
mod judge;
pub mod look;
mod party;
mod proof;
mod register;
mod request;
mod reserve;
pub(crate) mod session;
pub mod show;
pub mod values;
mod watching;
mod work;

use std::{io::Write, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use muster_domain::kernel::Actor;
use uuid::Uuid;

use failure::Failure;
use session::Session;
use values::{AsOf, Place, actor};

use crate::exit::Exit;

/// What holds for every command.
#[derive(Args, Clone, Debug, Default)]
pub struct Globals {
    /// Where Muster answers, e.g. http://127.0.0.1:7400 [default: the Muster that runs here]
    #[arg(long, env = "MUSTER_ADDRESS", hide_env_values = true, global = true, value_name = "URL")]
    #[arg(help_heading = "For every command")]
    pub address: Option<String>,
    /// Who acts, e.g. provider:s01 [default: whoever is on duty in the role that the command needs]
    #[arg(long = "as", env = "MUSTER_AS", hide_env_values = true, global = true, value_name = "ROLE:ID")]
    #[arg(value_parser = actor, help_heading = "For every command")]
    pub acting: Option<Actor>,
    /// The file of a token that says who acts, from the issuer that Muster believes
    #[arg(long, env = "MUSTER_TOKEN_FILE", hide_env_values = true, global = true, value_name = "FILE")]
    #[arg(conflicts_with = "acting", help_heading = "For every command")]
    pub token: Option<PathBuf>,
    /// The file of a certificate that says who acts, in PEM
    #[arg(long, env = "MUSTER_CERTIFICATE", hide_env_values = true, global = true, value_name = "FILE")]
    #[arg(requires = "private_key", conflicts_with_all = ["acting", "token"], help_heading = "For every command")]
    pub certificate: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, env = "MUSTER_PRIVATE_KEY", hide_env_values = true, global = true, value_name = "FILE")]
    #[arg(requires = "certificate", help_heading = "For every command")]
    pub private_key: Option<PathBuf>,
    /// The authority of Muster's certificate, in PEM [default: those that this machine believes]
    #[arg(long, env = "MUSTER_CA", hide_env_values = true, global = true, value_name = "FILE")]
    #[arg(help_heading = "For every command")]
    pub ca: Option<PathBuf>,
    /// How to tell answers: text or json, which is one document, or one object a line for streams
    #[arg(long, short, global = true, value_enum, default_value_t, hide_possible_values = true)]
    #[arg(value_name = "FORMAT", help_heading = "For every command")]
    pub output: Format,
    /// Tell the id alone, and nothing on stderr but failures
    #[arg(long, short, global = true, help_heading = "For every command")]
    pub quiet: bool,
    /// Do not ask back
    #[arg(long, short, global = true, help_heading = "For every command")]
    pub yes: bool,
    /// Makes a command repeatable: given again with the same id, it is done once
    #[arg(long, global = true, value_name = "UUID", help_heading = "For every command")]
    pub request_id: Option<Uuid>,
    /// Look back: at a position of the log, or at a time of the realm
    #[arg(long, global = true, value_name = "POSITION|RFC3339", help_heading = "For every command")]
    pub as_of: Option<AsOf>,
    /// Wait until this position can be seen: that of a write shows the write
    #[arg(long, global = true, value_name = "POSITION", help_heading = "For every command")]
    pub at_least: Option<Place>,
    /// No colour, not even in a terminal
    #[arg(long, global = true, help_heading = "For every command")]
    pub no_color: bool,
}

impl Globals {
    /// Refuses what would do nothing for `word`, which asks no running Muster.
    pub fn refuse_unused(&self, word: &str, takes_output: bool) -> Result<(), Failure> {
        let given = [
            ("--output", self.output != Format::Text && !takes_output),
            ("--quiet", self.quiet),
            ("--request-id", self.request_id.is_some()),
            ("--as-of", self.as_of.is_some()),
            ("--at-least", self.at_least.is_some()),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => {
                let says = format!("{option} does nothing for `muster {word}`");
                Err(Failure::usage(says, format!("give the command without {option}")))
            }
            None => Ok(()),
        }
    }
}

/// How answers are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables and words.
    #[default]
    Text,
    /// Canonical protobuf JSON: one document, or one object a line for streams.
    Json,
}

/// What can be asked of a running Muster.
#[derive(Clone, Debug, Subcommand)]
pub enum Word {
    /// Requests for support: open, endorse, submit, answer
    #[command(subcommand)]
    Request(request::RequestWord),
    /// Why a request was judged, ranked and answered as it was
    Why(judge::Why),
    /// Another rank than the facts give: one proposes, another approves
    #[command(subcommand)]
    Override(judge::OverrideWord),
    /// What Muster may decide by itself, and how it ranks and offers
    #[command(subcommand)]
    Policy(judge::PolicyWord),
    /// Offers to providers
    #[command(subcommand)]
    Offer(work::OfferWord),
    /// The work itself, by the id of its offer
    #[command(subcommand)]
    Engagement(work::EngagementWord),
    /// What one provider is asked to do for one grant
    #[command(subcommand)]
    Package(work::PackageWord),
    /// Trusted providers
    #[command(subcommand)]
    Provider(reserve::ProviderWord),
    /// The ledger: teams and days of every contract
    Capacity(reserve::Capacity),
    /// Standing mandates: a hospital's critical request goes on at once
    #[command(subcommand)]
    Mandate(reserve::MandateWord),
    /// Who there is and what they may do
    #[command(subcommand)]
    Registry(register::RegistryWord),
    /// Every request that you may see, the clock that ends first first
    Board(watching::Board),
    /// What changes, as it changes
    #[command(subcommand)]
    Watch(watching::WatchWord),
    /// The log itself, in order
    Log(watching::Log),
    /// Look back: the same at an earlier moment
    AsOf(watching::Back),
    /// The figures of the evaluation
    Stats(watching::Stats),
    /// How Muster itself stands
    Status,
}

impl Word {
    /// Does it, and says how the process ends.
    pub async fn run(self, globals: Globals) -> Exit {
        let session = match Session::begin(globals) {
            Ok(session) => session,
            Err(failure) => return told(&failure, None),
        };
        match self.tell(&session).await {
            Ok(()) => Exit::Done,
            Err(failure) => told(&failure, session.fate(&failure)),
        }
    }

    async fn tell(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Request(word) => word.tell(session).await,
            Self::Why(word) => word.tell(session).await,
            Self::Override(word) => word.tell(session).await,
            Self::Policy(word) => word.tell(session).await,
            Self::Offer(word) => word.tell(session).await,
            Self::Engagement(word) => word.tell(session).await,
            Self::Package(word) => word.tell(session).await,
            Self::Provider(word) => word.tell(session).await,
            Self::Capacity(word) => word.tell(session).await,
            Self::Mandate(word) => word.tell(session).await,
            Self::Registry(word) => word.tell(session).await,
            Self::Board(word) => word.tell(session).await,
            Self::Watch(word) => word.tell(session).await,
            Self::Log(word) => word.tell(session).await,
            Self::AsOf(word) => word.tell(session).await,
            Self::Stats(word) => word.tell(session).await,
            Self::Status => watching::status(session).await,
        }
    }
}

/// Tells a failure, and what became of the command.
fn told(failure: &Failure, fate: Option<String>) -> Exit {
    let told: Vec<_> = [failure.told()].into_iter().filter(|told| !told.is_empty()).chain(fate).collect();
    if !told.is_empty() {
        // A failure that nobody can hear still has its exit code.
        let _ = writeln!(std::io::stderr(), "{}", told.join("\n"));
    }
    failure.into()
}

/// The most entries of one page.
const PAGE: usize = 500;

/// How many entries to ask for when `have` of at most `limit` are there; none if they are enough.
fn page_size(limit: usize, have: usize) -> Option<u32> {
    let left = limit.saturating_sub(have).min(PAGE);
    u32::try_from(left).ok().filter(|left| *left > 0)
}
