//! What a process measures when it is asked. Beside these there is what is measured where it happens: calls
//! (`runtime/telemetry/calls.rs`), appends (`journal/measured.rs`), and how late what falls due is done (`edge/lateness.rs`).

use std::{collections::BTreeMap, sync::Arc};

use muster_dispatch::{Desk, Holder};
use muster_domain::{clocks::Status, kernel::Timestamp};
use muster_edge::work::Work;
use muster_journal::{
    engine::follower::View,
    jetstream::{Replica, Unsafe},
};
use muster_monitor::views::Monitor;
use muster_runtime::{
    clock::Clock,
    telemetry::metrics::{KeyValue, Meter},
};

use crate::standing::{Head, Standing};

/// A measure that is taken when somebody asks.
fn gauge(
    meter: &Meter,
    name: &'static str,
    unit: &'static str,
    says: &'static str,
    look: impl Fn() -> Vec<(f64, Vec<KeyValue>)> + Send + Sync + 'static,
) {
    let gauge = meter.f64_observable_gauge(name).with_unit(unit).with_description(says);
    gauge
        .with_callback(move |observer| look().iter().for_each(|(value, labels)| observer.observe(*value, labels)))
        .build();
}

#[expect(clippy::cast_precision_loss, reason = "no count that is measured has more than 53 bits")]
fn count(value: u64) -> f64 {
    value as f64
}

fn one(value: f64) -> Vec<(f64, Vec<KeyValue>)> {
    vec![(value, Vec::new())]
}

/// That there is none is told, too: an alert must be able to tell it from nobody's telling.
fn or_none(told: Vec<(f64, Vec<KeyValue>)>) -> Vec<(f64, Vec<KeyValue>)> {
    if told.is_empty() { one(0.0) } else { told }
}

fn is(so: bool) -> f64 {
    f64::from(u8::from(so))
}

/// How the process and its journal stand.
pub fn of_process(meter: &Meter, standing: &Standing, about: Vec<KeyValue>) {
    gauge(meter, "muster.info", "", "What runs here", move || vec![(1.0, about.clone())]);
    let of = standing.clone();
    gauge(meter, "muster.role.ready", "", "Whether each role answers calls", move || {
        of.roles().into_iter().map(|role| (is(role.ready), vec![KeyValue::new("role", role.role)])).collect()
    });
    let of = standing.clone();
    gauge(meter, "muster.log.position", "", "The last record that this process has read", move || {
        one(count(of.progress().position.sequence))
    });
    let of = standing.clone();
    gauge(meter, "muster.log.head", "", "The last record of the log, as this process last heard", move || {
        one(count(of.head.borrow().sequence))
    });
    let of = standing.clone();
    gauge(meter, "muster.log.lag", "", "Records that this process has not read yet", move || {
        one(count(of.head.borrow().sequence.saturating_sub(of.progress().position.sequence)))
    });
    let of = standing.clone();
    gauge(meter, "muster.log.lag.time", "s", "For how long this process has not read all of the log", move || {
        let Head { sequence, behind_since, .. } = *of.head.borrow();
        let behind = of.progress().position.sequence < sequence;
        one(behind_since.filter(|_| behind).map_or(0.0, |since| since.elapsed().as_secs_f64()))
    });
    let of = standing.clone();
    gauge(meter, "muster.log.broken", "", "Whether the log cannot be trusted from some place on", move || {
        one(is(of.progress().broken.is_some()))
    });
    let of = standing.clone();
    gauge(meter, "muster.journal.silence", "s", "For how long the journal has not answered", move || {
        one(of.head.borrow().heard.elapsed().as_secs_f64())
    });
    let of = standing.clone();
    gauge(meter, "muster.clock.off", "", "Whether this machine's clock is not the journal's", move || {
        one(is(of.clock_off.borrow().is_some()))
    });
    let of = standing.clone();
    gauge(meter, "muster.journal.unsafe", "", "Settings under which an acknowledged commit could be lost", move || {
        let mut found = BTreeMap::new();
        for Unsafe { name, .. } in &of.inspected.borrow().found {
            *found.entry((*name, of.accepted.contains(*name))).or_insert(0.0) += 1.0;
        }
        let told = |((name, accepted), times)| {
            (times, vec![KeyValue::new("setting", name), KeyValue::new("accepted", accepted)])
        };
        or_none(found.into_iter().map(told).collect())
    });
    let of = standing.clone();
    gauge(meter, "muster.journal.replica.records", "", "Records that a server of the journal holds", move || {
        let held = |replica: &Replica| (count(replica.records), vec![KeyValue::new("server", replica.server.clone())]);
        of.inspected.borrow().replicas.iter().map(held).collect()
    });
    let of = standing.clone();
    gauge(
        meter,
        "muster.journal.replica.missing",
        "",
        "Records that a server of the journal should hold and does not",
        move || {
            let missing = |replica: &Replica| {
                let missing = replica.last.saturating_sub(replica.records);
                (count(missing), vec![KeyValue::new("server", replica.server.clone())])
            };
            of.inspected.borrow().replicas.iter().map(missing).collect()
        },
    );
}

