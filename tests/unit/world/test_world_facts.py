"""What the world notes of nodes and links, for those who judge views of it."""

import pytest

from PhantomLibrary.domain import LinkTurned, NodeTurned
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec


@pytest.fixture
def run():
    return Run(RunSpec(seed=1))


def give(run, verb, aim="", **arguments):
    run.perform(Command(verb, run.now_ns, run.now_ns, aim, None, None, arguments))


def new_facts(run, before):
    return [
        (each.node, each.is_up) if isinstance(each, NodeTurned) else (each.source, each.target, each.is_open)
        for each in run.world.facts[before:]
    ]


def test_all_nodes_start_and_all_links_are_open(run):
    assert new_facts(run, 0) == [("n1", True), ("n2", True), ("n3", True)]
    assert not any(isinstance(each, LinkTurned) for each in run.world.facts)


def test_a_node_turns_once_however_often_it_is_paused(run):
    before = len(run.world.facts)
    give(run, "pause node", "n2")
    give(run, "pause node", "n2")
    assert new_facts(run, before) == [("n2", False)]
    run.world.resume("n2")
    assert new_facts(run, before) == [("n2", False)]
    run.world.resume("n2")
    assert new_facts(run, before) == [("n2", False), ("n2", True)]
    give(run, "pause node", "n2")
    give(run, "crash node", "n2")
    give(run, "restart node", "n2")
    assert new_facts(run, before + 2) == [("n2", False), ("n2", True)]


@pytest.mark.parametrize(
    ("verb", "arguments", "closes"),
    [
        ("set link", {"loss_ppm": 1_000_000}, True),
        ("set link", {"loss_ppm": 999_999}, False),
        ("set link", {"latency_ns": 10**9}, False),
        ("drop messages", {"probability_ppm": 1_000_000}, True),
        ("drop messages", {"probability_ppm": 999_999}, False),
        ("drop messages", {"kind": "ping", "probability_ppm": 1_000_000}, False),
    ],
)
def test_a_link_is_closed_when_nothing_can_come_through(run, verb, arguments, closes):
    before = len(run.world.facts)
    give(run, verb, source="n1", target="n3", **arguments)
    assert new_facts(run, before) == ([("n1", "n3", False)] if closes else [])
    give(run, "heal network")
    assert new_facts(run, before) == ([("n1", "n3", False), ("n1", "n3", True)] if closes else [])


def test_a_link_that_is_cut_twice_is_open_when_both_are_healed(run):
    before = len(run.world.facts)
    give(run, "partition network", "n1 | n3")
    give(run, "isolate node", "n3", direction="in")
    give(run, "heal faults", "n3")
    assert new_facts(run, before).count(("n1", "n3", False)) == 1
    assert run.world.network.link("n1", "n3").is_open
