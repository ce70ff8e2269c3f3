"""A workload: what it is, checked on arrival, and its life from start to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct

from PhantomLibrary.domain import ISOLATION_LEVELS, SECOND_NS
from PhantomLibrary.errors import InvalidInput, InvalidState, nearest
from PhantomLibrary.kernel.scheduler import Scheduler
from PhantomLibrary.kernel.streams import Streams
from PhantomLibrary.kernel.tasks import Future, Task
from PhantomLibrary.workloads.arrivals import Arrivals
from PhantomLibrary.workloads.balancing import BALANCINGS, ROUND_ROBIN, Balancing
from PhantomLibrary.workloads.keys import SKEWS, is_key_of
from PhantomLibrary.workloads.kinds import KINDS as PLAIN_KINDS
from PhantomLibrary.workloads.kinds import Choices, Kind
from PhantomLibrary.workloads.latency import Latencies
from PhantomLibrary.workloads.load import (
    RATE_MAX,
    RATE_TIME_S,
    Point,
    Slice,
    check_base,
    check_curve,
    check_rate,
    check_shape,
)
from PhantomLibrary.workloads.parts import WorkloadParts
from PhantomLibrary.workloads.recorder import HistoryRecorder
from PhantomLibrary.workloads.session import OpenSession
from PhantomLibrary.workloads.transactional import MIXED, TRANSACTIONAL
from PhantomLibrary.workloads.trips import Trips

KINDS: dict[str, Callable[[int, str, Choices], Kind]] = {**PLAIN_KINDS, "saga": Trips}
CLIENTS_MAX = 100_000
KEYS_MAX = 1_000_000


class WorkloadSpec(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What a workload is. Raises InvalidInput when it makes no sense.

    `rate` counts operations in 1,000 seconds over all clients; 0 is a closed loop, as fast as the answers come. It
    is reached from 0 by `shape`, over `period_ns`; a recorded load has a `curve` instead. `mix` says how many of a
    hundred operations are single reads, single writes and transactions, where it is not the kind that says so.
    `isolation` is the level of those kinds whose operations are transactions; `balancing` sends clients to
    gateways. `name` is that of the kind where none is given. Workloads whose names differ must not share keys: give
    them patterns of their own, in which `{}` stands for a number.
    """

    kind: str
    clients: int = 4
    rate: int = 0
    keys: int = 100
    skew: str = "uniform"
    reads_percent: int = 50
    name: str = ""
    key_pattern: str = "k{}"
    isolation: str = "serializable"
    balancing: Balancing = ROUND_ROBIN
    shape: str = "constant"
    period_ns: int = 60 * SECOND_NS
    curve: Sequence[Point] = ()
    mix: Sequence[int] = ()

    @property
    def is_open_loop(self) -> bool:
        return bool(self.rate or self.curve)

    def __post_init__(self) -> None:
        _check_known("kind of workload", self.kind, (*KINDS, *TRANSACTIONAL))
        _check_known("balancing", self.balancing, BALANCINGS)
        _check_known("isolation level", self.isolation, ISOLATION_LEVELS)
        _check_known("skew", self.skew, SKEWS)
        _check_between("clients", self.clients, 1, CLIENTS_MAX)
        _check_between("keys", self.keys, 1, KEYS_MAX)
        _check_between("reads", self.reads_percent, 0, 100, "%")
        if not 0 <= self.rate <= RATE_MAX:
            raise InvalidInput(
                f"rate={self.rate / RATE_TIME_S:g}/s is not possible: it must be 0 (a closed loop) "
                f"or more, up to {RATE_MAX // RATE_TIME_S}/s"
            )
        check_shape(self.shape, self.period_ns)
        check_base(self.shape, self.is_open_loop)
        if self.curve:
            if self.rate:
                raise InvalidInput(f"rate={self.rate / RATE_TIME_S:g}/s and a recorded load exclude each other")
            check_curve(self.curve)
        if self.mix:
            _check_mix(self.kind, self.mix)

    def owns(self, key: str) -> bool:
        """Whether its clients may write a key."""
        return is_key_of(key, self.key_pattern, self.keys, self.kind)


