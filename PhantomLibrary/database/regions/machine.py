"""The state of one region's copy of a range: a table of what this and other regions have written.

All else that a shard replicates is as ever; what is kept of keys is in the table, and nothing in the versioned store.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from PhantomLibrary.database.config import ClusterLayout, ShardDescriptor
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.messages import Command, Done, Execute, Outcome, Told
from PhantomLibrary.database.regions.merge_functions import load_merge
from PhantomLibrary.database.regions.messages import (
    AdoptPolicy,
    Declined,
    DoneHere,
    NotWritable,
    Position,
    ReceiveBatch,
)
from PhantomLibrary.database.sessions import SessionTable
from PhantomLibrary.domain import Configuration, NodeId, Observation, ShardId
from PhantomLibrary.domain.operations import RegionalWrite
from PhantomLibrary.domain.region_policy import RegionPolicy, Seen, Vector, count_in, covers, joined
from PhantomLibrary.domain.regions import Batch, Change, RegionWrote, WriteSuperseded
from PhantomLibrary.protocols.replication.entries import Entry, Superseded
from PhantomLibrary.protocols.replication.table import RegionTable
from PhantomLibrary.protocols.replication.values import TableHead
from PhantomLibrary.protocols.saga.fences import Fences
from PhantomLibrary.protocols.transactions.table import TransactionTable

_encode = msgspec.msgpack.Encoder().encode
_decode_head = msgspec.msgpack.Decoder(TableHead).decode
_decode_items = msgspec.msgpack.Decoder(list[tuple[str, Entry]]).decode


class RegionMachine(ShardMachine):
    """The state machine of a region's shard."""

    regions: type[RegionTable] = RegionTable

    def __init__(
        self,
        layout: ClusterLayout,
        descriptor: ShardDescriptor,
        sessions: SessionTable,
        fences: Fences | None = None,
        table: type[TransactionTable] = TransactionTable,
        regions: type[RegionTable] = RegionTable,
    ) -> None:
        super().__init__(layout, descriptor, sessions, fences, table)
        assert layout.regions is not None
        self.region = descriptor.region
        self.slot = descriptor.start
        self._regions = regions
        self.table = self._make_table(layout.regions)
        self.news: list[Change | Superseded] = []  # Writes that were taken here, and such as were dropped for others.

    def _make_table(self, policy: RegionPolicy) -> RegionTable:
        merge = load_merge(policy.merge) if policy.merge else None
        return self._regions(self.region, policy, merge, slot=self.slot)

    @property
    def policy(self) -> RegionPolicy:
        return self.table.policy

    @property
    def own_count(self) -> int:
        """How many writes this region has taken."""
        return count_in(self.table.applied, self.region)

    # --- commands ---------------------------------------------------------------------------------------------------

    def apply(self, index: int, command: Command | Configuration | None) -> Outcome | None:
        match command:
            case Execute(operation=RegionalWrite()):
                self._come_to(index)
                return self._write_here(command, command.operation)  # type: ignore[arg-type]
            case ReceiveBatch():
                self._come_to(index)
                return self._receive(command)
            case AdoptPolicy():
                self._come_to(index)
                self._adopt(command.policy)
                return None
        return super().apply(index, command)

    def _come_to(self, index: int) -> None:
        assert index == self.applied_index + 1
        self.applied_index = index

    def _write_here(self, command: Execute, write: RegionalWrite) -> Outcome:
        known = self._sessions.recall(command)
        if known is not None:
            # Done before: whoever hears of it now has seen no less than what is here.
            return self._done_before(known) if type(known) is Done else known
        if command.epoch != self.epoch:
            return self._stale()
        table = self.table
        if not self._may_write():
            return NotWritable(table.policy)
        reason = table.why_not(write)
        if reason:
            return Declined(reason)
        change = table.write(write, command.at_ns)
        self.news.append(change)
        self._note_superseded()
        self._sessions.remember(command, str(change.dot.count))
        return DoneHere(None, ((self.slot, _of_dot(change)),), table.context_after(change))

    def _note_superseded(self) -> None:
        self.news += self.table.news
        self.table.news.clear()

    def _may_write(self) -> bool:
        return self.region in self.table.policy.writable

    def _done_before(self, known: Done) -> DoneHere:
        count = int(known.value or "0")
        return DoneHere(None, ((self.slot, ((self.region, count),)),))

    def _receive(self, command: ReceiveBatch) -> Outcome:
        batch, table = command.batch, self.table
        self._adopt(batch.policy)
        table.receive(batch)
        self._note_superseded()
        return Told(self.position())

    def _adopt(self, policy: RegionPolicy) -> None:
        if policy.epoch > self.table.policy.epoch:
            self.table.adopt(policy)
            # With another epoch attempts that are still under way from before are refused, whatever they ask for.
            self._become(replace(self.descriptor, epoch=self.applied_index), self.shape)

    # --- questions --------------------------------------------------------------------------------------------------

    def position(self, heard: tuple[tuple[str, int], ...] = ()) -> Position:
        return Position(self.table.applied, self.table.policy, heard)

    def learns_from(self, batch: Batch) -> bool:
        """Whether a batch without changes says of its sender what is not known here, and may be believed."""
        known = self.table.known.get(batch.sender, ())
        is_complete = count_in(self.table.applied, batch.sender) >= count_in(batch.vector, batch.sender)
        return is_complete and not covers(known, batch.vector)

    def why_behind(self, seen: Seen) -> str:
        """Return what is missing here of what a client has seen of this slot, "" if nothing is.

        What a region had that is no member any more, and had told nobody, is nowhere.
        """
        wanted = next((vector for slot, vector in seen if slot == self.slot), ())
        here, members = self.table.applied, self.table.policy.members
        lacks = [
            f"{count - count_in(here, region)} writes of region {region}"
            for region, count in wanted
            if region in members and count > count_in(here, region)
        ]
        return f"region {self.region} lacks {', '.join(lacks)} that this client has seen" if lacks else ""

    def read_here(self, key: str, *, as_written: bool = False) -> DoneHere | Declined:
        """Answer a read from the present state."""
        if self.region not in self.table.policy.members:
            return Declined(f"region {self.region} is no member any more: it was forgotten")
        shown = self.table.read(key, as_written=as_written)
        if shown.refusal:
            return Declined(shown.refusal)
        seen = dict(shown.deps)
        seen[self.slot] = joined(seen.get(self.slot, ()), shown.context)
        values = shown.values if len(shown.values) > 1 else ()
        return DoneHere(shown.value, tuple(sorted(seen.items())), shown.context, values)

    def take_news(self, node: NodeId, shard: ShardId, _index: int) -> list[Observation]:
        """Return what was seen since this was last asked for, as those see it who watch a node."""
        news, slot = self.news[:], self.slot
        self.news.clear()
        return [
            RegionWrote(node, shard, slot, each)
            if isinstance(each, Change)
            else WriteSuperseded(
                node, shard, self.region, slot, each.loser.operation.key, each.loser, each.winner, each.reason
            )
            for each in news
        ]

    # --- as bytes ---------------------------------------------------------------------------------------------------

    def snapshot(self) -> tuple[bytes, ...]:
        return (_encode(self._head()), _encode(self.table.head()), *self._item_chunks())

    def _item_chunks(self) -> Iterator[bytes]:
        """Yield all keys in pieces of about `snapshot_chunk_bytes`, each of one key at least."""
        pieces: list[bytes] = []
        items: list[Any] = []
        size = 0
        for item in self.table.items():
            items.append(item)
            size += len(_encode(item))
            if size >= self._chunk_bytes:
                pieces.append(_encode(items))
                items, size = [], 0
        if items:
            pieces.append(_encode(items))
        return iter(pieces)

    def restore(self, chunks: tuple[bytes, ...]) -> None:
        super().restore(chunks[:1])
        head = _decode_head(chunks[1])
        self.table = self._make_table(head.policy)
        self.table.load_head(head)
        for chunk in chunks[2:]:
            for key, entry in _decode_items(chunk):
                self.table.load_item(key, entry)

    def digest(self) -> int:
        return super().digest() ^ self.table.digest()

    @property
    def bytes(self) -> int:
        return super().bytes + self.table.bytes


def _of_dot(change: Change) -> Vector:
    return ((change.dot.region, change.dot.count),)
