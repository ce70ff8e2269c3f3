"""Whether a cluster serves: every range takes writes and reads through every node of the core.

Clients of the testbed try, and try again until it goes; each attempt stands in the history as an operation of its own,
so what was written by them is judged with the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from PhantomLibrary.database.config import SYSTEM_SHARD, ShardDescriptor
from PhantomLibrary.domain import MILLISECOND_NS, Answer, EventType, Get, NodeId, Ok, Operation, OutcomeUnknown, Put
from PhantomLibrary.kernel.tasks import Task, sleep
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.operator import WORKLOAD

_RETRY_NS = 100 * MILLISECOND_NS
_STEM = "!{}"  # No workload has keys with such an end.


class RangeProbes:
    """Writes and reads a key of every range through each of these nodes, until it has succeeded or time is up."""

    def __init__(self, run: Cluster, nodes: Sequence[NodeId], until_ns: int) -> None:
        self._run = run
        self._until_ns = until_ns
        self._gaps = dict.fromkeys(nodes, "has not been asked")
        for node in nodes:
            Task(run.scheduler, self._probe(node), f"probe {node}")

    @property
    def is_done(self) -> bool:
        """Whether every range was written and read through every node."""
        return not self._gaps

    def gaps(self) -> list[str]:
        """Return what does not go, a line for each node."""
        return [f"{node} {gap}" for node, gap in self._gaps.items()]

    async def _probe(self, node: NodeId) -> None:
        run = self._run
        for descriptor in [each for each in run.layout.shards if each.shard != SYSTEM_SHARD]:
            while (gap := await self._serves(node, descriptor)) != "":
                what = "hash" if descriptor.is_hashed else "key"
                start, end = descriptor.start or f"the smallest {what}", descriptor.end or "the largest"
                self._gaps[node] = f"takes no operation on shard {descriptor.shard} ({start} to {end}): {gap}"
                if run.now_ns + _RETRY_NS > self._until_ns:
                    return
                await sleep(_RETRY_NS)
        del self._gaps[node]

    async def _serves(self, node: NodeId, descriptor: ShardDescriptor) -> str:
        """Write and read one key through a node; return why this did not go, "" if it did."""
        recorder = self._run.recorder
        key = descriptor.some_key(_STEM.format(node))
        value = str(next(recorder.values_of("probe")))
        answer = await self._call(node, Put(key, value))
        if isinstance(answer, Ok):
            answer = await self._call(node, Get(key))
        return "" if isinstance(answer, Ok) else answer.reason

    async def _call(self, node: NodeId, operation: Put | Get) -> Answer:
        run = self._run
        recorder, process = run.recorder, run.recorder.new_process()
        session = run.sessions.open(process, home=node)
        session.node = node  # Even if other clients have lost it a moment ago, and avoid it.
        function, argument = ("write", operation.value) if isinstance(operation, Put) else ("read", None)
        recorder.invoke(process, function, operation.key, argument, WORKLOAD, node)
        answer = await session.call(operation)
        session.close()
        if isinstance(answer, Ok):
            recorder.complete(process, "ok", _result(operation, answer), node)
        else:
            ending: EventType = "info" if isinstance(answer, OutcomeUnknown) else "fail"
            recorder.complete(process, ending, argument, node, answer.reason)
        return answer


def _result(operation: Operation, answer: Ok) -> str | None:
    return operation.value if isinstance(operation, Put) else answer.value
