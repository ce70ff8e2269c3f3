"""What a message costs: bare loop, SimPy, SimPy with mailboxes, this kernel, this kernel with the whole network model.

All do the same in one run: five nodes, five messages under way, each passed on to the next node after a random latency.
Prints ratios to the bare loop, of the best of some rounds, so that the load of the machine matters little. SimPy
comes with the extra `bench`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from random import Random
from time import process_time_ns
from typing import Any

from benchmarks.bare import run_bare_loop
from PhantomLibrary.domain import NodeId
from PhantomLibrary.kernel.process import Env
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.streams import Streams
from PhantomLibrary.kernel.trace import Trace
from PhantomLibrary.world.latency import Uniform
from PhantomLibrary.world.link import Link
from PhantomLibrary.world.topology import DiskSpec, LatencySpec, LinkDefaults, NodeSpec, SizeSpec, Topology
from PhantomLibrary.world.units import Bytes, Millionths, Nanoseconds
from PhantomLibrary.world.world import World

NODES = 5
ROUNDS = 25  # Short ones: the best of few long rounds measured the load of the machine, not the code.
_FAR_NS = 10**18
_LATENCY = Uniform(Nanoseconds(100_000), Nanoseconds(1_148_575))


class _Enough(Exception):
    """Raised by the last message of a run."""


class _Countdown:
    """Ends a run after so many events."""

    def __init__(self, events: int) -> None:
        self.left = events

    def __call__(self) -> None:
        self.left -= 1
        if not self.left:
            raise _Enough


def run_simpy_timeouts(events: int) -> int:
    """Time SimPy's cheapest form: processes that wait for timeouts, without messages."""
    import simpy

    environment = simpy.Environment()
    bits = Random(1).getrandbits
    count = _Countdown(events)

    def node() -> Generator[Any, Any, None]:
        while True:
            yield environment.timeout(100_000 + bits(20))
            count()

    for _ in range(NODES):
        environment.process(node())
    return _timed(environment.run)


def run_simpy_mailboxes(events: int) -> int:
    """Time SimPy's way to pass messages: a Store for each node, and a process that delivers after the latency."""
    import simpy

    environment = simpy.Environment()
    bits = Random(1).getrandbits
    count = _Countdown(events)
    mailboxes = [simpy.Store(environment) for _ in range(NODES)]

    def deliver(target: int) -> Generator[Any, Any, None]:
        yield environment.timeout(100_000 + bits(20))
        yield mailboxes[target].put(target)

    def node(own: int) -> Generator[Any, Any, None]:
        while True:
            yield mailboxes[own].get()
            count()
            environment.process(deliver((own + 1) % NODES))

    for own in range(NODES):
        environment.process(node(own))
        environment.process(deliver(own))
    return _timed(environment.run)


def run_kernel(events: int) -> int:
    """Time this kernel alone: the same as the bare loop, on the scheduler."""
    scheduler = Scheduler()
    bits = Streams(1).get("network").bits
    at = scheduler.at

    def deliver(node: int) -> None:
        at(scheduler.now_ns + 100_000 + bits(20), deliver, (node + 1) % NODES)

    for node in range(NODES):
        deliver(node)
    return _timed_events(scheduler, events)


class _PassOn:
    """Passes every message on to the next node."""

    def __init__(self, node: NodeId) -> None:
        self._next = f"n{int(node[1:]) % NODES + 1}"

    def start(self, env: Env) -> None:
        self._env = env
        env.send(self._next, (env.node,))

    def receive(self, sender: str, message: Any) -> None:
        self._env.send(self._next, message)

    def fire(self, deadline: str) -> None: ...

    def synced(self, token: int, error: str) -> None: ...


class _Relay:
    """Passes every message on over one link."""

    def __init__(self, link: Link) -> None:
        self._send = link.send

    def receive(self, sender: str, message: Any, cost_ns: int) -> None:
        self._send(message)


