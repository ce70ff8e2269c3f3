"""What a gateway answers a client that has a transaction open, or wants one, one question after the other."""

import pytest

from PhantomLibrary.domain import (
    SECOND_NS,
    Begin,
    Commit,
    Get,
    Ok,
    OutcomeUnknown,
    Put,
    Refused,
    Rollback,
    Transact,
    Within,
)
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec


class Client:
    """A client at n1 that does not wait for its answers unless it says so."""

    def __init__(self):
        self.run = Run(RunSpec(seed=1, nodes=3, shards=2))
        assert self.go(lambda: all(self.run.leader(shard) for shard in self.run.shard_ids))
        self.manager = self.run.processes["n1"].transactions

    def go(self, condition):
        return self.run.advance(self.run.now_ns + 3 * SECOND_NS, condition)

    def ask(self, operation):
        answers = []
        self.manager.request(1, operation, answers.append)
        return answers

    def call(self, operation):
        answers = self.ask(operation)
        assert self.go(lambda: answers)
        (answer,) = answers
        return answer

    def wrote(self, key="k1"):
        """Begin, and write a key."""
        assert self.call(Begin("snapshot")) == Ok()
        assert type(self.call(Within(Put(key, "new")))) is Ok

    def value(self, key="k1"):
        return self.call(Transact("snapshot", (Get(key),))).value


@pytest.fixture
def client():
    return Client()


@pytest.mark.parametrize("operation", [Begin("chaos"), Transact("chaos", (Get("k1"),))])
def test_a_level_that_does_not_exist_is_refused(client, operation):
    answer = client.call(operation)
    assert type(answer) is Refused and "no isolation level 'chaos'" in answer.reason
    assert client.manager.under_way == []


def test_a_client_has_one_transaction_open_at_a_time(client):
    client.wrote()
    assert client.call(Begin("snapshot")) == Refused("a transaction is open already")
    assert client.call(Rollback()) == Ok()
    assert client.call(Begin("snapshot")) == Ok()


@pytest.mark.parametrize("operation", [Commit(), Within(Put("k2", "late"))])
def test_nothing_is_added_to_a_transaction_that_is_being_committed(client, operation):
    client.wrote()
    committed = client.ask(Commit())
    assert client.ask(operation) == [Refused("the transaction is committing")]
    assert client.go(lambda: committed) and type(committed[0]) is Ok
    assert client.value() == '["new"]'


def test_whoever_rolls_back_while_it_is_being_committed_comes_too_late(client):
    client.wrote()
    committed = client.ask(Commit())
    client.ask(Rollback())
    assert client.go(lambda: committed) and type(committed[0]) is Ok
    assert client.value() == '["new"]'
    assert client.call(Commit()) == Refused("the transaction is committed")


def test_whose_outcome_is_unknown_is_over_for_its_gateway(client):
    """It has to be: whoever asks for commit again would get another answer, and nothing would ever end it."""
    client.wrote()
    (open_here,) = client.manager.under_way
    committed = client.ask(Commit())
    client.run.perform(Command("isolate node", client.run.now_ns, client.run.now_ns, "n1"))
    assert client.go(lambda: committed) and type(committed[0]) is OutcomeUnknown
    assert open_here not in client.manager.under_way
    assert client.call(Commit()) == Refused("the transaction is committing")


def test_what_was_rolled_back_is_nowhere_and_says_so(client):
    client.wrote()
    assert client.call(Rollback()) == Ok()
    assert client.call(Commit()) == Refused("the transaction is rolled back: it was asked for")
    assert client.value() == "[null]"


@pytest.mark.parametrize("operation", [Commit(), Rollback(), Within(Get("k1"))])
def test_who_has_begun_none_is_told_so(client, operation):
    assert client.call(operation) == Refused("no transaction is open at n1")
