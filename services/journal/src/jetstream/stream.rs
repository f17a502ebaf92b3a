//! The stream that is a realm's log, and how it must be set.

use super::{ConnectError, described, safety};
use crate::retry::Delays;
use async_nats::jetstream::{
    Context,
    context::{CreateStreamError, CreateStreamErrorKind},
    stream::{Config, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType},
};
use muster_domain::kernel::RealmId;
use std::{fmt::Debug, time::Duration};
use tokio::time::{Instant, timeout_at};

/// For so long the servers themselves know a repeated frame; after that the expectation alone keeps it out.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// The largest message, headers and all, in bytes.
pub(super) const MESSAGE_BYTES_MAX: i32 = 1024 * 1024;

/// The name of the realm's stream.
pub(super) fn name(realm: &RealmId) -> String {
    format!("MUSTER_{}", realm.as_str().to_uppercase())
}

/// How the realm's stream must be set: nothing in it is ever removed.
pub(super) fn config(realm: &RealmId, replicas: usize) -> Config {
    Config {
        name: name(realm),
        description: Some(format!("the log of realm {realm}")),
        subjects: vec![format!("muster.{realm}.>")],
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        num_replicas: replicas,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_bytes: -1,
        max_age: Duration::ZERO,
        max_message_size: MESSAGE_BYTES_MAX,
        discard: DiscardPolicy::New,
        deny_delete: true,
        deny_purge: true,
        allow_direct: false,
        duplicate_window: DUPLICATE_WINDOW,
        ..Config::default()
    }
}

/// Makes the stream, or checks the one that is there.
pub(super) async fn ensure(context: &Context, wanted: Config, deadline: Instant) -> Result<(), ConnectError> {
    let mut delays = Delays::new();
    loop {
        // A server that has no stream of this name makes it; one that has it says how it is set.
        let failed = match timeout_at(deadline, context.get_or_create_stream(wanted.clone())).await {
            Ok(Ok(stream)) => return check(&wanted, &stream.cached_info().config),
            Ok(Err(error)) if code(&error) == Some(ALONE) => {
                return Err(ConnectError::Alone(safety::too_few(1, &wanted.name)));
            }
            Ok(Err(error)) if is_final(&error) => {
                let differences = vec![described(&error)];
                return Err(ConnectError::Differs { stream: wanted.name, differences });
            }
            Ok(Err(error)) => described(&error),
            Err(_) => "the servers did not answer in time".to_owned(),
        };
        delays.wait_until(deadline).await.map_err(|_| ConnectError::Unavailable(failed))?;
    }
}

/// What a server says that is in no cluster, and is to keep a stream more than once.
const ALONE: u64 = 10074;

fn code(error: &CreateStreamError) -> Option<u64> {
    match error.kind() {
        CreateStreamErrorKind::JetStream(said) => Some(said.error_code().0),
        CreateStreamErrorKind::EmptyStreamName
        | CreateStreamErrorKind::InvalidStreamName
        | CreateStreamErrorKind::DomainAndExternalSet
        | CreateStreamErrorKind::JetStreamUnavailable
        | CreateStreamErrorKind::TimedOut
        | CreateStreamErrorKind::Response
        | CreateStreamErrorKind::NotFound
        | CreateStreamErrorKind::ResponseParse => None,
    }
}

/// Whether trying again is no use: the servers understood and refused.
pub(super) fn is_final(error: &CreateStreamError) -> bool {
    match error.kind() {
        // Servers that are still gathering answer with 503; not enough of them for the replicas asked for, with 10005.
        CreateStreamErrorKind::JetStream(said) => said.code() != 503 && code(error) != Some(10005),
        CreateStreamErrorKind::EmptyStreamName
        | CreateStreamErrorKind::InvalidStreamName
        | CreateStreamErrorKind::DomainAndExternalSet => true,
        CreateStreamErrorKind::JetStreamUnavailable
        | CreateStreamErrorKind::TimedOut
        | CreateStreamErrorKind::Response
        | CreateStreamErrorKind::NotFound
        | CreateStreamErrorKind::ResponseParse => false,
    }
}

