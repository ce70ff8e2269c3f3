"""Judges the sagas of a run by what clients read back when all of them have ended."""

from __future__ import annotations

from collections.abc import Mapping

from PhantomLibrary.checking.bookings import Booking, check_bookings
from PhantomLibrary.checking.sagas import SagaEffect, SagaEnd, Stock, check_sagas
from PhantomLibrary.checking.verdict import Verdict
from PhantomLibrary.domain import SECOND_NS, Answer, Append, Ok, SagaChanged
from PhantomLibrary.domain.sagas import Definition
from PhantomLibrary.testbed.cluster import StartedSaga
from PhantomLibrary.testbed.operator import WORKLOAD as OPERATOR
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.sagas import ENDED
from PhantomLibrary.testbed.schedule import Command

_READ_NS_MAX = 30 * SECOND_NS


def open_sagas(run: Run) -> list[str]:
    """Return the sagas that have not ended yet, or were started by a keyword and not seen to begin."""
    seen = run.watch.sagas
    unseen = [name for name in run.started_sagas if name not in seen]
    return [*unseen, *(name for name, each in seen.items() if each.state not in ENDED)]


def judge_sagas(run: Run) -> Verdict:
    """Judge what all sagas did, and read back, as a client, what those of keywords have left.

    One that nobody has seen to begin is left out. Lets virtual time go on.
    """
    if not run.watch.sagas:
        return Verdict("invalid", "HIS-001", "no saga was seen to begin")
    started = {name: saga for name, saga in run.started_sagas.items() if name in run.watch.sagas}
    read: dict[str, str] = {}
    for key in dict.fromkeys(step.key for saga in started.values() for step in saga.definition.steps):
        answer = _read(run, key)
        if not isinstance(answer, Ok):
            reason = answer.reason if answer is not None else "no answer came"
            return Verdict("unknown", "HIS-004", f"key {key} could not be read back: {reason}")
        read[key] = answer.value or ""
    verdict = _judge_effects(run, started, read)
    if verdict.outcome != "valid":
        return verdict
    bookings = [
        Booking(name, run.watch.sagas[name].state == "COMPLETED", _elements(saga.definition))
        for name, saga in started.items()
    ]
    booked = check_bookings(bookings, {key: text.split() for key, text in read.items()})
    return verdict if booked.outcome == "valid" else booked


def _judge_effects(run: Run, started: Mapping[str, StartedSaga], read: Mapping[str, str]) -> Verdict:
    """Compare how sagas ended with what shards did for them, and with the numbers that are left."""
    ends = [
        _end(seen, started[name].definition) if name in started else _end_in_sequence(seen)
        for name, seen in run.watch.sagas.items()
    ]
    names = {seen.number: name for name, seen in run.watch.sagas.items()}
    effects = [
        SagaEffect(names.get(each.saga, f"number {each.saga}"), each.step, each.phase, time_ns, each.key, each.amount)
        for time_ns, each in run.watch.saga_effects.values()
    ]
    since_ns = min((saga.since_ns for saga in started.values()), default=0)
    stocks = [
        Stock(key, first, int(text or "0"))
        for key, text in read.items()
        if _is_number(text) and (first := _first_number(run, key, since_ns)) is not None
    ]
    return check_sagas(ends, effects, stocks)


def _end_in_sequence(seen: SagaChanged) -> SagaEnd:
    """Return how a saga of a workload ended, whose steps come one after the other."""
    return SagaEnd(seen.name, seen.state, tuple(step for step, _ in seen.steps))


def _end(seen: SagaChanged, definition: Definition) -> SagaEnd:
    undoable = tuple(position for position, step in enumerate(definition.steps) if step.compensation is not None)
    after = tuple(step.after for step in definition.steps)
    return SagaEnd(seen.name, seen.state, tuple(step.name for step in definition.steps), undoable, after)


def _elements(definition: Definition) -> tuple[tuple[str, str], ...]:
    changes = (step.action.operation for step in definition.steps if isinstance(step.action.operation, Append))
    return tuple((change.key, change.element) for change in changes)


def _read(run: Run, key: str) -> Answer | None:
    task = run.perform(Command("get value", run.now_ns, run.now_ns, arguments={"key": key}))
    run.advance(run.now_ns + _READ_NS_MAX, lambda: task.is_done)
    return task.result if task.is_done else None


def _first_number(run: Run, key: str, since_ns: int) -> int | None:
    """Return what a keyword has put there before the first saga, 0 where none has; None if one has meddled later."""
    number = 0
    for event in run.recorder.events:
        if (event.workload, event.function, event.key) != (OPERATOR, "write", key):
            continue
        if event.time_ns > since_ns or event.type == "info" or not _is_number(event.value):
            return None
        if event.type == "ok":
            number = int(event.value or "0")
    return number


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdecimal() or not text
