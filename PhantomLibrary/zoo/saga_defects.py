"""Defects of sagas. Each class is laid over the orchestrator, or over the fences of a shard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from PhantomLibrary.protocols.saga.effects import Effect, Record
from PhantomLibrary.protocols.saga.fences import Fences, Remembered
from PhantomLibrary.protocols.saga.orchestrator import Orchestrator
from PhantomLibrary.protocols.saga.progress import Move, Saga, advanced, steps_to_compensate


class LetsLateActionsIn(Fences):
    """Does an action that comes after its compensation."""

    def _is_fenced(self, step: Remembered) -> bool:
        return False


class UndoesWhatWasNeverDone(Fences):
    """Compensates a step whose action had no effect."""

    def _has_effect(self, step: Remembered) -> bool:
        return True


class UndoesAgain(Fences):
    """Does a compensation once more whenever it is asked to."""

    def _is_undone(self, step: Remembered) -> bool:
        return False


class SparesTheStepThatFailed(Orchestrator):
    """Compensates the steps before the one that failed, and not that one."""

    def _first_tries(self, saga: Saga) -> Iterator[Move]:
        for move in super()._first_tries(saga):
            is_failed = saga.is_rolling_back and saga.steps[move.step].state == "FAILED"
            yield Move("done", move.step) if is_failed else move


class UndoesTheFirstFirst(Orchestrator):
    """Compensates steps in the order in which they were done."""

    def _next_to_compensate(self, saga: Saga) -> int:
        return steps_to_compensate(saga)[-1]


class SwallowsErrors(Orchestrator):
    """Takes a step for compensated when its compensation has failed too often."""

    def _stuck(self, step: int, reason: str) -> Move:
        return Move("done", step)


class WritesDownTheEndOnly(Orchestrator):
    """Keeps the progress of sagas in memory, and writes it down when they have ended."""

    def _write(self, course: Any, record: Record, now_ns: int) -> Iterator[Effect]:
        saga, moves = advanced(course.saga, record.revision, record.moves), record.moves
        kept: dict[int, tuple[int, tuple[Move, ...]]] = self.__dict__.setdefault("_kept", {})
        revision, before = kept.pop(record.number, (record.revision, ()))
        if saga.is_ended:
            yield from super()._write(course, Record(record.number, revision, (*before, *moves)), now_ns)
        else:
            kept[record.number] = (revision, (*before, *moves))
            yield from self._follow(saga, now_ns)
