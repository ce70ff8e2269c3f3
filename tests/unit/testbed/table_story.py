"""A cluster with tables, and words for what is asked of it in SQL."""

import json

from PhantomLibrary.domain import SECOND_NS, Ok
from PhantomLibrary.testbed import reshaping
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.testbed.transactions import await_outcome

ACCOUNTS = "CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT UNIQUE, balance INTEGER CHECK (balance >= 0))"
CARDS = "CREATE TABLE cards (id INTEGER PRIMARY KEY, account INTEGER REFERENCES accounts (id))"
KINDS = "CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT) REPLICATED EVERYWHERE"
ROWS = "INSERT INTO accounts VALUES (1, 'ada', 100), (2, 'bob', 100), (3, 'eve', 100), (4, 'zoe', 100)"


class Tables:
    """Three nodes, three shards, and what a client of SQL does to them."""

    def __init__(self, *statements, parts=None, **fields):
        self.run = Run(RunSpec(**{"seed": 7, "nodes": 3, "shards": 3, **fields}), parts=parts)
        assert self.go(3, lambda: all(self.run.leader(shard) for shard in self.run.shard_ids))
        for statement in statements:
            assert self.count(statement) >= 0

    def give(self, verb, target="", **arguments):
        now_ns = self.run.now_ns
        return self.run.perform(Command(verb, now_ns, now_ns, target, None, None, arguments))

    def go(self, seconds, condition=None):
        return self.run.advance(self.run.now_ns + round(seconds * SECOND_NS), condition)

    def ask(self, statement, *parameters, txn=""):
        """Return the answer to a statement."""
        task = self.give("execute sql", statement=statement, parameters=list(parameters), transaction=txn)
        assert self.go(20, lambda: task.is_done)
        return task.result

    def count(self, statement, *parameters, txn=""):
        """Return how many rows a statement has changed."""
        answer = self.ask(statement, *parameters, txn=txn)
        assert isinstance(answer, Ok), answer
        return json.loads(answer.value)["count"]

    def rows(self, query, *parameters, txn=""):
        """Return the rows of a query, each as a list; of one column the values alone."""
        answer = self.ask(query, *parameters, txn=txn)
        assert isinstance(answer, Ok), answer
        rows = json.loads(answer.value)["rows"]
        return [row[0] for row in rows] if rows and len(rows[0]) == 1 else rows

    def refusal(self, statement, *parameters, txn=""):
        """Return why a statement is refused."""
        answer = self.ask(statement, *parameters, txn=txn)
        assert not isinstance(answer, Ok), answer
        return answer.reason

    def begin(self, name, isolation="serializable", gateway=""):
        self.give("begin transaction", gateway, transaction=name, isolation=isolation)
        assert self._wait(name).word == "done"

    def commit(self, name):
        """Commit a transaction; return what came of it."""
        self.give("commit transaction", transaction=name)
        return self._wait(name).word

    def _wait(self, name):
        return await_outcome(
            lambda duration_ns, condition: self.run.advance(self.run.now_ns + duration_ns, condition),
            self.run.transactions[name],
            may_block=False,
        )

    def reshape(self, verb, **arguments):
        wish = self.give(verb, **arguments)
        assert self.go(10, lambda: reshaping.ended(self.run, wish) is not None)
        assert self.go(5, lambda: all(self.run.leader(shard) for shard in self.run.shard_ids))
