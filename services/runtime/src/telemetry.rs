//! What the process says while it runs, on stderr. No personal data and no name of a hospital above `DEBUG`.
//!
//! | level | means | who reads it |
//! |---|---|---|
//! | `ERROR` | a promise is broken or about to be; somebody must act now | whoever is on call |
//! | `WARN` | something is wrong, Muster copes; act when it stays so | whoever runs Muster, daily |
//! | `INFO` | the process starts, stops, changes its part; a few lines an hour | whoever runs Muster |
//! | `DEBUG` | one line for what one command or one event did | whoever looks for a fault |
//! | `TRACE` | every step | whoever writes Muster |
//!
//! `MUSTER_LOG` chooses, e.g. `MUSTER_LOG=info,muster_dispatch=debug`; without it, `INFO`.

use std::{io, panic};

use tracing_subscriber::{EnvFilter, filter::ParseError, fmt::MakeWriter, util::TryInitError};

/// The environment variable that chooses what is said.
pub const FILTER: &str = "MUSTER_LOG";

/// How it is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One line for people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// Why telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("{FILTER}='{found}' cannot be read: {why}; write e.g. {FILTER}=info,muster_dispatch=debug")]
    Filter {
        /// What it says.
        found: String,
        /// What is wrong.
        why: ParseError,
    },
    /// It was started before.
    #[error("telemetry was started before: {0}")]
    Started(TryInitError),
}

/// Starts telemetry for the whole process: once, first of all. `filter` is the value of [`FILTER`], empty for the default.
pub fn start(format: Format, filter: &str) -> Result<(), TelemetryError> {
    use tracing_subscriber::util::SubscriberInitExt;

    subscriber(format, filter, io::stderr)?.try_init().map_err(TelemetryError::Started)?;
    panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a task panicked: this is a fault of muster's own")));
    Ok(())
}

fn subscriber<W>(
    format: Format,
    filter: &str,
    to: W,
) -> Result<Box<dyn tracing::Subscriber + Send + Sync>, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let directives = if filter.is_empty() { "info" } else { filter };
    let filter =
        EnvFilter::try_new(directives).map_err(|why| TelemetryError::Filter { found: directives.to_owned(), why })?;
    let base = tracing_subscriber::fmt().with_env_filter(filter).with_writer(to);
    Ok(match format {
        Format::Human => Box::new(base.compact().with_ansi(false).finish()),
        Format::Json => Box::new(base.json().flatten_event(true).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn said(format: Format, filter: &str) -> String {
        let paper = Paper::default();
        let writer = paper.clone();
        let subscriber = subscriber(format, filter, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(position = "12.0", "the desk is held");
            tracing::debug!("a detail");
        });
        String::from_utf8(paper.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn without_a_filter_details_are_not_told() {
        let text = said(Format::Human, "");
        assert!(text.contains("the desk is held") && text.contains("12.0"), "{text}");
        assert!(!text.contains("a detail"), "{text}");
        assert!(said(Format::Human, "debug").contains("a detail"));
        assert!(!said(Format::Human, "warn").contains("the desk is held"));
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = said(Format::Json, "debug");
        assert_eq!(text.lines().count(), 2);
        for line in text.lines() {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(object["message"].is_string() && object["level"].is_string(), "{line}");
        }
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused_by_name() {
        let error = subscriber(Format::Human, "muster=loud", io::sink).err().unwrap().to_string();
        assert!(error.contains(FILTER) && error.contains("muster=loud"), "{error}");
    }
}
