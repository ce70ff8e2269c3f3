"""Every run of a small Raft cluster, within bounds, judged state by state.

A state is what three replicas are, which messages are under way, what was elected and committed so far, and what may
still happen. From each state, every message under way may arrive next, every timer fire, every disk finish, every
node crash. The search goes breadth first, so that the first run that breaks an invariant is a shortest one.

What keeps it small: replicas are numbers (see replicas.py); states that differ in the names of nodes alone are one;
identical messages under way are one; and messages get lost only to make room, because one that merely never arrives
is no different. When more are under way than the bounds allow, each choice of those that are lost is followed.

The invariants are those of the Raft paper, Figure 3, written from the paper: they look at logs, never at code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations, permutations, product
from typing import TypeAlias

from msgspec import Struct

from PhantomLibrary.domain import NodeId
from PhantomLibrary.exploration.replicas import Limits, Replicas, Step
from PhantomLibrary.exploration.safety import Safety
from PhantomLibrary.exploration.telling import tell_action, tell_losses, tell_replica
from PhantomLibrary.protocols.raft.group import Group
from PhantomLibrary.protocols.raft.messages import Recovered

_NAMES: tuple[NodeId, ...] = ("n1", "n2", "n3")
_NODES = len(_NAMES)
_HEAD = _NODES + 2  # A state: the replicas, the past, what may still happen, then the messages under way.

# What may still happen is one number, with a byte for each kind of action; of other kinds any number may.
_UNITS = {kind: 1 << 8 * place for place, kind in enumerate(("timeout", "heartbeat", "propose", "duplicate", "crash"))}
_UNITS["persist"] = 0

State: TypeAlias = tuple[int, ...]
_Action: TypeAlias = tuple[int, str, int]  # The node, the kind, and the message received or the records that are kept.
_Successor: TypeAlias = tuple[_Action, Step, tuple[int, ...], State, str]  # With messages lost, and the violation.


class Bounds(Struct, frozen=True):
    """How far to look. Messages may be lost and overtake each other without bound.

    `late_disks` is how many nodes may wait for their disks while anything else happens; with 0, each record is durable
    before anything else happens, or its node crashes.
    """

    terms: int = 2
    log_entries: int = 3
    messages_under_way: int = 3
    timeouts: int = 3
    heartbeats: int = 1
    proposals: int = 1
    duplicates: int = 0
    crashes: int = 0
    late_disks: int = 0
    entries_per_append: int = 1


class Counterexample(Struct, frozen=True):
    """A shortest run that breaks an invariant. `actions` are lines for people."""

    invariant: str
    evidence: str
    actions: tuple[str, ...]

    def __str__(self) -> str:
        lines = (f"{number:3}. {action}" for number, action in enumerate(self.actions, 1))
        return "\n".join((f"{self.invariant}: {self.evidence}", *lines))


class SearchResult(Struct, frozen=True):
    """`depth` is the number of actions of the longest runs looked at; `exhausted` says that there are no others."""

    states: int
    replica_states: int
    depth: int
    exhausted: bool
    counterexample: Counterexample | None


def search(
    bounds: Bounds,
    *,
    group_class: type[Group] = Group,
    disks: Mapping[NodeId, Recovered] | None = None,
    states_max: int = 1_000_000,
    is_over: Callable[[], bool] = lambda: False,
) -> SearchResult:
    """Look at every state within the bounds, from nodes that start with these disks, or fresh ones.

    Stops at the first violation, after `states_max` states, or when `is_over` says so, which is asked now and then.
    """
    return _Search(bounds, group_class, disks or {}).run(states_max, is_over)


class _Search:
    def __init__(self, bounds: Bounds, group_class: type[Group], disks: Mapping[NodeId, Recovered]) -> None:
        limits = Limits(bounds.terms, bounds.log_entries, bounds.entries_per_append)
        self.bounds = bounds
        self.replicas = Replicas(_NAMES, group_class, limits)
        self.safety = Safety(self.replicas)
        self._orders = _orders_by_pattern()
        self._renamed: dict[tuple[int, ...], tuple[dict[int, int], dict[int, int]]] = {}
        allowed = {
            "timeout": bounds.timeouts,
            "heartbeat": bounds.heartbeats,
            "propose": bounds.proposals,
            "duplicate": bounds.duplicates,
            "crash": bounds.crashes,
        }
        assert all(0 <= count <= 255 for count in allowed.values()), "a byte each"
        left = sum(count * _UNITS[kind] for kind, count in allowed.items())
        boots = (self.replicas.boot(name, disks.get(name, Recovered())) for name in _NAMES)
        self.first: State = (*boots, self.safety.nothing_yet, left)

    def run(self, states_max: int, is_over: Callable[[], bool]) -> SearchResult:
        root = self._canonical(self.first)
        origins: dict[State, State | None] = {root: None}
        frontier, depth = [root], 0
        while frontier:
            reached: list[State] = []
            for position, state in enumerate(frontier):
                if position % 1000 == 0 and (len(origins) > states_max or is_over()):
                    return self._result(origins, depth, exhausted=False)
                for _, _, _, after, violation in self._successors(state):
                    if violation:
                        return self._result(origins, depth + 1, exhausted=False, broken=state)
                    canonical = self._canonical(after)
                    if canonical not in origins:
                        origins[canonical] = state
                        reached.append(canonical)
            frontier = reached
            depth += bool(reached)
        return self._result(origins, depth, exhausted=True)

    def _result(
        self, origins: dict[State, State | None], depth: int, *, exhausted: bool, broken: State | None = None
    ) -> SearchResult:
        counterexample = None if broken is None else self._retell(origins, broken)
        return SearchResult(len(origins), len(self.replicas.all), depth, exhausted, counterexample)

    # --- what may happen next -----------------------------------------------------------------------------------------

    def _successors(self, state: State) -> list[_Successor]:
        """Return all that may happen, each with the state after it, or with the violation that it is."""
        found: list[_Successor] = []
        replicas, left, messages = self.replicas, state[_NODES + 1], state[_HEAD:]
        pending = [node for node in range(_NODES) if replicas.is_pending[state[node]]]
        disks_first = len(pending) > self.bounds.late_disks
        for node in pending if disks_first else range(_NODES):
            for kind, detail, step in replicas.moves(state[node]):
                unit = _UNITS[kind]
                if not unit or (left & 255 * unit and (kind == "crash" or not disks_first)):
                    self._add(found, state, (node, kind, detail), step, left - unit, messages)
        if disks_first:
            return found
        unit = _UNITS["duplicate"]
        is_duplicated = left & 255 * unit
        for position, message in enumerate(messages):
            node = replicas.receivers[message]
            for step in replicas.receptions(state[node], message):
                others = messages[:position] + messages[position + 1 :]
                self._add(found, state, (node, "receive", message), step, left, others)
                if is_duplicated:
                    self._add(found, state, (node, "duplicate", message), step, left - unit, messages)
        return found

    def _add(
        self, found: list[_Successor], state: State, action: _Action, step: Step, left: int, messages: State
    ) -> None:
        node = action[0]
        past, violation = self.safety.judge(state, node, step)
        if violation:
            found.append((action, step, (), state, violation))
            return
        after = (*state[:node], step.after, *state[node + 1 : _NODES], past, left)
        if not step.sent:
            found.append((action, step, (), after + messages, ""))
            return
        under_way = sorted({*messages, *step.sent})
        excess = len(under_way) - self.bounds.messages_under_way
        for lost in combinations(under_way, max(excess, 0)):
            kept = [each for each in under_way if each not in lost]
            found.append((action, step, lost, (*after, *kept), ""))

    # --- names mean nothing -------------------------------------------------------------------------------------------

    def _canonical(self, state: State) -> State:
        """Return the one state that stands for all that differ from this one in names alone."""
        alike = self.replicas.alike
        first, second, third = alike[state[0]], alike[state[1]], alike[state[2]]
        if first < second < third:
            return state
        orders = self._orders[
            first < second, first == second, second < third, second == third, first < third, first == third
        ]
        if len(orders) == 1:
            return self._in_order(state, orders[0])
        return min([self._in_order(state, order) for order in orders])

    def _in_order(self, state: State, order: tuple[int, ...]) -> State:
        """Return the state with the nodes renamed so that they stand in this order."""
        if order == (0, 1, 2):
            return state
        tables = self._renamed.get(order)
        if tables is None:
            tables = self._renamed[order] = ({}, {})
        replicas, messages = tables
        try:
            head = [replicas[state[node]] for node in order]
            tail = [messages[each] for each in state[_HEAD:]]
        except KeyError:
            self._learn(state, order, replicas, messages)
            return self._in_order(state, order)
        tail.sort()
        return (*head, state[_NODES], state[_NODES + 1], *tail)

    def _learn(self, state: State, order: tuple[int, ...], replicas: dict[int, int], messages: dict[int, int]) -> None:
        names = {_NAMES[node]: _NAMES[position] for position, node in enumerate(order)}
        for each in state[:_NODES]:
            replicas[each] = self.replicas.rename(each, names)
        for each in state[_HEAD:]:
            messages[each] = self.replicas.rename_message(each, names)

    # --- a run for people ---------------------------------------------------------------------------------------------

    def _retell(self, origins: dict[State, State | None], last: State) -> Counterexample:
        """Walk from the start to a violation one step after `last`, with names that stay, and tell what happens."""
        path: list[State] = []
        state: State | None = last
        while state is not None:
            path.append(state)
            state = origins[state]
        actions, at = [], self.first
        for goal in path[-2::-1]:
            found = self._successors(at)
            successor = next(each for each in found if not each[-1] and self._canonical(each[-2]) == goal)
            actions.append(self._tell(successor))
            at = successor[-2]
        successor = next(each for each in self._successors(at) if each[-1])
        invariant, _, evidence = successor[-1].partition(": ")
        return Counterexample(invariant, evidence, (*actions, self._tell(successor)))

    def _tell(self, successor: _Successor) -> str:
        (node, kind, detail), step, lost, _, _ = successor
        replicas = self.replicas
        message = replicas.messages[detail][1] if kind in ("receive", "duplicate") else None
        told = tell_action(_NAMES[node], kind, message, detail) + tell_losses(
            [replicas.messages[each] for each in lost]
        )
        return f"{told}: {tell_replica(replicas.all[step.after])}"


def _orders_by_pattern() -> dict[tuple[bool, ...], tuple[tuple[int, ...], ...]]:
    """Return, for each way in which three numbers compare, the orders of the three that sort them."""
    orders: dict[tuple[bool, ...], tuple[tuple[int, ...], ...]] = {}
    for numbers in product(range(_NODES), repeat=_NODES):
        a, b, c = numbers
        best = [order for order in permutations(range(_NODES)) if [numbers[node] for node in order] == sorted(numbers)]
        orders[a < b, a == b, b < c, b == c, a < c, a == c] = tuple(best)
    return orders
