"""What a transaction over two shards takes: in virtual time on twenty nodes, and of the processor on five.

A transaction looks at two accounts in different shards, takes from one and gives to the other, at serializable. Each
client has one in flight. Accounts are many, so few transactions are in each other's way.
"""

from __future__ import annotations

from time import process_time

from msgspec import Struct

from PhantomLibrary.domain import SECOND_NS, Get, Increment, Ok, Transact
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import RunSpec
from PhantomLibrary.testbed.sessions import GatewaySession

_ACCOUNTS = 10_000
_WARM_UP_NS = 2 * SECOND_NS
_ROUND_NS = SECOND_NS // 4
_ROUNDS = 3
_FIRST_PROCESS = 100_000


class TransactionPace(Struct, frozen=True):
    """`mean_ms` and `per_s` are virtual; `per_cpu_s` is how many transactions a CPU second simulates."""

    mean_ms: float
    per_s: float
    per_cpu_s: float
    refused_percent: float


class _Load:
    """Clients that run transfers, one after the other."""

    def __init__(self, run: Run, clients: int) -> None:
        self._run = run
        self._draws = Stream(1, "transfers")
        self.latencies_ns: list[int] = []
        self.refused = 0
        for number in range(clients):
            session = run.sessions.open(_FIRST_PROCESS + number)
            Task(run.scheduler, self._work(session), f"client {number}")

    async def _work(self, session: GatewaySession) -> None:
        while True:
            began_ns = self._run.now_ns
            answer = await session.call(self._transfer())
            self.latencies_ns.append(self._run.now_ns - began_ns)
            self.refused += not isinstance(answer, Ok)

    def _transfer(self) -> Transact:
        half = _ACCOUNTS // 2
        source, target = f"k{self._draws.below(half):04}", f"k{half + self._draws.below(half):04}"
        moves = (Get(source), Get(target), Increment(source, -1), Increment(target, 1))
        return Transact("serializable", moves)


def measure_transactions(topology: str, nodes: int, shards: int, clients: int) -> TransactionPace:
    """Return how a cluster with three replicas a shard runs transfers, once it is warm."""
    run = Run(RunSpec(seed=1, topology=topology, nodes=nodes, shards=shards))
    run.advance(_WARM_UP_NS)
    load = _Load(run, clients)
    run.advance(run.now_ns + _ROUND_NS)
    load.latencies_ns.clear()
    load.refused = 0
    best, latencies = 0.0, 0
    for _ in range(_ROUNDS):
        started = process_time()
        run.advance(run.now_ns + _ROUND_NS)
        done = len(load.latencies_ns) - latencies
        latencies += done
        best = max(best, done / (process_time() - started))
    assert not run.watch.violations
    mean_ms = sum(load.latencies_ns) / latencies / 1e6
    per_s = latencies * SECOND_NS / (_ROUNDS * _ROUND_NS)
    return TransactionPace(mean_ms, per_s, best, 100 * load.refused / latencies)


def main() -> None:
    """Print what was measured."""
    wide = measure_transactions("twenty-nodes", 20, 20, 20)
    print(f"20 nodes, 20 clients: {wide.mean_ms:.1f} ms, {wide.per_s:.0f} a virtual second")
    cost = measure_transactions("five-nodes", 5, 4, 16)
    print(f"5 nodes: {cost.per_cpu_s:.0f} a CPU second ({cost.mean_ms:.1f} ms, {cost.refused_percent:.1f} % refused)")


if __name__ == "__main__":
    main()
