"""Defects of consensus. Each class is laid over the Raft group and breaks one rule."""

from __future__ import annotations

from PhantomLibrary.domain import LogEntry
from PhantomLibrary.protocols.raft.effects import Effect, Read, ReadReady, SetDeadline
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.leadership import Leadership
from PhantomLibrary.protocols.raft.leasing import Lease
from PhantomLibrary.protocols.raft.messages import HardState, Record, Snapshot
from PhantomLibrary.protocols.raft.replica import ELECTION


class ForgetsItsVote(Group):
    """Writes down neither term nor vote."""

    def _persist(self, records: tuple[Record, ...], now_ns: int) -> list[Effect]:
        return super()._persist(tuple(each for each in records if type(each) is not HardState), now_ns)


class ReadsAlone(Group):
    """Answers reads without a round of confirmation."""

    def _on_read(self, event: Read, now_ns: int) -> list[Effect]:
        if self.is_leader:
            return [ReadReady((event.token,))]
        return super()._on_read(event, now_ns)


class _NeedsNobody(Leadership):
    def quorum_index(self, own_index: int) -> int:
        return own_index


class CommitsAlone(Group):
    """Commits what is durable on the leader alone."""

    def _make_leadership(self) -> Leadership:
        return _NeedsNobody(self.config.node, self.configuration, self.log.last_index)


class CommitsEarlierTerms(Group):
    """Commits any entry that a majority holds, whatever its term."""

    def _may_commit(self, index: int) -> bool:
        return True


class TruncatesBlindly(Group):
    """Takes every entry of an append for new, so that the log ends where a late append ends."""

    def _new_entries(self, entries: tuple[LogEntry, ...]) -> tuple[LogEntry, ...]:
        return entries


class LeadsWithoutQuorum(Group):
    """Leads on although nobody has answered it for long."""

    def _check_quorum(self, now_ns: int) -> list[Effect]:
        return [SetDeadline(ELECTION, self.config.election_timeout_ns, 0)]


class AsksNobodyFirst(Group):
    """Stands for election without asking whether anybody would vote for it."""

    def _start_pre_vote(self, now_ns: int) -> list[Effect]:
        return self._start_election(now_ns)


class KeepsAnyTail(Group):
    """Keeps the entries after a snapshot, whether or not they follow from it."""

    def _keeps_tail(self, snapshot: Snapshot) -> bool:
        return snapshot.index <= self.log.last_index


class ReadsBeforeItsFirstEntry(Group):
    """Takes what it knows to be committed for all that was, although no entry of its own term is committed yet."""

    def _has_committed_in_term(self) -> bool:
        return True


class TrustsAllClocks(Group):
    """Takes a lease for as long as followers wait, as if their clocks ran like its own."""

    def _make_lease(self) -> Lease | None:
        return Lease(self.config.election_timeout_ns) if self.config.lease_ns else None


class KeepsItsLease(Group):
    """Goes on with its lease after it has asked another to stand."""

    def _end_lease(self, leadership: Leadership) -> None:
        """Nothing ends."""
