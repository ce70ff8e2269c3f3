"""Two-phase commit, from the coordinator's side: prepare everywhere, then decide, once, at the record.

Source: Gray, "Notes on Data Base Operating Systems" (1978), 5.8; Lampson and Lomet, "A New Presumed Commit
Optimization for Two Phase Commit" (VLDB 1993), for the presumptions. As in Spanner (Corbett et al., OSDI 2012, 4.2.1)
and CockroachDB each participant is replicated, so none of them is lost for good; unlike Gray's, the decision is not
the coordinator's but the record's, so that whoever is in doubt need not wait for a coordinator that is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct

from PhantomLibrary.domain import Isolation, ShardId
from PhantomLibrary.protocols.transactions.values import (
    Conflict,
    Decide,
    Ended,
    Prepare,
    Prepared,
    Span,
    TransactionAnswer,
    TransactionId,
    Undecided,
    Write,
)


class Ask(Struct, frozen=True):
    """Put a command to a shard, and tell the committer what comes of it."""

    shard: ShardId
    command: Prepare | Decide


class Committed(Struct, frozen=True):
    """Tell the client so."""

    commit_ns: int


class RolledBack(Struct, frozen=True):
    """Tell the client so: it certainly did not happen and never will."""

    reason: str


class Unknown(Struct, frozen=True):
    """Tell the client so: nobody here knows."""

    reason: str


Step: TypeAlias = Ask | Committed | RolledBack | Unknown


class Share(Struct, frozen=True):
    """What one shard has to do with a transaction."""

    writes: tuple[Write, ...] = ()
    reads: tuple[Span, ...] = ()
    locked: tuple[tuple[str, int], ...] = ()


class Committer:
    """The commit of one transaction. `shares` by shard; `anchor` holds the first written key.

    Steps come in order. Once `Committed`, `RolledBack` or `Unknown` was returned the client knows all it ever will.
    """

    def __init__(
        self,
        transaction: TransactionId,
        isolation: Isolation,
        snapshot_ns: int,
        anchor: ShardId,
        shares: Mapping[ShardId, Share],
    ) -> None:
        self.transaction = transaction
        self.isolation = isolation
        self.anchor = anchor
        self._snapshot_ns = snapshot_ns
        self._shares = dict(shares)
        self._prepared: dict[ShardId, int] = {}
        self._one_phase = len(self._shares) == 1
        self.decision: bool | None = None
        self.is_over = False  # The client has been told.

    @property
    def state(self) -> str:
        """Return how far it is: ACTIVE, PREPARED, or ABORTED. That it committed, the record says."""
        if self.decision is None:
            return "ACTIVE"
        return "PREPARED" if self.decision else "ABORTED"

    def begin(self) -> list[Step]:
        """Return what to ask first."""
        participants = tuple(self._shares)
        if self._one_phase:
            return [Ask(self.anchor, self._prepare(self.anchor, (), one_phase=True))]
        named = {self.anchor: participants}  # Its record is to know them all.
        return [Ask(shard, self._prepare(shard, named.get(shard, ()))) for shard in participants]

    def _prepare(self, shard: ShardId, participants: tuple[ShardId, ...], *, one_phase: bool = False) -> Prepare:
        share = self._shares[shard]
        return Prepare(
            self.transaction,
            self.isolation,
            self._snapshot_ns,
            share.writes,
            share.reads,
            self.anchor,
            participants,
            one_phase,
            share.locked,
        )

    def answered(self, shard: ShardId, command: Prepare | Decide, answer: TransactionAnswer) -> list[Step]:
        """A shard answered."""
        if isinstance(command, Decide):
            return self._decided(command, answer)
        if self.decision is not None:
            return []
        match answer:
            case Prepared():
                return self._promised(shard, answer)
            case Ended():
                return self._ended_early(answer)
            case Conflict():
                return self._abort(answer.reason)
            case Undecided():
                return self._tell(Unknown(_FORGOTTEN)) if self._one_phase else self._abort(_FORGOTTEN)
        raise AssertionError(f"{answer} is no answer to a prepare")

    def unanswered(self, shard: ShardId, command: Prepare | Decide, reason: str, *, may_happen: bool) -> list[Step]:
        """A shard could not be asked, or did not answer in time."""
        if self.is_over or (isinstance(command, Prepare) and self.decision is not None):
            return []
        if isinstance(command, Prepare) and not (command.one_phase and may_happen):
            return self._abort(f"shard {shard} did not prepare: {reason}")
        if isinstance(command, Decide) and not command.commits:
            return []
        return self._tell(Unknown(f"shard {shard}, which decides, did not answer: {reason}"))

    # --- within -----------------------------------------------------------------------------------------------------

    def _abort(self, reason: str) -> list[Step]:
        """Tell the client, and have the record say so; in one phase there is none, and nothing to take back."""
        self.decision = False
        told = self._tell(RolledBack(reason))
        return told if self._one_phase else [*told, Ask(self.anchor, self._decide(commits=False))]

    def _promised(self, shard: ShardId, answer: Prepared) -> list[Step]:
        self._prepared[shard] = answer.at_ns
        if len(self._prepared) < len(self._shares):
            return []
        self.decision = True
        return [Ask(self.anchor, self._decide(commits=True))]

    def _decide(self, *, commits: bool) -> Decide:
        commit_ns = max(self._prepared.values()) if commits else 0
        return Decide(self.transaction, commits, commit_ns, tuple(self._shares))

    def _ended_early(self, answer: Ended) -> list[Step]:
        """In one phase it is committed; else somebody in doubt had it aborted before it was decided."""
        if not answer.committed:
            return self._abort(_OUTRUN)
        self.decision = True
        return self._tell(Committed(answer.commit_ns))

    def _decided(self, command: Decide, answer: TransactionAnswer) -> list[Step]:
        if not command.commits:
            return []
        if not isinstance(answer, Ended):
            return self._tell(Unknown("its record is gone, and with it what was decided"))
        if answer.committed:
            return self._tell(Committed(answer.commit_ns))
        return self._tell(RolledBack(_OUTRUN))

    def _tell(self, step: Step) -> list[Step]:
        if self.is_over:
            return []
        self.is_over = True
        return [step]


_FORGOTTEN = "it began so long ago that nobody knows any more what became of it"
_OUTRUN = "it took so long that another, which waited for it, had it rolled back"
