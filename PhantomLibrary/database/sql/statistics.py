"""What the gateway of a node knows of the sizes of tables, for planners: asked of all shards, and kept for a while.

It decides how a plan is run, and never what it answers. So nobody waits long for it: what was known before is good
enough while some shard does not answer, and where nothing was, the others are taken to be like it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from PhantomLibrary.database.config import DatabaseConfig
from PhantomLibrary.database.routes import Routes
from PhantomLibrary.database.sql.messages import AskCounts, Counts
from PhantomLibrary.database.sql.together import RestartError, together
from PhantomLibrary.database.transactions.script import Script
from PhantomLibrary.domain import MILLISECOND_NS, ShardId
from PhantomLibrary.protocols.mvcc.clock import HybridClock
from PhantomLibrary.sql.catalog import Catalog, Table
from PhantomLibrary.sql.plans import TableStatistics

_WAIT_NS = 100 * MILLISECOND_NS


class StatisticsHost(Protocol):
    """The manager of transactions on a node."""

    config: DatabaseConfig
    clock: HybridClock

    @property
    def routes(self) -> Routes: ...
    def monotonic_ns(self) -> int: ...
    def call_at(self, at_ns: int, action: Callable[[], object]) -> None: ...
    def need_map(self, resume: Callable[[Any], object]) -> None: ...
    def ask(self, shard: ShardId, work: Any, resume: Callable[[Any], object]) -> None: ...


class Statistics:
    """Of all tables that anybody asked for, with the time at which they were counted."""

    def __init__(self, host: StatisticsHost) -> None:
        self._host = host
        self._known: dict[int, tuple[int, TableStatistics]] = {}

    def of(self, catalog: Catalog, tables: Iterable[int]) -> Script:
        """Return what is known of tables, by their numbers, after asking for what is too old."""
        wanted = [table for number in sorted(set(tables)) if (table := catalog.numbered(number)) is not None]
        oldest_ns = self._host.monotonic_ns() - self._host.config.statistics_age_ns
        missing = [each for each in wanted if self._asked_ns(each.number) <= oldest_ns]
        if missing:
            yield from self._ask(missing)
        return {each.number: self._known[each.number][1] for each in wanted if each.number in self._known}

    def _asked_ns(self, number: int) -> int:
        return self._known[number][0] if number in self._known else -1 << 62

    def _ask(self, tables: list[Table]) -> Script:
        host = self._host
        yield host.need_map
        shards, question = (
            host.routes.data_shards,
            AskCounts(tuple(each.number for each in tables), host.clock.now_ns()),
        )
        answers: dict[ShardId, Counts] = {}
        until_ns = host.monotonic_ns() + _WAIT_NS

        def one(shard: ShardId) -> Script:
            answer = yield partial(host.ask, shard, question)
            if isinstance(answer, Counts):
                answers[shard] = answer

        def alarm(fail: Callable[[Exception], object]) -> None:
            host.call_at(until_ns, partial(fail, RestartError()))

        with suppress(RestartError):  # Then some have not answered.
            yield from together([one(shard) for shard in shards], alarm)
        now_ns = host.monotonic_ns()
        for place, table in enumerate(tables):
            counted = {shard: answers[shard].tables[place] for shard in shards if shard in answers}
            known = self._known.get(table.number)
            if len(counted) == len(shards) or known is None:
                self._known[table.number] = now_ns, united(table, counted, len(shards))
            else:
                self._known[table.number] = now_ns, known[1]


def united(table: Table, by_shard: Mapping[ShardId, TableStatistics], shards: int) -> TableStatistics:
    """Return what is known of a table from what some of so many shards have of it, in their order.

    Of a column by which rows are spread each shard has values of its own; so it has of one whose values are nearly all
    different. Of others all shards have the same values.
    """
    counted = list(by_shard.values())
    if table.sharding.kind == "everywhere":
        counted, shards = counted[:1], 1
    answered = max(len(counted), 1)
    distinct = []
    for column in table.columns:
        found = [(dict(each.distinct).get(column.name, 0), each.rows) for each in counted if each.rows]
        is_own = table.sharding.columns == (column.name,) or all(values * 10 >= of * 9 for values, of in found)
        values = [each for each, _ in found]
        distinct.append((column.name, sum(values) if is_own else max(values, default=0)))
    rows, size = sum(each.rows for each in counted), sum(each.bytes for each in counted)
    return TableStatistics(rows * shards // answered, size * shards // answered, tuple(distinct))
