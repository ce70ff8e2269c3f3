"""Travel bookings: what sagas have put into lists, and taken from numbers, as clients read it back.

Sagas are not isolated: what one has done so far can be seen by everybody. So only what is seen after its end counts. An
element that a saga puts into a list tells whose it is.

Source: Garcia-Molina and Salem, "Sagas" (SIGMOD 1987), 2: either T1 … Tn, or T1 … Tj, Cj … C1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from PhantomLibrary.checking.history import CompletedOperation, describe
from PhantomLibrary.checking.verdict import Verdict
from PhantomLibrary.domain.operations import LEFT_SUFFIX

BOOK = "book"


class Booking(Struct, frozen=True):
    """What a saga that has ended puts into lists, as (key, element), if it does all that it does."""

    saga: str
    is_completed: bool
    elements: tuple[tuple[str, str], ...]


def check_bookings(bookings: Sequence[Booking], lists: Mapping[str, Sequence[str]]) -> Verdict:
    """Judge lists, by key, that were read when all sagas had ended."""
    expected: dict[tuple[str, str], list[Booking]] = {}
    for booking in bookings:
        for place in booking.elements:
            expected.setdefault(place, []).append(booking)
    completed = sum(booking.is_completed for booking in bookings)
    for (key, element), concerned in expected.items():
        wanted, found = sum(each.is_completed for each in concerned), list(lists.get(key, ())).count(element)
        if found != wanted:
            first = concerned[0]
            how = "completed" if first.is_completed else "compensated"
            message = f"saga {first.saga} is {how}, and {key} holds {element} {_times(found)}"
            evidence = (f"{key} holds: {' '.join(lists.get(key, ())) or 'nothing'}",)
            return Verdict("invalid", "SGA-010", message, evidence, len(bookings), completed)
    return Verdict("valid", operations=len(bookings), confirmed=completed)


def _times(count: int) -> str:
    return {0: "not at all", 1: "once"}.get(count, f"{count} times")


# --- the workload of travel bookings ----------------------------------------------------------------------------------


def check_trips(operations: Sequence[CompletedOperation]) -> Verdict:
    """Judge a history of trips: `book` with a list of keys, into each of which its own name is put, and reads.

    An `ok` has booked them all, a `fail` none. Beside each list stands a number that starts at 0 and falls by one for
    each booking.
    """
    trips: dict[str, list[CompletedOperation]] = {}
    asked: set[tuple[str, str]] = set()
    for operation in operations:
        if operation.function == BOOK:
            for key in operation.argument:
                trips.setdefault(key, []).append(operation)
                asked.add((key, str(operation.key)))
    reads = [each for each in operations if each.function == "read" and each.is_confirmed]
    cost = 0
    for read in reads:
        if str(read.key).endswith(LEFT_SUFFIX):
            continue
        concerned = trips.get(str(read.key), [])
        cost += len(concerned)
        reason, trip = _why_wrong(read, concerned, asked)
        if reason:
            evidence = tuple(describe(each) for each in (trip, read) if each is not None)
            return _trips_verdict(operations, "SGA-010", reason, evidence)
    return _check_sums(operations, reads, trips) or _trips_verdict(operations)


def _why_wrong(
    read: CompletedOperation, trips: Sequence[CompletedOperation], asked: set[tuple[str, str]]
) -> tuple[str, CompletedOperation | None]:
    names = [str(each) for each in read.result]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        return f"{read.key} holds trip {twice} {names.count(twice)} times", None
    stranger = next((name for name in names if (str(read.key), name) not in asked), None)
    if stranger is not None:
        return f"{read.key} holds {stranger}, which no trip put there", None
    for trip in trips:
        if trip.returned is None or trip.returned > read.called:
            continue
        if trip.ending == "ok" and str(trip.key) not in names:
            return f"trip {trip.key} was booked, and {read.key} does not hold it", trip
        if trip.ending == "fail" and str(trip.key) in names:
            return f"trip {trip.key} was given up, and {read.key} still holds it", trip
    return "", None


def _check_sums(
    operations: Sequence[CompletedOperation],
    reads: Sequence[CompletedOperation],
    trips: Mapping[str, Sequence[CompletedOperation]],
) -> Verdict | None:
    """Compare what was read last of each list and of the number beside it, where every trip had ended."""
    last = {str(read.key): read for read in reads}
    for key, concerned in trips.items():
        listed, left = last.get(key), last.get(key + LEFT_SUFFIX)
        if listed is None or left is None:
            continue
        ends = [trip.returned for trip in concerned if trip.returned is not None]
        if max(ends, default=-1) > min(listed.called, left.called):
            continue  # Some trip was under way.
        unknown = len(concerned) - len(ends)
        missing = -left.result - len(listed.result) if isinstance(left.result, int) else None
        if missing is None or abs(missing) > unknown:
            message = f"{key} holds {len(listed.result)} trips, but {key}{LEFT_SUFFIX} is {left.result}"
            return _trips_verdict(operations, "SGA-011", message, (describe(listed), describe(left)))
    return None


def _trips_verdict(
    operations: Sequence[CompletedOperation], code: str = "", message: str = "", evidence: tuple[str, ...] = ()
) -> Verdict:
    confirmed = sum(operation.is_confirmed for operation in operations)
    return Verdict("invalid" if code else "valid", code, message, evidence, len(operations), confirmed)
