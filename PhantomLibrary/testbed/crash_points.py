"""Crashes a node before, after or in the midst of every n-th effect of a kind, in a small run done again each time.

Wherever a program touches the outside, by writing to disk, sending or applying, a crash may come just before or
just after. A small schedule is replayed once to count the effects, then once for each point; the node restarts
after a while, the clients go on, and the run is judged as any other.

Source: Pillai et al., "All File Systems Are Not Created Equal" (OSDI 2014), who enumerate crash points of file
systems so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from PhantomLibrary.checking.verdict import Verdict, Violation, seconds
from PhantomLibrary.database.performer import EffectHost, Performer
from PhantomLibrary.database.saga_host import SagaHost
from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, NodeId
from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.protocols.raft.effects import Apply, Effect, InstallSnapshot, Persist, Send, SendEarly
from PhantomLibrary.protocols.raft.messages import SnapshotPart, SnapshotRecord
from PhantomLibrary.protocols.saga.effects import Execute
from PhantomLibrary.testbed.judge import PROMISED, judge_agreement, judge_history, judge_invariants, replicas_agree
from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.testbed.replay import replay_loosely
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.saga_judge import judge_sagas, open_sagas
from PhantomLibrary.testbed.schedule import Schedule
from PhantomLibrary.world.platter import Aim, Trouble
from PhantomLibrary.world.units import MILLION

Phase: TypeAlias = Literal["before", "after", "during"]
Touch: TypeAlias = Callable[[Phase, NodeId], None]

EFFECTS: dict[str, tuple[type, ...]] = {
    "persist": (Persist,),
    "send": (Send, SendEarly),
    "apply": (Apply,),
    "install": (Persist, InstallSnapshot),  # Of a chunk, of a whole snapshot, and putting it in place.
    "act": (),  # Sending an action or a compensation of a saga.
}
_PHASES: tuple[Phase, ...] = ("before", "after")
_MIDST_NS = 150_000  # After a write was handed to the disk: its sync is under way, as a rule.
_TORN = Aim(probability_ppm=MILLION)
_DOWN_NS = 700 * MILLISECOND_NS
_SETTLE_NS = 10 * SECOND_NS


class CrashPoint(Struct, frozen=True):
    """One point that was tried. `time_ns` is when the node crashed; `verdict` is None when all was well."""

    number: int
    phase: Phase
    node: NodeId
    time_ns: int
    verdict: Verdict | Violation | None


class CrashPointReport(Struct, frozen=True):
    """What came of all points."""

    effect: str
    effects_in_run: int
    points: tuple[CrashPoint, ...]

    @property
    def failure(self) -> CrashPoint | None:
        """Return the first point at which something broke."""
        return next((point for point in self.points if point.verdict is not None), None)


def enumerate_crash_points(
    schedule: Schedule,
    effect: str,
    *,
    every: int = 1,
    power_loss: bool = False,
    again: bool = False,
    parts: Parts | None = None,
) -> CrashPointReport:
    """Crash the node that is about to perform, or has just performed, every n-th effect of a kind in this schedule.

    With `power_loss` all other nodes crash at the same instant; of a *persist* also in the midst of its sync, and
    then writes are torn. With `again` what crashed crashes a second time, as soon as it has replayed its log and
    before anything that it wrote then is durable.
    Raises InvalidInput for an unknown effect, and for a run with fewer than `every` of them.
    """
    if effect not in EFFECTS:
        raise InvalidInput(f"no effect {effect!r}: there are {', '.join(EFFECTS)}{nearest(effect, EFFECTS)}")
    if every < 1:
        raise InvalidInput(f"every={every} is not possible: give 1 for each effect, 2 for each second one")
    parts = parts or Parts()
    counter = _Counter()
    replay_loosely(Run(schedule.run, parts=_wrapped(parts, effect, counter.touch)), schedule)
    if counter.count < every:
        raise InvalidInput(f"the run performs {counter.count} effects of kind {effect}: no point to crash at")
    phases: tuple[Phase, ...] = (*_PHASES, "during") if power_loss and effect == "persist" else _PHASES
    points = []
    for number in range(every, counter.count + 1, every):
        for phase in phases:
            point = _try_point(schedule, effect, _Crasher(number, phase, power_loss, again), parts)
            points.append(point)
            if point.verdict is not None:
                return CrashPointReport(effect, counter.count, tuple(points))
    return CrashPointReport(effect, counter.count, tuple(points))


class _Counter:
    """Counts the effects of a run."""

    def __init__(self) -> None:
        self.count = 0

    def touch(self, phase: Phase, _node: NodeId) -> None:
        self.count += phase == "before"


class _Crasher:
    """Crashes whichever node performs the effect of one number, once, and lets it come back."""

    def __init__(self, number: int, phase: Phase, power_loss: bool, again: bool) -> None:
        self.run: Run | None = None
        self.number = number
        self.phase = phase
        self.node: NodeId = ""
        self.time_ns = 0
        self._power_loss = power_loss
        self._again = again
        self._count = 0

    def touch(self, phase: Phase, node: NodeId) -> None:
        self._count += phase == "before"
        run = self.run
        is_it = phase == self.phase or (phase == "after" and self.phase == "during")
        if run is None or self.node or self._count != self.number or not is_it or run.host(node).is_down:
            return
        self.node = node
        if self.phase == "during":
            run.scheduler.after(_MIDST_NS, self._strike)
        else:
            self._strike(None)

    def _strike(self, _argument: object) -> None:
        run = self.run
        assert run is not None
        self.time_ns = run.now_ns
        crashed = run.live_nodes() if self._power_loss else [self.node]
        for each in crashed:
            if self.phase == "during":
                run.host(each).platter.add(Trouble("torn write", _TORN))
            run.world.crash(each)
        run.scheduler.after(_DOWN_NS, self._come_back, crashed)

    def _come_back(self, crashed: list[NodeId]) -> None:
        assert self.run is not None
        for node in crashed:
            if self.run.host(node).is_down:
                self.run.world.restart(node)
                if self._again:
                    self.run.world.crash(node)
                    self.run.world.restart(node)


def _wrapped(parts: Parts, effect: str, touch: Touch) -> Parts:
    """Return parts whose performer tells before and after each effect of the kind."""
    if effect == "act":
        return msgspec.structs.replace(parts, saga_host=_touching_sagas(parts.saga_host, touch))
    kinds = EFFECTS[effect]
    plain: Any = parts.performer

    class TouchingPerformer(plain):  # type: ignore[misc]
        def __init__(self, host: EffectHost) -> None:
            super().__init__(host)
            for kind in kinds:
                self._handlers[kind] = touching(self._handlers[kind], host.node)

    def touching(handler: Callable[[Any], None], node: NodeId) -> Callable[[Any], None]:
        def perform(performed: Effect) -> None:
            is_meant = effect != "install" or _installs(performed)
            if is_meant:
                touch("before", node)
            handler(performed)
            if is_meant:
                touch("after", node)

        return perform

    wrapped: type[Performer] = TouchingPerformer
    return msgspec.structs.replace(parts, performer=wrapped)


def _touching_sagas(plain: Any, touch: Touch) -> type[SagaHost]:
    class TouchingSagaHost(plain):  # type: ignore[misc]
        def execute(self, effect: Execute) -> None:
            touch("before", self._env.node)
            super().execute(effect)
            touch("after", self._env.node)

    host: type[SagaHost] = TouchingSagaHost
    return host


def _installs(effect: Effect) -> bool:
    """Whether this brings a snapshot nearer to its place."""
    return type(effect) is not Persist or any(type(each) in (SnapshotPart, SnapshotRecord) for each in effect.records)


def _try_point(schedule: Schedule, effect: str, crasher: _Crasher, parts: Parts) -> CrashPoint:
    run = Run(schedule.run, parts=_wrapped(parts, effect, crasher.touch))
    crasher.run = run
    replay_loosely(run, schedule)
    return CrashPoint(crasher.number, crasher.phase, crasher.node, crasher.time_ns, _judge(run))


def _judge(run: Run) -> Verdict | Violation | None:
    run.faults.heal_all()
    for workload in run.workloads.values():
        if workload.is_running:
            workload.stop(_SETTLE_NS // 2)
    run.advance(run.now_ns + _SETTLE_NS)
    run.advance(run.now_ns + _SETTLE_NS, replicas_agree(run))
    violation = judge_invariants(run) or _damage(run)
    if violation is not None:
        return violation
    return next((verdict for verdict in _verdicts(run) if verdict.outcome != "valid"), None)


def _verdicts(run: Run) -> Iterator[Verdict]:
    yield judge_agreement(run)
    if run.workloads or not run.started_sagas:
        yield judge_history(run, "linearizable" if run.layout.regions is None else PROMISED)
    if run.started_sagas:
        run.advance(run.now_ns + _SETTLE_NS, lambda: not open_sagas(run))
        yield judge_sagas(run)


def _damage(run: Run) -> Violation | None:
    """A crash takes what was not durable, and damages nothing: whoever finds damage has written in a wrong order."""
    if not run.watch.damage or any(applied.command.verb == "fail disk" for applied in run.faults.all):
        return None
    found = run.watch.damage[0]
    return Violation("DSK-002", f"{found.node} found {found.what} damaged, though it only crashed", 0, ())


def describe_point(point: CrashPoint, effect: str) -> str:
    """Say where a crash came, for messages."""
    return (
        f"crash of {point.node or 'no node'} {point.phase} {effect} number {point.number} at {seconds(point.time_ns)}"
    )
