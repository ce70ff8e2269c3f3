import pytest

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec


class Driver:
    """A run, with short words for what the tests do to it."""

    def __init__(self, spec=None, *, parts=None, **fields):
        self.run = Run(spec or RunSpec(**{"seed": 1, **fields}), parts=parts)

    def give(self, verb, target="", *, at_s=None, duration_s=None, **arguments):
        run = self.run
        at_ns = run.now_ns if at_s is None else round(at_s * SECOND_NS)
        until_ns = None if duration_s is None else at_ns + round(duration_s * SECOND_NS)
        return run.perform(Command(verb, run.now_ns, at_ns, target, None, until_ns, arguments))

    def go(self, seconds, condition=None):
        return self.run.advance(self.run.now_ns + round(seconds * SECOND_NS), condition)

    def elect(self):
        assert self.go(3, lambda: all(self.run.leader(shard) for shard in self.run.shard_ids))
        return self

    def load(self, kind="register", **arguments):
        self.give("start workload", **{"kind": kind, "clients": 4, "rate": 200_000, "keys": 5, **arguments})
        return self

    def stop_load(self):
        self.give("stop workload", drain_ns=4 * SECOND_NS)
        self.go(5)

    def put(self, key, value, *, within_s=4.0):
        task = self.give("put value", key=key, value=value)
        assert self.go(within_s, lambda: task.is_done)
        return task.result

    def get(self, key, *, within_s=4.0):
        task = self.give("get value", key=key)
        assert self.go(within_s, lambda: task.is_done)
        return task.result

    @property
    def now_s(self):
        return self.run.now_ns / SECOND_NS


@pytest.fixture(scope="session")
def drive():
    return Driver


@pytest.fixture
def it(drive):
    """A cluster of three nodes, all shards of which have a leader."""
    return drive().elect()
