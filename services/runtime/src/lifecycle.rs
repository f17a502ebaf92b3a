//! How a process ends: first gently, then not.
//!
//! ```text
//! first signal, or a task that ends by itself ─▶ stopping: finish what is begun, begin nothing new
//! second signal, or patience is over          ─▶ aborting: give up what waits on others, leave files whole
//! a second later                              ─▶ whatever still runs is cut off, and named
//! ```

use std::{error::Error, fmt, future::Future, io, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::{Id, JoinError, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// How long a task has to give up once it is told to.
const ABORT_WITHIN: Duration = Duration::from_secs(1);

/// Why a task failed.
pub type Fault = Box<dyn Error + Send + Sync>;

/// The tasks of a process, none of which should end before the process does.
#[derive(Default)]
pub struct Lifecycle {
    stopping: CancellationToken,
    aborting: CancellationToken,
    tasks: JoinSet<Result<(), Fault>>,
    running: Vec<(Id, &'static str)>,
}

/// A task that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskEnd {
    /// Its name.
    pub task: &'static str,
    /// What went wrong; `None` if nothing did.
    pub fault: Option<String>,
}

impl fmt::Display for TaskEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            Some(fault) => write!(f, "the task '{}' failed: {fault}", self.task),
            None => write!(f, "the task '{}' ended though nobody stopped it", self.task),
        }
    }
}

/// How the process ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// The task that ended by itself and so stopped the process; `None` if it was asked to stop.
    pub by_itself: Option<TaskEnd>,
    /// Tasks that failed while stopping.
    pub failed: Vec<TaskEnd>,
    /// Tasks that had to be cut off.
    pub cut_off: Vec<&'static str>,
}

impl Ended {
    /// Whether the process did what it was asked and nothing else.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

impl Lifecycle {
    /// Cancelled when the process is to finish what is begun and begin nothing new. Cancelling it stops the process.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Cancelled when what is not finished is to be given up.
    pub fn aborting(&self) -> CancellationToken {
        self.aborting.clone()
    }

    /// Starts a task. It should end when `stopping` is cancelled, and not before.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = Result<(), Fault>> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.running.push((id, name));
    }

    /// Starts a loop that ends when `stopping` is cancelled, at the latest when `aborting` is, and has nothing to fail with.
    pub fn spawn_loop(&mut self, name: &'static str, running: impl Future<Output = ()> + Send + 'static) {
        let aborting = self.aborting();
        self.spawn(name, async move {
            tokio::select! {
                () = running => {}
                () = aborting.cancelled() => {}
            }
            Ok(())
        });
    }

    /// Runs until a signal, or until a task ends by itself; then stops all tasks, gently for as long as `patience`.
    pub async fn run(mut self, mut signals: mpsc::Receiver<()>, patience: Duration) -> Ended {
        let mut ended = Ended::default();
        tokio::select! {
            // In this order: a task that ended because the process was told to stop did not end by itself.
            biased;
            () = self.stopping.cancelled() => tracing::info!("told to stop: finishing what is begun"),
            Some(()) = signals.recv() => tracing::info!("asked to stop: finishing what is begun"),
            Some(end) = next_end(&mut self.tasks, &mut self.running) => {
                tracing::error!(%end, "stopping");
                ended.by_itself = Some(end);
            }
        }

        self.stopping.cancel();
        tokio::select! {
            () = drain(&mut self.tasks, &mut self.running, &mut ended.failed) => return ended,
            Some(()) = signals.recv() => tracing::warn!("asked to stop at once"),
            () = tokio::time::sleep(patience) => tracing::warn!(?patience, "not finished in time"),
        }

        self.aborting.cancel();
        let drained = drain(&mut self.tasks, &mut self.running, &mut ended.failed);
        if timeout(ABORT_WITHIN, drained).await.is_err() {
            ended.cut_off = self.running.iter().map(|(_, name)| *name).collect();
            tracing::error!(tasks = ?ended.cut_off, "cut off");
            self.tasks.shutdown().await;
        }
        ended
    }
}

