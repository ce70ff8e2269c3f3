"""The records of a sqllogictest script.

Records are parted by blank lines. A line that begins with `#` is a comment wherever it stands, but in the results of a
query. A record may have conditions before it, `skipif` and `onlyif`, each with the name of an engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.errors import InvalidInput, nearest

SortMode: TypeAlias = Literal["nosort", "rowsort", "valuesort"]
SORT_MODES: tuple[SortMode, ...] = ("nosort", "rowsort", "valuesort")
TYPE_LETTERS = "TIR"
_RESULTS = "----"


class Conditions(Struct, frozen=True):
    """On which engines a record counts."""

    skipped_on: tuple[str, ...] = ()
    only_on: tuple[str, ...] = ()

    def hold(self, engine: str) -> bool:
        return engine not in self.skipped_on and all(each == engine for each in self.only_on)


class StatementRecord(Struct, frozen=True):
    """A statement that is to succeed, or to fail."""

    line: int
    conditions: Conditions
    text: str
    succeeds: bool


class QueryRecord(Struct, frozen=True):
    """A query, the types of its columns, and the lines of its result, or of the hash of it."""

    line: int
    conditions: Conditions
    text: str
    types: str
    sort: SortMode
    label: str
    expected: tuple[str, ...]


class HaltRecord(Struct, frozen=True):
    """The rest of the script is left out."""

    line: int
    conditions: Conditions


class ThresholdRecord(Struct, frozen=True):
    """Results of more values than this stand there as a hash; 0: none does."""

    line: int
    conditions: Conditions
    values_max: int


Record: TypeAlias = StatementRecord | QueryRecord | HaltRecord | ThresholdRecord


def read_records(script: str, name: str = "script") -> Iterator[Record]:
    """Yield the records of a script. Raises InvalidInput with name and line for one that makes no sense."""
    for start, lines in _blocks(script):
        yield _record(start, lines, name)


def _blocks(script: str) -> Iterator[tuple[int, list[str]]]:
    """Yield what stands between blank lines without its comments, with the number of its first line."""
    start, block, in_results = 0, list[str](), False
    # Not splitlines, to which other characters of results end a line as well.
    for number, line in enumerate([*script.replace("\r\n", "\n").split("\n"), ""], start=1):
        if not line.strip():
            if block:
                yield start, block
            block, in_results = [], False
        elif in_results or not line.startswith("#"):
            start = start if block else number
            block.append(line)
            in_results = in_results or line == _RESULTS


def _record(start: int, lines: list[str], name: str) -> Record:
    skipped, only = list[str](), list[str]()
    position = 0
    for position, line in enumerate(lines):
        words = line.split()
        if words[0] not in ("skipif", "onlyif"):
            break
        if len(words) < 2:
            raise InvalidInput(f"{name}:{start + position}: {words[0]} needs the name of an engine")
        (skipped if words[0] == "skipif" else only).append(words[1])
    conditions = Conditions(tuple(skipped), tuple(only))
    place = f"{name}:{start + position}"
    words, body = lines[position].split(), lines[position + 1 :]
    if words[0] == "statement":
        return _statement(start, conditions, words, body, place)
    if words[0] == "query":
        return _query(start, conditions, words, body, place)
    if words[0] == "halt":
        return HaltRecord(start, conditions)
    if words[0] == "hash-threshold":
        if len(words) < 2 or not words[1].isdecimal():
            raise InvalidInput(f"{place}: hash-threshold needs a whole number")
        return ThresholdRecord(start, conditions, int(words[1]))
    known = ("statement", "query", "halt", "hash-threshold", "skipif", "onlyif")
    raise InvalidInput(f"{place}: no record begins with {words[0]!r}: {', '.join(known)} do{nearest(words[0], known)}")


def _statement(
    start: int, conditions: Conditions, words: Sequence[str], body: Sequence[str], place: str
) -> StatementRecord:
    if len(words) < 2 or words[1] not in ("ok", "error"):
        raise InvalidInput(f"{place}: a statement is to be 'ok' or 'error'")
    if not body:
        raise InvalidInput(f"{place}: the statement has no text")
    return StatementRecord(start, conditions, "\n".join(body), words[1] == "ok")


def _query(start: int, conditions: Conditions, words: Sequence[str], body: Sequence[str], place: str) -> QueryRecord:
    types = words[1] if len(words) > 1 else ""
    if not types or types.strip(TYPE_LETTERS):
        raise InvalidInput(f"{place}: the types of a query's columns are letters of {TYPE_LETTERS}, not {types!r}")
    sort: SortMode = "nosort"
    if len(words) > 2:
        chosen = next((each for each in SORT_MODES if each == words[2]), None)
        if chosen is None:
            raise InvalidInput(
                f"{place}: no sort mode {words[2]!r}: there is {', '.join(SORT_MODES)}{nearest(words[2], SORT_MODES)}"
            )
        sort = chosen
    parting = body.index(_RESULTS) if _RESULTS in body else len(body)
    if not parting:
        raise InvalidInput(f"{place}: the query has no text")
    label = words[3] if len(words) > 3 else ""
    text, expected = "\n".join(body[:parting]), tuple(body[parting + 1 :])
    return QueryRecord(start, conditions, text, types, sort, label, expected)
