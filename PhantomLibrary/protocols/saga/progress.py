"""How far a saga is: the state that shard 0 replicates, and the moves that change it.

Rule: values and functions only. Every move is in the log before anything is done because of it. Moves name the revision
that they were decided at, so one that was decided twice, or by an orchestrator that was replaced, changes nothing.

    forward         PENDING -> EXECUTING -> COMPLETED        all COMPLETED: the saga is COMPLETED
                               EXECUTING -> FAILED           rolls back from then on
    rolling back    EXECUTING, COMPLETED, FAILED -> COMPENSATED      none left: the saga is COMPENSATED

The step that failed, and those whose outcome is not known, are compensated as well: what they did, or may yet do, is
undone and fenced. A compensation that has used up its retries makes the saga FAILED: something is left over, and stays
in sight until it is compensated after all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from PhantomLibrary.domain import SagaPhase, SagaState, StepState
from PhantomLibrary.domain.sagas import Definition

MoveKind: TypeAlias = Literal["tried", "done", "failed", "stuck", "cancelled"]


class Move(Struct, frozen=True, array_like=True, tag="move"):
    """One change: a step is *tried* once more, *done*, has *failed* for good, or its compensation is *stuck*;
    *cancelled* rolls back the saga, whatever its steps do.
    """

    kind: MoveKind
    step: int = -1
    reason: str = ""


class StepProgress(Struct, frozen=True, array_like=True):
    """`attempts` of the action, `undoings` of the compensation; `turn` tells in which order
    actions were first tried, and then done.
    """

    state: StepState = "PENDING"
    attempts: int = 0
    undoings: int = 0
    turn: int = 0


class Saga(Struct, frozen=True, array_like=True):
    """One run of a saga. `number` grows from saga to saga; `reason` says why it is rolled back, or what is stuck."""

    number: int
    name: str
    definition: Definition
    steps: tuple[StepProgress, ...]
    state: SagaState = "ACTIVE"
    is_rolling_back: bool = False
    revision: int = 0
    reason: str = ""

    @property
    def is_ended(self) -> bool:
        """Whether nothing will ever be done for it any more."""
        return self.state in ("COMPLETED", "COMPENSATED")

    @property
    def phase(self) -> SagaPhase:
        return "compensation" if self.is_rolling_back else "action"

    def attempt(self, step: int) -> int:
        """Return how often a step was tried in the present phase."""
        progress = self.steps[step]
        return progress.undoings if self.is_rolling_back else progress.attempts


def new_saga(number: int, name: str, definition: Definition) -> Saga:
    return Saga(number, name, definition, (StepProgress(),) * len(definition.steps))


def advanced(saga: Saga, revision: int, moves: Sequence[Move]) -> Saga:
    """Return the saga after these moves; the same one if they were decided at another revision than it is at."""
    if revision != saga.revision or saga.is_ended:
        return saga
    for move in moves:
        saga = _moved(saga, move)
    return msgspec.structs.replace(saga, revision=revision + 1)


def ready_steps(saga: Saga) -> Iterator[int]:
    """Yield the steps whose actions may begin."""
    if saga.is_rolling_back:
        return
    for position, step in enumerate(saga.definition.steps):
        is_next = saga.steps[position].state == "PENDING"
        if is_next and all(saga.steps[before].state == "COMPLETED" for before in step.after):
            yield position


def steps_to_compensate(saga: Saga) -> list[int]:
    """Return the steps that must be undone yet, in that order: first those that are not completed, for these came last,
    then the others; each group backwards.
    """
    begun = [each for each, step in enumerate(saga.steps) if step.state not in ("PENDING", "COMPENSATED")]
    return sorted(begun, key=lambda each: (saga.steps[each].state == "COMPLETED", -saga.steps[each].turn, -each))


# --- moves ----------------------------------------------------------------------------------------------------------


def _moved(saga: Saga, move: Move) -> Saga:
    match move.kind:
        case "tried":
            return _tried(saga, move.step)
        case "done":
            return _done(saga, move.step)
        case "failed":
            saga = _with_step(saga, move.step, state="FAILED")
            return msgspec.structs.replace(saga, is_rolling_back=True, reason=move.reason)
        case "stuck":
            saga = _with_step(saga, move.step, state="FAILED")
            return msgspec.structs.replace(saga, state="FAILED", reason=move.reason)
        case "cancelled":
            return _ended(msgspec.structs.replace(saga, is_rolling_back=True, reason=move.reason))


def _tried(saga: Saga, step: int) -> Saga:
    progress = saga.steps[step]
    if saga.is_rolling_back:
        return _with_step(saga, step, undoings=progress.undoings + 1)
    turn = progress.turn or _next_turn(saga)
    return _with_step(saga, step, state="EXECUTING", attempts=progress.attempts + 1, turn=turn)


def _done(saga: Saga, step: int) -> Saga:
    if saga.is_rolling_back:
        saga = _with_step(saga, step, state="COMPENSATED")
        return _ended(msgspec.structs.replace(saga, state="ACTIVE"))
    saga = _with_step(saga, step, state="COMPLETED", turn=_next_turn(saga))
    is_last = all(each.state == "COMPLETED" for each in saga.steps)
    return msgspec.structs.replace(saga, state="COMPLETED") if is_last else saga


def _next_turn(saga: Saga) -> int:
    return 1 + max(each.turn for each in saga.steps)


def _ended(saga: Saga) -> Saga:
    """Return the saga as COMPENSATED if nothing is left to be undone."""
    return saga if steps_to_compensate(saga) else msgspec.structs.replace(saga, state="COMPENSATED")


def _with_step(saga: Saga, step: int, **changes: object) -> Saga:
    changed = msgspec.structs.replace(saga.steps[step], **changes)
    return msgspec.structs.replace(saga, steps=(*saga.steps[:step], changed, *saga.steps[step + 1 :]))
