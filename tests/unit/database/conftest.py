"""A gateway alone: a fake node whose clock and network the test holds in its hands."""

import pytest

from PhantomLibrary.database.config import DatabaseConfig, make_layout
from PhantomLibrary.database.directory import encode_directory, first_directory
from PhantomLibrary.database.gateway import Gateway
from PhantomLibrary.database.messages import (
    ClientReply,
    ClientRequest,
    Done,
    ShardReply,
    ShardRequest,
)
from PhantomLibrary.domain import MILLISECOND_NS, Get, Put
from PhantomLibrary.kernel.streams import Streams

CONFIG = DatabaseConfig()
LAYOUT = make_layout(["n1", "n2", "n3"], shards=1, replicas=3, config=CONFIG)
SHARD_MAP = encode_directory(first_directory(LAYOUT)).decode()


class FakeEnv:
    def __init__(self, node, incarnation=1):
        self.node = node
        self.incarnation = incarnation
        self.now_ns = 0
        self.due_ns = None
        self.sent = []

    def monotonic_ns(self):
        return self.now_ns

    def send(self, to, message):
        self.sent.append((to, message))

    def random(self, name):
        return Streams(1).get(name)

    def set_deadline(self, name, at_ns):
        assert name == "gateway"
        self.due_ns = at_ns


class Bench:
    """A gateway on n4, which holds no shard, so that all its attempts go over the network."""

    layout = LAYOUT

    def __init__(self, node="n4"):
        self.env = FakeEnv(node)
        self.local = []
        self.gateway = Gateway(self)

    def request(self, request):
        self.local.append(request)

    def ask(self, operation, process=1, request=1):
        self.gateway.request("client", ClientRequest(process, request, operation))

    def attempts(self):
        """Take what was sent to shards since the last look."""
        found = [message for _, message in self.env.sent if type(message) is ShardRequest]
        self.env.sent = [each for each in self.env.sent if type(each[1]) is not ShardRequest]
        return found

    def attempt(self):
        (found,) = self.attempts()
        return found

    def answers(self):
        return [message.answer for _, message in self.env.sent if type(message) is ClientReply]

    def reply(self, attempt, outcome):
        self.gateway.shard_reply(ShardReply(attempt.shard, attempt.call, attempt.attempt, outcome))

    def pass_ms(self, milliseconds):
        """Let time pass, and fire the deadline whenever it is due."""
        end_ns = self.env.now_ns + milliseconds * MILLISECOND_NS
        while self.env.due_ns is not None and self.env.due_ns <= end_ns:
            self.env.now_ns, self.env.due_ns = max(self.env.due_ns, self.env.now_ns), None
            self.gateway.fire()
        self.env.now_ns = end_ns

    def with_map(self):
        self.ask(Get("k1"), process=99)
        self.reply(self.attempt(), Done(SHARD_MAP))
        self.reply(self.attempt(), Done(None))
        self.env.sent.clear()
        return self

    def with_session(self, number=7):
        """Process 1 has written once before."""
        self.with_map()
        self.ask(Put("k1", "first"))
        self.reply(self.attempt(), Done(str(number)))
        self.reply(self.attempt(), Done(None))
        self.env.sent.clear()
        return self


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def make_bench():
    return Bench


@pytest.fixture
def shard_map():
    return SHARD_MAP
