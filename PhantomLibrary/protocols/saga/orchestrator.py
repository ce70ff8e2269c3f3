"""The orchestrator: brings all sagas to their ends, as a pure state machine.

Rule: this file knows no clock, log or network. Its host feeds it events and performs the effects it returns, in order.

What it knows is in the log. An action is sent once the log says that it is tried, a compensation once the log says that
the saga is rolled back; so whoever takes over goes on from there and sends again what was under way. That is harmless,
for a shard does each thing once. Only pauses and time limits are its own: a successor gives them anew.

For each saga one record is under way at most. Answers that come meanwhile wait for it.

Sources: Garcia-Molina and Salem, "Sagas" (SIGMOD 1987); Seata's TCC mode, whose fence keeps out an action that comes
after its compensation ("suspension", issue 2711).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import Any

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, SagaPhase
from PhantomLibrary.protocols.saga.effects import (
    Answered,
    DeadlinePassed,
    Effect,
    Event,
    Execute,
    Forget,
    Outcome,
    Record,
    Recorded,
    SetDeadline,
    TookOver,
)
from PhantomLibrary.protocols.saga.progress import Move, Saga, advanced, ready_steps, steps_to_compensate

_RECORD_AGAIN_NS = 500 * MILLISECOND_NS
_BACK_OFF_NS_MAX = 2 * SECOND_NS
_STUCK_RETRY_NS = 5 * SECOND_NS
_FORGET_AFTER_NS = 5 * SECOND_NS


class _Try:
    """One attempt at an action or a compensation: until `due_ns` it waits, for its answer or for the end of a pause."""

    __slots__ = ("attempt", "due_ns", "is_over", "outcome", "phase", "reason")

    def __init__(self, phase: SagaPhase, attempt: int, due_ns: int) -> None:
        self.phase = phase
        self.attempt = attempt
        self.due_ns = due_ns
        self.is_over = False  # Nothing came of it, and it pauses before the next one.
        self.outcome: Outcome = "unknown"
        self.reason = "no answer came"


class _Course:
    """A saga that has not ended, and what this orchestrator does for it."""

    __slots__ = ("end_ns", "record", "record_due_ns", "saga", "tries")

    def __init__(self, saga: Saga, end_ns: int) -> None:
        self.saga = saga
        self.end_ns = end_ns  # When it is rolled back, 0 for never.
        self.tries: dict[int, _Try] = {}
        self.record: Record | None = None
        self.record_due_ns = 0


class Orchestrator:
    """One term of one orchestrator. Begins with `TookOver`."""

    def __init__(self) -> None:
        self._courses: dict[int, _Course] = {}
        self._last = 0
        self._timers: list[tuple[int, int]] = []  # (due, saga), 0 for the next `Forget`
        self._set_ns = 0
        self._forgets = False
        self._handlers: dict[type, Callable[[Any, int], Iterator[Effect]]] = {
            TookOver: self._on_took_over,
            Recorded: self._on_recorded,
            Answered: self._on_answered,
            DeadlinePassed: self._on_deadline,
        }

    def step(self, event: Event, now_ns: int) -> list[Effect]:
        """Advance by one event and return the effects to perform, in order."""
        effects = list(self._handlers[type(event)](event, now_ns))
        if self._timers and (not self._set_ns or self._timers[0][0] < self._set_ns):
            self._set_ns = self._timers[0][0]
            effects.append(SetDeadline(self._set_ns))
        return effects

    # --- events -----------------------------------------------------------------------------------------------------

    def _on_took_over(self, event: TookOver, now_ns: int) -> Iterator[Effect]:
        self._last = event.last
        if event.last:
            self._forget_soon(now_ns)  # The one before may have had no time for it.
        for saga in event.sagas:
            yield from self._follow(saga, now_ns)

    def _on_recorded(self, event: Recorded, now_ns: int) -> Iterator[Effect]:
        self._last = max(self._last, event.saga.number)
        yield from self._follow(event.saga, now_ns)

    def _on_answered(self, event: Answered, now_ns: int) -> Iterator[Effect]:
        course = self._courses.get(event.number)
        attempt = course.tries.get(event.step) if course is not None else None
        if course is None or attempt is None or attempt.phase != event.phase:
            return  # It comes too late to mean anything.
        if event.outcome == "done" or (event.outcome == "rejected" and event.phase == "action"):
            attempt.outcome, attempt.reason = event.outcome, event.reason  # Final, whichever attempt it answers.
        elif event.attempt == attempt.attempt and not attempt.is_over:
            attempt.reason = event.reason
            self._pause(course, event.step, attempt, now_ns)
        yield from self._decide(course, now_ns)

    def _on_deadline(self, _event: DeadlinePassed, now_ns: int) -> Iterator[Effect]:
        due: dict[int, None] = {}
        while self._timers and self._timers[0][0] <= now_ns:
            due[heappop(self._timers)[1]] = None
        self._set_ns = 0
        for number in due:
            if not number:
                yield from self._forget()
            elif number in self._courses:
                yield from self._look_after(self._courses[number], now_ns)

    def _look_after(self, course: _Course, now_ns: int) -> Iterator[Effect]:
        """Time has passed for a saga."""
        if course.record is not None and course.record_due_ns <= now_ns:
            yield from self._write(course, course.record, now_ns)  # It was lost, or waits for others to agree.
            return
        for step, attempt in course.tries.items():
            if not attempt.is_over and attempt.due_ns <= now_ns:
                self._pause(course, step, attempt, now_ns)
        yield from self._decide(course, now_ns)

    # --- one saga ---------------------------------------------------------------------------------------------------

    def _follow(self, saga: Saga, now_ns: int) -> Iterator[Effect]:
        """Go on from what the log says of a saga."""
        course = self._courses.get(saga.number)
        if course is not None and saga.revision <= course.saga.revision:
            return
        if saga.is_ended:
            self._courses.pop(saga.number, None)
            self._forget_soon(now_ns)
            return
        if course is None:
            timeout_ns = saga.definition.timeout_ns
            course = self._courses[saga.number] = _Course(saga, now_ns + timeout_ns if timeout_ns else 0)
            if timeout_ns:
                self._wake(course, course.end_ns)
        course.saga, course.record = saga, None
        for step in list(self._under_way(saga)):
            yield from self._send(course, step, now_ns)
        yield from self._decide(course, now_ns)

    def _under_way(self, saga: Saga) -> Iterator[int]:
        """Yield the steps that the log says are tried."""
        if saga.is_rolling_back:
            step = self._next_to_compensate(saga)
            if saga.steps[step].undoings:
                yield step
        else:
            yield from (each for each, step in enumerate(saga.steps) if step.state == "EXECUTING")

    def _next_to_compensate(self, saga: Saga) -> int:
        """Return the step that is undone now: one at a time, the latest first."""
        return steps_to_compensate(saga)[0]

    def _send(self, course: _Course, step: int, now_ns: int) -> Iterator[Effect]:
        """Send what the log says is tried, unless this orchestrator has."""
        saga = course.saga
        phase, number = saga.phase, saga.attempt(step)
        attempt = course.tries.get(step)
        if attempt is not None and (attempt.phase, attempt.attempt) == (phase, number):
            return
        due_ns = now_ns + saga.definition.steps[step].timeout_ns
        made = course.tries[step] = _Try(phase, number, due_ns)
        if attempt is not None and attempt.phase == phase and attempt.outcome != "unknown":
            made.outcome, made.reason = attempt.outcome, attempt.reason  # It was answered while this was written down.
            return
        self._wake(course, due_ns)
        yield Execute(saga, step, phase, number)

    def _pause(self, course: _Course, step: int, attempt: _Try, now_ns: int) -> None:
        """An attempt came to nothing: wait a while before the next."""
        attempt.is_over = True
        attempt.due_ns = now_ns + self._pause_ns(course.saga, step, attempt.attempt)
        self._wake(course, attempt.due_ns)

    def _pause_ns(self, saga: Saga, step: int, attempt: int) -> int:
        if saga.state == "FAILED":
            return _STUCK_RETRY_NS
        first_ns = saga.definition.steps[step].back_off_ns
        return min(first_ns << min(attempt - 1, 16), max(first_ns, _BACK_OFF_NS_MAX))

    def _decide(self, course: _Course, now_ns: int) -> Iterator[Effect]:
        """Write down what is to happen next, if anything."""
        if course.record is not None:
            return
        saga, moves = course.saga, list(self._moves_of_tries(course, now_ns))
        then = advanced(saga, saga.revision, moves)
        if course.end_ns and now_ns >= course.end_ns and not (then.is_rolling_back or then.is_ended):
            moves.append(Move("cancelled", reason="its time was up"))
            then = advanced(saga, saga.revision, moves)
        moves += self._first_tries(then)
        if moves:
            yield from self._write(course, Record(saga.number, saga.revision, tuple(moves)), now_ns)

    def _moves_of_tries(self, course: _Course, now_ns: int) -> Iterator[Move]:
        saga = course.saga
        for step in list(self._under_way(saga)):
            attempt = course.tries[step]
            if attempt.outcome == "done":
                yield Move("done", step)
            elif attempt.outcome == "rejected":
                yield self._failed(step, attempt.reason)
                return  # All others are undone from now on.
            elif attempt.is_over:
                move = self._after_silence(saga, step, attempt, now_ns)
                if move is not None:
                    yield move
                    if move.kind == "failed":
                        return

    def _after_silence(self, saga: Saga, step: int, attempt: _Try, now_ns: int) -> Move | None:
        """Return what to do after an attempt of which nothing came: the next one after a pause, or the end."""
        defined = saga.definition.steps[step]
        if attempt.phase == "action" and attempt.attempt > defined.retries:
            return self._failed(step, f"{attempt.reason} in {attempt.attempt} attempts")
        is_used_up = attempt.phase == "compensation" and attempt.attempt > defined.compensation_retries
        if is_used_up and saga.state != "FAILED":
            return self._stuck(step, f"step {defined.name} could not be compensated: {attempt.reason}")
        return Move("tried", step) if attempt.due_ns <= now_ns else None

    def _failed(self, step: int, reason: str) -> Move:
        return Move("failed", step, reason)

    def _stuck(self, step: int, reason: str) -> Move:
        return Move("stuck", step, reason)

    def _first_tries(self, saga: Saga) -> Iterator[Move]:
        """Yield what can begin now: steps for which nothing is missing, or the next compensation."""
        if saga.is_ended:
            return
        if saga.is_rolling_back:
            step = self._next_to_compensate(saga)
            if not saga.steps[step].undoings:
                yield Move("tried", step)
        for step in ready_steps(saga):
            yield Move("tried", step)

    def _write(self, course: _Course, record: Record, now_ns: int) -> Iterator[Effect]:
        course.record, course.record_due_ns = record, now_ns + _RECORD_AGAIN_NS
        self._wake(course, course.record_due_ns)
        yield record

    def _wake(self, course: _Course, due_ns: int) -> None:
        heappush(self._timers, (due_ns, course.saga.number))

    # --- sagas that have ended --------------------------------------------------------------------------------------

    def _forget_soon(self, now_ns: int) -> None:
        if not self._forgets:
            self._forgets = True
            heappush(self._timers, (now_ns + _FORGET_AFTER_NS, 0))

    def _forget(self) -> Iterator[Effect]:
        self._forgets = False
        yield Forget(self._last, tuple(sorted(self._courses)))
