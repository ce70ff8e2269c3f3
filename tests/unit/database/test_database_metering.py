"""Nodes tell each other their meters when asked, and only then; answers may be lost, late or doubled."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from PhantomLibrary.database.metering import AskMeters, Metering, Meters
from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.domain.usage import Reading
from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec

READING = Reading(0, 1, 2, 1_000, 0, 0, 0)


class Host:
    """A node whose clock and meters the test holds."""

    def __init__(self):
        self.parts = Parts()
        self.env = self
        self.node = "n1"
        self.replicas = {}
        self.now_ns = 0
        self.sent = []

    def monotonic_ns(self):
        return self.now_ns

    def send(self, to, message):
        self.sent.append((to, message))

    def reading(self):
        return replace(READING, elapsed_ns=self.now_ns)


def told(elapsed_s: int, cpu_s: int = 0, node: str = "n2") -> Meters:
    return Meters(node, replace(READING, elapsed_ns=elapsed_s * SECOND_NS, cpu_ns=cpu_s * SECOND_NS), ())


@pytest.fixture
def metering():
    return Metering(Host())


def test_whoever_is_asked_answers_with_its_meters(metering):
    metering.receive("n3", AskMeters())
    assert metering._env.sent == [("n3", metering.read())]


def test_asking_sends_one_question_to_each_other_node_and_reads_the_own_meters(metering):
    metering.ask(["n1", "n2", "n3"])
    assert metering._env.sent == [("n2", AskMeters()), ("n3", AskMeters())]
    assert metering.latest("n1").node == "n1" and metering.latest("n2") is None


def test_usage_is_that_of_the_window_before_the_newest_reading(metering):
    for elapsed_s, cpu_s in ((1, 0), (2, 0), (3, 1), (4, 3)):
        metering.receive("n2", told(elapsed_s, cpu_s))
    assert metering.usage("n2", SECOND_NS).cpu_ppm == 1_000_000
    assert metering.usage("n2", 2 * SECOND_NS).cpu_ppm == 750_000
    assert metering.usage("n2", SECOND_NS + 1).cpu_ppm == 750_000, "not less than the window"
    assert metering.usage("n2", 60 * SECOND_NS).cpu_ppm == 500_000, "all that is known"


def test_one_reading_is_no_usage(metering):
    assert metering.usage("n2", SECOND_NS) is None
    metering.receive("n2", told(1))
    assert metering.usage("n2", SECOND_NS) is None


def test_doubled_and_overtaken_answers_change_nothing(metering):
    for elapsed_s, cpu_s in ((1, 0), (3, 2), (2, 1), (3, 2)):
        metering.receive("n2", told(elapsed_s, cpu_s))
    assert metering.usage("n2", 60 * SECOND_NS).cpu_ppm == 500_000
    assert metering.latest("n2").reading.elapsed_ns == 3 * SECOND_NS


def test_the_age_of_what_is_known_counts_from_when_it_came(metering):
    assert metering.age_ns("n2") is None
    metering._env.now_ns = 5 * SECOND_NS
    metering.receive("n2", told(1))
    metering._env.now_ns = 7 * SECOND_NS
    assert metering.age_ns("n2") == 2 * SECOND_NS
    metering.forget()
    assert metering.age_ns("n2") is None


def test_what_is_kept_of_a_node_is_bounded(metering):
    for elapsed_s in range(1_000):
        metering.receive("n2", told(elapsed_s + 1))
    assert len(metering._known["n2"]) == 128


# --- in a cluster -----------------------------------------------------------------------------------------------------


def test_nodes_know_of_each_other_what_really_was_used():
    run = Run(RunSpec(seed=1, topology="three-small-nodes", shards=2))
    run.advance(SECOND_NS)
    given = {"kind": "register", "clients": 10, "rate": 100_000, "reads_percent": 50}
    run.perform(Command("start workload", run.now_ns, run.now_ns, arguments=given))
    asker = run.processes["n1"].metering
    for second in (2, 4):
        run.advance(second * SECOND_NS)
        asker.ask(run.node_names)
    run.advance(run.now_ns + SECOND_NS // 10)
    for node in run.node_names:
        real = run.usage.usage(node, 2 * SECOND_NS)
        known = asker.usage(node, 2 * SECOND_NS)
        assert abs(known.cpu_ppm - real.cpu_ppm) < 30_000
        assert abs(known.operations_per_s - real.operations_per_s) <= 2
    loads = [load for node in run.node_names for load in asker.latest(node).shards]
    assert sorted(load.shard for load in loads) == [0, 1, 2], "each is told by its leader"
    assert all(load.bytes > 0 and load.operations > 0 for load in loads if load.shard)


def test_nodes_that_nobody_asks_say_nothing_of_their_meters():
    run = Run(RunSpec(seed=1))
    told = []

    def listen(arrive):
        return lambda sender, message, cost_ns: (told.append(type(message)), arrive(sender, message, cost_ns))

    for link in run.world.network.links.values():
        link.arrive = listen(link.arrive)
    run.advance(10 * SECOND_NS)
    assert told and AskMeters not in told and Meters not in told


def test_a_node_that_is_down_does_not_answer_and_its_last_word_grows_old():
    run = Run(RunSpec(seed=1))
    run.advance(SECOND_NS)
    asker = run.processes["n1"].metering
    asker.ask(["n2"])
    run.advance(2 * SECOND_NS)
    run.perform(Command("crash node", run.now_ns, run.now_ns, "n2"))
    asker.ask(["n2"])
    run.advance(12 * SECOND_NS)
    assert asker.age_ns("n2") > 10 * SECOND_NS
