"""Planted defects: Raft with one mistake each, as people have made it. They prove that the tests have teeth."""

from __future__ import annotations

from collections import deque
from typing import Any

from msgspec import structs

from PhantomLibrary.domain import Configuration, LogEntry
from PhantomLibrary.protocols.raft.configuration import Change, left_joint, quorum_index
from PhantomLibrary.protocols.raft.effects import Effect, Event, Persist, ReadReady, Send, SendEarly
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.leadership import Leadership, Progress
from PhantomLibrary.protocols.raft.messages import (
    AppendEntries,
    AppendReply,
    HardState,
    Record,
    RepairBound,
    Snapshot,
    SnapshotChunk,
)


class CommitsPriorTermsByCounting(Group):
    def _may_commit(self, index: int) -> bool:
        return True


class CommitsWithoutMajority(Group):
    def _make_leadership(self) -> Leadership:
        return _CommitsAlone(self.config.node, self.configuration, self.log.last_index)


class _CommitsAlone(Leadership):
    def quorum_index(self, own_index: int) -> int:
        return own_index


class ForgetsVotes(Group):
    def _persist(self, records: tuple[Record, ...], now_ns: int) -> list[Effect]:
        return super()._persist(tuple(map(_without_vote, records)), now_ns)


def _without_vote(record: Record) -> Record:
    return HardState(record.term, "") if isinstance(record, HardState) else record


class AnswersBeforeItIsDurable(Group):
    def step(self, event: Event, now_ns: int) -> list[Effect]:
        effects = super().step(event, now_ns)
        if not any(isinstance(effect, Persist) for effect in effects):
            return effects
        return [SendEarly(each.to, each.message) if isinstance(each, Send) else each for each in effects]


class TruncatesBlindly(Group):
    def _new_entries(self, entries: tuple[LogEntry, ...]) -> tuple[LogEntry, ...]:
        return entries


class AcknowledgesItsWholeLog(Group):
    def _accept_append(self, message: AppendEntries | SnapshotChunk, index: int) -> Effect:
        return super()._accept_append(message, self.log.last_index)


class ReadsWithoutQuorum(Group):
    def _confirm(self, leadership: Leadership, now_ns: int) -> list[Effect]:
        tokens: tuple[Any, ...] = (*leadership.reads, *leadership.waiting_reads)
        leadership.reads, leadership.waiting_reads = [], []
        return [ReadReady(tokens)]


class TakesAnyMessageForAHeartbeat(Group):
    def _are_told(self, leadership: Leadership) -> bool:
        return True


class ReadsBeforeItsTermCommits(Group):
    def _has_committed_in_term(self) -> bool:
        return True


class CountsEarlierRounds(Group):
    def _make_leadership(self) -> Leadership:
        return _ReadsJoinTheRound(self.config.node, self.configuration, self.log.last_index)


class _ReadsJoinTheRound(Leadership):
    def add_reads(self, tokens: list[Any]) -> bool:
        if self.reads:
            self.reads += tokens
            return False
        return super().add_reads(tokens)


class AsksForNoPreVote(Group):
    def _start_pre_vote(self, now_ns: int) -> list[Effect]:
        return self._start_election(now_ns)


class KeepsAnyTail(Group):
    def _keeps_tail(self, snapshot: Snapshot) -> bool:
        return snapshot.index <= self.log.last_index


class LeadsWithoutQuorum(Group):
    def _check_quorum(self, now_ns: int) -> list[Effect]:
        assert self._leadership is not None
        self._leadership.has_quorum(now_ns)
        return [self._set_election_deadline()]


class LeadsWithHungDisk(Group):
    def _disk_hangs(self, now_ns: int) -> bool:
        return False


class VotesForAnyLog(Group):
    def _may_vote_for(self, message: Any) -> bool:
        return self.formatted


class TakesRefusalForConsent(Group):
    def _on_append_reply(self, message: AppendReply, now_ns: int) -> list[Effect]:
        if not message.accepted and message.term == self.term and self._leadership is not None:
            self._leadership.progress[message.source].accept(message.index)
        return super()._on_append_reply(message, now_ns)


class LeavesJointEarly(Group):
    def _is_decided(self) -> bool:
        return True


class CountsLearners(Group):
    def _make_leadership(self) -> Leadership:
        return _CountsAll(self.config.node, self.configuration, self.log.last_index)


class _CountsAll(Leadership):
    def quorum_index(self, own_index: int) -> int:
        configuration = Configuration(self._configuration.members)
        indexes = {peer: each.match_index for peer, each in self.progress.items()}
        return quorum_index(configuration, {**indexes, self._node: own_index})


class SwitchesAtOnce(Group):
    def _changed(self, change: Change) -> Configuration:
        return left_joint(super()._changed(change))


class ChangesBeforeItsTermCommits(Group):
    def why_no_change(self, change: Change, since: int) -> str:
        return "" if self.is_leader else super().why_no_change(change, since)


class TakesAnyReplicaOfANode(Group):
    def _recognise(self, progress: Progress, message: AppendReply) -> bool:
        progress.is_here = True
        return True


class LeadsOnWhenRemoved(Group):
    def _step_down(self) -> list[Effect]:
        return []


class VotesSoonAfterRestart(Group):
    def _may_have_promised(self) -> bool:
        return False


class ForgetsPromiseWithLeader(Group):
    def _hears_leader(self, now_ns: int) -> bool:
        return self.leader != "" and super()._hears_leader(now_ns)


class CountsLeaseFromAnswer(Group):
    def _on_append_reply(self, message: AppendReply, now_ns: int) -> list[Effect]:
        leadership = self._leadership
        if leadership is not None and leadership.lease is not None:
            leadership.lease._sent = deque((number, now_ns) for number, _ in leadership.lease._sent)
        return super()._on_append_reply(message, now_ns)


class VotesThoughDamaged(Group):
    """Votes and stands whatever may be missing."""

    @property
    def may_vote(self) -> bool:
        return self.formatted


class IsWholeAtOnce(Group):
    """Takes itself for whole as soon as somebody has told it the bound."""

    def _has_reached(self, index: int) -> bool:
        return True


class TrustsAnEarlierBound(Group):
    """Takes the bound for what it is now, whenever it was asked for."""

    def _on_repair_bound(self, message: RepairBound, now_ns: int) -> list[Effect]:
        return super()._on_repair_bound(structs.replace(message, token=self._born_ns), now_ns)
