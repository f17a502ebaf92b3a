//! Seeing inside: the whole story as one trace, and every measure that a dashboard or an alert names, over real protocols, from
//! five processes on the three servers that Muster is deployed with.

use std::{collections::BTreeSet, fs, process::Command};

use muster_e2e::{
    cast::Cast,
    cluster::Cluster,
    collector::{Collector, Span},
    fleet::{Fleet, Pace, ROLES},
    prometheus::{Prometheus, Target, tool},
};

/// Offers stand for half an hour; nothing else of the story may fall due by itself.
const PACE: Pace = Pace { speed: 1 };

const DEPLOYED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy");

fn fleet(collector: &Collector) -> Fleet<Cluster> {
    let groups = ROLES.map(|role| [role]);
    let groups: Vec<_> = groups.iter().map(<[_; 1]>::as_slice).collect();
    let told = ["--admin-listen", "127.0.0.1:0", "--otlp-endpoint", &collector.address];
    Fleet::start_with(Cluster::start(), &groups, PACE, &[], &told)
}

/// Plays the story from a hospital's call to the provider's work.
async fn story(fleet: &Fleet<Cluster>) {
    let mut cast = Cast::new(|role| fleet.addresses(role).first().unwrap().clone());
    cast.register(2).await;
    cast.help("fr").await;
}

fn targets(fleet: &mut Fleet<Cluster>) -> Vec<Target> {
    let admins = fleet.processes().into_iter().map(|process| process.admin().trim_start_matches("http://").to_owned());
    admins.zip(ROLES).map(|(address, role)| Target { address, service: role.to_owned() }).collect()
}

/// The calls of the story, in order, and what Muster does by itself in between.
const STORY: [(&str, &str); 11] = [
    ("intake", "muster.intake.v1.IntakeService/OpenRequest"),
    ("intake", "send muster.drill.intake"),
    ("intake", "muster.intake.v1.IntakeService/EndorseRequest"),
    ("intake", "muster.intake.v1.IntakeService/SubmitRequest"),
    ("eligibility", "process eligibility"),
    ("eligibility", "send muster.drill.eligibility"),
    ("eligibility", "muster.eligibility.v1.EligibilityService/Decide"),
    ("dispatch", "process desk"),
    ("dispatch", "send muster.drill.dispatch"),
    ("dispatch", "muster.dispatch.v1.DispatchService/AcceptOffer"),
    ("dispatch", "muster.dispatch.v1.DispatchService/CompleteEngagement"),
];

fn is_in(spans: &[Span], trace: &[u8], (service, name): (&str, &str)) -> bool {
    spans.iter().any(|span| span.trace == trace && span.service == service && span.name == name)
}

/// The trace that the hospital's call began.
fn trace(spans: &[Span]) -> Option<&Vec<u8>> {
    spans.iter().find(|span| span.name.ends_with("/OpenRequest")).map(|span| &span.trace)
}

fn is_told(spans: &[Span]) -> bool {
    trace(spans).is_some_and(|trace| STORY.iter().all(|part| is_in(spans, trace, *part)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_story_is_one_trace_and_everything_that_is_shown_is_measured() {
    let collector = Collector::start();
    let mut fleet = fleet(&collector);
    let prometheus = Prometheus::start(&targets(&mut fleet));
    story(&fleet).await;

    let spans = collector.once(is_told).await;
    let of_story: Vec<_> = spans.iter().filter(|span| Some(&span.trace) == trace(&spans)).collect();
    let roots: Vec<_> = of_story.iter().filter(|span| span.parent.is_empty()).map(|span| &span.name).collect();
    assert_eq!(roots, ["muster.intake.v1.IntakeService/OpenRequest"], "it begins with the hospital's call");
    for span in &of_story {
        let known = span.parent.is_empty() || of_story.iter().any(|other| other.id == span.parent);
        assert!(known, "{} hangs on nothing", span.name);
    }

    let up = prometheus.comes_to("up", |up| up.len() == ROLES.len() && up.iter().all(|(_, up)| *up > 0.0)).await;
    assert_eq!(up.len(), ROLES.len());
    // Nobody here has a certificate; `trust.rs` sees that it is told how long one holds.
    for name in shown().into_iter().filter(|name| name != "muster_certificate_left_seconds") {
        prometheus.comes_to(&format!("count({{__name__=\"{name}\"}})"), |found| !found.is_empty()).await;
    }
    prometheus.comes_to("count(muster_role_ready == 1)", |found| found.iter().any(|(_, roles)| *roles == 5.0)).await;
    assert_eq!(prometheus.query("ALERTS{alertstate=\"firing\"}").await, [], "a calm night wakes nobody");
}

/// Every measure that a dashboard or an alert names.
fn shown() -> BTreeSet<String> {
    let texts = ["prometheus/alerts.yml", "grafana/muster.json"]
        .map(|file| fs::read_to_string(format!("{DEPLOYED}/{file}")).unwrap());
    let is_of_name = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    let words = texts.iter().flat_map(|text| text.split(|letter| !is_of_name(letter)));
    let measures: BTreeSet<_> = words
        .filter(|word| word.starts_with("muster_") || word.starts_with("rpc_server_"))
        .map(str::to_owned)
        .collect();
    assert!(measures.len() > 20, "{measures:?}");
    measures
}

#[test]
fn alerts_fire_when_they_should_and_not_otherwise() {
    let tests = format!("{DEPLOYED}/prometheus/alerts.test.yml");
    let tested = Command::new(tool("promtool")).args(["test", "rules", &tests]).output().unwrap();
    assert!(
        tested.status.success(),
        "{}{}",
        String::from_utf8_lossy(&tested.stdout),
        String::from_utf8_lossy(&tested.stderr)
    );
}

#[test]
fn every_alert_is_tested_and_has_its_entry_in_the_runbook() {
    let read = |file: &str| fs::read_to_string(format!("{DEPLOYED}/{file}")).unwrap();
    let (alerts, tests, runbook) =
        (read("prometheus/alerts.yml"), read("prometheus/alerts.test.yml"), read("RUNBOOK.md"));
    let named: Vec<_> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(!named.is_empty());
    for alert in &named {
        assert!(tests.contains(&format!("alertname: {alert}")), "{alert} is not tested");
        assert!(runbook.contains(&format!("\n## {alert}\n")), "{alert} has no entry in the runbook");
        assert!(alerts.contains(&format!("RUNBOOK.md#{}", alert.to_ascii_lowercase())), "{alert} does not lead there");
    }
    let entries: Vec<_> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert!(entries.iter().all(|entry| named.contains(entry)), "an entry without its alert: {entries:?}");
}
