"""Other orders of a run: that they are legal, that they are repeated, and that they find what they promise to find."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.errors import InvalidInput, Livelock
from PhantomLibrary.kernel.exploring import ExploringScheduler, PriorityOrder, make_scheduler
from PhantomLibrary.kernel.orders import STRATEGIES, Order, default_counted
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.streams import Streams

HOLD_NS = 30
END_NS = 10_000


class Planned(NamedTuple):
    """Something to happen `after_ns` what caused it: on a channel, or, with channel "", by a party of that name."""

    after_ns: int
    channel: str
    party: str
    causes: tuple[Any, ...] = ()
    soon: bool = False


class Happened(NamedTuple):
    number: int
    planned_ns: int
    at_ns: int
    plan: Planned
    cause: int  # The number of what caused it, -1 for what was there from the beginning.


class Party:
    """Notes what happens to it. It has a name, as owners of callbacks have."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name

    def act(self, made: tuple[int, int, Planned, int]) -> None:
        number, planned_ns, plan, cause = made
        self.world.happened.append(Happened(number, planned_ns, self.world.scheduler.now_ns, plan, cause))
        for each in plan.causes:
            self.world.plan(each, number)


class World:
    """Does a plan under an order."""

    def __init__(self, order: Order | None, plans: list[Planned], seed: int = 1) -> None:
        self.scheduler = make_scheduler(order, Streams(seed))
        self.happened: list[Happened] = []
        self.made = 0
        self.parties: dict[str, Party] = {}
        for each in plans:
            self.plan(each, -1)

    def plan(self, plan: Planned, cause: int) -> None:
        number, self.made = self.made, self.made + 1
        party = self.parties.setdefault(plan.party, Party(self, plan.party))
        planned_ns = self.scheduler.now_ns if plan.soon else self.scheduler.now_ns + plan.after_ns
        made = (number, planned_ns, plan, cause)
        if plan.soon:
            self.scheduler.soon(party.act, made)
        elif plan.channel:
            self.scheduler.at(planned_ns, party.act, made, plan.channel)
        else:
            self.scheduler.at(planned_ns, party.act, made)

    def run(self, pieces: tuple[int, ...] = ()) -> list[Happened]:
        for to_ns in sorted(pieces):
            self.scheduler.run_until(to_ns)
        self.scheduler.run_until(END_NS)
        return self.happened

    @property
    def numbers(self) -> list[int]:
        return [each.number for each in self.happened]


def planned(children: st.SearchStrategy[tuple[Planned, ...]]) -> st.SearchStrategy[Planned]:
    return st.builds(
        Planned,
        after_ns=st.integers(1, 40),
        channel=st.sampled_from(["", "a>b", "b>a", "a>c"]),
        party=st.sampled_from(["a", "b", "c"]),
        causes=children,
        soon=st.integers(0, 3).map(lambda drawn: drawn == 0),
    )


LEAVES = planned(st.just(()))
PLANS = st.lists(planned(st.lists(planned(st.lists(LEAVES, max_size=2).map(tuple)), max_size=3).map(tuple)), max_size=8)
ORDERS = st.builds(
    Order,
    strategy=st.sampled_from(STRATEGIES),
    number=st.integers(0, 50),
    depth=st.integers(1, 6),
    steps=st.integers(1, 40),
    hold_ns=st.sampled_from([0, 1, HOLD_NS]),
)


def is_delivery(each: Happened) -> bool:
    return bool(each.plan.channel) and not each.plan.soon


@given(PLANS, ORDERS)
def test_every_order_does_all_that_is_planned_once(plans, order):
    world = World(order, plans)
    world.run()

    assert sorted(world.numbers) == list(range(world.made))


@given(PLANS, ORDERS)
def test_deliveries_come_no_earlier_and_are_held_back_within_the_bound(plans, order):
    for each in World(order, plans).run():
        if is_delivery(each):
            assert each.planned_ns <= each.at_ns <= each.planned_ns + order.hold_ns
        else:
            assert each.at_ns == each.planned_ns, "timers come at their deadlines"


