"""How evenly something is spread over nodes, in integers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

PERMILLE = 1_000


def variation_permille(amounts: Sequence[int], capacities: Sequence[int] = ()) -> int:
    """Return the coefficient of variation, in thousandths, rounded down: the standard deviation over the mean.

    With capacities, one for each amount, a node's part counts in proportion to its capacity: what is compared is
    amount / capacity, and each weighs as much as its capacity. Nothing at all is spread evenly.
    """
    weights = capacities or (1,) * len(amounts)
    assert len(weights) == len(amounts)
    total, weight = sum(amounts), sum(weights)
    if not total:
        return 0
    # With w the weights, m the mean of x/w: variance / m² = (sum x²/w * sum w - (sum x)²) / (sum x)².
    common = 1
    for each in weights:
        common *= each
    squares = sum(amount * amount * (common // each) for amount, each in zip(amounts, weights, strict=True))
    excess = squares * weight - total * total * common
    return isqrt(excess * PERMILLE * PERMILLE // (total * total * common))
