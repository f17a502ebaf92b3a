//! Key-value buckets on the journal's servers, for what stands beside the log.

use super::{JetStream, described, stream};
use crate::retry::Delays;
use async_nats::jetstream::{
    kv::Store,
    stream::{Config, DiscardPolicy, StorageType},
};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long to wait for a bucket that is yet to be made.
const MADE_WITHIN: Duration = Duration::from_secs(15);

/// The stream in which a bucket lies.
pub(crate) fn stream_of(bucket: &str) -> String {
    format!("KV_{bucket}")
}

/// Opens the bucket, or makes it: one value per key, read from the leader, forgotten after `max_age` (zero: never).
///
/// The client's own way to make a bucket forbids to delete a value for good and lets any replica answer, perhaps with an old
/// value; so its stream is made here.
pub(crate) async fn open(journal: &JetStream, name: &str, max_age: Duration) -> Result<Store, String> {
    let config = Config {
        name: stream_of(name),
        subjects: vec![format!("$KV.{name}.>")],
        storage: StorageType::File,
        num_replicas: journal.replicas(),
        max_messages_per_subject: 1,
        max_age,
        discard: DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: false,
        allow_direct: false,
        ..Config::default()
    };
    let (mut delays, deadline) = (Delays::new(), Instant::now() + MADE_WITHIN);
    loop {
        // Servers may still be gathering; and who may not make it waits for whoever may.
        let failed = match timeout_at(deadline, journal.context().get_or_create_stream(config.clone())).await {
            Ok(Ok(_)) => break,
            Ok(Err(error)) if stream::is_final(&error) => return Err(described(&error)),
            Ok(Err(error)) => described(&error),
            Err(_) => "the servers did not answer in time".to_owned(),
        };
        delays.wait_until(deadline).await.map_err(|_| failed)?;
    }
    journal.context().get_key_value(name).await.map_err(|error| described(&error))
}
