//! The bug switches: mistakes that lose data, each made somewhere in the protocol on purpose, each to be found
//! by the explorer. A mistake at a port is made by changing the call on its way to the table; a mistake of
//! order is made by the conductor.

/// One mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// None: the protocol as shipped.
    None,
    /// The backfill puts without asking whether there is an item already.
    BackfillOverwrites,
    /// The backfill begins before the stream is read; what changes in between is missed.
    ScanBeforeStream,
    /// A worker of the backfill is still at it after the point of no return.
    ZombieBackfill,
    /// The replicator applies records in the order they come, older ones over newer ones.
    NoPositionGuard,
    /// The replicator writes over items that are native.
    ReplicatorOverNative,
    /// A replicated delete removes the item, so that the backfill brings it back.
    ReplicatedDeleteIsPhysical,
    /// A record that cannot be applied is passed over and forgotten.
    HoldSkipped,
    /// A later record of a held key is applied.
    HoldOvertaken,
    /// A redriven copy keeps its position, so that a record held back before can be applied over it.
    RedriveBehind,
    /// A key is released whatever was held while it was put right.
    ReleaseBlindly,
    /// Replicas are replicated back.
    ReplicationLoop,
    /// A replica forgets that its key had moved.
    ReplicaForgetsMove,
    /// The replicator goes on while the finisher works and after.
    ReplicatorNotSealed,
    /// Some writes of the guarded phase do not ask whether the key has moved (as `BatchWriteItem` cannot).
    UnguardedPut,
    /// An update goes to the gaining table before its key has moved there: a partial item.
    PartialUpdate,
    /// A delete in `handoff` and `new` removes the item.
    NativeDeleteIsPhysical,
    /// `attribute_not_exists` is not rewritten for tombstones.
    ExistenceNotRewritten,
    /// The handoff of an absent key leaves no stub.
    NoStub,
    /// The stub of an absent key does not say that it is a tombstone.
    StubWithoutTombstone,
    /// The handoff reads the last value but leaves no mark.
    FreezeWithoutMark,
    /// The handoff's second step does not ask whether the key is native already.
    TakeOverNative,
    /// In `handoff`, reads ask the losing table first and believe it.
    ReadOldFirst,
    /// In `handoff`, reads may be eventually consistent.
    StaleReads,
    /// A write whose answer was lost is done again.
    RetryLostAnswer,
    /// TTL deletes items that carry a mark.
    TtlDropsMark,
    /// From `copy` straight to `handoff`.
    SkipGuarded,
    /// From `handoff` straight to `final`: no tombstones for those still in `handoff`.
    SkipNew,
    /// Nobody waits for leases to end.
    NoLeaseWait,
    /// The finisher is left out.
    SkipFinish,
    /// The finisher forgets the keys that only the gaining table has.
    FinishHalf,
    /// The sweeper runs in `new`.
    SweepEarly,
    /// The sweeper removes what was a tombstone when it looked.
    SweepWithoutGuard,
    /// The entries of a transaction are sent one by one.
    PartialTransaction,
    /// After a phase change nobody asks the losing table what it remembers of a token.
    TokenForgotten,
    /// What a table answers is handed on as it is, marks and all.
    LeakedMark,
    /// A filter is put to the losing table for keys that have moved too.
    FilterPushedToBothSides,
    /// The start key of one table's scan is used on the other after a phase change.
    RawTokenReused,
    /// Tombstones count as items that were looked at.
    TombstoneCounted,
    /// What was scanned under a sealed `handoff` counts, though others are in `new` by then.
    PhaseNotReadAgain,
    /// A write that is asked for again does not ask whether it has been done.
    RepeatWithoutStamp,
    /// What was asked for before is done, where the item bears the stamp of another.
    RepeatJudgedAgain,
    /// Whatever stamp an item bears is taken for one's own.
    StampOfAnother,
    /// A handoff leaves the stamp behind.
    StampLostInHandoff,
    /// A copy leaves the stamp behind.
    StampLostInReplication,
    /// Who leaves no stamp lets that of another stand on the new value.
    StampNotTakenAway,
    /// In the first `guarded` stamps are left at once, though others are in `copy` still and let them stand.
    StampTooEarly,
    /// Back in `copy`, nobody thinks of the stamps that `guarded` has left.
    RetreatForgetsStamps,
}

impl Bug {
    /// Whether it shows only where two clients update one item at nearly the same time: then they do little else.
    pub(crate) fn needs_updates(self) -> bool {
        matches!(self, Bug::StampNotTakenAway | Bug::StampTooEarly | Bug::RetreatForgetsStamps)
    }

    /// Whether it shows only where answers are lost.
    pub(crate) fn needs_faults(self) -> bool {
        matches!(
            self,
            Bug::RetryLostAnswer
                | Bug::TokenForgotten
                | Bug::HoldSkipped
                | Bug::HoldOvertaken
                | Bug::RedriveBehind
                | Bug::ReleaseBlindly
                | Bug::RepeatWithoutStamp
                | Bug::RepeatJudgedAgain
                | Bug::StampOfAnother
                | Bug::StampLostInHandoff
                | Bug::StampLostInReplication
                | Bug::StampNotTakenAway
                | Bug::StampTooEarly
                | Bug::RetreatForgetsStamps
        )
    }
}

/// All of them but [`Bug::None`].
pub(crate) const ALL: [Bug; 47] = [
    Bug::HoldSkipped,
    Bug::HoldOvertaken,
    Bug::RedriveBehind,
    Bug::ReleaseBlindly,
    Bug::BackfillOverwrites,
    Bug::ScanBeforeStream,
    Bug::ZombieBackfill,
    Bug::NoPositionGuard,
    Bug::ReplicatorOverNative,
    Bug::ReplicatedDeleteIsPhysical,
    Bug::ReplicationLoop,
    Bug::ReplicaForgetsMove,
    Bug::ReplicatorNotSealed,
    Bug::UnguardedPut,
    Bug::PartialUpdate,
    Bug::NativeDeleteIsPhysical,
    Bug::ExistenceNotRewritten,
    Bug::NoStub,
    Bug::StubWithoutTombstone,
    Bug::FreezeWithoutMark,
    Bug::TakeOverNative,
    Bug::ReadOldFirst,
    Bug::StaleReads,
    Bug::RetryLostAnswer,
    Bug::TtlDropsMark,
    Bug::SkipGuarded,
    Bug::SkipNew,
    Bug::NoLeaseWait,
    Bug::SkipFinish,
    Bug::FinishHalf,
    Bug::SweepEarly,
    Bug::SweepWithoutGuard,
    Bug::PartialTransaction,
    Bug::TokenForgotten,
    Bug::LeakedMark,
    Bug::FilterPushedToBothSides,
    Bug::RawTokenReused,
    Bug::TombstoneCounted,
    Bug::PhaseNotReadAgain,
    Bug::RepeatWithoutStamp,
    Bug::RepeatJudgedAgain,
    Bug::StampOfAnother,
    Bug::StampLostInHandoff,
    Bug::StampLostInReplication,
    Bug::StampNotTakenAway,
    Bug::StampTooEarly,
    Bug::RetreatForgetsStamps,
];
