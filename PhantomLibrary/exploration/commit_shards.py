"""The shards of a two-phase commit as numbers: what a command does to one is worked out once.

A shard is a real table over a real store. What its leader does besides (telling, asking, forgetting) is replayed by
the search: see commits.py.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from PhantomLibrary.domain import Increment, ShardId
from PhantomLibrary.protocols.mvcc.versions import Version, VersionedStore
from PhantomLibrary.protocols.transactions.table import TableDump, TransactionTable
from PhantomLibrary.protocols.transactions.values import (
    Decide,
    Forget,
    Inquire,
    Prepare,
    Resolve,
    TransactionAnswer,
    TransactionCommand,
    TransactionId,
)

# Times of commands: as it begins; when patience with the undecided is over; when tombstones have ended. Then, for each,
# a later time, when patience with what began there is over.
TIMES_NS = (1_000, 10_000, 100_000, 9_000, 18_000, 108_000)
HOURS = 3
_PATIENCE_NS, _RETENTION_NS = 5_000, 50_000

TRANSACTION = TransactionId(500, "n1", 1)
RIVAL = TransactionId(600, "n2", 1)
_encode = msgspec.msgpack.Encoder().encode


class _Image(Struct, array_like=True):
    table: TableDump
    items: list[tuple[bytes, list[Version]]]
    last_timestamp_ns: int
    horizon_ns: int


_decode = msgspec.msgpack.Decoder(_Image).decode


class Seen(Struct, frozen=True):
    """What can be seen of the transaction in a shard. `times` are those of the versions that it has written."""

    is_prepared: bool
    times: tuple[int, ...]
    record: str
    has_rival: bool


def key_of(shard: ShardId) -> str:
    return f"k{shard}"


class Shards:
    """All states that any shard was in, by number."""

    def __init__(self, table_class: type[TransactionTable]) -> None:
        self._table_class = table_class
        self._images: list[bytes] = []
        self._numbers: dict[bytes, int] = {}
        self._seen: list[Seen] = []
        self._steps: dict[tuple[int, TransactionCommand, int], tuple[int, TransactionAnswer]] = {}

    def __len__(self) -> int:
        return len(self._images)

    def fresh(self, shard: ShardId, *, rival: bool) -> int:
        """Return a shard at the start. A rival that is prepared stands against the transaction."""
        number = self._number(self._table(_Image(TableDump(), [], 0, 0)), shard)
        if rival:
            prepare = Prepare(RIVAL, "snapshot", 550, (Increment(key_of(shard), 10),), (), shard, (shard,))
            number = self.apply(shard, number, prepare, 0)[0]
        return number

    def seen(self, number: int) -> Seen:
        return self._seen[number]

    def apply(
        self, shard: ShardId, number: int, command: TransactionCommand, time: int
    ) -> tuple[int, TransactionAnswer]:
        """Return what becomes of a shard, and its answer."""
        key = (number, command, time)
        step = self._steps.get(key)
        if step is None:
            table, store = self._table(_decode(self._images[number]))
            answer = table.apply(command, TIMES_NS[time])
            step = self._steps[key] = (self._number((table, store), shard), answer)
        return step

    def _table(self, image: _Image) -> tuple[TransactionTable, VersionedStore]:
        store = VersionedStore()
        store.last_timestamp_ns, store.horizon_ns = image.last_timestamp_ns, image.horizon_ns
        for key, versions in image.items:
            store.load(key, versions)
        table = self._table_class(store, retention_ns=_RETENTION_NS, patience_ns=_PATIENCE_NS)
        table.load(image.table, store)
        return table, store

    def _number(self, parts: tuple[TransactionTable, VersionedStore], shard: ShardId) -> int:
        table, store = parts
        image = _encode(_Image(table.dump(), list(store.items()), store.last_timestamp_ns, store.horizon_ns))
        number = self._numbers.get(image)
        if number is None:
            number = self._numbers[image] = len(self._images)
            self._images.append(image)
            self._seen.append(_look(table, store, shard))
        return number


def _look(table: TransactionTable, store: VersionedStore, shard: ShardId) -> Seen:
    record, times, before = table.records.get(TRANSACTION), [], 0
    for written_ns, value, _ in dict(store.items()).get(key_of(shard).encode(), ()):
        if (int(value or b"0") - before) % 10:  # The rival adds tens.
            times.append(written_ns)
        before = int(value or b"0")
    return Seen(TRANSACTION in table.parts, tuple(times), "" if record is None else record.state, RIVAL in table.parts)


__all__ = ["RIVAL", "TRANSACTION", "Decide", "Forget", "Inquire", "Resolve", "Seen", "Shards", "key_of"]