@given(PLANS, ORDERS)
def test_channels_keep_their_order(plans, order):
    for channel in ("a>b", "b>a", "a>c"):
        arrived = [each for each in World(order, plans).run() if is_delivery(each) and each.plan.channel == channel]
        assert arrived == sorted(arrived, key=lambda each: each.planned_ns)
        made = [(each.planned_ns, each.cause, each.number) for each in arrived]
        # What one cause sent over one channel for one time arrives as it was sent.
        assert all(one[2] < two[2] for one, two in pairwise(made) if one[:2] == two[:2])


@given(PLANS, ORDERS)
def test_effects_come_after_their_causes_and_what_one_made_for_now_in_the_order_in_which_it_was_made(plans, order):
    world = World(order, plans)
    happened = world.run()
    position = {each.number: place for place, each in enumerate(happened)}
    assert all(position[each.cause] < place for place, each in enumerate(happened) if each.cause >= 0)
    soon = [each for each in happened if each.plan.soon]
    assert soon == sorted(soon, key=lambda each: (each.at_ns, each.number))


@given(PLANS, ORDERS)
def test_what_one_party_planned_for_one_time_keeps_its_order(plans, order):
    own = [each for each in World(order, plans).run() if not each.plan.channel and not each.plan.soon]
    for party in ("a", "b", "c"):
        of_party = [each for each in own if each.plan.party == party]
        assert of_party == sorted(of_party, key=lambda each: (each.at_ns, each.number))


@given(PLANS, ORDERS, st.lists(st.integers(0, 200), max_size=5).map(tuple))
def test_an_order_is_the_same_each_time_in_whatever_pieces_it_is_done(plans, order, pieces):
    assert World(order, plans).run() == World(order, plans).run(pieces)


@given(PLANS)
def test_delay_bounded_without_delays_is_the_default_order(plans):
    counted = World(default_counted(), plans)
    assert counted.run() == World(None, plans).run()
    assert counted.scheduler.deliveries == sum(map(is_delivery, counted.happened))
    assert counted.scheduler.held == 0


@given(PLANS, ORDERS)
def test_delay_bounded_holds_back_as_many_as_it_may_and_what_follows_them_over_their_channels(plans, order):
    if order.strategy != "delay-bounded":
        return
    held, latest = 0, {}
    for each in World(order, plans).run():
        if is_delivery(each):
            held += each.at_ns > max(each.planned_ns, latest.get(each.plan.channel, 0))
            latest[each.plan.channel] = each.at_ns
    assert held <= order.depth


@given(PLANS, ORDERS)
def test_pct_changes_fewer_priorities_than_its_depth(plans, order):
    if order.strategy != "pct":
        return
    world = World(order, plans)
    world.run()
    scheduler = world.scheduler
    assert isinstance(scheduler, PriorityOrder)
    assert scheduler.changes <= order.depth - 1
    assert scheduler.steps == scheduler.deliveries, "each is counted once, though it may have to wait again"


def crowd() -> list[Planned]:
    """Twelve messages over four channels, and four timers at one time."""
    messages = [
        Planned(10 + 2 * step, channel, channel) for step in range(3) for channel in ("a>b", "b>a", "c>a", "d>a")
    ]
    return [*messages, *(Planned(20, "", party) for party in "abcd")]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_other_numbers_are_other_orders(strategy):
    orders = {tuple(World(Order(strategy, number, steps=12), crowd()).run()) for number in range(20)}
    assert len(orders) >= 10


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_another_seed_makes_another_order_of_the_same_number(strategy):
    orders = {tuple(World(Order(strategy, 1, steps=12), crowd(), seed).run()) for seed in range(20)}
    assert len(orders) >= 10


@pytest.mark.parametrize("strategy", ["random", "pct"])
def test_timers_of_one_time_take_turns_in_going_first(strategy):
    plans = [Planned(20, "", party) for party in "abcd"]
    first = {World(Order(strategy, number), plans).run()[0].plan.party for number in range(30)}
    assert first == set("abcd")


def shows(order: Order, plans: list[Planned], wanted: list[int]) -> bool:
    """Whether these happen in this order."""
    world = World(order, plans)
    world.run()
    return [each for each in world.numbers if each in wanted] == wanted


