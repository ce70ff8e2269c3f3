"""What queries over shards take: of the processor, beside the same query on one SQLite, and in virtual time.

Orders of customers are joined with these and grouped by city: once with orders that stand beside their customers, and
once with such as do not, so that the smaller side is brought to each shard. On twenty nodes clients ask for the
figures of a city, each with one query in flight.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

import apsw
from msgspec import Struct

from PhantomLibrary.domain import SECOND_NS, Ok, Operation, Put, Transact
from PhantomLibrary.domain.operations import Sql
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.sql.catalog import Column, Sharding, SqlType, Table
from PhantomLibrary.sql.rows import encode_row, key_of_row
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import RunSpec

_CUSTOMERS, _ORDERS, _CITIES = 1_000, 10_000, 50
_ROUNDS = 15
_IN_A_ROW = 3
_AT_ONCE = 1_000
_COLUMNS = (
    "customers (id INTEGER PRIMARY KEY, name TEXT, city INTEGER)",
    "orders (customer INTEGER, id INTEGER, amount INTEGER, PRIMARY KEY (customer, id))",
    "others (id INTEGER PRIMARY KEY, customer INTEGER, amount INTEGER)",
)
_BESIDE = "SELECT c.city, count(*) AS n, sum(o.amount) AS total FROM customers c JOIN orders o ON o.customer = c.id"
_APART = "SELECT c.city, count(*) AS n, sum(o.amount) AS total FROM customers c JOIN others o ON o.customer = c.id"
_GROUPED = " GROUP BY c.city ORDER BY c.city"
_OF_CITY = "SELECT count(*) AS n, max(name) AS last FROM customers WHERE city = ?"
_FIRST_PROCESS = 200_000


class JoinPace(Struct, frozen=True):
    """How many times the processor time of one SQLite a query takes, whole simulation included."""

    beside: float
    apart: float


class QueryPace(Struct, frozen=True):
    """In virtual time: the mean of a query, and how many there are in a second."""

    mean_ms: float
    per_s: float


class _Orders:
    """A cluster with orders, and one SQLite that has the same."""

    def __init__(self, *, orders: int, **spec: Any) -> None:
        self.run = Run(RunSpec(seed=1, **spec))
        self.run.advance(2 * SECOND_NS)
        self._session = self.run.sessions.open(_FIRST_PROCESS)
        self.one = apsw.Connection(":memory:")
        for columns in _COLUMNS:
            by = " SHARD BY HASH (customer)" if columns.startswith("orders") else ""
            self.call(Transact("serializable", (Sql(f"CREATE TABLE {columns}{by}"),)))
            self.one.execute(f"CREATE TABLE {columns}")
        draws = Stream(1, "orders")
        of = [(draws.below(_CUSTOMERS), number, draws.below(1_000)) for number in range(orders)]
        self._fill("customers", [(each, f"name {each}", draws.below(_CITIES)) for each in range(_CUSTOMERS)])
        self._fill("orders", of)
        self._fill("others", [(number, customer, amount) for customer, number, amount in of])

    def call(self, operation: Operation) -> str:
        task = Task(self.run.scheduler, self._session.call(operation), "client")
        self.run.advance(self.run.now_ns + 20 * SECOND_NS, lambda: task.is_done)
        assert isinstance(task.result, Ok), task.result
        return task.result.value or ""

    def _fill(self, name: str, rows: list[Any]) -> None:
        """Put rows in as keys: to insert them takes longer, and they are the same."""
        table = _tables()[name]
        puts = [Put(key_of_row(table, row), encode_row(row)) for row in rows]
        for start in range(0, len(puts), _AT_ONCE):
            self.call(Transact("snapshot", tuple(puts[start : start + _AT_ONCE])))
        with self.one:
            self.one.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", rows)


def _tables() -> dict[str, Table]:
    """Return the tables as the cluster defines them: their numbers are in the order of their definition."""
    whole, text = SqlType("INTEGER"), SqlType("TEXT")
    kinds = {"name": text}
    made = {}
    for number, (name, columns, key) in enumerate(
        (
            ("customers", ("id", "name", "city"), ("id",)),
            ("orders", ("customer", "id", "amount"), ("customer", "id")),
            ("others", ("id", "customer", "amount"), ("id",)),
        ),
        start=1,
    ):
        made[name] = Table(
            number,
            name,
            tuple(Column(each, kinds.get(each, whole)) for each in columns),
            key,
            Sharding("hash", key[:1]),
        )
    return made


def measure_joins() -> JoinPace:
    """Return what joins of all orders take on four shards, when they have been asked before."""
    orders = _Orders(orders=_ORDERS, nodes=5, shards=4)
    return JoinPace(*(_ratio(orders, query + _GROUPED) for query in (_BESIDE, _APART)))


def _ratio(orders: _Orders, query: str) -> float:
    statement = Transact("snapshot", (Sql(query),))
    wanted = [list(row) for row in orders.one.execute(query)]
    assert json.loads(json.loads(orders.call(statement))[0])["rows"] == wanted
    alone, ours = [], []
    for _ in range(_ROUNDS):  # By turns, so that a machine that is slower for a while is so for both.
        alone.append(_taken(lambda: list(orders.one.execute(query))))
        ours.append(_taken(lambda: orders.call(statement)))
    return median(mine / its for mine, its in zip(ours, alone, strict=True))


def _taken(action: Callable[[], Any]) -> float:
    """Return the least processor time that something took when it was done some times in a row."""
    times = []
    for _ in range(_IN_A_ROW):
        started = process_time()
        action()
        times.append(process_time() - started)
    return min(times)


def measure_queries(clients: int) -> QueryPace:
    """Return how twenty nodes answer queries over all shards, when so many clients ask."""
    orders = _Orders(orders=0, topology="twenty-nodes", shards=10)
    run, latencies = orders.run, []

    async def ask(number: int) -> None:
        session, draws = run.sessions.open(_FIRST_PROCESS + 1 + number), Stream(1, f"client {number}")
        while True:
            began_ns = run.now_ns
            answer = await session.call(Transact("snapshot", (Sql(_OF_CITY, (draws.below(_CITIES),)),)))
            assert isinstance(answer, Ok), answer
            latencies.append(run.now_ns - began_ns)

    for number in range(clients):
        Task(run.scheduler, ask(number), f"client {number}")
    run.advance(run.now_ns + SECOND_NS // 5)
    latencies.clear()
    run.advance(run.now_ns + SECOND_NS // 5)
    assert not run.watch.violations
    return QueryPace(sum(latencies) / len(latencies) / 1e6, len(latencies) * 5)
