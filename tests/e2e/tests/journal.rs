//! The journal's contract, kept on a real nats-server; and what only a real one can show.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use muster_e2e::nats::NatsServer;
use muster_journal::{
    append::append_surely,
    conform,
    conformance::{Mount, realm, subject},
    jetstream::{ConnectError, JetStream, Options},
    port::{AppendError, Journal, ReadError},
};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

fn options(server: &NatsServer) -> Options {
    Options { replicas: 1, monitors: vec![server.monitor_url()], ..Options::default() }
}

async fn connect(server: &NatsServer) -> JetStream {
    JetStream::connect(vec![server.url()], &realm(), options(server)).await.unwrap()
}

/// A journal whose server is killed and started again whenever it is opened anew.
struct OnServer {
    server: NatsServer,
    opened: bool,
}

impl OnServer {
    fn new() -> Self {
        Self { server: NatsServer::start(), opened: false }
    }
}

#[async_trait]
impl Mount for OnServer {
    async fn open(&mut self) -> Arc<dyn Journal> {
        if std::mem::replace(&mut self.opened, true) {
            self.server.restart();
        }
        Arc::new(connect(&self.server).await)
    }
}

conform!(EveryJournal: OnServer::new());
conform!(DurableJournal: OnServer::new());
