//! temp
use crate::eligibility::events::Policy;
use std::time::Duration;
impl Policy {
    /// temp
    pub fn built_in() -> Self {
        let h = |h: u64| Duration::from_secs(h.saturating_mul(3600));
        Self {
            version: 1,
            grants: false,
            refuses: false,
            more_measures_rank_higher: true,
            duration: h(720),
            offer_stands: [h(1), h(1), h(2), h(4)],
            offer_width: [2, 1, 1, 1],
            mobilise_grace: h(1),
        }
    }
}
