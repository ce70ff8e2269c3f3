"""The workload of travel bookings: each trip is a saga that takes one of three things, wherever they are kept.

Each key is a list of the trips that have booked it, beside a number of what is left, which begins at 0 and may fall
to minus its capacity: then there is no more, and the trip gives back what it has taken. A trip is in all of its
lists or in none of them, and each number tells how long its list is.
"""

from __future__ import annotations

from PhantomLibrary.domain import Append, Change, Get, Increment, Remove
from PhantomLibrary.domain.operations import LEFT_SUFFIX, RunSaga
from PhantomLibrary.domain.sagas import Definition, Step, encode_definition
from PhantomLibrary.workloads.keys import Keyspace
from PhantomLibrary.workloads.kinds import Choices, Drawn, LastRead, Meaning, SingleKeys, number_or_text

CAPACITY = 8
"""How many trips a key has room for, before its slot goes on with a new one."""

_PARTS = 3
_DRAWS_MAX = 16


class TripKeys(Keyspace):
    """Lists, and the numbers beside them."""

    __slots__ = ()

    def written(self) -> list[str]:
        return [each for key in super().written() for each in (key, key + LEFT_SUFFIX)]


class Trips(SingleKeys):
    """Trips over three keys each, and reads of lists and numbers."""

    __slots__ = ("_choices", "_pattern", "keys")

    def __init__(self, keys: int, pattern: str, choices: Choices) -> None:
        # A few more trips than there is room for: some have to be given up.
        self.keys: Keyspace = TripKeys(keys, pattern, CAPACITY + 2)
        self._choices = choices
        self._pattern = pattern

    def draw(self, _last_read: LastRead) -> Drawn:
        choices = self._choices
        if choices.bits(16) < choices.reads:
            key = self.keys.names[choices.slot()]
            key = key + LEFT_SUFFIX if choices.bits(1) else key
            return "read", key, None, Get(key)
        name = self._pattern.replace("{}", f"-trip{choices.value()}")
        keys = [self.keys.write(slot) for slot in self._slots()]
        definition = Definition(name, tuple(self._steps(name, keys)))
        return "book", name, keys, RunSaga(name, encode_definition(definition).decode())

    def _slots(self) -> list[int]:
        """Draw different slots, as many as a trip has parts, unless chance or their number does not give so many."""
        slots: list[int] = []
        for _ in range(_DRAWS_MAX):
            slot = self._choices.slot()
            if slot not in slots:
                slots.append(slot)
            if len(slots) == _PARTS:
                break
        return slots

    def _steps(self, name: str, keys: list[str]) -> list[Step]:
        steps: list[Step] = []
        for key in keys:
            left = key + LEFT_SUFFIX
            take, give = Change(Increment(left, -1), at_least=-CAPACITY), Change(Increment(left, 1))
            enter, strike = Change(Append(key, name)), Change(Remove(key, name))
            for what, action, compensation in (("take", take, give), ("book", enter, strike)):
                after = (len(steps) - 1,) if steps else ()
                steps.append(Step(f"{what} {key}", action, compensation, after))
        return steps

    def interpret(self, drawn: Drawn, text: str | None, _last_read: LastRead) -> Meaning:
        function, key, argument, _ = drawn
        assert key is not None
        if function == "read":
            return "ok", (number_or_text(text or "0") if key.endswith(LEFT_SUFFIX) else (text or "").split()), ""
        return ("ok", argument, "") if text == "COMPLETED" else ("fail", argument, "the saga was compensated")
