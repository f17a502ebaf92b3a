//! One command on a fresh machine: how soon there is a board that lives, and an offer on it.
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure has failed")]

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use muster_api::monitor::v1::{Card, GetBoardRequest, monitor_service_client::MonitorServiceClient};
use muster_domain::kernel::Role;
use muster_e2e::{cast::until, process::binary};
use muster_edge::testing::call;
use tempfile::TempDir;
use tonic::transport::Endpoint;

use crate::{
    load::moment,
    table::{Row, Target, Value},
};

/// `muster demo`, until its board shows a request, and until a provider has been asked.
pub async fn measure() -> Vec<Row> {
    let begun = moment();
    let demo = Demo::start();
    demo.shows(|_| true).await;
    let living = begun.elapsed();
    demo.shows(|card| card.packages_offered + card.packages_engaged > 0).await;
    let dispatched = begun.elapsed();
    let most = Target::Within(Duration::from_secs(10));
    vec![
        Row::new("one command → a living board", Value::Time(living)).target(most),
        Row::new("one command → the first offer", Value::Time(dispatched)).target(most),
    ]
}

/// The demonstration. Dropping it ends it.
struct Demo {
    process: Child,
    monitor: MonitorServiceClient<tonic::transport::Channel>,
    _place: TempDir,
}

impl Demo {
    fn start() -> Self {
        let place = TempDir::new().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Command::new(binary())
            .args(["demo", "--listen", &free.to_string()])
            .env("XDG_STATE_HOME", place.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let channel = Endpoint::from_shared(format!("http://{free}")).unwrap().connect_lazy();
        Self { process, monitor: MonitorServiceClient::new(channel), _place: place }
    }

    async fn shows(&self, wanted: impl Fn(&Card) -> bool) {
        until("the board shows it", async || {
            let asked = self.monitor.clone().get_board(call(Role::Officer, "duty", GetBoardRequest::default())).await;
            asked.ok()?.into_inner().cards.iter().any(&wanted).then_some(())
        })
        .await;
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