/// What may be accepted by name is left to [`safety`].
fn check(wanted: &Config, found: &Config) -> Result<(), ConnectError> {
    let mut differences = Vec::new();
    let mut same = |setting: &str, wanted: &dyn Debug, found: &dyn Debug| {
        if format!("{wanted:?}") != format!("{found:?}") {
            differences.push(format!("{setting} is {found:?} and must be {wanted:?}"));
        }
    };
    same("subjects", &wanted.subjects, &found.subjects);
    same("storage", &wanted.storage, &found.storage);
    same("retention", &wanted.retention, &found.retention);
    same("max_msgs", &wanted.max_messages, &found.max_messages);
    same("max_msgs_per_subject", &wanted.max_messages_per_subject, &found.max_messages_per_subject);
    same("max_bytes", &wanted.max_bytes, &found.max_bytes);
    same("max_age", &wanted.max_age, &found.max_age);
    same("max_msg_size", &wanted.max_message_size, &found.max_message_size);
    same("discard", &wanted.discard, &found.discard);
    same("deny_delete", &wanted.deny_delete, &found.deny_delete);
    same("deny_purge", &wanted.deny_purge, &found.deny_purge);
    same("allow_rollup_hdrs", &wanted.allow_rollup, &found.allow_rollup);
    same("allow_msg_ttl", &wanted.allow_message_ttl, &found.allow_message_ttl);
    same("allow_direct", &wanted.allow_direct, &found.allow_direct);
    same("duplicate_window", &wanted.duplicate_window, &found.duplicate_window);
    same("no_ack", &wanted.no_ack, &found.no_ack);
    same("sealed", &wanted.sealed, &found.sealed);
    same("first_seq", &1, &found.first_sequence.unwrap_or(1).max(1));
    same("subject_transform", &wanted.subject_transform, &found.subject_transform);
    same("mirror", &wanted.mirror, &found.mirror);
    same("sources", &wanted.sources, &found.sources);
    same("persist_mode", &PersistenceMode::Default, &found.persist_mode.unwrap_or_default());
    if differences.is_empty() {
        Ok(())
    } else {
        Err(ConnectError::Differs { stream: wanted.name.clone(), differences })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Config {
        config(&RealmId::parse("drill-7").unwrap(), 3)
    }

    #[test]
    fn a_stream_is_named_after_its_realm() {
        assert_eq!((&*wanted().name, &*wanted().subjects), ("MUSTER_DRILL-7", &["muster.drill-7.>".to_owned()][..]));
    }

    #[test]
    fn what_is_as_safe_is_taken_and_what_is_not_is_named() {
        assert_eq!(check(&wanted(), &wanted()), Ok(()));
        let year = Duration::from_secs(365 * 24 * 3600);
        for (unsafe_, names) in [
            (Config { deny_delete: false, ..wanted() }, "deny_delete is false and must be true"),
            (Config { deny_purge: false, ..wanted() }, "deny_purge is false and must be true"),
            (Config { max_age: year, ..wanted() }, "max_age is 31536000s and must be 0ns"),
            (Config { max_messages: 9, ..wanted() }, "max_msgs is 9 and must be -1"),
            (Config { max_messages_per_subject: 9, ..wanted() }, "max_msgs_per_subject is 9 and must be -1"),
            (Config { max_bytes: 9, ..wanted() }, "max_bytes is 9 and must be -1"),
            (Config { max_message_size: 9, ..wanted() }, "max_msg_size is 9 and must be 1048576"),
            (Config { duplicate_window: year, ..wanted() }, "duplicate_window is 31536000s and must be 120s"),
            (Config { allow_rollup: true, ..wanted() }, "allow_rollup_hdrs is true and must be false"),
            (Config { allow_message_ttl: true, ..wanted() }, "allow_msg_ttl is true and must be false"),
            (Config { no_ack: true, ..wanted() }, "no_ack is true and must be false"),
            (Config { sealed: true, ..wanted() }, "sealed is true and must be false"),
            (Config { first_sequence: Some(9), ..wanted() }, "first_seq is 9 and must be 1"),
            (Config { retention: RetentionPolicy::WorkQueue, ..wanted() }, "retention is WorkQueue and must be Limits"),
            (Config { discard: DiscardPolicy::Old, ..wanted() }, "discard is Old and must be New"),
            (Config { allow_direct: true, ..wanted() }, "allow_direct is true and must be false"),
            (Config { storage: StorageType::Memory, ..wanted() }, "storage is Memory and must be File"),
            (
                Config { persist_mode: Some(PersistenceMode::Async), ..wanted() },
                "persist_mode is Async and must be Default",
            ),
        ] {
            let refused =
                ConnectError::Differs { stream: "MUSTER_DRILL-7".to_owned(), differences: vec![names.to_owned()] };
            assert_eq!(check(&wanted(), &unsafe_), Err(refused));
        }
    }
}
