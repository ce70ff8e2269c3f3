"""All sagas that shard 0 knows of, as it replicates them: those under way, and the latest of those that have ended.

Part of the replicated state: it reads no clock. The name of a saga is the idempotence key of its begin.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from PhantomLibrary.domain.sagas import Definition, decode_definition
from PhantomLibrary.protocols.saga.definition import why_no_saga
from PhantomLibrary.protocols.saga.progress import Move, Saga, advanced, new_saga

_ENDED_MAX = 256  # They travel in snapshots.
_OPEN_MAX = 1_000


class SagaTable:
    """Sagas by number, in the order in which they began. `changed` are those that moved since somebody looked."""

    def __init__(self) -> None:
        self.by_number: dict[int, Saga] = {}
        self.last = 0  # The number of the latest saga.
        self.changed: list[Saga] = []
        self._numbers: dict[str, int] = {}
        self._ended = 0

    def open(self) -> tuple[Saga, ...]:
        """Return the sagas that have not ended."""
        return tuple(saga for saga in self.by_number.values() if not saga.is_ended)

    def named(self, name: str) -> Saga | None:
        number = self._numbers.get(name)
        return None if number is None else self.by_number[number]

    def begin(self, number: int, name: str, definition: str) -> str:
        """Begin a saga; return why not, "" when it has begun, now or before."""
        try:
            defined = decode_definition(definition)
        except msgspec.MsgspecError as error:
            return f"no definition of a saga: {error}"
        known = self.named(name)
        if known is not None:
            return "" if known.definition == defined else f"there is a saga {name!r} already, defined otherwise"
        if len(self.by_number) - self._ended >= _OPEN_MAX:
            return f"{_OPEN_MAX} sagas have not ended yet: wait until some have"
        reason = why_no_saga(defined)
        if not reason:
            self._begin(number, name, defined)
        return reason

    def _begin(self, number: int, name: str, definition: Definition) -> None:
        self.last = number
        self._numbers[name] = number
        self._keep(new_saga(number, name, definition))

    def cancel(self, name: str) -> str:
        """Roll a saga back from now on; return why not, "" when it is rolled back."""
        saga = self.named(name)
        if saga is None:
            return f"there is no saga {name!r}"
        if saga.state == "COMPLETED":
            return f"saga {name} is completed: it cannot be cancelled any more"
        if not saga.is_rolling_back:
            self._keep(advanced(saga, saga.revision, [Move("cancelled", reason="it was cancelled")]))
        return ""

    def advance(self, number: int, revision: int, moves: Sequence[Move]) -> None:
        """Let a saga move on, if it is still as it was when this was decided."""
        saga = self.by_number.get(number)
        if saga is not None:
            then = advanced(saga, revision, moves)
            if then is not saga:
                self._keep(then)

    def _keep(self, saga: Saga) -> None:
        self.by_number[saga.number] = saga
        self.changed.append(saga)
        self._ended += saga.is_ended
        if self._ended > _ENDED_MAX:
            self._drop(next(each for each in self.by_number.values() if each.is_ended))

    def _drop(self, saga: Saga) -> None:
        del self.by_number[saga.number], self._numbers[saga.name]
        self._ended -= 1

    def dump(self) -> list[Saga]:
        return list(self.by_number.values())

    def load(self, sagas: Sequence[Saga]) -> None:
        """Take over what `dump` returned."""
        self.by_number = {saga.number: saga for saga in sagas}
        self._numbers = {saga.name: saga.number for saga in sagas}
        self._ended = sum(saga.is_ended for saga in sagas)
        self.last = max(self.by_number, default=0)
        self.changed.clear()
