"""The notation for interleavings of transactions: `r1(x) w2(x=12 blocked) c1 w2(aborted)`.

    r1(x)  r1(x,y)  r1(x=10)  r1(x=10,y=none)      transaction 1 reads rows; `=` says what it is to find
    r1(all) -> {x=10, y=20}                        it reads a range: all rows, or those with value=20 or value%3=0
    w1(x=11)  i1(z=30)                             it writes a row, it inserts one
    w1(all += 10)  w1(value=10 := 12)              it changes a range
    d1(x)  d1(value=20)                            it deletes a row, or a range
    c1  a1                                         it commits, it rolls back
    w2(x=12 blocked)  c2(aborted)                  how the step ends, where it is not simply done
    w2(done)  w2(aborted)                          how what was blocked has ended by now

Each table has the rows x with 10 and y with 20 when it begins.

Source: Kleppmann's Hermitage (2014), https://github.com/ept/hermitage, whose cases are written so; the notation of
histories is that of Berenson et al., "A Critique of ANSI SQL Isolation Levels" (SIGMOD 1995).
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from PhantomLibrary.domain import Where
from PhantomLibrary.errors import InvalidInput

Act: TypeAlias = Literal["read rows", "read range", "write", "delete", "update", "commit", "roll back", "await"]
Ending: TypeAlias = Literal["done", "blocked", "aborted"]
Rows: TypeAlias = "tuple[tuple[str, str | None], ...]"
ABSENT = "none"
ENDINGS: tuple[Ending, ...] = ("done", "blocked", "aborted")
RESERVED = ("all", "value", *ENDINGS)
_ACTS = {"r": "reads", "w": "writes", "i": "inserts", "d": "deletes", "c": "commits", "a": "rolls back"}
_STEP = re.compile(r"([a-z])(\d+)(?:\(([^()]*)\))?(?:\s*->\s*\{([^{}]*)\})?(?=\s|$)")
_NAME = re.compile(r"[a-z][a-z0-9]*")
_RANGE = re.compile(r"all|value=(-?\d+)|value%(\d+)=0")
_CHANGE = re.compile(r"(.*?)\s*(\+=|:=)\s*(.*)")


class Step(Struct, frozen=True):
    """One step. `rows` are what is read, None where anything may be found, written or deleted."""

    text: str
    number: int  # Of the step, from 1.
    transaction: int
    act: Act
    rows: Rows = ()
    where: Where = Where()
    change: Literal["put", "add", "delete"] = "put"
    value: str = ""
    found: Rows | None = None  # What a range is to hold; None where anything may be found.
    ending: Ending = "done"

    def describe(self) -> str:
        return f"step {self.number}, {self.text}"


def parse_interleaving(text: str) -> tuple[Step, ...]:
    """Return the steps that a text means. Raises InvalidInput, naming the step, for anything else."""
    steps: list[Step] = []
    position = len(text) - len(text.lstrip())
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            rest = text[position:].split(maxsplit=1)[0]
            raise InvalidInput(
                f"step {len(steps) + 1}, {rest}: no step is written so: write one such as r1(x), w1(x=11), i1(z=30), "
                "d1(x), c1 or a1"
            )
        steps.append(_Reader(match, len(steps) + 1).step())
        position = match.end() + len(text[match.end() :]) - len(text[match.end() :].lstrip())
    if not steps:
        raise InvalidInput("an interleaving has steps, such as r1(x) w2(x=11) c1 c2")
    _check_order(steps)
    return tuple(steps)


class _Reader:
    """Reads one step."""

    def __init__(self, match: re.Match[str], number: int) -> None:
        self._text, self._number = match.group(0), number
        self._act, transaction, self._body, self._found = match.groups()
        self._transaction = int(transaction)

    def step(self) -> Step:
        if self._act not in _ACTS:
            raise self._wrong(f"no transaction does '{self._act}': there are {', '.join(map(' '.join, _ACTS.items()))}")
        if self._body is None:
            if self._act not in "ca":
                raise self._wrong(f"say what transaction {self._transaction} {_ACTS[self._act]}, such as (x)")
            return self._make("commit" if self._act == "c" else "roll back")
        body, ending = _split_ending(self._body.strip())
        if self._found is not None and self._act != "r":
            raise self._wrong("only what is read can be compared: leave out -> { }")
        if not body:
            return self._ended(ending)
        read = {"r": self._read, "w": self._write, "i": self._write, "d": self._delete}.get(self._act)
        if read is None:
            raise self._wrong("a commit or rollback has no rows: write c1, a1 or c1(aborted)")
        return _with(read(body), ending or "done")

    def _ended(self, ending: Ending | None) -> Step:
        """Only an ending stands in the brackets."""
        if ending is None:
            raise self._wrong("nothing stands between the brackets")
        if self._act == "c":
            return _with(self._make("commit"), ending)
        if ending == "blocked" or self._act == "a":
            raise self._wrong(f"'{ending}' alone cannot be: what was blocked is done or aborted in the end")
        return _with(self._make("await"), ending)

    def _read(self, body: str) -> Step:
        where = self._where(body)
        if where is not None:
            found = None if self._found is None else self._rows(self._found, must="value")
            return self._make("read range", where=where, found=found)
        if self._found is not None:
            raise self._wrong("-> { } follows a range: for rows write r1(x=10)")
        return self._make("read rows", rows=self._rows(body))

    def _write(self, body: str) -> Step:
        change = _CHANGE.fullmatch(body)
        if change is None:
            rows = self._rows(body, must="value")
            if len(rows) != 1 or rows[0][1] is None:
                raise self._wrong("one row is written at a time, such as w1(x=11)")
            return self._make("write", rows=rows)
        target, how, value = change.groups()
        where = self._where(target)
        if where is None or self._act == "i":
            raise self._wrong(f"{target!r} is no range: write all, value=20 or value%3=0")
        if how == "+=" and not value.removeprefix("-").isdecimal():
            raise self._wrong(f"{value!r} cannot be added: write a whole number")
        return self._make("update", where=where, change="add" if how == "+=" else "put", value=value)

    def _delete(self, body: str) -> Step:
        where = self._where(body)
        if where is not None:
            return self._make("update", where=where, change="delete")
        rows = self._rows(body, must="name")
        if len(rows) != 1:
            raise self._wrong("one row is deleted at a time, such as d1(x)")
        return self._make("delete", rows=rows)

    def _where(self, text: str) -> Where | None:
        match = _RANGE.fullmatch(text.replace(" ", ""))
        if match is None:
            return None
        equals, multiple = match.groups()
        if equals is not None:
            return Where("equals", int(equals))
        if multiple is None:
            return Where()
        if not int(multiple):
            raise self._wrong("no number is a multiple of 0")
        return Where("multiple", int(multiple))

    def _rows(self, text: str, must: Literal["name", "value", "either"] = "either") -> Rows:
        rows = []
        for part in filter(None, (each.strip() for each in text.split(","))):
            name, equals, value = (each.strip() for each in part.partition("="))
            if not _NAME.fullmatch(name) or name in RESERVED:
                raise self._wrong(f"{name!r} is no row: rows are called x, y, z and so on")
            if must == "value" and not value:
                raise self._wrong(f"row {name} needs a value, such as {name}=10")
            if (equals and not value) or (must == "name" and equals):
                raise self._wrong(f"{part!r} is no row: write {name}")
            rows.append((name, value or None))
        return tuple(rows)

    def _make(self, act: Act, **fields: object) -> Step:
        return Step(self._text, self._number, self._transaction, act, **fields)  # type: ignore[arg-type]

    def _wrong(self, why: str) -> InvalidInput:
        return InvalidInput(f"step {self._number}, {self._text}: {why}")


def _split_ending(body: str) -> tuple[str, Ending | None]:
    """Return what stands before the ending, and the ending, None where there is none."""
    before, _, last = body.rpartition(" ")
    for ending in ENDINGS:
        if last == ending:
            return before.strip(), ending
    return body, None


def _with(step: Step, ending: Ending) -> Step:
    return replace(step, ending=ending)


def _check_order(steps: list[Step]) -> None:
    """Refuse what no transaction can do: to go on after its end, or to await what is not blocked."""
    blocked: dict[int, Step] = {}
    ended: dict[int, Step] = {}
    for step in steps:
        number = step.transaction
        if number in ended:
            raise InvalidInput(f"{step.describe()}: transaction {number} has ended with {ended[number].text}")
        if step.act == "await" and number not in blocked:
            raise InvalidInput(f"{step.describe()}: nothing of transaction {number} is blocked before it")
        if step.act != "roll back":
            blocked.pop(number, None)
        if step.ending == "blocked":
            blocked[number] = step
        elif step.act in ("commit", "roll back") or step.ending == "aborted":
            ended[number] = step
