"""How getters compare what they find with what is expected, and wait until it holds."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.choices import Operator
from PhantomLibrary.keywords.times import NOW, VirtualTime, in_seconds

if TYPE_CHECKING:
    from PhantomLibrary.keywords.cluster import Cluster

_MILLISECOND_NS = 1_000_000
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def holds(found: Any, comparison: str, expected: Any) -> bool:
    """Return whether the comparison holds. Raises InvalidInput when two such values cannot be compared so."""
    if comparison == "":
        return True
    if isinstance(found, list):
        return _list_holds(found, comparison, expected)
    if comparison == "contains":
        return str(expected) in str(found)
    if comparison in ("==", "!="):
        return (_comparable(found, expected)) == (comparison == "==")
    return _ORDERS[comparison](_number(found), _number(expected))


def _list_holds(found: Sequence[str], comparison: str, expected: Sequence[str]) -> bool:
    if comparison == "contains":
        return set(expected) <= set(found)
    if comparison in ("==", "!="):
        return (sorted(found) == sorted(expected)) == (comparison == "==")
    raise InvalidInput(f"names cannot be compared with {comparison}: use ==, != or contains")


def _comparable(found: Any, expected: Any) -> bool:
    if isinstance(found, str):
        return found == str(expected)
    return _number(found) == _number(expected)


def _number(value: Any) -> Decimal:
    try:
        return Decimal(str(value).strip())
    except InvalidOperation:
        raise InvalidInput(f"{value!r} is no number, so it cannot be compared with <, <=, > or >=") from None


def expect(
    cluster: Cluster,
    subject: str,
    read: Callable[[], Any],
    comparison: Operator,
    expected: Any,
    within: VirtualTime,
    *,
    every_ns: int = 0,
    needed: bool = False,
) -> Any:
    """Return what `read` finds, once it is as expected; fail when it is not in time. Looks at each instant's end.

    With `every_ns` it looks no more often than that, for what costs much to read. When something is `needed`, finding
    nothing is never as expected, unless nothing is expected: nobody is not another leader.
    """
    within_ns = within.or_none(NOW) or 0
    since_ns = cluster.run.now_ns
    word = comparison.word
    holds(read(), word, expected)  # Raises before time moves.

    def is_met(found: Any) -> bool:
        return holds(found, word, expected) and not (needed and found == "" and expected != "")

    def look() -> bool:
        return is_met(read())

    cluster.advance(within_ns, at_most_every(cluster, every_ns, look) if every_ns else look)
    found = read()
    if not is_met(found):
        fail_expectation(cluster, subject, found, word, expected, within_ns)
    if word:
        waited = f", after {(cluster.run.now_ns - since_ns) // _MILLISECOND_NS} ms" if within_ns else ""
        cluster.tell(f"{subject} is {shown_value(found)}, as expected ({word} {shown_value(expected)}){waited}")
    return found


def at_most_every(cluster: Cluster, every_ns: int, condition: Callable[[], bool]) -> Callable[[], bool]:
    """Return a condition that looks at another one only when so much virtual time has passed since it last did."""
    next_ns = 0

    def look() -> bool:
        nonlocal next_ns
        if cluster.run.now_ns < next_ns:
            return False
        next_ns = cluster.run.now_ns + every_ns
        return condition()

    return look


def fail_expectation(
    cluster: Cluster, subject: str, found: Any, comparison: str, expected: Any, within_ns: int, why: str = ""
) -> None:
    """Fail with subject, expected, found and virtual time."""
    waited = f" within {in_seconds(within_ns)}" if within_ns else ""
    shown = shown_value(found)
    cluster.fail(
        "EXP-001",
        f"{subject} is {shown} at {cluster.now}, expected {comparison} {shown_value(expected)}{waited}{why}",
    )


def shown_value(value: Any) -> str:
    """Return a value as messages show it."""
    if isinstance(value, (list, tuple)):
        return ", ".join(value) or "nobody"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if value != "" else "nothing"