@pytest.mark.parametrize(
    ("depth", "wanted"),
    [
        (1, [4, 5, 0]),  # All of the second channel before the first one.
        (2, [0, 4, 5, 6, 7, 1]),  # One of the first, all of the second, the rest of the first.
        (3, [0, 4, 5, 1]),  # One of the first, two of the second, the next of the first.
    ],
)
def test_pct_finds_defects_of_its_depth_as_often_as_it_promises(depth, wanted):
    plans = [Planned(10 + step, channel, channel) for channel in ("a>b", "b>a") for step in range(4)]
    channels, steps, orders = 2, len(plans), 600

    found = sum(shows(Order("pct", n, depth=depth, steps=steps, hold_ns=100), plans, wanted) for n in range(orders))

    assert found / orders >= 1 / (channels * steps ** (depth - 1))
    assert not shows(default_counted(), plans, wanted)


def test_delay_bounded_finds_what_one_delay_brings_about():
    plans = [Planned(10 + step, channel, channel) for channel in ("a>b", "b>a") for step in range(4)]
    found = sum(shows(Order("delay-bounded", n, 1, len(plans), 100), plans, [4, 5, 6, 7, 3]) for n in range(200))
    assert found >= 5


def test_delay_bounded_uses_its_bound_and_no_more():
    plans = [Planned(100 * step, f"c{step}>b", "b") for step in range(1, 41)]
    held = set()
    for number in range(40):
        world = World(Order("delay-bounded", number, 2, len(plans), HOLD_NS), plans)
        world.run()
        held.add(world.scheduler.held)
    assert max(held) == 2


def test_delay_bounded_may_choose_the_first_delivery():
    held = [World(Order("delay-bounded", number, 1, 1, HOLD_NS), [Planned(1, "a>b", "b")]) for number in range(5)]
    assert max(each.run()[0].at_ns for each in held) > 1


def test_priorities_of_channels_are_drawn_fairly():
    plans = [Planned(10, channel, channel) for channel in ("a>b", "b>a", "c>a")]
    orders = [tuple(World(Order("pct", n, depth=1), plans).run()) for n in range(300)]
    assert len({tuple(each.number for each in order) for order in orders}) == 6
    assert min(sum(order[0].number == first for order in orders) for first in range(3)) > 60


def test_what_waits_for_others_goes_when_its_patience_ends():
    """A channel that is never silent would keep others waiting for good."""
    plans = [Planned(3 * step, "busy>b", "b") for step in range(1, 200)]
    late = [
        each.at_ns
        for number in range(10)
        for each in World(Order("pct", number, hold_ns=HOLD_NS), [*plans, Planned(20, "calm>b", "b")]).run()
        if each.plan.channel == "calm>b"
    ]
    assert min(late) == 20
    assert 20 + HOLD_NS - 3 <= max(late) <= 20 + HOLD_NS


def test_a_run_stops_after_its_last_instant_and_what_was_held_back_stays_due():
    for number in range(20):
        world = World(Order("random", number, hold_ns=HOLD_NS), [Planned(10, "a>b", "b"), Planned(10, "", "a")])
        world.scheduler.run_until(10)
        assert 1 in world.numbers
        assert world.scheduler.now_ns == 10
        world.scheduler.run_until(10 + HOLD_NS)
        assert sorted(world.numbers) == [0, 1]


def test_a_livelock_names_the_channel():
    scheduler = make_scheduler(Order("pct", 1), Streams(1))

    def send(_argument: object) -> None:
        scheduler.at(scheduler.now_ns, send, None, "n1>n2")

    send(None)
    with pytest.raises(Livelock, match=r"Channel\.look of n1>n2"):
        scheduler.run_until(100, events_max=1_000)


def test_only_other_orders_ask_for_all_deliveries():
    assert type(make_scheduler(None, Streams(1))) is Scheduler
    assert not Scheduler.reorders
    assert ExploringScheduler.reorders


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (Order("pct", -1), "number=-1 makes no pct order: give 0 to"),
        (Order("pct", 1, depth=0), "depth=0 makes no pct order: give 1 to 1000"),
        (Order("delay-bounded", 1, depth=-1), "depth=-1 makes no delay-bounded order: give 0 to 1000"),
        (Order("pct", 1, steps=0), "steps=0 makes no pct order: give 1 to"),
        (Order("random", 1, hold_ns=-1), "hold_ns=-1 makes no random order: give 0 to"),
    ],
)
def test_numbers_that_make_no_order_are_refused(order, message):
    with pytest.raises(InvalidInput, match=message):
        make_scheduler(order, Streams(1))
