//! Key-value buckets on the journal's servers, for what stands beside the log.

use super::{JetStream, described};
use async_nats::jetstream::{
    kv::Store,
    stream::{Config, DiscardPolicy, StorageType},
};
use std::time::Duration;

/// Opens the bucket, or makes it: one value per key, read from the leader, forgotten after `max_age` (zero: never).
///
/// The client's own way to make a bucket forbids to delete a value for good and lets any replica answer, perhaps with an old
/// value; so its stream is made here.
pub(crate) async fn open(journal: &JetStream, name: &str, max_age: Duration) -> Result<Store, String> {
    let config = Config {
        name: format!("KV_{name}"),
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
    journal.context().get_or_create_stream(config).await.map_err(|error| described(&error))?;
    journal.context().get_key_value(name).await.map_err(|error| described(&error))
}
