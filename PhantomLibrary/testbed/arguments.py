"""What each verb of a schedule takes, checked before anything happens: a schedule may have been written by hand."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.testbed.schedule import Command


class _Strict(Struct, forbid_unknown_fields=True):
    """Arguments of a verb; those without a default must be given. This one takes none."""


class _Restart(_Strict):
    disk: Literal["kept", "wiped"] = "kept"


class _Add(_Strict):
    zone: str = "any"
    size: str = "medium"


class _Transfer(_Strict):
    shard: int


class _MoveShard(_Strict):
    shard: int
    source: str = "any"
    throttle: int = 0


class _Rebalance(_Strict):
    by: Literal["replicas", "bytes"] = "replicas"
    throttle: int = 0
    at_once: int = 2
    plan: list[str] = []


class _CancelMoves(_Strict):
    shard: int | None = None


class _FailDisk(_Strict):
    fault: str
    operation: str = "any"
    file: str = "any"
    occurrence: int = 1
    probability_ppm: int | None = None
    delay_ns: int = 0
    record: int | None = None
    onto: str = "any"
    survivable: bool = True


class _SkewClock(_Strict):
    offset_ns: int = 0
    drift_ppm: int = 0


class _Partition(_Strict):
    direction: Literal["both", "forward", "backward"] = "both"
    flapping_ns: int = 0
    sides: list[str] = []


class _Isolate(_Strict):
    direction: Literal["both", "in", "out"] = "both"


class _Drop(_Strict):
    kind: str = "all"
    probability_ppm: int = 0
    source: str = "all"
    target: str = "all"


class _Delay(_Strict):
    delay_ns: int
    kind: str = "all"
    probability_ppm: int = 0
    doubles: bool = False
    source: str = "all"
    target: str = "all"


class _SetLink(_Strict):
    source: str = "all"
    target: str = "all"
    latency_ns: int | None = None
    jitter_ns: int | None = None
    loss_ppm: int | None = None
    duplicate_ppm: int | None = None
    reorder_ppm: int | None = None
    bandwidth: int | None = None


class _Arm(_Strict):
    event: str
    fault: str
    on: str = "any"
    on_nodes: list[str] = []
    occurrence: int = 1
    phase: Literal["before", "after"] = "after"
    duration_ns: int = 1


class _StartWorkload(_Strict):
    kind: str
    name: str = ""
    clients: int = 0
    rate: int = 0
    keys: int = 0
    skew: str = ""
    reads_percent: int = 0
    key_pattern: str = ""
    isolation: str = ""
    balancing: str = ""
    shape: str = ""
    period_ns: int = 0
    curve: list[tuple[int, int]] = []
    mix: list[int] = []


class _SetLoad(_Strict):
    rate: int
    period_ns: int
    shape: str = "step"
    workload: str = "all"


class _ReplayLoad(_Strict):
    curve: list[tuple[int, int]]
    workload: str = "all"


class _StopWorkload(_Strict):
    drain_ns: int
    workload: str = "all"


class _Get(_Strict):
    key: str
    siblings: bool = False


class _Put(_Strict):
    key: str
    value: str


class _ChangeKey(_Strict):
    key: str
    change: Literal["delete", "append", "remove", "increment"]
    element: str = ""
    amount: int = 0


class _OfRegion(_Strict):
    region: str


class _FailOver(_OfRegion):
    force: bool = False


class _StartSaga(_Strict):
    definition: str
    origin: str = ""
    name: str = ""


class _CancelSaga(_Strict):
    saga: str


class _Begin(_Strict):
    transaction: str
    isolation: str


class _OfTransaction(_Strict):
    transaction: str


class _OfKey(_OfTransaction):
    key: str


class _WriteKey(_OfKey):
    value: str


class _OfRange(_OfTransaction):
    start: str
    end: str = ""
    where: Literal["all", "equals", "multiple"] = "all"
    number: int = 0


class _UpdateRange(_OfRange, kw_only=True):
    change: Literal["put", "add", "delete"]
    value: str = ""


class _Sql(_Strict):
    statement: str
    parameters: list[int | float | str | bool | list[str] | None] = []
    transaction: str = ""


class _QueryAtSnapshot(_Strict):
    query: str
    parameters: list[int | float | str | bool | list[str] | None] = []


class _LoadTable(_Strict):
    table: str
    rows: int


class _LoadRows(_Strict):
    table: str
    columns: list[str]
    rows: list[list[str | None]]


class _SetScaling(_Strict):
    policy: str
    boot_ns: int = 0


class _Scale(_Strict):
    nodes: int


class _Probe(_Strict):
    within_ns: int


class _SplitShard(_Strict):
    shard: int
    key: str = "middle"


class _MergeShards(_Strict):
    left: int
    right: int


class _CancelReshape(_Strict):
    shard: int


_Arguments: TypeAlias = type[_Strict]
_TAKES: dict[str, _Arguments] = {
    "restart node": _Restart,
    "transfer leadership": _Transfer,
    "add node": _Add,
    "move shard": _MoveShard,
    "cancel moves": _CancelMoves,
    "rebalance": _Rebalance,
    "split shard": _SplitShard,
    "merge shards": _MergeShards,
    "cancel reshape": _CancelReshape,
    "set scaling policy": _SetScaling,
    "scale cluster": _Scale,
    "fail disk": _FailDisk,
    "skew clock": _SkewClock,
    "partition network": _Partition,
    "isolate node": _Isolate,
    "drop messages": _Drop,
    "delay messages": _Delay,
    "set link": _SetLink,
    "arm fault": _Arm,
    "start workload": _StartWorkload,
    "set load": _SetLoad,
    "replay load": _ReplayLoad,
    "stop workload": _StopWorkload,
    "probe ranges": _Probe,
    "get value": _Get,
    "put value": _Put,
    "change key": _ChangeKey,
    "fail over": _FailOver,
    "forget region": _OfRegion,
    "start saga": _StartSaga,
    "cancel saga": _CancelSaga,
    "begin transaction": _Begin,
    "read key": _OfKey,
    "write key": _WriteKey,
    "delete key": _OfKey,
    "read range": _OfRange,
    "update range": _UpdateRange,
    "execute sql": _Sql,
    "query": _Sql,
    "query at snapshot": _QueryAtSnapshot,
    "load table": _LoadTable,
    "load rows": _LoadRows,
    "commit transaction": _OfTransaction,
    "roll back transaction": _OfTransaction,
}
_LASTING = (
    "crash node",
    "pause node",
    "fail disk",
    "skew clock",
    "partition network",
    "isolate node",
    "drop messages",
    "delay messages",
    "set link",
)


def check_command(command: Command) -> None:
    """Raise InvalidInput if the form of a command is wrong: its duration, its arguments, their names or types."""
    if command.until_ns is not None:
        if command.verb not in _LASTING:
            raise InvalidInput(f"{command.verb!r} takes no duration: only faults last ({', '.join(_LASTING)})")
        if command.until_ns <= command.at_ns:
            raise InvalidInput("a duration must be longer than nothing")
    try:
        msgspec.convert(command.arguments, _TAKES.get(command.verb, _Strict))
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{command.verb!r}: wrong arguments: {error}") from None
