"""The safety properties of Raft, of commits and of ownership, watched from outside through the whole run.

Rule: fed frozen observations one at a time, in the order in which they happened; no protocol code here, and no look
into a node. The first violation of each code and shard is kept.

What is known of each replica mirrors its log as observed. Of each shard three things are kept besides: who led which
term; each entry by index and term with the term of the one before it (so that equal index and term give equal
prefixes, by induction); and the committed entries with the term in which they were committed. What every live replica
has committed is forgotten, but for the latest entries, with which a node that comes back is compared.

Entries are shared and immutable in a process, so they are compared by `is` before `==`.

Source: Ongaro, "Consensus: Bridging Theory and Practice" (2014), figure 3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PhantomLibrary.checking.observed import UNKNOWN_TERM, Leader, ObservedReplica, ObservedShard
from PhantomLibrary.checking.ownership import Ownership
from PhantomLibrary.checking.transaction_invariants import TransactionInvariants
from PhantomLibrary.checking.verdict import Violation, seconds
from PhantomLibrary.domain import (
    Acknowledged,
    EntriesStored,
    LogCompacted,
    LogEntry,
    NodeId,
    NodeStopped,
    Observation,
    ReplicaRecovered,
    ReplicaRemoved,
    ReplicaState,
    ShardId,
    SnapshotInstalled,
    TransactionEnded,
    TransactionPrepared,
)


class Invariants:
    """Watches all shards of one cluster. `violations` holds what was broken, by time; empty is good.

    Who has many observations to hand over may set `time_ns` and call the one of `handlers` that takes their type.
    """

    __slots__ = ("_kept", "_shards", "handlers", "ownership", "time_ns", "transactions", "violations")

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self._kept: set[tuple[str, ShardId]] = set()
        self._shards: dict[ShardId, ObservedShard] = {}
        self.time_ns = 0
        self.transactions = TransactionInvariants()
        self.ownership = Ownership(self._committed)
        self.handlers: dict[type[Observation], Callable[[Any], None]] = {
            ReplicaState: self._state,
            EntriesStored: self._stored,
            ReplicaRecovered: self._recovered,
            SnapshotInstalled: self._snapshot,
            LogCompacted: self._compacted,
            ReplicaRemoved: self._removed,
            NodeStopped: self._stopped,
            TransactionEnded: self._transaction_ended,
            TransactionPrepared: self._transaction_prepared,
            Acknowledged: self._acknowledged,
        }

    def observe(self, observation: Observation, time_ns: int) -> None:
        """Take in one observation and the virtual time at which it was made."""
        self.time_ns = time_ns
        self.handlers[type(observation)](observation)

    @property
    def entries_kept(self) -> int:
        """Return how many entries are remembered, over all shards and replicas; it stays bounded in long runs."""
        return sum(
            len(shard.known) + len(shard.others) + sum(len(replica.log) for replica in shard.replicas.values())
            for shard in self._shards.values()
        )

    # --- observations -----------------------------------------------------------------------------------------------

    def _state(self, state: ReplicaState) -> None:
        try:
            shard = self._shards[state.shard]
            replica = shard.replicas[state.node]
        except KeyError:
            shard, replica = self._new_replica(state.shard, state.node, state.incarnation)
        if replica.incarnation != state.incarnation:
            shard, replica = self._new_replica(state.shard, state.node, state.incarnation)
        term, role, commit_index = state.term, state.role, state.commit_index
        if term != replica.term:
            if term < replica.term:
                self._say("INV-007", shard, f"{state.node} went back from term {replica.term} to {term}")
            replica.term = term
            replica.role = "follower"
        if role != replica.role:
            replica.role = role
            if role == "leader":
                self._elected(shard, replica)
        if not state.applied_index <= commit_index <= state.last_index:
            self._say(
                "INV-006",
                shard,
                f"{state.node} has applied {state.applied_index}, committed {commit_index}, last {state.last_index}",
            )
        if commit_index != replica.commit_index:
            if commit_index < replica.commit_index:
                text = f"the commit index of {state.node} fell from {replica.commit_index} to {commit_index}"
                self._say("INV-005", shard, f"{text} in term {term}")
            replica.commit_index = commit_index
            verified = replica.verified
            if commit_index > verified:
                # One entry more, that another replica has committed already, is what happens nearly always.
                offset = verified - replica.base
                log = replica.log
                if (
                    commit_index == verified + 1
                    and 0 <= offset < len(log)
                    and shard.committed.get(commit_index) is log[offset]
                ):
                    replica.verified = commit_index
                else:
                    self._verify(shard, replica)

    def _stored(self, stored: EntriesStored) -> None:
        entries = stored.entries
        try:
            shard = self._shards[stored.shard]
            replica = shard.replicas[stored.node]
        except KeyError:
            shard, replica = self._new_replica(stored.shard, stored.node, stored.incarnation)
        if replica.incarnation != stored.incarnation:
            shard, replica = self._new_replica(stored.shard, stored.node, stored.incarnation)
        log = replica.log
        verified_before = replica.verified
        if entries[0].index != replica.base + len(log) + 1:
            self._make_room(shard, replica, entries[0].index)
        term_before = log[-1].term if log else replica.base_term
        known = shard.known
        for entry in entries:
            index = entry.index
            found = known.get(index)
            if found is None and index > shard.forgotten:
                known[index] = (entry, term_before)
            elif found is None or found[0] is not entry or found[1] != term_before:
                self._match(shard, replica, entry, term_before)
            log.append(entry)
            term_before = entry.term
        if replica.verified < replica.commit_index:
            self._verify(shard, replica)
        if replica.verified < verified_before and replica.last_index < verified_before:
            text = f"{replica.node} dropped committed entry {replica.last_index + 1} from its log"
            self._say("INV-004", shard, f"{text} in term {replica.term}")

    def _recovered(self, recovered: ReplicaRecovered) -> None:
        shard, replica = self._new_replica(recovered.shard, recovered.node, recovered.incarnation)
        replica.base = replica.verified = recovered.snapshot_index
        replica.base_term = recovered.snapshot_term
        self._compare_snapshot(shard, replica)
        for entry in recovered.entries:
            if entry.index != replica.last_index + 1:
                self._make_room(shard, replica, entry.index)
            self._match(shard, replica, entry, replica.last_term)
            replica.log.append(entry)

    def _snapshot(self, installed: SnapshotInstalled) -> None:
        shard, replica = self._replica(installed.shard, installed.node, installed.incarnation)
        index = installed.index
        if not installed.keeps_tail:
            if index < replica.verified:
                text = f"{replica.node} dropped committed entries {index + 1} to {replica.verified}"
                self._say("INV-004", shard, f"{text} for a snapshot up to {index}, in term {replica.term}")
            replica.log.clear()
            replica.base, replica.verified = index, min(replica.verified, index)
        else:
            replica.trim(index)
        if index < replica.base:
            return
        replica.base_term = installed.term
        replica.verified = max(replica.verified, index)
        self._compare_snapshot(shard, replica)
        if replica.log:
            self._match(shard, replica, replica.log[0], replica.base_term)
        if replica.verified < replica.commit_index:
            self._verify(shard, replica)

    def _compacted(self, compacted: LogCompacted) -> None:
        _, replica = self._replica(compacted.shard, compacted.node, compacted.incarnation)
        replica.trim(min(compacted.index, replica.last_index))

    def _removed(self, removed: ReplicaRemoved) -> None:
        self._shards[removed.shard].replicas.pop(removed.node, None)

    def _stopped(self, stopped: NodeStopped) -> None:
        for shard in self._shards.values():
            shard.replicas.pop(stopped.node, None)

    # --- properties -------------------------------------------------------------------------------------------------

    def _elected(self, shard: ObservedShard, replica: ObservedReplica) -> None:
        """Election safety, and leader completeness by the term of commitment.

        Where logs match, a log that has the last committed entry has them all.
        """
        term, node = replica.term, replica.node
        first = shard.leaders.get(term)
        if first is None:
            shard.lead(term, Leader(node, replica.incarnation, self.time_ns))
        elif first.node != node:
            self._say(
                "INV-001", shard, f"{node} leads term {term}, which {first.node} led at {seconds(first.since_ns)}"
            )
        elif first.incarnation != replica.incarnation:
            text = f"{node} leads term {term} again after a restart, which it had led at {seconds(first.since_ns)}"
            self._say("INV-001", shard, f"{text} before (incarnations {first.incarnation} and {replica.incarnation})")
        self._complete(shard, replica, shard.committed_before(term))

    def _complete(self, shard: ObservedShard, leader: ObservedReplica, last: int) -> None:
        """Leader completeness: a leader has all that was committed in earlier terms, which is up to `last`."""
        committed = shard.committed.get(last)
        held = leader.entry(last)
        if last <= leader.base or committed is None or held is committed or held == committed:
            return
        missing = next(shard.missing_in(leader, last))
        text = f"{leader.node} leads term {leader.term} without entry {missing.index} of term {missing.term}"
        self._say(
            "INV-003", shard, f"{text}, which was committed in an earlier term (its log ends at {leader.last_index})"
        )

    def _match(self, shard: ObservedShard, replica: ObservedReplica, entry: LogEntry, term_before: int) -> None:
        """Log matching: the same index and term mean the same entry, with the same term before it."""
        found = shard.known_entry(entry.index, entry.term)
        if found is None:
            shard.register(entry, term_before)
            return
        other, other_before = found
        if other is not entry and other != entry:
            text = f"{replica.node} stored another entry {entry.index} of term {entry.term} than was known"
            self._say("INV-002", shard, text, _shown("known", other), _shown("stored", entry))
        elif UNKNOWN_TERM in (other_before, term_before):
            if other_before == UNKNOWN_TERM and term_before != UNKNOWN_TERM:
                self._learn_before(shard, other, term_before)
        elif other_before != term_before:
            self._say(
                "INV-002",
                shard,
                f"{replica.node} stored entry {entry.index} of term {entry.term} after one of term {term_before},"
                f" though elsewhere it stands after one of term {other_before}",
            )

    def _learn_before(self, shard: ObservedShard, entry: LogEntry, term_before: int) -> None:
        if shard.known.get(entry.index, (None,))[0] is entry:
            shard.known[entry.index] = (entry, term_before)
        else:
            shard.others[entry.index, entry.term] = (entry, term_before)

    def _make_room(self, shard: ObservedShard, replica: ObservedReplica, index: int) -> None:
        """Bring a log to its end before `index`: entries from there on are gone, and a gap is a violation."""
        last = replica.last_index
        if index <= last:
            replica.cut(index)
            return
        if replica.log or replica.base_term != UNKNOWN_TERM:
            text = f"{replica.node} stored entry {index} although its log ended at {last}"
            self._say("INV-002", shard, text)
        replica.log.clear()
        replica.base, replica.base_term = index - 1, UNKNOWN_TERM
        replica.verified = max(replica.verified, index - 1)

    def _verify(self, shard: ObservedShard, replica: ObservedReplica) -> None:
        """State-machine safety: what a replica newly commits is what all others committed there.

        Entries whose observation is still to come are compared when it comes.
        """
        base, log, committed, term = replica.base, replica.log, shard.committed, replica.term
        until = min(replica.commit_index, base + len(log))
        for index in range(max(replica.verified, base) + 1, until + 1):
            entry = log[index - base - 1]
            first = committed.get(index)
            if first is None:
                if index > shard.forgotten:
                    replica.verified = index  # A prune, which `commit` may start, must know.
                    shard.commit(entry, term)
                    if base != replica.base:
                        base = replica.base
                    if term < shard.term_led_max:
                        self._committed_late(shard, index, term)
            elif first is not entry and first != entry:
                text = f"{replica.node} committed another entry {index} than was committed before"
                self._say("INV-004", shard, text, _shown("before", first), _shown(f"on {replica.node}", entry))
        replica.verified = max(replica.verified, until)

    def _committed_late(self, shard: ObservedShard, index: int, term: int) -> None:
        """Leader completeness for leaders of later terms that were elected before this commit was seen."""
        for replica in shard.replicas.values():
            if replica.role == "leader" and replica.term > term:
                self._complete(shard, replica, index)

    def _compare_snapshot(self, shard: ObservedShard, replica: ObservedReplica) -> None:
        """A snapshot ends with the entry that was committed at its index."""
        committed = shard.committed.get(replica.base)
        if committed is not None and replica.base_term not in (committed.term, UNKNOWN_TERM):
            text = f"{replica.node} holds a snapshot up to entry {replica.base} of term {replica.base_term}"
            self._say("INV-004", shard, f"{text}, where the entry of term {committed.term} was committed")

    # --- what is known ----------------------------------------------------------------------------------------------

    def _replica(self, shard: ShardId, node: NodeId, incarnation: int) -> tuple[ObservedShard, ObservedReplica]:
        observed = self._shards.get(shard)
        replica = observed.replicas.get(node) if observed is not None else None
        if observed is None or replica is None or replica.incarnation != incarnation:
            return self._new_replica(shard, node, incarnation)
        return observed, replica

    def _new_replica(self, shard: ShardId, node: NodeId, incarnation: int) -> tuple[ObservedShard, ObservedReplica]:
        observed = self._shards.get(shard)
        if observed is None:
            observed = self._shards[shard] = ObservedShard(shard)
        replica = observed.replicas[node] = ObservedReplica(node, incarnation)
        return observed, replica

    def _transaction_ended(self, seen: TransactionEnded) -> None:
        broken = self.transactions.ended(seen)
        if broken is not None:
            self._note(broken[0], seen.shard, broken[1])

    def _transaction_prepared(self, seen: TransactionPrepared) -> None:
        broken = self.transactions.prepared(seen)
        if broken is not None:
            self._note(broken[0], seen.shard, broken[1])

    def _committed(self, shard: ShardId) -> int:
        """Return up to which entry a shard is known to be committed."""
        observed = self._shards.get(shard)
        return max(observed.committed, default=0) if observed is not None else 0

    def _acknowledged(self, seen: Acknowledged) -> None:
        broken = self.ownership.acknowledged(seen, self.time_ns)
        if broken:
            self._note("OWN-001", seen.shard, broken)

    def _say(self, code: str, shard: ObservedShard, text: str, *evidence: str) -> None:
        self._note(code, shard.shard, text, *evidence)

    def _note(self, code: str, shard: ShardId, text: str, *evidence: str) -> None:
        if (code, shard) not in self._kept:
            self._kept.add((code, shard))
            message = f"shard {shard}: {text}, at {seconds(self.time_ns)}"
            self.violations.append(Violation(code, message, self.time_ns, evidence))


def _shown(where: str, entry: LogEntry) -> str:
    text = f"{where}: index {entry.index}, term {entry.term}, {entry.command!r}"
    return text if len(text) <= 200 else f"{text[:199]}…"
