"""Distributions of latencies: a draw is one look-up in a table by random bits.

A distribution is turned into 1,024 equally likely latencies once, when a link is made. Jitter, uniform between zero and
its bound, is folded into the same table: entry i takes the jitter whose rank is i with its ten bits reversed, which
spreads the jitters evenly over the latencies, so that one look-up draws both.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.world import quantiles
from PhantomLibrary.world.quantiles import ENTRIES, UNIT
from PhantomLibrary.world.units import Nanoseconds

TABLE_BITS = 10
TABLE_MASK = ENTRIES - 1
_ZERO = Nanoseconds(0)


class Constant(Struct, frozen=True, forbid_unknown_fields=True, tag_field="distribution", tag="constant"):
    """Always the same."""

    value: Nanoseconds


class Uniform(Struct, frozen=True, forbid_unknown_fields=True, tag_field="distribution", tag="uniform"):
    """Anything between two bounds, equally likely."""

    low: Nanoseconds
    high: Nanoseconds


class Normal(Struct, frozen=True, forbid_unknown_fields=True, tag_field="distribution", tag="normal"):
    """Bell-shaped around the mean; draws below `minimum` become `minimum`."""

    mean: Nanoseconds
    deviation: Nanoseconds
    minimum: Nanoseconds = _ZERO


class Exponential(Struct, frozen=True, forbid_unknown_fields=True, tag_field="distribution", tag="exponential"):
    """`minimum` plus a wait without memory, `mean` in all."""

    mean: Nanoseconds
    minimum: Nanoseconds = _ZERO


class Lognormal(Struct, frozen=True, forbid_unknown_fields=True, tag_field="distribution", tag="lognormal"):
    """`minimum` plus a long tail: one draw in a hundred exceeds the minimum by ten times what the median does."""

    median: Nanoseconds
    minimum: Nanoseconds = _ZERO


class Pareto(Struct, frozen=True, forbid_unknown_fields=True, tag_field="distribution", tag="pareto"):
    """`minimum` plus a very long tail: one draw in a hundred exceeds the minimum by 35 times what the median does."""

    median: Nanoseconds
    minimum: Nanoseconds = _ZERO


Latency: TypeAlias = Constant | Uniform | Normal | Exponential | Lognormal | Pareto
DISTRIBUTIONS = ("constant", "uniform", "normal", "exponential", "lognormal", "pareto")


def constant(value_ns: int) -> Constant:
    """Return the distribution that always gives this latency."""
    return Constant(Nanoseconds(value_ns))


@lru_cache(maxsize=256)
def latency_table(latency: Latency, jitter_ns: int = 0) -> tuple[int, ...]:
    """Return 1,024 equally likely latencies in nanoseconds, none negative. Raises InvalidInput on crossed bounds."""
    table = _quantiles(latency)
    if jitter_ns == 0:
        return table
    return tuple(value + jitter_ns * _reversed_bits(rank) // TABLE_MASK for rank, value in enumerate(table))


def median_ns(latency: Latency) -> int:
    """Return the latency that half of all draws stay below."""
    return _quantiles(latency)[ENTRIES // 2]


def _quantiles(latency: Latency) -> tuple[int, ...]:
    match latency:
        case Constant(value):
            return (int(value),) * ENTRIES
        case Uniform(low, high):
            if low > high:
                raise InvalidInput(f"low ({low} ns) is above high ({high} ns)")
            return tuple(low + (high - low) * rank // TABLE_MASK for rank in range(ENTRIES))
        case Normal(mean, deviation, minimum):
            return tuple(max(minimum, mean + deviation * z // UNIT) for z in quantiles.normal())
        case Exponential(mean, minimum):
            return _shifted(minimum, mean, "mean", quantiles.exponential())
        case Lognormal(median, minimum):
            return _shifted(minimum, median, "median", quantiles.lognormal())
        case Pareto(median, minimum):
            return _shifted(minimum, median, "median", quantiles.pareto())


def _shifted(minimum: int, typical: int, name: str, table: tuple[int, ...]) -> tuple[int, ...]:
    if typical < minimum:
        raise InvalidInput(f"{name} ({typical} ns) is below minimum ({minimum} ns)")
    return tuple(int(minimum) + (typical - minimum) * value // UNIT for value in table)


def _reversed_bits(rank: int) -> int:
    return int(f"{rank:0{TABLE_BITS}b}"[::-1], 2)
