//! Bugs that are planted to see whether they are found. Some sabotage a process on the boundary of a step function while it
//! runs; the others let the log be as a build would have written it whose deciding code is wrong (`forged`).

macro_rules! bugs {
    ($($(#[$doc:meta])* $name:ident = $word:literal $oracle:literal;)*) => {
        /// A planted bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug { $($(#[$doc])* $name,)* }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The invariant that finds it in some run where nothing else does; empty if several always do.
            pub const fn breaks(self) -> &'static str {
                match self { $(Self::$name => $oracle,)* }
            }
        }
    };
}

bugs! {
    /// The journal does not look at what an append expects.
    NoFence = "the journal has no fence" "";
    /// A try that nobody answered is taken for stored.
    SilenceIsSuccess = "silence is taken for success" "";
    /// A retry does not expect what the first try did.
    RetriesExpectNothing = "a retry expects whatever stands there" "";
    /// A process stamps commands with a moment to come.
    ReceivedInTheFuture = "commands are received in the future" "time";
    /// A process whose clock is wrong goes on writing.
    WrongClocksWrite = "a wrong clock goes on writing" "time";
    /// An escalation is never made.
    EscalationsAreSwallowed = "an escalation is swallowed" "";
    /// Intake does not take in that support ended.
    AgendaForgets = "an errand is forgotten" "agenda";
    /// Some commits are projected twice.
    ProjectedTwice = "a commit is projected twice" "P1";
    /// Some commits are not projected.
    ProjectionSkips = "a commit is not projected" "P1";
    /// A follower does not mind a missing record.
    GapsAreNotSeen = "a gap is not seen" "gap";
    /// A follower takes what it knows of a frame, and drops the rest.
    NewerIsHalfRead = "what a newer version wrote is half understood" "version";
    /// A follower reads no further, and says nothing.
    FollowerStalls = "a follower stalls" "V3";
    /// The desk never wakes by itself.
    DeskSleeps = "the desk sleeps through deadlines" "";
    /// Everybody may hold the lease, and the journal has no fence.
    AllHold = "two hold the desk, and no fence parts them" "";
    /// Whoever has held the desk once never takes it again.
    LeaseIsLeft = "a free lease is not taken" "V1";
    /// A wire reports a day more than was said.
    WireAddsDays = "a wire adds a day" "replay";
    /// A process answers no client any more.
    ProcessIsDeaf = "a process serves no clients" "V5";
    /// Ids come from how often they were asked for in this program.
    IdsAreRandom = "ids are random" "determinism";
    /// Two commits have one command.
    CommandTwice = "two commits of one command" "D1";
    /// A package carries a day less than was granted.
    DayIsLost = "a day of the grant is lost" "D2";
    /// A firm is asked that has no team.
    NoTeams = "a firm without teams is asked" "D3";
    /// A commit says that it was decided on another state.
    StaleDecision = "decided on an older state" "D4";
    /// Somebody is asked for a withdrawn request.
    AskedAfterWithdrawal = "asked after the withdrawal" "D5";
    /// Somebody else than was asked accepts.
    StrangerAccepts = "a stranger accepts" "D6";
    /// A request ends and is not closed.
    NotClosed = "a request ends and is not closed" "D7";
    /// A firm is asked that speaks no language.
    Speechless = "a firm without a language is asked" "D8";
    /// A package waits beside a team that is free.
    TeamsAppear = "teams stand free beside who waits" "V1";
    /// A package that ranks first waits.
    RankIsIgnored = "who ranks first waits" "D9";
    /// An escalation comes before its time.
    EarlyEscalation = "an escalation comes too early" "D10";
    /// An offer stands longer than the policy says.
    OfferStandsLonger = "an offer stands too long" "D11";
    /// Who proposed a policy approves it.
    OnePerson = "one person does what two must" "D12";
    /// The desk tells wrongly whether there was support.
    FinishedUntruly = "how a request finished is not true" "D13";
    /// A refusal without a reason.
    RefusedSilently = "a refusal says no reason" "D14";
    /// A request of the live realm is assessed as an exercise.
    AssessedElsewhere = "assessed as of another realm" "D15";
    /// The end of the log is gone.
    LastRecordIsLost = "the last record is lost" "L1";
    /// Two acknowledged commands have changed places.
    OrderIsLost = "what came first stands second" "L2";
    /// A sequence is left out.
    SequenceIsSkipped = "a sequence is skipped" "L3";
    /// A hospital's record stands under another name.
    WrongSubject = "a record stands under another's name" "L4";
    /// A frame does not hold the hash of the one before it.
    ChainIsCut = "a frame's hash is wrong" "L5";
    /// A record's bytes have rotted.
    BytesRot = "a bit has flipped" "L7";
    /// The desk says that it has taken less than it has.
    TakenLies = "taken lies" "taken";
    /// A moment before the last one.
    TimeGoesBack = "recorded before the one before" "time";
    /// An offer is never ended.
    OfferNeverEnds = "an offer never ends" "V2";
    /// Nobody is told of a package that nobody can carry.
    NobodyIsTold = "nobody is told who waits in vain" "V4";
}

/// The invariants that a run is judged by besides those of the log alone.
pub const OF_A_RUN: &[&str] =
    &["L1", "L2", "V1", "V2", "V3", "V4", "V5", "P1", "gap", "version", "agenda", "replay", "determinism"];
