"""What a shard remembers of the steps of sagas, so that each is done once, and never after it was undone.

Part of the replicated state: it reads no clock. For each (saga, step) it keeps what was answered. A compensation
leaves a fence, whether there was an action or not; an action that comes after it is rejected. That is what makes it
legal to compensate a step of which nobody knows whether it was done.

What is remembered goes when the saga has ended, and not by time, for a message may sleep in a node for longer than any
time. Instead shards are told which sagas are open among those up to a number: for all others everything comes too late.

Source: Seata's TCC fence (idempotence, empty rollback, suspension: issues 2711 and 4777).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from PhantomLibrary.domain import Act, Change

Perform: TypeAlias = Callable[[Change], str]
"""Makes a change and returns "", or returns why it is rejected and changes nothing."""


class Remembered(Struct, array_like=True):
    """What a shard answered for one step; None for what it was not asked for, or could not do yet."""

    action: str | None = None
    compensation: str | None = None


class Fences:
    """The steps of all sagas that may still be heard of, at one shard."""

    def __init__(self) -> None:
        self._last = 0
        self._open: tuple[int, ...] = ()
        self._steps: dict[tuple[int, int], Remembered] = {}

    def __len__(self) -> int:
        return len(self._steps)

    def act(self, act: Act, perform: Perform) -> str:
        """Do an action or a compensation unless it was done, or comes too late; return "" or why it was rejected."""
        if not self._is_open(act.saga):
            return f"saga {act.saga} has ended: this comes too late"
        step = self._steps.setdefault((act.saga, act.step), Remembered())
        return self._do(step, act, perform) if act.phase == "action" else self._undo(step, act, perform)

    def _do(self, step: Remembered, act: Act, perform: Perform) -> str:
        if step.action is not None:
            return step.action
        if self._is_fenced(step):
            return "this step was compensated before: the action comes too late"
        assert act.change is not None
        step.action = perform(act.change)
        return step.action

    def _undo(self, step: Remembered, act: Act, perform: Perform) -> str:
        if self._is_undone(step):
            return ""
        reason = ""
        if self._has_effect(step) and act.change is not None:
            reason = perform(act.change)
        if not reason:
            step.compensation = ""
        return reason

    def _is_fenced(self, step: Remembered) -> bool:
        return step.compensation is not None

    def _is_undone(self, step: Remembered) -> bool:
        return step.compensation is not None

    def _has_effect(self, step: Remembered) -> bool:
        """Whether there is something to be undone: an action that was rejected, or never came, did nothing."""
        return step.action == ""

    # --- sagas that have ended --------------------------------------------------------------------------------------

    def _is_open(self, saga: int) -> bool:
        return saga > self._last or saga in self._open

    def forget(self, last: int, open_: tuple[int, ...]) -> None:
        """Learn that all sagas up to `last` have ended but for the `open_` ones. Old news takes nothing back."""
        known = sorted({*self._open, *open_})
        self._open = tuple(
            saga for saga in known if self._is_open(saga) and (saga > last or saga in open_)
        )  # Whoever has ended once stays so.
        self._last = max(self._last, last)
        self._steps = {key: step for key, step in self._steps.items() if self._is_open(key[0])}

    # --- all of it --------------------------------------------------------------------------------------------------

    def absorb(self, image: FencesImage) -> None:
        """Take over what another shard remembers. Where both know a step, one has acted since the other was told."""
        self.forget(image.last, image.open)
        for saga, step, action, compensation in image.steps:
            if self._is_open(saga):
                known = self._steps.setdefault((saga, step), Remembered())
                known.action = action if known.action is None else known.action
                known.compensation = compensation if known.compensation is None else known.compensation

    def dump(self) -> FencesImage:
        steps = [(*key, step.action, step.compensation) for key, step in self._steps.items()]
        return FencesImage(self._last, self._open, steps)

    def load(self, image: FencesImage) -> None:
        """Take over what `dump` returned."""
        self._last, self._open = image.last, image.open
        self._steps = {(saga, step): Remembered(*answers) for saga, step, *answers in image.steps}


class FencesImage(Struct, frozen=True, array_like=True):
    """All that a shard remembers of sagas: (saga, step, answer to the action, answer to the compensation)."""

    last: int = 0
    open: tuple[int, ...] = ()
    steps: list[tuple[int, int, str | None, str | None]] = []
