"""The usage of nodes over time, from readings of their meters once a virtual second.

Reading decides nothing and draws nothing: a run with and without it is the same, message by message. What usage was
over some time follows from two readings exactly. The number of readings is bounded: when there are too many, every
second one is given up, and from then on they are taken half as often.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from msgspec.structs import astuple

from PhantomLibrary.domain import SECOND_NS, NodeId
from PhantomLibrary.domain.usage import NodeUsage, Reading
from PhantomLibrary.errors import InvalidState
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.world.world import World

SAMPLES_MAX = 2_048

UsageBetween = Callable[[Reading, Reading], NodeUsage]


class _Readings:
    """Readings of one node in their order, as plain integers: eighty bytes each, where objects take four times that."""

    _WIDTH = len(Reading.__struct_fields__)

    def __init__(self, readings: Iterable[Reading] = ()) -> None:
        self._numbers = array("q")
        for each in readings:
            self.append(each)

    def append(self, reading: Reading) -> None:
        self._numbers.extend(astuple(reading))

    def __len__(self) -> int:
        return len(self._numbers) // self._WIDTH

    def __getitem__(self, number: int) -> Reading:
        start = number * self._WIDTH
        return Reading(*self._numbers[start : start + self._WIDTH])

    def __iter__(self) -> Iterator[Reading]:
        return map(self.__getitem__, range(len(self)))

    def __reversed__(self) -> Iterator[Reading]:
        return map(self.__getitem__, range(len(self) - 1, -1, -1))


class UsageSeries:
    """Reads all meters of a world, from now on. `between` is how usage is reckoned from two readings."""

    def __init__(self, scheduler: Scheduler, world: World, between: UsageBetween) -> None:
        self._scheduler = scheduler
        self._world = world
        self._between = between
        self._period_ns = SECOND_NS
        self._times_ns: list[int] = []
        self._readings: dict[NodeId, _Readings] = {}
        self._sample(None)

    def usage(self, node: NodeId, window_ns: int | None = None) -> NodeUsage:
        """Return the usage of a node from a window ago until now, or of the whole run.

        The window begins at a sample, the latest that is that long ago, or at the node's first. Raises InvalidState
        for a node of which there is only this instant.
        """
        now = self._world.node(node).reading()
        readings = self._readings.get(node, _Readings())
        before = readings[0] if readings else now
        if window_ns is not None:
            for reading in reversed(readings):
                if now.elapsed_ns - reading.elapsed_ns >= window_ns:
                    before = reading
                    break
        if before.elapsed_ns == now.elapsed_ns:
            raise InvalidState(f"no time has passed in which {node} could have used anything: use Run For first")
        return self._between(before, now)

    def samples(self, node: NodeId) -> Iterator[tuple[int, NodeUsage]]:
        """Yield the times that samples were taken and the usage since the one before, in their order."""
        readings = self._readings.get(node, _Readings())
        for before, after in pairwise(readings):
            yield after.elapsed_ns, self._between(before, after)

    def nodes(self) -> Sequence[NodeId]:
        """Return the nodes of which there are samples."""
        return list(self._readings)

    def _sample(self, _argument: object) -> None:
        now_ns = self._scheduler.now_ns
        self._times_ns.append(now_ns)
        for node, host in self._world.nodes.items():
            self._readings.setdefault(node, _Readings()).append(host.reading())
        if len(self._times_ns) > SAMPLES_MAX:
            self._thin_out()
        self._scheduler.at(now_ns + self._period_ns, self._sample)

    def _thin_out(self) -> None:
        """Give up every second sample. The latest stays, so that the next comes a whole period after it."""
        kept = set(self._times_ns[::-2])
        self._times_ns = [each for each in self._times_ns if each in kept]
        for node, readings in self._readings.items():
            first, *others = readings
            self._readings[node] = _Readings([first, *(each for each in others if each.elapsed_ns in kept)])
        self._period_ns *= 2
