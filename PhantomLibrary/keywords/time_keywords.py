"""Keywords that let virtual time go on. Between all others it stands still."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.choices import Event
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.node_names import ANY, NodeRef
from PhantomLibrary.keywords.quantities import Count
from PhantomLibrary.keywords.times import NOW, VirtualTime, in_seconds, to_virtual_time

if TYPE_CHECKING:
    from PhantomLibrary.testbed.run import Run

_ONCE = Count(1)
_MINUTE = to_virtual_time("60s")
_Counter = Callable[[], int]


class TimeKeywords(Component):
    """Keywords of virtual time."""

    @keyword(tags=("time",))
    def run_for(self, duration: VirtualTime) -> None:
        """Lets virtual time go on for a duration.

        Fails as soon as a rule of consensus turns out to be broken, and when the duration is nothing.

        Example:
        | `Run For` | 5s |
        """
        cluster = self._cluster
        if not duration.ns:
            raise InvalidInput(f"a duration of {duration} moves nothing: write a time above 0, such as 5s")
        cluster.advance(duration.ns)

    @keyword(tags=("time",))
    def run_until(
        self, event: Event, *, on: NodeRef = ANY, count: Count = _ONCE, timeout: VirtualTime = _MINUTE
    ) -> int:
        """Lets virtual time go on until something has happened, ``count`` times from now on; returns how often it did.

        ``on`` counts only what happens on these nodes. ``quiet`` is a state rather than a happening: it holds at once
        where nothing is under way.

        Fails when it has not happened by the end of ``timeout``.

        Example:
        | `Run Until` | leader elected | on=n2 | timeout=10s |
        """
        cluster = self._cluster
        timeout_ns = timeout.or_none(NOW) or 0
        nodes = None if on == ANY else cluster.observed(on.text)
        with _counting(event.word, cluster.run, nodes) as happened:
            if not cluster.advance(timeout_ns, lambda: happened() >= count.number):
                where = "" if on == ANY else f" on {on}"
                cluster.fail(
                    "EVT-001",
                    f"{event}{where} happened {_times(happened())} within {in_seconds(timeout_ns)}, by {cluster.now}, "
                    f"expected {_times(count.number)}",
                )
            cluster.tell(f"{event} happened")
            return happened()


def _elections(run: Run, nodes: Collection[str] | None) -> _Counter:
    changes = run.watch.leader_changes
    first = len(changes)
    return lambda: sum(nodes is None or each.node in nodes for each in changes[first:])


def _committed(run: Run, nodes: Collection[str] | None) -> _Counter:
    """Count the entries that shards have committed since now, each once, however many replicas have it."""

    def indexes() -> dict[int, int]:
        highest: dict[int, int] = {}
        for (shard, node), state in run.watch.states.items():
            if nodes is None or node in nodes:
                highest[shard] = max(highest.get(shard, 0), state.commit_index)
        return highest

    before = indexes()
    return lambda: sum(max(0, index - before.get(shard, 0)) for shard, index in indexes().items())


def _quiet(run: Run, nodes: Collection[str] | None) -> _Counter:
    from PhantomLibrary.testbed.judge import replicas_agree

    if nodes is not None:
        raise InvalidInput("quiet is a state of the whole cluster: leave out on=")
    agree = replicas_agree(run)
    return lambda: int(not run.recorder.under_way and agree())


@contextmanager
def _counting(event: str, run: Run, nodes: Collection[str] | None) -> Iterator[_Counter]:
    """Count an event from now on."""
    if event in _COUNTERS:
        yield _COUNTERS[event](run, nodes)
        return
    with run.events.counted(event, nodes) as happened:
        yield happened


_COUNTERS: dict[str, Callable[[Run, Collection[str] | None], _Counter]] = {
    "leader elected": _elections,
    "entry committed": _committed,
    "quiet": _quiet,
}


def _times(number: int) -> str:
    return "1 time" if number == 1 else f"{number} times"