def run_network(events: int, *, loss: int = 0) -> int:
    """Time the whole network model: latency, loss, partition check, order, counters. A node is one callback, as above.

    All pass on the same message, as the bare loop does, so that nothing is encoded.
    """
    scheduler = Scheduler()
    world = _world(scheduler, loss)
    for source, target in world.network.links:
        link, onward = world.network.links[source, target], f"n{int(target[1:]) % NODES + 1}"
        link.target_started()
        link.arrive = _Relay(world.network.links[target, onward]).receive
    message = ("token",)
    for node in range(NODES):
        world.network.links[f"n{node + 1}", f"n{(node + 1) % NODES + 1}"].send(message)
    return _timed_events(scheduler, events)


def run_world(events: int, *, trace: bool = False, cost_ns: int | None = None) -> int:
    """Time processes on nodes: Env, network and processor; each message is encoded. On request with trace and cost."""
    scheduler = Scheduler()
    world = _world(scheduler, 0, trace=trace, cost_ns=cost_ns)
    world.start()
    return _timed_events(scheduler, events)


def _world(scheduler: Scheduler, loss: int, *, trace: bool = False, cost_ns: int | None = None) -> World:
    return World(
        _topology(loss),
        scheduler=scheduler,
        streams=Streams(1),
        trace=Trace() if trace else None,
        encode=lambda message: b'{"append":[1,2,3]}',
        cost_ns=None if cost_ns is None else lambda message, size: cost_ns,
        spawn=_PassOn,
    )


def _topology(loss_ppm: int) -> Topology:
    size = SizeSpec(cores=2, memory=Bytes(1), disk=DiskSpec(_LATENCY))
    return Topology(
        name="five",
        nodes=tuple(NodeSpec(name=f"n{i + 1}", zone="a", region="eu", size="medium") for i in range(NODES)),
        sizes={"medium": size},
        latencies=LatencySpec(same_zone=_LATENCY, same_region=_LATENCY),
        links=LinkDefaults(loss=Millionths(loss_ppm)),
    )


def _timed_events(scheduler: Scheduler, events: int) -> int:
    started = process_time_ns()
    while scheduler.events < events:
        scheduler.run_until(scheduler.now_ns + 10**10)
    return (process_time_ns() - started) * events // scheduler.events


def _timed(run: Callable[[], object]) -> int:
    started = process_time_ns()
    try:
        run()
    except _Enough:
        return process_time_ns() - started
    raise AssertionError("the run ended before all its events")


Contestants = dict[str, Callable[[int], int]]


def measure_each(contestants: Contestants, events: int) -> dict[str, float]:
    """Return the nanoseconds of one event of each contestant, in the best of some rounds."""
    best = dict.fromkeys(contestants, _FAR_NS)
    for _ in range(ROUNDS):  # In turn, so that a slow minute of the machine hits all alike.
        for name, run in contestants.items():
            best[name] = min(best[name], run(events // ROUNDS))
    return {name: total_ns * ROUNDS / events for name, total_ns in best.items()}


def main(events: int = 1_000_000) -> None:
    contestants: Contestants = {
        "bare loop": run_bare_loop,
        "SimPy timeouts": run_simpy_timeouts,
        "SimPy mailboxes": run_simpy_mailboxes,
        "kernel": run_kernel,
        "kernel and network": run_network,
        "… with loss of 1 ppm": lambda number: run_network(number, loss=1),
        "processes on nodes": run_world,
        "… with a trace": lambda number: run_world(number, trace=True),
        "… with trace and cost": lambda number: run_world(number, trace=True, cost_ns=2_000),
    }
    cost_ns = measure_each(contestants, events)
    print(f"{'':24}{'ns a message':>14}{'ratio':>8}")
    for name, each_ns in cost_ns.items():
        print(f"{name:24}{each_ns:>14.0f}{each_ns / cost_ns['bare loop']:>8.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
