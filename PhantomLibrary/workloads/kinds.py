"""The workloads: which operations each one draws, and what an answer means in its history.

Rule: only values that the checkers can tell apart are written, so every value and element of a workload is new: 1, 2,
3, … A read whose text is not what the workload writes is recorded as that text, so that a checker sees it and judges.

Sources: Jepsen's linearizable-register, set, counter and list-append tests; Kingsbury and Alvaro, "Elle" (VLDB 2020).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Protocol, TypeAlias

from PhantomLibrary.domain import Answer, Append, Cas, EventType, Get, Increment, Operation, Put
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.workloads.keys import Keyspace, SlotChoice
from PhantomLibrary.workloads.session import Session

Program: TypeAlias = Callable[[Session], Awaitable[Answer]]
"""Several operations that are one in the history, such as a transaction that depends on what it has read."""

Drawn: TypeAlias = tuple[str, str | None, Any, Operation | Program]
"""Function, key and argument as the history has them, and what the database is asked for."""

Meaning: TypeAlias = tuple[EventType, Any, str]
"""What an answer amounts to in the history: type, value, error."""

ELEMENTS_MAX = 64
"""Appends to one key before its slot goes on with a new key."""

MISMATCH = "not equal"
"""The error of a cas that failed because the key did not hold what was expected; checkers know it by this word."""


class LastRead:
    """What one client read last, and where: the ground on which it compares and sets, once."""

    __slots__ = ("is_fresh", "slot", "text")

    def __init__(self) -> None:
        self.is_fresh = False
        self.slot = 0
        self.text: str | None = None


class Keys(Protocol):
    """The keys of a workload, as far as its clients know of them."""

    def written(self) -> list[str]:
        """Return what is to be read last."""


class Kind(Protocol):
    """One kind of workload. One that has `set_up(session)` awaits that, until it is true, before all else."""

    @property
    def keys(self) -> Keys: ...

    def draw(self, last_read: LastRead) -> Drawn:
        """Return what a client does next."""

    def last_read(self, key: str) -> Drawn:
        """Return how to read what was written to a key, when the load is over."""

    def interpret(self, drawn: Drawn, text: str | None, last_read: LastRead) -> Meaning:
        """Return what it means that the database answered a drawn operation with this text."""


class SingleKeys:
    """Operations of single keys."""

    __slots__ = ()

    def last_read(self, key: str) -> Drawn:
        return "read", key, None, Get(key)


class Choices:
    """What the draws of one workload have in common: slots, values to write, the share of reads in 65536, and whether
    there is one order of all writes, so that some can compare and set.
    """

    __slots__ = ("bits", "has_one_order", "reads", "slot", "value")

    def __init__(
        self,
        stream: Stream,
        choose_slot: SlotChoice,
        values: Iterator[int],
        *,
        reads_percent: int,
        has_one_order: bool = True,
    ) -> None:
        self.bits = stream.bits
        self.slot = choose_slot
        self.value = values.__next__
        self.reads = reads_percent * 65536 // 100
        self.has_one_order = has_one_order


class Register(SingleKeys):
    """Reads, writes of new numbers, and of four writes one that compares with what its client read last, if it can."""

    __slots__ = ("_choices", "keys")

    def __init__(self, keys: Keyspace, choices: Choices) -> None:
        self.keys = keys
        self._choices = choices

    def draw(self, last_read: LastRead) -> Drawn:
        choices = self._choices
        if choices.bits(16) < choices.reads:
            last_read.slot = slot = choices.slot()
            key = self.keys.names[slot]
            return "read", key, None, Get(key)
        value = choices.value()
        if choices.has_one_order and not choices.bits(2) and last_read.is_fresh:
            last_read.is_fresh = False
            key = self.keys.write(last_read.slot)
            return "cas", key, [number_or_text(last_read.text), value], Cas(key, last_read.text, str(value))
        key = self.keys.write(choices.slot())
        return "write", key, value, Put(key, str(value))

    def interpret(self, drawn: Drawn, text: str | None, last_read: LastRead) -> Meaning:
        function, _, argument, _ = drawn
        if function == "read":
            last_read.text = text
            last_read.is_fresh = True
            return "ok", number_or_text(text), ""
        if function == "cas" and text != "1":
            return "fail", argument, MISMATCH
        return "ok", argument, ""


class Lists(SingleKeys):
    """Appends of new elements, and reads of the whole list. The word for an append is `append` or `add`."""

    __slots__ = ("_choices", "_word", "keys")

    def __init__(self, keys: Keyspace, choices: Choices, word: str) -> None:
        self.keys = keys
        self._choices = choices
        self._word = word

    def draw(self, _last_read: LastRead) -> Drawn:
        choices = self._choices
        if choices.bits(16) < choices.reads:
            key = self.keys.names[choices.slot()]
            return "read", key, None, Get(key)
        key = self.keys.write(choices.slot())
        value = choices.value()
        return self._word, key, value, Append(key, str(value))

    def interpret(self, drawn: Drawn, text: str | None, _last_read: LastRead) -> Meaning:
        if drawn[0] == "read":
            return "ok", elements(text), ""
        return "ok", drawn[2], ""


class Counter(SingleKeys):
    """Additions of 1 to 4, and reads."""

    __slots__ = ("_choices", "keys")

    def __init__(self, keys: Keyspace, choices: Choices) -> None:
        self.keys = keys
        self._choices = choices

    def draw(self, _last_read: LastRead) -> Drawn:
        choices = self._choices
        if choices.bits(16) < choices.reads:
            key = self.keys.names[choices.slot()]
            return "read", key, None, Get(key)
        key = self.keys.write(choices.slot())
        amount = 1 + choices.bits(2)
        return "add", key, amount, Increment(key, amount)

    def interpret(self, drawn: Drawn, text: str | None, _last_read: LastRead) -> Meaning:
        if drawn[0] == "read":
            return "ok", 0 if text is None else number_or_text(text), ""
        return "ok", drawn[2], ""


def number_or_text(text: str | None) -> int | str | None:
    """Return the number that a text stands for, or the text itself where it is none."""
    try:
        return None if text is None else int(text)
    except ValueError:
        return text


def elements(text: str | None) -> list[int] | list[int | str | None]:
    """Return the elements of a list that is kept as text; one that is no number stays text."""
    parts = text.split() if text else []
    try:
        return [*map(int, parts)]
    except ValueError:
        return [number_or_text(part) for part in parts]


KINDS: dict[str, Callable[[int, str, Choices], Kind]] = {
    "register": lambda keys, pattern, choices: Register(Keyspace(keys, pattern), choices),
    "set": lambda keys, pattern, choices: Lists(Keyspace(keys, pattern, ELEMENTS_MAX), choices, "add"),
    "counter": lambda keys, pattern, choices: Counter(Keyspace(keys, pattern), choices),
    "append": lambda keys, pattern, choices: Lists(Keyspace(keys, pattern, ELEMENTS_MAX), choices, "append"),
}