class Workload:
    """Clients that load a database, and what they have seen so far.

    Life: made, started once, stopped once. A workload whose clients shall go on after a stop is a new one.
    """

    def __init__(
        self,
        spec: WorkloadSpec,
        scheduler: Scheduler,
        streams: Streams,
        open_session: OpenSession,
        recorder: HistoryRecorder,
        parts: WorkloadParts | None = None,
        *,
        has_one_order: bool = True,
    ) -> None:
        parts = parts or WorkloadParts()
        self.spec = spec
        self.name = spec.name or spec.kind
        self._scheduler = scheduler
        stream = streams.get(f"workload/{self.name}")
        choices = Choices(
            stream,
            parts.skews().choice(spec.skew, spec.keys, stream),
            recorder.values_of(self.name),
            reads_percent=_reads_percent(spec),
            has_one_order=has_one_order,
        )
        self.kind = _kind(spec, choices)
        self._shapes = parts.shapes()
        self._clients = parts.clients(self.name, self.kind, scheduler, open_session, recorder)
        self._arrivals = Arrivals(scheduler, streams.get(f"workload/{self.name}/arrivals"), self._clients.arrive)
        self._state: Literal["new", "running", "stopping"] = "new"
        self._stopped: Future[None] = Future(scheduler)

    def start(self) -> None:
        """Open the clients' sessions and let the load begin, later in this instant."""
        if self._state != "new":
            raise InvalidState(f"workload {self.name!r} was started before")
        self._state = "running"
        spec = self.spec
        if spec.curve:
            self._follow(self._shapes.replay(spec.curve))
        elif spec.rate:
            self._follow(self._shapes.slices(spec.shape, 0, spec.rate, spec.period_ns))
        self._clients.start(spec.clients)

    def set_rate(self, rate: int, shape: str = "step", period_ns: int = 60 * SECOND_NS) -> None:
        """Change the load, to operations in 1,000 seconds. A closed loop becomes an open one by shape `step`."""
        self.check_load(rate, shape, period_ns)
        self._follow(self._shapes.slices(shape, self._arrivals.rate, rate, period_ns))

    def check_load(self, rate: int, shape: str, period_ns: int) -> None:
        """Raise InvalidInput or InvalidState where `set_rate` would."""
        self._check_running()
        check_shape(shape, period_ns)
        check_rate(rate)
        check_base(shape, self._clients.is_open_loop)

    def replay(self, curve: Sequence[Point]) -> None:
        """From now on, let operations arrive as a recorded load says."""
        self._check_running()
        check_curve(curve)
        self._follow(self._shapes.replay(curve))

    def _check_running(self) -> None:
        if self._state != "running":
            raise InvalidState(f"workload {self.name!r} does not run, so its load cannot be set")

    def stop(self, drain_ns: int) -> Future[None]:
        """Issue nothing more; return a future that is set when all clients have ended, by the end of the drain time.

        What is under way may end until then, and is recorded as `info` at that time. A second stop returns the same
        future.
        """
        if drain_ns < 0:
            raise InvalidInput(f"a drain time of {drain_ns / SECOND_NS:g} s is not possible: it must be 0 or more")
        if self._state == "new":
            raise InvalidState(f"workload {self.name!r} was not started, so it cannot be stopped")
        if self._state == "running":
            self._state = "stopping"
            self._arrivals.stop()
            Task(self._scheduler, self._wind_down(drain_ns), f"{self.name} stop")
        return self._stopped

    @property
    def is_running(self) -> bool:
        """Whether it issues operations: it was started and not yet stopped."""
        return self._state == "running"

    @property
    def latencies(self) -> dict[str, Latencies]:
        """The latencies of answered operations by function, from arrival on, without the last reads of a stop."""
        return self._clients.latencies

    @property
    def confirmed(self) -> dict[str, int]:
        """How many operations have ended `ok`, by function."""
        return self._clients.confirmed

    @property
    def waiting(self) -> int:
        """How many operations have arrived and wait for a free client."""
        return self._clients.waiting

    @property
    def busy(self) -> int:
        """How many clients have something under way; in a closed loop, all of them."""
        return self._clients.busy

    @property
    def shed(self) -> int:
        """How many operations have arrived and were never issued: too many waited, or the workload was stopped."""
        return self._clients.shed

    @property
    def rate(self) -> int:
        """The present rate, in operations in 1,000 seconds; 0 for a closed loop, and while nothing arrives."""
        return self._arrivals.rate

    def _follow(self, slices: Iterator[Slice]) -> None:
        self._clients.is_open_loop = True
        self._arrivals.follow(slices)

    async def _wind_down(self, drain_ns: int) -> None:
        await self._clients.wind_down(drain_ns)
        self._stopped.set(None)


def _kind(spec: WorkloadSpec, choices: Choices) -> Kind:
    if spec.kind in KINDS:
        return KINDS[spec.kind](spec.keys, spec.key_pattern, choices)
    if spec.mix:
        return MIXED[spec.kind](spec.keys, spec.key_pattern, choices, spec.isolation, spec.mix)
    return TRANSACTIONAL[spec.kind](spec.keys, spec.key_pattern, choices, spec.isolation)


def _reads_percent(spec: WorkloadSpec) -> int:
    """Return the share of reads: in the whole load, or among the steps of its transactions."""
    return spec.mix[0] if spec.mix and spec.kind not in MIXED else spec.reads_percent


def _check_mix(kind: str, mix: Sequence[int]) -> None:
    reads, writes, transactions = mix if len(mix) == 3 else (0, 0, 0)
    shown = f"mix={reads}% reads, {writes}% writes, {transactions}% transactions"
    if min(reads, writes, transactions) < 0 or reads + writes + transactions != 100:
        raise InvalidInput(f"{shown} is not possible: these are {reads + writes + transactions} %, not 100 %")
    if kind in MIXED:
        return
    if kind not in PLAIN_KINDS:
        can = ", ".join((*PLAIN_KINDS, *MIXED))
        raise InvalidInput(f"{shown} is not possible: a {kind} workload has a mix of its own; {can} take one")
    if transactions:
        raise InvalidInput(
            f"{shown} is not possible: a {kind} workload has no transactions; {', '.join(MIXED)} mixes all three"
        )


def _check_known(what: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise InvalidInput(f"no {what} {name!r}: there are {', '.join(known)}{nearest(name, known)}")


def _check_between(what: str, number: int, least: int, most: int, unit: str = "") -> None:
    if not least <= number <= most:
        raise InvalidInput(f"{what}={number}{unit} is not possible: it must be {least}{unit} to {most}{unit}")
