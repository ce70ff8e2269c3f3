"""Each planted defect of concurrency is caught in a short story, and the same story without it is clean."""

import threading

import pytest

from PhantomLibrary.domain import MILLISECOND_NS
from PhantomLibrary.testbed.crew import Crew, Operation
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.testbed.transactions import transaction_state
from PhantomLibrary.zoo.defects import plant

WAITING_MS = 20


class Story:
    """Three nodes: n1 leads no data, n2 the shard of alice and n3 that of zoe."""

    def __init__(self, defect, **fields):
        self.run = Run(RunSpec(**{"seed": 5, "shards": 2, **fields}), parts=plant((defect,) if defect else ()))

    def lead(self):
        run = self.run
        for node in ("n2", "n3"):
            self.give("drop messages", kind="request vote", source=node)
        self.go_ms(3000, lambda: all(run.leader(shard) == "n1" for shard in run.shard_ids))
        self.give("heal network")
        self.go_ms(1500)
        self.give("transfer leadership", "n2", shard=1)
        self.give("transfer leadership", "n3", shard=2)
        assert self.go_ms(3000, lambda: run.leader(1) == "n2" and run.leader(2) == "n3")
        self.go_ms(500)
        return self

    def give(self, verb, target="", **arguments):
        return self.run.perform(Command(verb, self.run.now_ns, self.run.now_ns, target, arguments=arguments))

    def go_ms(self, milliseconds, condition=None):
        return self.run.advance(self.run.now_ns + milliseconds * MILLISECOND_NS, condition)

    def begin(self, name, gateway):
        self.give("begin transaction", gateway, transaction=name, isolation="read committed")
        self.go_ms(WAITING_MS)

    def write(self, name, key):
        self.give("write key", transaction=name, key=key, value=name)
        self.go_ms(WAITING_MS)

    def state(self, name):
        return transaction_state(self.run, self.run.transactions[name])


def _beside_a_lost_waiter(defect):
    """Two wait for each other; between them in a queue stood a third one, whose node has crashed."""
    story = Story(defect).lead()
    for name, gateway in (("first", "n3"), ("second", "n2"), ("lost", "n1")):
        story.begin(name, gateway)
    for name, key in (("first", "zoe"), ("second", "alice"), ("lost", "alice"), ("first", "alice")):
        story.write(name, key)
    story.give("crash node", "n1")
    story.write("second", "zoe")
    story.go_ms(250, lambda: story.state("second") == "aborted")
    return story.state("second")


def _after_a_hand_over(defect):
    """One waits for the lock of another; that hands it over to a third one, which comes to wait for the first."""
    story = Story(defect).lead()
    for name in ("first", "second", "third"):
        story.begin(name, "n1")
    for name, key in (("second", "alice"), ("first", "zoe"), ("third", "alice"), ("first", "alice")):
        story.write(name, key)
    story.give("roll back transaction", transaction="second")
    story.go_ms(WAITING_MS)
    story.write("third", "zoe")
    story.go_ms(250, lambda: story.state("third") == "aborted")
    return story.state("third")


@pytest.mark.parametrize(
    ("defect", "circle"),
    [("wait-edges-overwritten", _beside_a_lost_waiter), ("blocker-not-updated", _after_a_hand_over)],
)
def test_a_circle_has_a_victim_unless_an_edge_of_it_was_lost(defect, circle):
    assert circle(defect) == "blocked"
    assert circle("") == "aborted"


def test_who_joins_does_not_wait_for_those_who_are_down():
    def standing(defect):
        story = Story(defect, topology="five-nodes")
        story.go_ms(3000)
        story.give("crash node", "n2")
        story.go_ms(3000)
        story.give("add node", "n6")
        story.go_ms(5000)
        return story.run.directory().standing("n6")

    assert standing("join-waits-for-recovery") == "joining"
    assert standing("") == "active"


def test_threads_that_take_no_turns_are_found_in_one_cluster_at_once():
    def troubles(defect):
        story = Story(defect).lead()
        run = story.run
        story.give("start workload", kind="register", clients=4, rate=400_000, keys=5)

        def go_on():
            with run.lock:
                run.advance(run.now_ns + 200 * MILLISECOND_NS)

        crew = Crew(
            [Operation("go on", go_on)], threads=4, rounds=20, end_run=lambda _reason: None, describe_waits=list
        )
        return [str(each.error) for each in crew.work(30).troubles]

    before = threading.active_count()
    assert "two threads change one cluster at once" in troubles("administration-without-lock")
    assert troubles("") == []
    assert threading.active_count() == before


SCENARIOS = (
    "wait-edges-overwritten",
    "blocker-not-updated",
    "join-waits-for-recovery",
    "administration-without-lock",
)
