"""The steps of a fault plan: what each one may say in a file, and the command of a schedule that it becomes.

A step's `fault` is a verb of schedules; beside it stand the arguments of that verb, as people write them. Times count
from the start of the plan.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.testbed.schedule import Command
from PhantomLibrary.world.platter import DiskFaultKind
from PhantomLibrary.world.units import MILLION, BytesPerSecond, Millionths, Nanoseconds, SignedMillionths
from PhantomLibrary.world.units import SignedNanoseconds as Offset

Properties: TypeAlias = dict[str, Any]


class Step(Struct, frozen=True, forbid_unknown_fields=True, tag_field="fault"):
    """What all steps have in common. `NAMES` are the fields that name nodes, `SIDES` those that name sides."""

    time: Nanoseconds

    NAMES: ClassVar[tuple[str, ...]] = ()
    SIDES: ClassVar[tuple[str, ...]] = ()

    @property
    def verb(self) -> str:
        return str(self.__struct_config__.tag)

    @property
    def end_ns(self) -> int | None:
        """When it heals by itself; None: never."""
        duration = getattr(self, "duration", None)
        return None if duration is None else int(self.time) + int(duration)

    def arguments(self) -> Properties:
        """Return the arguments of the verb."""
        return {}

    def command(self, start_ns: int) -> Command:
        """Return what is to be performed for a plan that starts then.

        Each step takes effect after that instant, so that a plan is accepted as a whole or not at all.
        """
        at_ns = start_ns + max(1, int(self.time))
        until_ns = None if self.end_ns is None else start_ns + self.end_ns
        target = getattr(self, "target", "") if "target" not in self.arguments() else ""
        return Command(self.verb, start_ns, at_ns, target, None, until_ns, self.arguments())


class _Lasting(Step, frozen=True, kw_only=True):
    duration: Nanoseconds | None = None


class CrashNode(_Lasting, frozen=True, tag="crash node"):
    target: str
    NAMES = ("target",)


class RestartNode(Step, frozen=True, tag="restart node"):
    target: str
    disk: Literal["kept", "wiped"] = "kept"
    NAMES = ("target",)

    def arguments(self) -> Properties:
        return {"disk": self.disk} if self.disk == "wiped" else {}


class PauseNode(_Lasting, frozen=True, tag="pause node"):
    target: str
    NAMES = ("target",)


class ResumeNode(Step, frozen=True, tag="resume node"):
    target: str
    NAMES = ("target",)


class FailDisk(_Lasting, frozen=True, tag="fail disk"):
    target: str
    kind: DiskFaultKind
    operation: Literal["any", "append", "replace", "sync", "read"] = "any"
    file: str = "any"
    occurrence: int = 1
    probability: Millionths | None = None
    delay: Nanoseconds | None = None
    record: int | None = None
    onto: str = "any"
    survivable: bool = True
    NAMES = ("target",)

    def arguments(self) -> Properties:
        aim: Properties = {"fault": self.kind}
        usual = {"operation": "any", "file": "any", "onto": "any", "occurrence": 1, "survivable": True}
        aim |= {name: getattr(self, name) for name, value in usual.items() if getattr(self, name) != value}
        return {**aim, **_given(probability_ppm=self.probability, delay_ns=self.delay, record=self.record)}


class SkewClock(_Lasting, frozen=True, tag="skew clock"):
    target: str
    offset: Offset | None = None
    drift: SignedMillionths | None = None
    NAMES = ("target",)

    def arguments(self) -> Properties:
        return _given(offset_ns=self.offset, drift_ppm=self.drift)


class IsolateNode(_Lasting, frozen=True, tag="isolate node"):
    target: str
    direction: Literal["both", "in", "out"] = "both"
    NAMES = ("target",)

    def arguments(self) -> Properties:
        return {"direction": self.direction}


class PartitionNetwork(_Lasting, frozen=True, tag="partition network"):
    target: str
    direction: Literal["both", "forward", "backward"] = "both"
    flapping: Nanoseconds | None = None
    SIDES = ("target",)

    def arguments(self) -> Properties:
        return {"direction": self.direction, **_given(flapping_ns=self.flapping)}


class _ToMessages(_Lasting, frozen=True):
    kind: str = "all"
    source: str = "all"
    target: str = "all"
    probability: Millionths = Millionths(MILLION)
    NAMES = ("source", "target")

    def arguments(self) -> Properties:
        ends = {"source": self.source, "target": self.target}
        return {"kind": self.kind, **ends, "probability_ppm": int(self.probability)}


class DropMessages(_ToMessages, frozen=True, tag="drop messages"):
    pass


class DelayMessages(_ToMessages, frozen=True, tag="delay messages", kw_only=True):
    by: Nanoseconds
    doubled: bool = False

    def arguments(self) -> Properties:
        return {**super().arguments(), "delay_ns": int(self.by), "doubles": self.doubled}


class SetLink(_Lasting, frozen=True, tag="set link"):
    source: str = "all"
    target: str = "all"
    latency: Nanoseconds | None = None
    jitter: Nanoseconds | None = None
    loss: Millionths | None = None
    duplicate: Millionths | None = None
    reorder: Millionths | None = None
    bandwidth: BytesPerSecond | None = None
    NAMES = ("source", "target")

    def changes(self) -> Properties:
        """Return the properties of links that it changes."""
        return _given(
            latency_ns=self.latency,
            jitter_ns=self.jitter,
            loss_ppm=self.loss,
            duplicate_ppm=self.duplicate,
            reorder_ppm=self.reorder,
            bandwidth=self.bandwidth,
        )

    def arguments(self) -> Properties:
        return {"source": self.source, "target": self.target, **self.changes()}


class HealFaults(Step, frozen=True, tag="heal faults"):
    target: str = ""
    NAMES = ("target",)


class HealNetwork(Step, frozen=True, tag="heal network"):
    pass


AnyStep: TypeAlias = (
    CrashNode
    | RestartNode
    | PauseNode
    | ResumeNode
    | FailDisk
    | SkewClock
    | IsolateNode
    | PartitionNetwork
    | DropMessages
    | DelayMessages
    | SetLink
    | HealFaults
    | HealNetwork
)
STEPS: dict[str, type[Step]] = {str(kind.__struct_config__.tag): kind for kind in AnyStep.__args__}


class FaultPlan(Struct, frozen=True):
    """A plan, its steps in the order of their times. `origin` names its source."""

    name: str
    steps: tuple[Step, ...]
    origin: str = ""
    description: str = ""


def _given(**values: int | None) -> Properties:
    return {name: int(value) for name, value in values.items() if value is not None}
