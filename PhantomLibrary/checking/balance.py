"""Is a load spread evenly over nodes? The coefficient of variation says: the standard deviation over the mean.

Rule: integers only. With n amounts x of sum S, the square of the coefficient is (n Σx² - S²) / S², exactly, so whether
it is above a bound needs neither a root nor a division.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt

from PhantomLibrary.checking.verdict import Verdict
from PhantomLibrary.domain import NodeId

_MILLION = 1_000_000


def variation_ppm(amounts: Mapping[NodeId, int]) -> int:
    """Return the coefficient of variation in millionths, rounded down; 0 where there is nothing at all."""
    total = sum(amounts.values())
    if total == 0:
        return 0
    return isqrt(_spread(amounts) * _MILLION**2 // total**2)


def check_balance(
    amounts: Mapping[NodeId, int], measure: str, unit: str, *, spread_ppm: int, digits: int = 0
) -> Verdict:
    """Judge whether the coefficient of variation of what nodes have is at most `spread_ppm`.

    `measure` says what they have, in units of which `digits` decimal places are shown. Nothing to be spread is
    `unknown`: that proves nothing. So is one node alone.
    """
    total = sum(amounts.values())
    if total == 0 or len(amounts) < 2:
        few = f"there is no {measure}" if total == 0 else f"only {', '.join(amounts)} has any {measure}"
        return Verdict("unknown", "BAL-002", f"{few}, so nothing can be said of how it is spread")
    if _spread(amounts) * _MILLION**2 <= spread_ppm**2 * total**2:
        return Verdict("valid", operations=len(amounts))
    most, least = max(amounts, key=lambda each: amounts[each]), min(amounts, key=lambda each: amounts[each])
    found = variation_ppm(amounts)
    message = (
        f"{measure} is not balanced: its coefficient of variation over {len(amounts)} nodes is {_percent(found)}, "
        f"more than {_percent(spread_ppm)}; most at {most}, least at {least}"
    )
    return Verdict("invalid", "BAL-001", message, tuple(_table(amounts, total, unit, digits)), len(amounts))


def _spread(amounts: Mapping[NodeId, int]) -> int:
    """Return the square of the coefficient of variation times the square of the sum."""
    return len(amounts) * sum(each * each for each in amounts.values()) - sum(amounts.values()) ** 2


def _table(amounts: Mapping[NodeId, int], total: int, unit: str, digits: int) -> list[str]:
    """Return a line for each node, the fullest first, as far as evidence goes: its amount, and how far off the mean."""
    lines = []
    for node, amount in sorted(amounts.items(), key=lambda item: -item[1]):
        off = (amount * len(amounts) - total) * 100 // total
        lines.append(f"{node:<6}{_shown(amount, digits):>14} {unit}  {off:+d} % of the mean")
    if len(lines) > 9:
        lines = [*lines[:5], f"… {len(lines) - 8} more …", *lines[-3:]]
    return lines


def _shown(amount: int, digits: int) -> str:
    scale: int = 10**digits
    return f"{amount // scale:,}" + (f".{amount % scale:0{digits}d}" if digits else "")


def _percent(ppm: int) -> str:
    return f"{ppm // 10_000}.{ppm % 10_000 // 100:02d} %"
