"""What the group of one slot holds in one region: all keys, what other regions lack, and what they are known to have.

Changes of one origin are applied in their order, each exactly once; those of different origins in any order. Tables
that have applied the same changes show the same. A change is at a hybrid logical time, later than all that its
region had applied, so of two writes the one that knew the other is later, however wrong clocks are.

What becomes of writes to one key that knew nothing of each other is the policy's choice, for texts: the later one
stays; or both do, until somebody who has read both writes; or both do, and a function makes one value of them when
they are read. Counters add up. Of sets, an add survives a removal that did not know it. A deleted text leaves a
tombstone, which loses and wins like any other version, until nothing can come that it would win over.

Rule: part of the replicated state, so only commands change it, and it reads no clock.

Sources: Kulkarni, Demirbas, Madeppa, Avva, Leone, "Logical physical clocks" (2014); Terry et al., "Managing update
conflicts in Bayou" (1995), for logs by origin and what is cut of them; see also entries.py and stability.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import blake2b

import msgspec

from PhantomLibrary.domain import Append, Delete, Increment, Put, Remove
from PhantomLibrary.domain.operations import RegionalWrite
from PhantomLibrary.domain.region_policy import (
    RegionPolicy,
    Vector,
    count_in,
    covers,
    joined,
    joined_seen,
    vector_of,
)
from PhantomLibrary.domain.regions import Batch, Change, Dot
from PhantomLibrary.protocols.replication import entries
from PhantomLibrary.protocols.replication.change_log import ChangeLog, OriginLog
from PhantomLibrary.protocols.replication.entries import Entry, Kind, Superseded, kind_of
from PhantomLibrary.protocols.replication.entry_store import EntryStore
from PhantomLibrary.protocols.replication.merging import Merge, merged
from PhantomLibrary.protocols.replication.stability import Stability
from PhantomLibrary.protocols.replication.values import Shown, TableHead

_COUNTER_MAX = 1 << 60  # Of what one region adds, so that sums over some regions fit 64 bits.
_KINDS: dict[type, Kind | None] = {Put: "register", Append: "set", Remove: "set", Increment: "counter", Delete: None}

_encode = msgspec.msgpack.Encoder().encode


class RegionTable:
    """The keys of one slot in one region. `news` are for its owner to take out, and not replicated.

    `vector` counts the applied changes by origin, `last_ns` is the time of the latest; `heard` says, by region, when
    it was there that all was here which it had written; `counts` how many conflicts were resolved in which way.
    """

    def __init__(self, region: str, policy: RegionPolicy, merge: Merge | None = None, *, slot: str = "") -> None:
        self.region = region
        self.slot = slot
        self.policy = policy
        self.vector: dict[str, int] = {}
        self.last_ns = 0
        self.heard: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.news: list[Superseded] = []
        self._merge = merge
        self._entries = EntryStore()
        self._log = ChangeLog()
        self._stability = Stability(region, policy.members)
        self._graves: dict[str, None] = {}  # Keys of which something may be collected.
        self._ahead: dict[str, None] = {}  # Keys of which something is covered that is still to come.

    # --- writing ----------------------------------------------------------------------------------------------------

    def why_not(self, write: RegionalWrite) -> str:
        """Return why a write cannot be done, "" if it can."""
        region, operation, policy = self.region, write.operation, self.policy
        if region not in policy.members:
            return f"region {region} is no member any more: {_listed(policy.members)} hold the data"
        if region not in policy.writable:
            return f"region {region} takes no writes: {_listed(policy.writable) or 'no region'} does at present"
        if type(operation) not in _KINDS:
            name = type(operation).__name__.lower()
            return f"{name} needs one order of all writes, which regions that write on their own do not have"
        if operation.key != write.key:
            return f"a write to {write.key} cannot change {operation.key}"
        if count_in(write.context, region) > self.vector.get(region, 0):
            return f"the context of this write to {write.key} names writes that {region} has not taken"
        return self._why_not_so(operation)

    def _why_not_so(self, operation: Put | Delete | Append | Remove | Increment) -> str:
        key = operation.key
        entry = self._entries.get(key)
        kind = kind_of(entry)
        if isinstance(operation, Delete):
            return f"{key} is a counter: a counter is not deleted" if kind == "counter" else ""
        wanted = _KINDS[type(operation)]
        if kind not in (None, wanted):
            return f"{key} is a {kind}: {type(operation).__name__.lower()} is for a {wanted}"
        if isinstance(operation, Increment):
            total = (entry.sums.get(self.region, 0) if entry else 0) + operation.amount
            if abs(total) > _COUNTER_MAX:
                return f"counter {key} would leave its range: {self.region} can add up to {_COUNTER_MAX} either way"
        return ""

    def write(self, write: RegionalWrite, at_ns: int) -> Change:
        """Do a write that can be done (`why_not`), at this time of the wall clock or later."""
        dot = Dot(self.region, self.vector.get(self.region, 0) + 1)
        change = Change(dot, self.stamp(at_ns), write.operation, self._context(write), write.seen)
        self._apply(change)
        if self.policy.members == (self.region,):
            self.collect()  # Nobody else will tell anything that this could wait for.
        return change

    def stamp(self, at_ns: int) -> int:
        """Return the time of a change that is made now: after all that is here."""
        return max(at_ns, self.last_ns + 1)

    def _context(self, write: RegionalWrite) -> Vector:
        """Return what a write takes the place of: all here, or what its writer knows where siblings are kept."""
        if self.policy.conflicts == "last writer wins" or isinstance(write.operation, (Append, Remove, Increment)):
            return vector_of(self.vector)
        is_set = kind_of(self._entries.get(write.key)) == "set"
        if isinstance(write.operation, Delete) and (is_set or not write.context):
            # Whoever deletes a key unread means whatever is there.
            return vector_of(self.vector)
        return write.context

    def context_after(self, change: Change) -> Vector:
        """Return what whoever did this write just now knows of its key, for the next write to it.

        A vector that counts a write also counts those before it in its region. Where one of these is a sibling that the
        writer has not read, the own write is left out too: writing again then leaves one sibling more, and loses none.
        """
        entry = self._entries.get(change.operation.key)
        if entry is None:
            return change.context
        known = dict(entry.written)
        for version in entry.versions:
            region, count = version.dot.region, version.dot.count
            if version.dot != change.dot and not entries.counts_dot(change.context, version.dot):
                known[region] = min(known[region], count - 1)
        return joined(vector_of(known), change.context)

    # --- replicating ------------------------------------------------------------------------------------------------

    def batch_for(
        self, region: str, acked: Vector, *, at_ns: int, relayed: Collection[str] = (), bytes_max: int = 1 << 16
    ) -> Batch:
        """Return what a region that has `acked` lacks: own changes, and those of the origins in `relayed`."""
        changes: list[Change] = []
        left = bytes_max
        for origin in (self.region, *sorted(set(relayed) - {self.region, region})):
            if left > 0:
                found, taken = self._log.after(origin, count_in(acked, origin), left)
                changes += found
                left -= taken
        return Batch(self.slot, self.region, self.policy, at_ns, vector_of(self.vector), tuple(changes))

    def receive(self, batch: Batch) -> None:
        """Apply what is new and not beyond a gap. Who is no member is not heard, nor who goes by an older policy."""
        self.adopt(batch.policy)
        if batch.policy.epoch < self.policy.epoch or batch.sender not in self.policy.members:
            return
        for change in batch.changes:
            if self.is_next(change):
                self._apply(change)
        if self._stability.learn(batch.sender, batch.vector, self.vector):
            self.heard[batch.sender] = max(batch.at_ns, self.heard.get(batch.sender, 0))
        self.collect()

    def is_next(self, change: Change) -> bool:
        """Tell whether a change is the next one of its origin: neither here already, nor beyond a gap."""
        return change.dot.count == self.vector.get(change.dot.region, 0) + 1

    def missing(self, region: str, their_vector: Vector) -> int:
        """Return how many of the changes of one region that are here somebody with this vector does not have."""
        return max(0, self.vector.get(region, 0) - count_in(their_vector, region))

    def has(self, vector: Vector) -> bool:
        """Tell whether all that a vector counts is here."""
        return covers(self.applied, vector)

    @property
    def applied(self) -> Vector:
        """The vector of all that is here."""
        return vector_of(self.vector)

    @property
    def known(self) -> Mapping[str, Vector]:
        """What each of the other regions is known to have."""
        return self._stability.known

    @property
    def stable(self) -> Mapping[str, int]:
        """How many changes of each origin every member has, as far as that is known here."""
        return self._stability.stable

    def adopt(self, policy: RegionPolicy) -> None:
        """Go by a newer policy from now on."""
        if policy.epoch > self.policy.epoch:
            assert policy.conflicts == self.policy.conflicts, "what was resolved one way cannot be resolved another"
            self.policy = policy
            self._stability.become(policy.members)
            self.collect()

    # --- applying ---------------------------------------------------------------------------------------------------

    def _apply(self, change: Change) -> None:
        origin, count = change.dot.region, change.dot.count
        self.vector[origin] = max(count, self.vector.get(origin, 0))
        self.last_ns = max(self.last_ns, change.at_ns)
        self._log.add(change)
        key = change.operation.key
        entry = self._entries.touch(key)
        self._resolve(entry, change)
        entry.written = joined(entry.written, ((origin, count),))
        if entries.beyond(change.context, self.vector):
            self._ahead[key] = None

    def _resolve(self, entry: Entry, change: Change) -> None:
        operation = change.operation
        if isinstance(operation, (Append, Remove, Increment)):
            if not covers(change.context, entry.written):
                self._count("counter" if isinstance(operation, Increment) else "set")
            entry.deps = joined_seen(entry.deps, change.deps)
            if isinstance(operation, Increment):
                entries.add_amount(entry, change)
            else:
                entries.change_element(entry, change, self.vector)
        elif self.policy.conflicts == "last writer wins":
            superseded = entries.keep_last(entry, change, self.vector, self.wins)
            if superseded is not None:
                self._count("last writer wins")
                self.news.append(superseded)
        elif entries.keep_siblings(entry, change, self.vector):
            self._count(self.policy.conflicts)
        if isinstance(operation, Delete):
            entries.clear_elements(entry, change, self.vector)
        if isinstance(operation, (Delete, Remove)):
            self._graves[operation.key] = None

    def _count(self, how: str) -> None:
        self.counts[how] = self.counts.get(how, 0) + 1

    def wins(self, version: Change, other: Change) -> bool:
        """Tell whether a version is later than another; at one time, the region that comes later by name is."""
        return (version.at_ns, version.dot) > (other.at_ns, other.dot)

    # --- collecting -------------------------------------------------------------------------------------------------

    def collect(self) -> None:
        """Forget what nothing that is still to come can have to do with."""
        is_more = self._stability.advance(self.vector)
        if is_more:
            self._log.cut(self._stability.stable)
        for key in list(self._ahead):
            if entries.is_ahead(self._entries[key]):
                entries.trim(self._entries.touch(key), self._is_to_come)
                is_more = True
            if not entries.is_ahead(self._entries[key]):
                del self._ahead[key]
        if is_more:
            for key in list(self._graves):
                self._bury(key)

    def _is_to_come(self, origin: str, count: int) -> bool:
        return count > self.vector.get(origin, 0) and not self._stability.is_over(origin)

    def _bury(self, key: str) -> None:
        entry = self._entries[key]
        versions = entries.without_tombstones(entry, self.is_collectable)
        if len(versions) != len(entry.versions):
            self._entries.touch(key).versions = versions
        if all(self.is_collectable(Dot(region, count)) for region, count in entry.written):
            if entry.is_bare:
                self._entries.drop(key)
            if not entries.is_ahead(entry):
                del self._graves[key]

    def is_collectable(self, dot: Dot) -> bool:
        """Tell whether a tombstone may go: nothing that is still to come is concurrent with it."""
        return self._stability.stable.get(dot.region, 0) >= dot.count

    # --- reading ----------------------------------------------------------------------------------------------------

    def read(self, key: str, *, as_written: bool = False) -> Shown:
        """Return what a key has: what the user's function makes of siblings, unless they are wanted as they are."""
        entry = self._entries.get(key)
        if entry is None:
            return Shown()
        values, refusal = entries.values_of(entry), ""
        if len(values) > 1 and self.policy.conflicts == "custom" and not as_written:
            value, refusal = merged(self._merge, self.policy.merge, key, values)
            values = () if refusal else (value,)
        return Shown(values[-1] if values else None, values, entry.written, entries.deps_of(entry), refusal)

    def visible(self) -> dict[str, tuple[str, ...]]:
        """Return the values of all keys that have any, siblings as they are, in the order of keys."""
        shown = {key: entries.values_of(entry) for key, entry in self._entries.items()}
        return {key: values for key, values in shown.items() if values}

    def versions(self, key: str) -> tuple[Dot, ...]:
        """Return which writes the texts and elements of a key are from, hidden ones included."""
        entry = self._entries.get(key)
        return entries.dots_of(entry) if entry is not None else ()

    # --- all of it --------------------------------------------------------------------------------------------------

    def head(self) -> TableHead:
        """Return all but the keys."""
        return self._head(self._log.dump())

    def _head(self, logs: list[OriginLog]) -> TableHead:
        return TableHead(
            self.region,
            self.policy,
            self.applied,
            self.last_ns,
            tuple(sorted(self._stability.known.items())),
            vector_of(self._stability.stable),
            vector_of(self.heard),
            vector_of(self.counts),
            logs,
        )

    def items(self) -> Iterator[tuple[str, Entry]]:
        """Yield keys in their order with what they have: for encoding, not for keeping."""
        return self._entries.items()

    def load_head(self, head: TableHead) -> None:
        """Begin anew with what `head` returned, and no keys."""
        assert head.region == self.region
        self.policy = head.policy
        self.vector, self.last_ns = dict(head.vector), head.last_ns
        self.heard, self.counts = dict(head.heard), dict(head.counts)
        self.news.clear()
        self._entries, self._log = EntryStore(), ChangeLog()
        self._log.load(head.logs)
        self._stability = Stability(self.region, head.policy.members)
        self._stability.load(head.known, head.stable)
        self._graves, self._ahead = {}, {}

    def load_item(self, key: str, entry: Entry) -> None:
        """Put in a key as `items` gave it, encoded and decoded: it is kept as it is."""
        self._entries.put(key, entry)
        if entries.is_ahead(entry):
            self._ahead[key] = None
        if kind_of(entry) is None or len(entry.live) < len(entry.versions):
            self._graves[key] = None

    def digest(self) -> int:
        """Return a number of 64 bits that replicas of this table share when they hold the same."""
        encoded = _encode((self._entries.digest(), self._log.summary(), self._head([])))
        return int.from_bytes(blake2b(encoded, digest_size=8).digest(), "big")

    @property
    def bytes(self) -> int:
        """What keys and logs take when they are encoded."""
        return self._entries.bytes + self._log.bytes


def _listed(regions: Sequence[str]) -> str:
    return ", ".join(regions)
