//! Where calls come in: what all services do alike. Who calls and whether they may, lists and streams, and the shapes of
//! `muster.type.v1` as the domain's own. Nothing here decides a case.

pub mod changes;
pub mod contacts;
pub mod edge;
pub mod lateness;
pub mod page;
pub mod people;
pub mod reacting;
pub mod relay;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod trace;
pub mod watch;
pub mod wire;
pub mod work;

pub use edge::{Answer, Caller, Edge, Listener};
