"""A small world that other tests here break, and the claim that the same seed gives the same run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import pytest

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.domain.usage import Account
from PhantomLibrary.kernel.exploring import make_scheduler
from PhantomLibrary.kernel.orders import Order
from PhantomLibrary.kernel.process import Env
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.streams import Streams
from PhantomLibrary.kernel.trace import Trace
from PhantomLibrary.world import quantiles
from PhantomLibrary.world.faults import CrashNode
from PhantomLibrary.world.latency import Latency, constant
from PhantomLibrary.world.link_faults import Flapping, LinkChange
from PhantomLibrary.world.link_properties import LinkOverlay
from PhantomLibrary.world.shapes import between, isolate
from PhantomLibrary.world.topology import DiskSpec, LatencySpec, NodeSpec, SizeSpec, Topology
from PhantomLibrary.world.topology_file import load_topology
from PhantomLibrary.world.units import Bytes, BytesPerSecond, Millionths, Nanoseconds
from PhantomLibrary.world.world import World

MS = MILLISECOND_NS


class Recorder:
    """Notes what it is told, with the time; can be told to do more."""

    def __init__(self, bench: Bench, node: str) -> None:
        self.bench = bench
        self.node = node

    def start(self, env: Env) -> None:
        self.env = env
        self.bench.on_start(env)

    def receive(self, sender: str, message: Any) -> None:
        self.bench.note(self.node, "message", sender, message)
        if self.bench.on_receive is not None:
            self.bench.on_receive(self.env, sender, message)

    def fire(self, deadline: str) -> None:
        self.bench.note(self.node, "fire", deadline)

    def synced(self, token: int, error: str) -> None:
        self.bench.note(self.node, "synced", token, error)

    def account(self) -> Account:
        return Account(memory_bytes=250)


class Bench:
    """A world of equal nodes, 1 ms apart, whose syncs take 2 ms, and a note of all that happened."""

    def __init__(
        self,
        nodes: int = 3,
        *,
        seed: int = 1,
        cost_ns: Callable[[Any, int], int] | None = None,
        cores: int = 1,
        speed: int = 1_000_000,
        latency: Latency | None = None,
        network: int | None = None,
        order: Order | None = None,
    ) -> None:
        self.notes: list[tuple[Any, ...]] = []
        self.records: list[bytes] = []
        self.on_start: Callable[[Env], object] = lambda env: None
        self.on_receive: Callable[[Env, str, Any], object] | None = None
        streams = Streams(seed)
        self.scheduler = make_scheduler(order, streams)
        self.trace = Trace(self.records.extend)
        size = SizeSpec(
            cores=cores,
            memory=Bytes(1_000),
            disk=DiskSpec(constant(2 * MS)),
            speed=Millionths(speed),
            network=None if network is None else BytesPerSecond(network),
        )
        topology = Topology(
            name="bench",
            nodes=tuple(NodeSpec(name=f"n{i + 1}", zone="a", region="eu", size="one") for i in range(nodes)),
            sizes={"one": size},
            latencies=LatencySpec(same_zone=latency or constant(MS), same_region=constant(MS)),
            client_latency=Nanoseconds(100_000),
        )
        self.world = World(
            topology,
            scheduler=self.scheduler,
            streams=streams,
            trace=self.trace,
            encode=lambda message: json.dumps(message).encode(),
            cost_ns=cost_ns,
            spawn=lambda node: Recorder(self, node),
        )

    def started(self) -> Bench:
        self.world.start()
        return self

    def note(self, node: str, *what: Any) -> None:
        self.notes.append((self.scheduler.now_ns, node, *what))

    def env(self, node: str) -> Env:
        env = self.world.nodes[node].env
        assert env is not None
        return env

    def send(self, source: str, target: str, *messages: Any) -> None:
        for message in messages:
            self.env(source).send(target, message)

    def run(self, duration_ns: int) -> None:
        self.scheduler.run_until(self.scheduler.now_ns + duration_ns)

    def messages(self, node: str) -> list[Any]:
        """The messages that a node has received, in order."""
        return [note[4] for note in self.notes if note[1] == node and note[2] == "message"]

    def times(self, node: str, what: str) -> list[int]:
        return [note[0] for note in self.notes if note[1] == node and note[2] == what]

    def lost(self, source: str, target: str, cause: str) -> int:
        return self.world.network.link(source, target).lost[cause]


def digest_of_a_run(seed: int) -> str:
    """Run three gossiping nodes under faults; return the trace's digest."""
    bench = Bench(seed=seed, cost_ns=lambda message, size: 5_000)
    bench.on_receive = lambda env, sender, message: message and env.send(sender, message - 1)
    bench.started()
    nodes = list(bench.world.nodes)
    for fault in (
        LinkChange(between(nodes, nodes), LinkOverlay(jitter_ns=MS, loss_ppm=20_000, duplicate_ppm=20_000)),
        Flapping(isolate("n3", nodes), 50 * MS),
    ):
        fault.apply(bench.world)
    for _ in range(20):
        for source in nodes:
            for target in nodes:
                bench.send(source, target, 20)
        bench.env("n1").disk.append("log", b"12345")
        bench.run(30 * MS)
        crash = CrashNode("n1")
        crash.apply(bench.world)
        bench.run(10 * MS)
        crash.heal()
    assert bench.world.network.totals()["lost_loss"] > 0
    return bench.trace.digest()


def test_same_seed_gives_same_run_and_another_seed_another() -> None:
    assert digest_of_a_run(7) == digest_of_a_run(7)
    assert digest_of_a_run(7) != digest_of_a_run(8)


def test_run_does_not_depend_on_the_hash_seed_of_the_process() -> None:
    code = "from tests.unit.world.test_world_harness import digest_of_a_run; print(digest_of_a_run(7))"
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.getcwd()},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert digests == {digest_of_a_run(7) + "\n"}


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (quantiles.normal, "ec9b851e1979ea02"),
        (quantiles.exponential, "fca56a983a6d73ad"),
        (quantiles.lognormal, "c39345637e8df048"),
        (quantiles.pareto, "9e8cc4ceaa079b2b"),
    ],
)
def test_quantile_tables_never_change(table: Callable[[], tuple[int, ...]], expected: str) -> None:
    values = table()
    assert len(values) == quantiles.ENTRIES and list(values) == sorted(values)
    assert blake2b(repr(values).encode(), digest_size=8).hexdigest() == expected


def test_built_in_topology_runs_idle_for_a_second() -> None:
    topology = load_topology("three-regions", nodes=4)
    scheduler = Scheduler()
    world = World(
        topology,
        scheduler=scheduler,
        streams=Streams(1),
        trace=Trace(),
        encode=lambda message: b"0",
        cost_ns=None,
        spawn=lambda node: Recorder(Bench(), node),
    )
    world.start()
    scheduler.run_until(SECOND_NS)
    assert [host.state.value for host in world.nodes.values()] == ["up"] * 4
