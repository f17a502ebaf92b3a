//! Bugs that are planted to see whether they are found.

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// The journal does not look at what an append expects.
    NoFence,
    /// A try that nobody answered is taken for stored.
    SilenceIsSuccess,
    /// A retry has a frame id of its own.
    RetriesAreNew,
    /// A process stamps commands with a moment to come.
    ReceivedInTheFuture,
    /// A process whose clock is wrong goes on writing.
    WrongClocksWrite,
    /// What an agenda does has another command id with each try.
    ItemsAreNew,
    /// An escalation is never made.
    EscalationsAreSwallowed,
    /// Intake does not take in that support ended.
    AgendaForgets,
    /// Some commits are projected twice.
    ProjectedTwice,
    /// Some commits are not projected.
    ProjectionSkips,
    /// A follower does not mind a missing record.
    GapsAreNotSeen,
    /// Two may hold the lease.
    EverybodyHolds,
    /// The desk never wakes by itself.
    DeskSleeps,
    /// A wire names another offer than was meant.
    WireMixesOffers,
}
