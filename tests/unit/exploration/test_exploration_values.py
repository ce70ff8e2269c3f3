"""Copies of groups: equal to what deepcopy makes, and independent of the original."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct

from PhantomLibrary.exploration.values import clone, frozen, renamed_group
from PhantomLibrary.protocols.raft.effects import DeadlinePassed, Propose, Read
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.replica import ELECTION, HEARTBEAT
from tests.unit.protocols.raft_scenario import Scenario


def groups() -> list[Group]:
    """Return groups in many conditions: all roles, conflicting logs, reads and records under way, snapshots."""
    found: list[Group] = []
    scenario = Scenario()
    for command in (
        "start 3",
        "run 1500ms",
        "propose n1 a",
        "deliver",
        "compact n1",
        "hold n1",
        "hold n2",
        "propose n1 b",
        "read n1 r",
        "read n1 s",
        "isolate n3",
        "campaign n3",
        "deliver",
        "isolate n1",
        "propose n1 c",
        "run 4s",
    ):
        scenario.perform(command)
        found += [copy.deepcopy(host.group) for host in scenario.hosts.values()]
    return found


GROUPS = groups()
EVENTS = [DeadlinePassed(ELECTION), DeadlinePassed(HEARTBEAT), Propose("t", "x"), Read("r")]


def attributes(value: Any) -> set[str]:
    """Return the names of an object's attributes, those in slots included."""
    slots = {name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())}
    return {name for name in (*slots, *getattr(value, "__dict__", ())) if hasattr(value, name)}


def changeable(value: Any) -> Iterator[Any]:
    """Yield every object that hangs on a group and can change."""
    if isinstance(value, int | str | bytes | type(None) | Struct) or callable(value):
        return
    if not isinstance(value, tuple):
        yield value
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    elif hasattr(value, "__slots__") or hasattr(value, "__dict__"):
        value = [getattr(value, name) for name in attributes(value)]
    for each in value:
        yield from changeable(each)


def same(effects: Any, others: Any) -> bool:
    return [(type(each), each) for each in effects] == [(type(each), each) for each in others]


def test_groups_to_copy_are_of_every_kind():
    assert {group.role for group in GROUPS} == {"leader", "follower", "candidate"}
    assert any(group._persists for group in GROUPS)
    assert any(group._leadership and group._leadership.waiting_reads for group in GROUPS)
    assert any(group.snapshot for group in GROUPS)
    assert len({frozen(group) for group in GROUPS}) > 15


@pytest.mark.parametrize("group", GROUPS)
def test_clone_is_what_deepcopy_makes_and_shares_nothing(group):
    cloned, deep = clone(group), copy.deepcopy(group)
    assert frozen(cloned) == frozen(deep) == frozen(group)
    assert attributes(cloned) == attributes(deep)
    assert cloned.view == group.view
    assert not {id(each) for each in changeable(cloned)} & {id(each) for each in changeable(group)}
    assert all(handler.__self__ is cloned for handler in cloned._handlers.values())


@pytest.mark.parametrize("group", GROUPS)
def test_clone_goes_its_own_way_as_deepcopy_does(group):
    before = frozen(group)
    choose = random.Random(1).choice
    cloned, deep = clone(group), copy.deepcopy(group)
    for now_ns in range(10**12, 10**12 + 8 * 10**9, 10**9):
        event = choose(EVENTS)
        assert same(cloned.step(event, now_ns), deep.step(event, now_ns))
        assert frozen(cloned) == frozen(deep)
    assert frozen(group) == before


@pytest.mark.parametrize("group", GROUPS)
def test_group_is_itself_again_when_names_are_changed_back(group):
    there = {"n1": "n2", "n2": "n3", "n3": "n1"}
    other = renamed_group(group, there)
    assert other.config.node == there[group.config.node]
    assert other.config.voters == group.config.voters
    assert frozen(renamed_group(other, {to: name for name, to in there.items()})) == frozen(group)
