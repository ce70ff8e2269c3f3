"""What is known of replicas and shards from watching them: logs, leaders, committed entries.

Rule: bookkeeping only; what is wrong with it `invariants.py` decides.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from PhantomLibrary.domain import LogEntry, NodeId, Role, ShardId

UNKNOWN_TERM = -1
"""The term of an entry that nobody showed us, such as the last one that a snapshot covers."""

RETAINED = 2048
"""How many of the latest committed entries of a shard are kept although all live replicas have committed them.

A node that comes back with its log is compared with these.
"""

RETAINED_MAX = 65_536
"""How many are kept at most for a live replica that lags."""

LEADERS_MAX = 4096
COMMIT_RUNS_MAX = 1024


class Leader(Struct, frozen=True, gc=False):
    """Who was first seen to lead a term, and since when."""

    node: NodeId
    incarnation: int
    since_ns: int


class ObservedReplica:
    """One replica in one incarnation. `log` holds its entries after `base`, which are covered or forgotten.

    `verified` is the index up to which its committed entries have been compared; it lags `commit_index` while the
    observation of the entries is still to come.
    """

    __slots__ = ("base", "base_term", "commit_index", "incarnation", "log", "node", "role", "term", "verified")

    def __init__(self, node: NodeId, incarnation: int) -> None:
        self.node = node
        self.incarnation = incarnation
        self.base = 0
        self.base_term = UNKNOWN_TERM
        self.log: list[LogEntry] = []
        self.term = 0
        self.role: Role = "follower"
        self.commit_index = 0
        self.verified = 0

    @property
    def last_index(self) -> int:
        return self.base + len(self.log)

    @property
    def last_term(self) -> int:
        return self.log[-1].term if self.log else self.base_term

    def entry(self, index: int) -> LogEntry | None:
        """Return the entry at an index after `base`, or None where the log does not reach."""
        offset = index - self.base - 1
        return self.log[offset] if 0 <= offset < len(self.log) else None

    def trim(self, index: int) -> None:
        """Forget entries up to an index; beyond the end of the log all go."""
        if index <= self.base:
            return
        last = self.entry(index)
        self.base_term = last.term if last is not None else UNKNOWN_TERM
        del self.log[: index - self.base]
        self.base = index
        self.verified = max(self.verified, index)

    def cut(self, index: int) -> None:
        """Drop entries from an index on. What comes before `base` is not held, so then all go."""
        if index <= self.base:
            self.base, self.base_term = index - 1, UNKNOWN_TERM
            self.log.clear()
        else:
            del self.log[index - self.base - 1 :]
        self.verified = min(self.verified, self.last_index)


class ObservedShard:
    """One shard: its live replicas, who led which term, and the entries by index.

    `known` has the first entry seen at each index with the term of the entry before it; `others` has those of other
    terms. `committed` has what is known to be committed after `forgotten`, and `commit_runs` from which index on
    entries were committed in which term.
    """

    __slots__ = (
        "commit_runs", "committed", "forgotten", "known", "last_committed", "leaders", "others", "prune_at", "replicas",
        "shard", "term_led_max",
    )  # fmt: skip

    def __init__(self, shard: ShardId) -> None:
        self.shard = shard
        self.replicas: dict[NodeId, ObservedReplica] = {}
        self.leaders: dict[int, Leader] = {}
        self.term_led_max = 0
        self.known: dict[int, tuple[LogEntry, int]] = {}
        self.others: dict[tuple[int, int], tuple[LogEntry, int]] = {}
        self.committed: dict[int, LogEntry] = {}
        self.commit_runs: list[tuple[int, int]] = []
        self.last_committed = 0
        self.forgotten = 0
        self.prune_at = 2 * RETAINED

    def known_entry(self, index: int, term: int) -> tuple[LogEntry, int] | None:
        """Return the entry known at this index and term, with the term of the one before it."""
        found = self.known.get(index)
        if found is not None and found[0].term == term:
            return found
        return self.others.get((index, term))

    def register(self, entry: LogEntry, term_before: int) -> None:
        """Remember an entry that was not known at its index and term."""
        if entry.index <= self.forgotten:
            return
        if entry.index in self.known and self.known[entry.index][0].term != entry.term:
            self.others[entry.index, entry.term] = (entry, term_before)
        else:
            self.known[entry.index] = (entry, term_before)

    def lead(self, term: int, leader: Leader) -> None:
        """Remember the leader of a term that had none."""
        self.leaders[term] = leader
        self.term_led_max = max(self.term_led_max, term)
        if len(self.leaders) > LEADERS_MAX:
            del self.leaders[next(iter(self.leaders))]

    def commit(self, entry: LogEntry, term: int) -> None:
        """Remember that an entry was committed, in this term."""
        self.committed[entry.index] = entry
        if entry.index <= self.last_committed:
            return
        self.last_committed = entry.index
        if not self.commit_runs or self.commit_runs[-1][1] != term:
            self.commit_runs.append((entry.index, term))
            del self.commit_runs[:-COMMIT_RUNS_MAX]
        if entry.index >= self.prune_at:
            self.prune()

    def committed_before(self, term: int) -> int:
        """Return the last index that was committed in an earlier term, or 0."""
        last = self.last_committed
        for start, committed_term in reversed(self.commit_runs):
            if committed_term < term:
                return last
            last = start - 1
        return 0

    def missing_in(self, replica: ObservedReplica, last: int) -> Iterator[LogEntry]:
        """Yield the committed entries up to `last` that the log of a replica does not have."""
        for index in range(max(self.forgotten, replica.base) + 1, last + 1):
            entry = self.committed.get(index)
            if entry is not None:
                held = replica.entry(index)
                if held is not entry and held != entry:
                    yield entry

    def prune(self) -> None:
        """Forget what all live replicas have committed, but for the latest entries."""
        last = self.last_committed
        self.prune_at = last + RETAINED
        slowest = min((replica.verified for replica in self.replicas.values()), default=last)
        forgotten = max(min(slowest, last - RETAINED), last - RETAINED_MAX)
        for index in range(self.forgotten + 1, forgotten + 1):
            self.committed.pop(index, None)
            self.known.pop(index, None)
        for key in [key for key in self.others if key[0] <= forgotten]:
            del self.others[key]
        for replica in self.replicas.values():
            replica.trim(min(forgotten, replica.verified))
        self.forgotten = max(self.forgotten, forgotten)
