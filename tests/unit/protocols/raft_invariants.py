"""The invariants of Raft, written from the paper, not from the code: they judge random runs."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from PhantomLibrary.domain import LogEntry, NodeId
from PhantomLibrary.protocols.raft.effects import (
    Apply,
    Effect,
    InstallSnapshot,
    ReadReady,
    Refuse,
)
from PhantomLibrary.protocols.raft.messages import (
    Entries,
    HardState,
    RaftMessage,
    Record,
    RequestVote,
    SnapshotRecord,
    TimeoutNow,
    Vote,
)
from PhantomLibrary.protocols.raft.replica import View
from tests.unit.protocols.raft_harness import Host, Watch


class Violation(AssertionError):
    def __init__(self, invariant: str, evidence: str) -> None:
        super().__init__(f"{invariant}: {evidence}")
        self.invariant = invariant


class Invariants(Watch):
    """Raft paper, Figure 3, and what clients may rely on. Sees records, messages, views and what is performed."""

    def __init__(self, hosts: dict[NodeId, Host]) -> None:
        self.hosts = hosts
        self.quorum = 0
        self.leaders: dict[int, tuple[NodeId, int]] = {}
        self.entries: dict[tuple[int, int], tuple[Any, int]] = {}  # (index, term) to (command, term of the one before)
        self.committed: dict[int, tuple[int, Any, int]] = {}  # index to (term, command, term of the commitment)
        self.committed_max = 0
        self.commands: list[Any] = []  # As first applied by anyone.
        self.asked_to_stand: set[tuple[NodeId, int]] = set()
        self.pre_votes: dict[tuple[NodeId, int], set[NodeId]] = defaultdict(set)
        self.votes: dict[tuple[NodeId, int, int], NodeId] = {}
        self.proposers: dict[str, tuple[NodeId, int]] = {}
        self.confirmed_index = 0
        self.confirmed: set[str] = set()
        self.refused: set[str] = set()
        self.read_floors: dict[str, int] = {}
        self.reads_answered = 0
        self.elections = 0
        self.snapshots_installed = 0

    def check(self, invariant: str, holds: bool, evidence: str = "") -> None:
        if not holds:
            raise Violation(invariant, evidence)

    # --- records and messages ---------------------------------------------------------------------------------------

    def emitted(self, host: Host, record: Record) -> None:
        if isinstance(record, Entries):
            previous = host.written.term_at(record.entries[0].index - 1)
            self.check("LogHasNoGap", previous is not None, host.name)
            for entry in record.entries:
                self._log_matching(host, entry, previous or 0)
                previous = entry.term
        elif isinstance(record, HardState):
            self.check("TermIsMonotone", record.term >= host.written.term, host.name)
            is_second_vote = record.term == host.written.term and host.written.vote not in ("", record.vote)
            self.check("OneVoteATerm", not is_second_vote, host.name)
            if record.vote == host.name and self.quorum > 1:
                may_stand = len(self.pre_votes[host.name, record.term]) + 1 >= self.quorum
                may_stand |= (host.name, record.term) in self.asked_to_stand
                self.check("PreVoteFirst", may_stand, f"{host.name} in term {record.term}")
        elif isinstance(record, SnapshotRecord):
            self.snapshots_installed += 1
            after = host.written.entries.get(record.snapshot.index + 1)
            if record.keeps_tail and after is not None:
                self._log_matching(host, after, record.snapshot.term)

    def _log_matching(self, host: Host, entry: LogEntry, previous_term: int) -> None:
        known = self.entries.setdefault((entry.index, entry.term), (entry.command, previous_term))
        self.check("LogMatching", known == (entry.command, previous_term), f"{host.name} at {entry.index}")

    def sent(self, host: Host, to: NodeId, message: RaftMessage) -> None:
        if isinstance(message, Vote) and message.granted and not message.pre:
            candidate = self.votes.setdefault((host.name, host.number, message.term), to)
        elif isinstance(message, RequestVote) and not message.pre:
            candidate = self.votes.setdefault((host.name, host.number, message.term), host.name)
            to = host.name
        else:
            return
        self.check("OneVoteATerm", candidate == to, f"{host.name} for {candidate} and {to} in {message.term}")

    def delivered(self, to: NodeId, message: RaftMessage) -> None:
        if isinstance(message, Vote) and message.pre and message.granted:
            self.pre_votes[to, message.term].add(message.source)
        elif isinstance(message, TimeoutNow):
            self.asked_to_stand.add((to, message.term + 1))

    # --- views ------------------------------------------------------------------------------------------------------

    def started(self, host: Host) -> None:
        view = host.group.view
        self.check("RecoversWhatWasDurable", view.last_index == host.durable.last_index, host.name)

    def stepped(self, host: Host, before: View) -> None:
        view = host.group.view
        self.check("LogAsWritten", view.last_index == host.written.last_index, host.name)
        self.check("TermIsMonotone", view.term >= before.term, host.name)
        self.check("CommitIsMonotone", view.commit_index >= before.commit_index, host.name)
        if view.role == "leader" and (before.role != "leader" or before.term != view.term):
            self._elected(host, view.term)
        if view.commit_index > before.commit_index:
            self._commits(host, before, view)

    def _elected(self, host: Host, term: int) -> None:
        self.elections += 1
        leader = self.leaders.setdefault(term, (host.name, host.incarnation))
        self.check("ElectionSafety", leader == (host.name, host.incarnation), f"{leader} and {host.name} in {term}")
        log = host.written
        for index in range(log.snapshot_index + 1, self.committed_max + 1):
            entry_term, _, commit_term = self.committed[index]
            holds = commit_term >= term or log.term_at(index) == entry_term
            self.check("LeaderCompleteness", holds, f"{host.name} of term {term} lacks {index} of term {entry_term}")

    def _commits(self, host: Host, before: View, view: View) -> None:
        log = host.written
        self.check("CommitIsHeld", view.commit_index <= log.last_index, host.name)
        for index in range(max(before.commit_index, log.snapshot_index) + 1, view.commit_index + 1):
            entry = log.entries[index]
            known = self.committed.get(index)
            if known is None:
                leads = "leader" in (view.role, before.role)  # One that is removed steps down at once.
                self.check("LeaderCommitsFirst", leads, f"{host.name} at {index}")
                self.committed[index] = (entry.term, entry.command, view.term)
                self.committed_max = max(self.committed_max, index)
                holders = [each for each in self.hosts.values() if self._holds_durably(each, entry)]
                self.check("QuorumHolds", self._is_quorum(host, holders), f"{index} of term {entry.term}")
            else:
                self.check("CommittedIsFinal", known[:2] == (entry.term, entry.command), f"{host.name} at {index}")

    def _is_quorum(self, leader: Host, holders: list[Host]) -> bool:
        return len(holders) >= self.quorum

    def _holds_durably(self, host: Host, entry: LogEntry) -> bool:
        if not host.formatted:
            return False
        if entry.index <= host.durable.snapshot_index or host.durable.entries.get(entry.index) == entry:
            return True
        # An acknowledgement from before the damage may be counted: who gave it votes for nobody until it is whole.
        return host.durable.damaged and host.lost.get(entry.index) == entry

    # --- effects ----------------------------------------------------------------------------------------------------

    def performed(self, host: Host, effect: Effect) -> None:
        if isinstance(effect, Apply):
            for entry in effect.entries:
                self._applied(host, entry)
        elif isinstance(effect, InstallSnapshot):
            commands = host.machine.commands
            self.check("StateMachineSafety", commands == self.commands[: len(commands)], host.name)
        elif isinstance(effect, ReadReady):
            for token in effect.tokens:
                self.reads_answered += 1
                seen, floor = host.machine.applied_index, self.read_floors.pop(token)
                self.check("ReadIsFresh", seen >= floor, f"{host.name} saw {seen}, {floor} was confirmed before")
        elif isinstance(effect, Refuse):
            for token in effect.tokens:
                self.refused.add(token)
                self.check("RefusedIsNever", token not in self.commands, token)

    def _applied(self, host: Host, entry: LogEntry) -> None:
        index = entry.index
        if index > len(self.commands):
            self.commands.append(entry.command)
            self.check("RefusedIsNever", entry.command not in self.refused, str(entry.command))
        self.check("StateMachineSafety", self.commands[index - 1] == entry.command, f"{host.name} at {index}")
        if self.proposers.get(entry.command) == (host.name, host.incarnation):
            self.confirmed_index = max(self.confirmed_index, index)
            self.confirmed.add(entry.command)
