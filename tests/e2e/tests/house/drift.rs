//! The journals of tests and of one machine answer as the real one does, so that what the simulator shows holds for all three.

use muster_e2e::drift::round;

/// Scripts that are played each time.
const SEEDS: u64 = 5;

#[tokio::test]
async fn all_journals_answer_a_script_alike() {
    for seed in 0..SEEDS {
        let compared = round(seed).await;
        assert!(compared.answers >= 300 && compared.records > 20, "seed {seed} shows little: {compared:?}");
    }
}
