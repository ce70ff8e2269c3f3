"""Rows of tables that were dropped or emptied, and entries of unique indexes that were: each shard removes its own.

Whoever drops a table only takes its number out of the catalog, and no number is ever given again, so from then on no
statement can see the rows. Once the oldest snapshot that anybody may still read is later than that, the leader has them
removed for good, some at a time, by commands of the shard's own log. What is to go follows from the catalog and the
keys alone; so a leader that dies leaves nothing behind that the next one does not find.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from PhantomLibrary.database.config import DatabaseConfig
from PhantomLibrary.database.costs import change_cost_ns
from PhantomLibrary.database.messages import Sweep
from PhantomLibrary.domain.rows import CATALOG_KEY, table_of
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.protocols.mvcc.versions import VersionedStore
from PhantomLibrary.sql.catalog import Catalog, Numbers, decode_catalog

KEYS_MAX = 2_000
"""So many keys at most are removed by one command."""
_CATALOG = CATALOG_KEY.encode()


@lru_cache(maxsize=64)
def numbers_of(catalog: bytes | None) -> Numbers:
    """Return the numbers of a catalog as it is stored."""
    return (Catalog() if catalog is None else decode_catalog(catalog)).numbers


def dead_keys(store: VersionedStore, at_ns: int, after: bytes, last: bytes = b"") -> list[bytes]:
    """Return keys behind `after`, up to `last`, of numbers that the catalog had given up by a time: the first ones."""
    numbers, found = numbers_of(store.at(_CATALOG, at_ns)), list[bytes]()
    for key in store.keys(after, last + b"\0" if last else b""):
        number = table_of(key.decode())
        if number is not None and numbers.has_given_up(number):
            found.append(key)
            if len(found) == KEYS_MAX:
                break
    return found


class SweptShard(Protocol):
    """The machine."""

    @property
    def store(self) -> VersionedStore: ...


class SweeperHost(Protocol):
    """The leader."""

    clock: HybridClock

    @property
    def machine(self) -> SweptShard: ...
    def sweep(self, command: Sweep) -> None:
        """Have it done by all replicas."""

    def work(self, cost_ns: int) -> None: ...


class Sweeper:
    """One leader's, for one term."""

    def __init__(self, host: SweeperHost, config: DatabaseConfig) -> None:
        self._host = host
        self._retention_ns = config.version_retention_ns
        self._swept = 0  # Of so many numbers that were given up nothing is left here: of the first ones.
        self._after = b""  # Nothing before this key has to go, as far as it was looked for.
        self._looked_for = 0

    @property
    def has_work(self) -> bool:
        """Whether there may be keys here that have to go, now or in a while."""
        return numbers_of(self._host.machine.store.latest(_CATALOG)).given_up > self._swept

    def reshaped(self) -> None:
        """The shard has got other keys."""
        self._swept = self._looked_for = 0

    def look(self) -> None:
        """Have the next keys removed that nobody can see any more."""
        if not self.has_work:
            return
        store, until_ns = self._host.machine.store, self._until_ns()
        given_up = numbers_of(store.at(_CATALOG, until_ns)).given_up
        if given_up <= self._swept:
            return
        if given_up != self._looked_for:
            self._looked_for, self._after = given_up, b""
        keys = self._dead(until_ns)
        if keys:
            self._after = keys[0]
            self._host.work(change_cost_ns(len(keys)))
            self._host.sweep(Sweep(until_ns, keys[0], keys[-1]))
        else:
            self._swept = given_up

    def _until_ns(self) -> int:
        """Return from when on snapshots are kept."""
        return self._host.clock.now_ns() - self._retention_ns

    def _dead(self, until_ns: int) -> Sequence[bytes]:
        return dead_keys(self._host.machine.store, until_ns, self._after)
