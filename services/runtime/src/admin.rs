//! What orchestrators and Prometheus ask of a process, over plain HTTP beside its gRPC address. Nobody else should reach it: it
//! tells how Muster stands, and nothing of any case.
//!
//! | path | answers |
//! |---|---|
//! | `/livez` | 200 while the process can answer at all; restart it when it cannot |
//! | `/readyz` | 200 while calls can be answered, else 503; a line for each thing that this takes |
//! | `/metrics` | what the process measures of itself, for Prometheus |

use std::{
    fmt::Write,
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio_util::sync::CancellationToken;

use crate::telemetry::metrics::{self, Metrics};

/// One thing that must hold for calls to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What, in a word.
    pub name: &'static str,
    /// What is wrong with it, if anything is.
    pub trouble: Option<String>,
}

/// Looks at everything that must hold.
pub type Checks = Arc<dyn Fn() -> Vec<Check> + Send + Sync>;

/// An address that is held and does not answer yet.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
}

impl Admin {
    /// Takes an address; port 0 takes a free one.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stopping` is cancelled; only inside a tokio runtime.
    pub async fn serve(self, metrics: Metrics, checks: Checks, stopping: CancellationToken) -> io::Result<()> {
        let router = Router::new()
            .route("/livez", get(|| async { "ok\n" }))
            .route("/readyz", get(ready).with_state(checks))
            .route("/metrics", get(measured).with_state(metrics));
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        axum::serve(listener, router).with_graceful_shutdown(stopping.cancelled_owned()).await
    }
}

async fn ready(State(checks): State<Checks>) -> Response {
    let checks = checks();
    let is_ready = checks.iter().all(|check| check.trouble.is_none());
    let mut text = String::new();
    for Check { name, trouble } in &checks {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name}: {}", trouble.as_deref().unwrap_or("ok"));
    }
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, text).into_response()
}

async fn measured(State(metrics): State<Metrics>) -> Response {
    match metrics.text() {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpStream,
    };

    use super::*;

    async fn get(address: SocketAddr, path: &'static str) -> String {
        tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\nHost: muster\r\nConnection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        })
        .await
        .unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_process_says_whether_it_lives_and_is_ready_and_what_it_measures() {
        let admin = Admin::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (address, stopping) = (admin.address(), CancellationToken::new());
        let metrics = Metrics::new([]).unwrap();
        metrics.meter().u64_counter("muster.seen").build().add(3, &[]);
        let trouble = Arc::new(std::sync::Mutex::new(Some("nobody leads".to_owned())));
        let told = trouble.clone();
        let checks: Checks = Arc::new(move || {
            let check = |name, trouble| Check { name, trouble };
            vec![check("journal", told.lock().unwrap().clone()), check("clock", None)]
        });
        let serving = tokio::spawn(admin.serve(metrics, checks, stopping.clone()));

        assert!(get(address, "/livez").await.starts_with("HTTP/1.1 200"));
        let answer = get(address, "/readyz").await;
        assert!(
            answer.starts_with("HTTP/1.1 503") && answer.ends_with("journal: nobody leads\nclock: ok\n"),
            "{answer}"
        );
        *trouble.lock().unwrap() = None;
        assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200"));
        let answer = get(address, "/metrics").await;
        assert!(answer.contains("text/plain; version=0.0.4") && answer.contains("muster_seen_total"), "{answer}");
        assert!(get(address, "/").await.starts_with("HTTP/1.1 404"));

        stopping.cancel();
        serving.await.unwrap().unwrap();
    }
}
