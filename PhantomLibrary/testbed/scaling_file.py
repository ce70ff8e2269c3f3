"""Reads policies of scaling from YAML. Every mistake is refused with the file, the line, the path inside it, what was
found and what is allowed.

    mode: automatic            # or scheduled, or manual
    min_nodes: 3
    max_nodes: 10
    metrics:
      cpu: {up_at: 70 %, down_at: 30 %, up_factor: 150 %, down_factor: 150 %}
      queries: {up_at: 500/s, down_at: 100/s}
    window: 10 s
    cooldown: 60 s
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from PhantomLibrary.domain.scaling import METRICS, SHARES, Mode, Rule, ScalingPolicy, Scheduled
from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.placement.autoscaling import check_policy
from PhantomLibrary.world.documents import Refused, convert, one_of, parse_document, shown
from PhantomLibrary.world.units import Millionths, Nanoseconds, PerSecond

_DEFAULT = ScalingPolicy()
_FACTOR = Millionths(1_500_000)


class _ShareText(Struct, forbid_unknown_fields=True):
    up_at: Millionths
    down_at: Millionths
    up_factor: Millionths = _FACTOR
    down_factor: Millionths = _FACTOR


class _RateText(Struct, forbid_unknown_fields=True):
    up_at: PerSecond
    down_at: PerSecond
    up_factor: Millionths = _FACTOR
    down_factor: Millionths = _FACTOR


class _ScheduledText(Struct, forbid_unknown_fields=True):
    at: Nanoseconds
    nodes: int


class _PolicyText(Struct, forbid_unknown_fields=True):
    mode: Mode = "automatic"
    min_nodes: int = _DEFAULT.min_nodes
    max_nodes: int = _DEFAULT.max_nodes
    metrics: dict[str, Any] = {}
    window: Nanoseconds = Nanoseconds(_DEFAULT.window_ns)
    cooldown: Nanoseconds = Nanoseconds(_DEFAULT.cooldown_ns)
    interval: Nanoseconds = Nanoseconds(_DEFAULT.interval_ns)
    late_max: Nanoseconds = Nanoseconds(_DEFAULT.late_max_ns)
    schedule: list[_ScheduledText] = []
    period: Nanoseconds = Nanoseconds(0)


def read_policy(path: str, replicas: int) -> ScalingPolicy:
    """Return the policy of a YAML file, checked for shards of so many replicas. Raises InvalidInput."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"policy {path} cannot be read: {error}") from None
    return parse_policy(text, path, replicas)


def parse_policy(text: str, origin: str, replicas: int) -> ScalingPolicy:
    """Return the policy that a YAML text describes; `origin` names it in errors. Raises InvalidInput."""
    policy = parse_document(text, origin, _decode)
    try:
        check_policy(policy, replicas)
    except InvalidInput as refused:
        raise InvalidInput(f"{origin}: {refused}") from None
    return policy


def _decode(document: Any) -> ScalingPolicy:
    if not isinstance(document, dict):
        raise Refused("$", f"expected a mapping such as min_nodes: 3, found {shown(document)}")
    text: _PolicyText = convert(document, _PolicyText, "$", _known_keys, {})
    rules = tuple(_rule(name, text.metrics[name]) for name in text.metrics)
    return ScalingPolicy(
        text.mode,
        text.min_nodes,
        text.max_nodes,
        rules or (() if text.mode == "automatic" else _DEFAULT.rules),
        int(text.window),
        int(text.cooldown),
        int(text.interval),
        int(text.late_max),
        tuple(Scheduled(int(each.at), each.nodes) for each in text.schedule),
        int(text.period),
    )


def _rule(name: str, found: Any) -> Rule:
    path = f"$.metrics.{name}"
    if name not in METRICS:
        raise Refused(path, f"no metric {name!r}: {one_of(METRICS)}{nearest(name, METRICS)}")
    text = convert(found, _ShareText if name in SHARES else _RateText, path, _known_keys, {})
    for factor in ("up_factor", "down_factor"):
        if getattr(text, factor) % 1_000:
            raise Refused(f"{path}.{factor}", f"{getattr(text, factor)} ppm is finer than 0.1 %")
    factors = text.up_factor // 1_000, text.down_factor // 1_000
    return msgspec.convert((name, int(text.up_at), int(text.down_at), *factors), Rule)


def _known_keys(path: str, _found: Any) -> tuple[str, ...]:
    if path.startswith("$.metrics."):
        return _ShareText.__struct_fields__
    return (_ScheduledText if "schedule[" in path else _PolicyText).__struct_fields__
