//! temporary
use crate::eligibility::events::PriorityKey;
impl PartialOrd for PriorityKey {
    fn partial_cmp(&self, o: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(o))
    }
}
impl Ord for PriorityKey {
    fn cmp(&self, o: &Self) -> std::cmp::Ordering {
        o.bands
            .cmp(&self.bands)
            .then(o.member_state_user.cmp(&self.member_state_user))
            .then(self.submitted_at.cmp(&o.submitted_at))
            .then(self.request.cmp(&o.request))
    }
}
/// temp
#[derive(Clone, Copy)]
pub struct Rank(usize);
impl Rank {
    /// i
    pub fn index(self) -> usize {
        self.0
    }
}
/// temp
pub fn rank_name(b: &[u8; 5]) -> Rank {
    Rank(match b[0] {
        4 => 0,
        3 => 1,
        2 => 2,
        _ => 3,
    })
}
