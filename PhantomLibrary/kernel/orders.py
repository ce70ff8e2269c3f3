"""Which of its legal orders a run takes, as a value: the schedule of a run keeps it, and it replays.

Without an order a run takes the default one: what is due first comes first, and of one time what was made first.
`exploring.py` says which other orders are legal, and what each strategy does.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from PhantomLibrary.domain import MILLISECOND_NS
from PhantomLibrary.errors import InvalidInput

Strategy: TypeAlias = Literal["random", "pct", "delay-bounded"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

DEPTH = 3
STEPS = 10_000
HOLD_NS = 20 * MILLISECOND_NS
"""Far longer than the way between two machines of a region, far shorter than any timer that tells of a failure."""

_DEPTH_MAX = 1_000
_NUMBER_MAX = (1 << 40) - 1


class Order(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One order of a strategy: the `number`-th, which draws from streams of its own.

    `depth` is that of the defects that `pct` looks for, so that it changes `depth - 1` priorities; and how many
    deliveries `delay-bounded` holds back at most, none with 0. `steps` is how many deliveries the run is expected to
    have, among which both strategies choose. No delivery is held back for longer than `hold_ns`.
    """

    strategy: Strategy
    number: int
    depth: int = DEPTH
    steps: int = STEPS
    hold_ns: int = HOLD_NS

    def __str__(self) -> str:
        return f"{self.strategy}:{self.number}:{self.depth}:{self.steps}"


def check_order(order: Order) -> None:
    """Raise InvalidInput for numbers that make no order."""
    bounds = (
        ("number", order.number, 0, _NUMBER_MAX),
        ("depth", order.depth, 0 if order.strategy == "delay-bounded" else 1, _DEPTH_MAX),
        ("steps", order.steps, 1, _NUMBER_MAX),
        ("hold_ns", order.hold_ns, 0, _NUMBER_MAX),
    )
    for name, value, least, most in bounds:
        if not least <= value <= most:
            raise InvalidInput(f"{name}={value} makes no {order.strategy} order: give {least} to {most}")


def default_counted() -> Order:
    """Return the default order, by a scheduler that counts deliveries."""
    return Order("delay-bounded", 0, depth=0)
