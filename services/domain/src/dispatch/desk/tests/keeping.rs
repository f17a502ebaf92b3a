//! What is kept of work that is over.

use super::*;

#[test]
fn a_copy_shares_what_there_is_ever_more_of_until_it_changes() {
    let original =
        desk(vec![Command::TakeProvider(provider("a", 2)), grant("r1", 3, 1, 0), grant("r2", 3, 1, 0), accept(1, "a")]);
    let mut copy = original.clone();
    ask(&mut copy, Command::Complete { offer: offer(1), by: by("a"), days_used: 5 }, &received(1)).unwrap();
    assert_eq!(original.offers[&offer(1)].status(), OfferStatus::Accepted);
    assert_eq!(original.offers[&offer(1)].stage(), Some(EngagementStage::Mobilising));
    assert_eq!(copy.offers[&offer(1)].stage(), Some(EngagementStage::Completed));
    let requests = original.requests.iter().filter(|(id, granted)| Arc::ptr_eq(granted, &copy.requests[*id]));
    let packages = original.assignments.iter().filter(|(id, package)| Arc::ptr_eq(package, &copy.assignments[*id]));
    let offers = original.offers.iter().filter(|(id, offer)| Arc::ptr_eq(offer, &copy.offers[*id]));
    assert_eq!((requests.count(), packages.count(), offers.count()), (1, 1, 1), "those of the other request");
}
