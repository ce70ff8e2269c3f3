"""A cluster with rows of tables in it, and plans that are run at its gateways, without the text of SQL."""

from PhantomLibrary.database.transactions.script import RolledBackError, Running
from PhantomLibrary.domain import SECOND_NS, Put, Transact
from PhantomLibrary.domain.rows import CATALOG_KEY
from PhantomLibrary.errors import PhantomError
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.sql.catalog import Catalog, Column, Sharding, SqlType, Table, encode_catalog
from PhantomLibrary.sql.plans import Fragment, Plan, PlanStep
from PhantomLibrary.sql.rows import encode_row, key_of_row
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec

INTEGER, TEXT = SqlType("INTEGER"), SqlType("TEXT")
PEOPLE = Table(1, "people", (Column("id", INTEGER, False), Column("name", TEXT)), ("id",), Sharding("hash", ("id",)))
ORDERS = Table(
    2,
    "orders",
    (Column("id", INTEGER, False), Column("person", INTEGER), Column("sum", INTEGER)),
    ("id",),
    Sharding("hash", ("id",)),
)
CATALOG = Catalog(1, (PEOPLE, ORDERS), (), 3)
_PUTS_MAX = 200


def fragment(number, query, columns, tables, **more):
    return Fragment(number, query, more.pop("parameters", ()), tuple(columns.split()), tables, **more)


def plan(*fragments, final="SELECT * FROM in0 ORDER BY 1", **more):
    return Plan(tuple(fragments), final, (), (), True, PlanStep("answer", fragment=0), **more)


def all_of(table, number=0, **more):
    names = [column.name for column in table.columns]
    return fragment(number, f"SELECT {','.join(names)} FROM {table.physical}", " ".join(names), (table.number,), **more)


class Statement:
    """A plan under way at a gateway."""

    def __init__(self, manager, transaction, script, now_ns):
        self.result = self.error = None
        self.transaction = transaction
        self._running = Running(self._caught(script), self._done)
        transaction.cancel = self._running.cancel
        self._began_ns, self._now_ns, self.took_ns = now_ns(), now_ns, None
        self._running.start()

    def _caught(self, script):
        try:
            return (yield from script)
        except (PhantomError, RolledBackError) as error:
            return error

    def _done(self, result, reason):
        self.transaction.cancel = None
        self.took_ns = self._now_ns() - self._began_ns
        if isinstance(result, Exception):
            self.error = str(result)
        elif reason:
            self.error = reason
        else:
            self.result = result

    @property
    def is_done(self):
        return self.took_ns is not None


class SqlCluster:
    def __init__(self, *, parts=None, catalog=CATALOG, **spec):
        self.run = Run(RunSpec(**{"seed": 1, "nodes": 3, "shards": 3, **spec}), parts=parts)
        self.catalog = catalog
        assert self.go(3, lambda: all(self.run.leader(shard) for shard in self.run.shard_ids))
        self.session = self.run.sessions.open(77_000)
        self.define()

    def go(self, seconds, condition=None):
        return self.run.advance(self.run.now_ns + round(seconds * SECOND_NS), condition)

    def give(self, verb, target="", **arguments):
        now_ns = self.run.now_ns
        return self.run.perform(Command(verb, now_ns, now_ns, target, None, None, arguments))

    def call(self, operation, within_s=4):
        task = Task(self.run.scheduler, self.session.call(operation), "client")
        assert self.go(within_s, lambda: task.is_done)
        return task.result

    def define(self):
        """Let every shard know the tables."""
        answer = self.call(Transact("snapshot", (Put(CATALOG_KEY, encode_catalog(self.catalog)),)))
        assert answer.value is not None, answer

    def insert(self, table, *rows):
        puts = [Put(key_of_row(table, row), encode_row(row)) for row in rows]
        for start in range(0, len(puts), _PUTS_MAX):
            answer = self.call(Transact("snapshot", tuple(puts[start : start + _PUTS_MAX])))
            assert answer.value is not None, answer

    def manager(self, node="n1"):
        return self.run.processes[node].transactions

    def begin(self, node="n1", isolation="snapshot"):
        """Begin a transaction at a gateway, and let it take its snapshot."""
        manager = self.manager(node)
        transaction = manager._new(isolation)
        transaction.begin_snapshot(manager.clock.now_ns(), self.uncertainty_ns)
        return transaction

    @property
    def uncertainty_ns(self):
        config = self.run.layout.config
        return config.clock_offset_max_ns + config.fence_ahead_ns

    def start(self, wanted, node="n1", transaction=None):
        manager = self.manager(node)
        transaction = transaction or self.begin(node)
        script = manager.plans.run(transaction, wanted, self.catalog)
        return Statement(manager, transaction, script, lambda: self.run.now_ns)

    def ask(self, wanted, node="n1", transaction=None, within_s=10):
        """Return the rows of a plan, or raise what it failed with."""
        statement = self.start(wanted, node, transaction)
        assert self.go(within_s, lambda: statement.is_done)
        if statement.error:
            raise AssertionError(statement.error)
        return statement.result.rows

    def cursors(self):
        """Return how many cursors are open at any leader."""
        return sum(
            len(replica.service.desk.fragments._cursors)
            for process in self.run.processes.values()
            for replica in process.replicas.values()
            if replica.service.desk is not None
        )
