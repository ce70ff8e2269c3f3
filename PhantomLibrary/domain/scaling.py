"""How a cluster is to grow and shrink: policies, decisions, and what shard 0 is asked about them."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Metric: TypeAlias = Literal["cpu", "memory", "disk", "network", "queries", "transactions"]
Mode: TypeAlias = Literal["automatic", "manual", "scheduled"]
Kind: TypeAlias = Literal["scale_up", "scale_down", "no_action"]
SHARES: tuple[Metric, ...] = ("cpu", "memory", "disk", "network")
METRICS: tuple[Metric, ...] = (*SHARES, "queries", "transactions")
MODES: tuple[Mode, ...] = ("automatic", "manual", "scheduled")
_SECOND_NS = 1_000_000_000


class Rule(Struct, frozen=True, array_like=True):
    """When a metric asks for more nodes, and for fewer, and by which factor, in thousandths.

    Shares are in millionths of a node's capacity, rates in operations or transactions a second and node.
    """

    metric: Metric
    up_at: int
    down_at: int
    up_factor_permille: int = 1_500
    down_factor_permille: int = 1_500


class Scheduled(Struct, frozen=True, array_like=True):
    """From this time on there are to be so many nodes."""

    at_ns: int
    nodes: int


class ScalingPolicy(Struct, frozen=True, array_like=True):
    """What decides. Times are nanoseconds.

    `mode`: `automatic` goes by the rules, `scheduled` by the schedule, which begins again after `period_ns` unless that
    is 0, and `manual` by what the operator says. Samples of the last `window_ns` count, taken every `interval_ns`;
    where the newest one is older than `late_max_ns`, nothing is decided.
    """

    mode: Mode = "automatic"
    min_nodes: int = 3
    max_nodes: int = 10
    rules: tuple[Rule, ...] = (Rule("cpu", 700_000, 300_000),)
    window_ns: int = 10 * _SECOND_NS
    cooldown_ns: int = 60 * _SECOND_NS
    interval_ns: int = 2 * _SECOND_NS
    late_max_ns: int = 120 * _SECOND_NS
    schedule: tuple[Scheduled, ...] = ()
    period_ns: int = 0


class Decision(Struct, frozen=True, array_like=True):
    """How many nodes there are to be from now on, and why."""

    kind: Kind
    nodes: int
    reason: str


# --- what is asked of shard 0 ---------------------------------------------------------------------------------------


class SetScaling(Struct, frozen=True, gc=False, array_like=True, tag="set scaling"):
    """Have the cluster grow and shrink by a policy. Result: why not, "" when it does from now on.

    `key` says who asks.
    """

    key: str
    policy: ScalingPolicy


class ScaleTo(Struct, frozen=True, gc=False, array_like=True, tag="scale to"):
    """Have the cluster be of so many nodes, whatever the policy would decide. Result: why not, "" when it will be.

    `key` is the name of the wish: asked for again, it does nothing twice.
    """

    key: str
    nodes: int


SCALING_WISHES = frozenset((SetScaling, ScaleTo))
"""What operators ask of the size of a cluster."""


class GetScale(Struct, frozen=True, gc=False, array_like=True, tag="get scale"):
    """Ask how many nodes there are to be. `key` says who asks. Result: a `Wanted` as JSON."""

    key: str


class Wanted(Struct, frozen=True, array_like=True):
    """How many nodes there are to be, by the plan of this epoch, and the members with their standings."""

    epoch: int
    nodes: int
    members: tuple[tuple[str, str], ...]
