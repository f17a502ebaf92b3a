//! How a process stands: whether each of its roles serves, and what is wrong if one does not. Health, `/readyz`, status and
//! metrics tell the same facts, each in its own words.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use muster_dispatch::Desk;
use muster_edge::{Edge, people::People};
use muster_journal::{
    engine::follower::{Progress, View},
    jetstream::{Inspection, Unsafe},
    skew::ClockOff,
};
use muster_monitor::health::{RoleHealth, UnsafeSetting};
use muster_runtime::admin::Check;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::node::Part;

/// How often the journal is asked where it ends.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// A journal that has not answered for so long is not reached: longer than an answer takes, shorter than anybody waits.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

/// Where the log ends, as this process last heard.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// Its last record.
    pub sequence: u64,
    /// When the journal said so.
    pub heard: Instant,
    /// Since when this process has not read all of it, if it has not.
    pub behind_since: Option<Instant>,
}

/// Everything by which a process is judged.
#[derive(Clone)]
pub struct Standing {
    /// What it runs.
    pub parts: BTreeSet<Part>,
    /// How far it has read.
    pub people: View<People>,
    /// Whether it has read all that was in the log when it started.
    pub is_read: watch::Receiver<bool>,
    /// How far its clock is off, if it is.
    pub clock_off: watch::Receiver<Option<ClockOff>>,
    /// Who decides, if it runs dispatch.
    pub desk: Option<Desk>,
    /// Where the log ends.
    pub head: watch::Receiver<Head>,
    /// What was found of the journal's servers: settings under which an acknowledged commit could be lost, and what each holds.
    pub inspected: watch::Receiver<Inspection>,
    /// What is wrong with the journal's leader, if the journal has one and it lacks records.
    pub damaged: Option<watch::Receiver<Option<String>>>,
    /// Unsafe settings that whoever started it accepted by name.
    pub accepted: Arc<BTreeSet<String>>,
}

impl Standing {
    /// How far it has read.
    pub fn progress(&self) -> Progress {
        self.people.progress()
    }

    /// How each role stands.
    pub fn roles(&self) -> Vec<RoleHealth> {
        let progress = self.progress();
        let off = self.clock();
        let is_read = *self.is_read.borrow() && progress.broken.is_none() && off.is_none();
        let trouble = progress.broken.as_ref().map(ToString::to_string).or(off).unwrap_or_default();
        let decides = self.desk.as_ref().is_none_or(|desk| desk.state().borrow().is_serving());
        let role = |part: &Part| RoleHealth {
            role: part.as_str().to_owned(),
            ready: is_read && (*part != Part::Dispatch || decides),
            position: progress.position,
            trouble: trouble.clone(),
        };
        self.parts.iter().map(role).collect()
    }

    /// Settings under which an acknowledged commit could be lost.
    pub fn unsafe_settings(&self) -> Vec<UnsafeSetting> {
        let setting = |Unsafe { name, says, way_out }: &Unsafe| UnsafeSetting {
            name: (*name).to_owned(),
            says: format!("{says}; {way_out}"),
            accepted: self.accepted.contains(*name),
        };
        self.inspected.borrow().found.iter().map(setting).collect()
    }

    /// What must hold for calls to be answered. A setting that became unsafe since the process started is none of it: to turn
    /// everybody away would help nobody, so whoever operates Muster is woken instead.
    pub fn checks(&self) -> Vec<Check> {
        let progress = self.progress();
        let head = *self.head.borrow();
        let silent = (head.heard.elapsed() > HEARD_WITHIN)
            .then(|| format!("it has not answered for {} s", head.heard.elapsed().as_secs()));
        let damaged = self.damaged.as_ref().and_then(|damaged| damaged.borrow().clone());
        let reads = match (&progress.broken, *self.is_read.borrow()) {
            (Some(broken), _) => Some(broken.to_string()),
            (None, false) => Some(format!("{} of {} records are read", progress.position.sequence, head.sequence)),
            (None, true) => None,
        };
        let check = |name, trouble| Check { name, trouble };
        let mut checks =
            vec![check("journal", silent), check("leader", damaged), check("log", reads), check("clock", self.clock())];
        if let Some(desk) = &self.desk {
            let state = desk.state();
            let serves = state.borrow().is_serving();
            checks.push(check("desk", (!serves).then(|| "nobody is known to decide".to_owned())));
        }
        checks
    }

    fn clock(&self) -> Option<String> {
        self.clock_off.borrow().map(|off| format!("{off}; {}", ClockOff::WAY_OUT))
    }
}

/// Asks the journal where it ends, until the process stops.
pub async fn ask(edge: Edge, head: watch::Sender<Head>) {
    let asking = async {
        loop {
            if let Ok(sequence) = edge.journal.last().await {
                let heard = Instant::now();
                let behind = edge.people.progress().position.sequence < sequence;
                head.send_modify(|head| {
                    let behind_since = behind.then(|| head.behind_since.unwrap_or(heard));
                    *head = Head { sequence, heard, behind_since };
                });
            }
            sleep(ASK_EVERY).await;
        }
    };
    tokio::select! {
        () = asking => {}
        () = edge.stopping.cancelled() => {}
    }
}