/// Waits for all tasks and keeps those that failed.
async fn drain(
    tasks: &mut JoinSet<Result<(), Fault>>,
    running: &mut Vec<(Id, &'static str)>,
    failed: &mut Vec<TaskEnd>,
) {
    while let Some(end) = next_end(tasks, running).await {
        if end.fault.is_some() {
            tracing::error!(%end, "while stopping");
            failed.push(end);
        }
    }
}

/// The next task to end; `None` if none is left.
async fn next_end(tasks: &mut JoinSet<Result<(), Fault>>, running: &mut Vec<(Id, &'static str)>) -> Option<TaskEnd> {
    let (id, fault) = match tasks.join_next_with_id().await? {
        Ok((id, Ok(()))) => (id, None),
        Ok((id, Err(fault))) => (id, Some(fault.to_string())),
        Err(error) => (error.id(), Some(panic_text(error))),
    };
    let place = running.iter().position(|(other, _)| *other == id)?;
    let (_, task) = running.swap_remove(place);
    Some(TaskEnd { task, fault })
}

fn panic_text(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "it was cancelled".to_owned();
    };
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word");
    format!("it panicked: {text}")
}

/// One message for each SIGINT and SIGTERM that the process gets.
pub fn signals() -> io::Result<mpsc::Receiver<()>> {
    let (sender, receiver) = mpsc::channel(4);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = sender.closed() => return,
            }
            // A full channel holds more signals than anybody needs.
            let _ = sender.try_send(());
        }
    });
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// A process with one task that ends when it is stopped.
    fn obedient() -> Lifecycle {
        let mut life = Lifecycle::default();
        let stopping = life.stopping();
        life.spawn("obedient", async move {
            stopping.cancelled().await;
            Ok(())
        });
        life
    }

    async fn signalled(life: Lifecycle, times: usize) -> Ended {
        let (sender, signals) = mpsc::channel(4);
        for _ in 0..times {
            sender.send(()).await.unwrap();
        }
        life.run(signals, PATIENCE).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_signal_lets_every_task_finish() {
        let mut life = obedient();
        let (stopping, aborting) = (life.stopping(), life.aborting());
        life.spawn("slow", async move {
            stopping.cancelled().await;
            tokio::time::sleep(PATIENCE / 2).await;
            if aborting.is_cancelled() { Err("hurried".into()) } else { Ok(()) }
        });
        assert!(signalled(life, 1).await.is_clean());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_holds_the_token_can_stop_the_process_too() {
        let life = obedient();
        let stopping = life.stopping();
        let (_sender, signals) = mpsc::channel(1);
        let running = tokio::spawn(life.run(signals, PATIENCE));
        stopping.cancel();
        assert!(running.await.unwrap().is_clean());
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_signal_hurries() {
        let mut life = obedient();
        let aborting = life.aborting();
        life.spawn("stubborn", async move {
            aborting.cancelled().await;
            Ok(())
        });
        let before = tokio::time::Instant::now();
        assert!(signalled(life, 2).await.is_clean());
        assert!(before.elapsed() < PATIENCE);
    }

    #[tokio::test]
    async fn sigterm_and_sigint_are_signals() {
        let mut signals = signals().unwrap();
        for signal in ["TERM", "INT"] {
            // By the shell, which has a `kill` of its own where no other is.
            let kill = format!("kill -{signal} {}", std::process::id());
            assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
            assert_eq!(signals.recv().await, Some(()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_ends_is_cut_off_and_named() {
        let mut life = obedient();
        life.spawn("deaf", pending());
        let ended = signalled(life, 1).await;
        assert_eq!(ended, Ended { cut_off: vec!["deaf"], ..Ended::default() });
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ends_by_itself_stops_the_process_and_is_reported() {
        async fn report(task: impl Future<Output = Result<(), Fault>> + Send + 'static) -> String {
            let mut life = obedient();
            life.spawn("desk", task);
            let ended = signalled(life, 0).await;
            assert!(!ended.is_clean() && ended.failed.is_empty() && ended.cut_off.is_empty());
            ended.by_itself.unwrap().to_string()
        }
        assert_eq!(report(async { Ok(()) }).await, "the task 'desk' ended though nobody stopped it");
        assert_eq!(report(async { Err("no disk".into()) }).await, "the task 'desk' failed: no disk");
        assert_eq!(report(async { panic!("at {}", 7) }).await, "the task 'desk' failed: it panicked: at 7");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_while_stopping_is_reported() {
        let mut life = obedient();
        let stopping = life.stopping();
        life.spawn("flush", async move {
            stopping.cancelled().await;
            Err("disk full".into())
        });
        let ended = signalled(life, 1).await;
        assert_eq!(ended.failed, [TaskEnd { task: "flush", fault: Some("disk full".to_owned()) }]);
    }
}