/// How long the process's certificates hold, which end at `ends`.
pub fn of_certificates(meter: &Meter, ends: Timestamp, machine: Arc<dyn Clock>) {
    gauge(meter, "muster.certificate.left", "s", "How long the certificate holds that ends first", move || {
        one(ends.since(machine.now()).as_secs_f64())
    });
}

/// How dispatch stands.
pub fn of_dispatch(meter: &Meter, desk: &Desk, work: impl Fn(&mut dyn FnMut(&Work)) + Send + Sync + 'static) {
    let of = desk.clone();
    gauge(meter, "muster.desk.holder", "", "Whether this process decides for the desk", move || {
        one(is(of.state().borrow().holder == Holder::Mine))
    });
    let of = desk.clone();
    gauge(meter, "muster.desk.queue", "", "Commands that wait for the desk", move || {
        one(count(u64::try_from(of.waiting()).unwrap_or(u64::MAX)))
    });
    gauge(meter, "muster.offers", "", "Offers by state", move || {
        let mut states = BTreeMap::<_, u64>::new();
        work(&mut |work| {
            for offer in work.desk().offers.values() {
                *states.entry(offer.status().as_str()).or_default() += 1;
            }
        });
        states.into_iter().map(|(state, offers)| (count(offers), vec![KeyValue::new("state", state)])).collect()
    });
}

/// What monitor knows of the realm.
pub fn of_realm(meter: &Meter, monitor: &View<Monitor>, now: Arc<dyn Fn() -> Timestamp + Send + Sync>) {
    let of = monitor.clone();
    gauge(meter, "muster.requests", "", "Requests by where they stand", move || {
        let mut states = BTreeMap::<_, u64>::new();
        for (group, requests) in of.now().board().groups() {
            *states.entry(group.state.as_str()).or_default() += u64::from(requests);
        }
        states.into_iter().map(|(state, requests)| (count(requests), vec![KeyValue::new("state", state)])).collect()
    });
    let (of, at) = (monitor.clone(), now.clone());
    gauge(meter, "muster.clocks", "", "Open requests by how the clock stands that ends first", move || {
        let told = |(status, requests): (Status, u64)| (count(requests), vec![KeyValue::new("state", status.as_str())]);
        of.now().next_clocks(at()).into_iter().map(told).collect()
    });
    let of = monitor.clone();
    gauge(meter, "muster.late", "", "What Muster owes by itself and has not done in time; must be 0", move || {
        let (monitor, now) = (of.now(), now());
        let mut late = BTreeMap::<_, u64>::new();
        for (owed, _) in monitor.late(now) {
            *late.entry(owed.word()).or_default() += 1;
        }
        or_none(late.into_iter().map(|(owed, times)| (count(times), vec![KeyValue::new("owed", owed)])).collect())
    });
}
