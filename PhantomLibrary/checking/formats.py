"""Histories as text: our own JSON lines, and two forms recorded by others.

Ours: one `HistoryEvent` a line, defaults left out. The others, as found beside Porcupine:

    INFO  jepsen.util - 3 :invoke :cas [2 4]                               the log of a Jepsen test of etcd
    {:process 3, :type :ok, :f :append, :key "7", :value "x 3 0 y"}        EDN maps, one a line or in a vector

Neither of those has times; each event is given the number of its line as milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import msgspec

from PhantomLibrary.checking.history import MISMATCH
from PhantomLibrary.domain import MILLISECOND_NS, EventType, HistoryEvent
from PhantomLibrary.errors import InvalidInput

_TYPES = ("invoke", "ok", "fail", "info")


# --- ours -----------------------------------------------------------------------------------------------------------


def dump_history(events: Iterable[HistoryEvent]) -> bytes:
    """Return events as JSON lines."""
    encode = msgspec.json.Encoder().encode
    return b"".join(encode(event) + b"\n" for event in events)


def parse_history(content: bytes, *, source: str = "history") -> list[HistoryEvent]:
    """Return the events of JSON lines; an error names source and line."""
    decode = msgspec.json.Decoder(HistoryEvent).decode
    events = []
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            try:
                events.append(decode(line))
            except msgspec.MsgspecError as error:
                raise _refusal(source, number, f"{error}", "an event of a history as JSON") from error
    return events


def write_history(path: Path, events: Iterable[HistoryEvent]) -> None:
    """Write a history file."""
    path.write_bytes(dump_history(events))


def read_history(path: Path) -> list[HistoryEvent]:
    """Read a history file; an error names file and line."""
    return parse_history(path.read_bytes(), source=path.name)


# --- the log of Jepsen's etcd test ----------------------------------------------------------------------------------

_ETCD_LINE = re.compile(
    r"INFO\s+jepsen\.util\s+-\s+(?P<process>\d+)\s+:(?P<type>\w+)\s+:(?P<function>read|write|cas)\s+(?P<value>.+?)\s*"
)


def parse_etcd_log(content: str, *, source: str = "log") -> list[HistoryEvent]:
    """Return the events of a Jepsen log; lines of other loggers are passed over.

    `:fail :cas [a b]` says that the register did not hold a, which our form says by its `error`.
    """
    events: list[HistoryEvent] = []
    for number, line in enumerate(content.splitlines(), start=1):
        if "jepsen.util" not in line:
            continue
        match = _ETCD_LINE.fullmatch(line)
        if match is None or match["type"] not in _TYPES:
            raise _refusal(source, number, repr(line), "INFO jepsen.util - <process> :<type> :<function> <value>")
        value: Any = _edn(match["value"], source, number)
        error = ""
        if isinstance(value, str):  # A keyword such as :timed-out
            value, error = None, value
        events.append(
            _event(len(events), number, int(match["process"]), match["type"], match["function"], value, error)
        )
    return events


# --- EDN maps, one event a map --------------------------------------------------------------------------------------

_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[{}]|[^"{}]+|"')


def parse_edn_history(content: str, *, source: str = "history") -> list[HistoryEvent]:
    """Return the events of EDN maps, each of which begins on a line of its own, perhaps within one vector.

    Comments begin with `;`. Transactions are `:f :txn`, or have no `:f`; keywords within values lose their colon.
    """
    events: list[HistoryEvent] = []
    unfinished = ""
    for number, line in enumerate(content.splitlines(), start=1):
        text = line.split(";")[0] if '"' not in line else line
        maps, rest, unfinished = _maps(f"{unfinished} {text}")
        if rest.strip(" \t,[]"):
            raise _refusal(
                source, number, repr(rest.strip(" \t,[]")), "one map a line, like {:process 0, :type :ok, …}"
            )
        for each in maps:
            fields = _edn(each, source, number)
            if fields.get(":process") != ":nemesis":  # What breaks the database is no client of it.
                events.append(_event_of_map(fields, len(events), number, source))
    if unfinished:
        raise _refusal(source, number, repr(unfinished.strip()[:60]), "a bracket for the end of the map")
    return events


def _maps(text: str) -> tuple[list[str], str, str]:
    """Return the outermost maps of a text, what stands beside them, and the beginning of one that goes on."""
    maps: list[str] = []
    rest: list[str] = []
    open_map: list[str] = []
    depth = 0
    for piece in _PIECE.findall(text):
        depth += (piece == "{") - (piece == "}")
        (open_map if open_map or piece == "{" else rest).append(piece)
        if open_map and not depth:
            maps.append("".join(open_map))
            open_map.clear()
    return maps, "".join(rest), "".join(open_map)


def _event_of_map(fields: Any, index: int, number: int, source: str) -> HistoryEvent:
    known = isinstance(fields, dict) and fields.get(":type", "")[1:] in _TYPES
    function = _function(fields) if known else ""
    if not known or type(fields.get(":process")) is not int or not function.startswith(":"):
        raise _refusal(source, number, repr(fields), ":process a number, :type :invoke|:ok|:fail|:info, :f a keyword")
    value, error = fields.get(":value"), fields.get(":error")
    key = fields.get(":key")
    if isinstance(value, str) and value.startswith(":"):
        value, error = None, value
    return _event(
        index, number, fields[":process"], fields[":type"][1:], function[1:], _without_colons(value), str(error or ""),
        key=None if key is None else str(key),
    )  # fmt: skip


def _function(fields: dict[str, Any]) -> str:
    """Return what an event is about; a list of lists without a name is a transaction."""
    function, value = fields.get(":f"), fields.get(":value")
    is_steps = isinstance(value, list) and bool(value) and all(isinstance(step, list) for step in value)
    return ":txn" if function is None and is_steps else str(function or "")


def _without_colons(value: Any) -> Any:
    if isinstance(value, str):
        return value.removeprefix(":")
    if isinstance(value, list):
        return [_without_colons(each) for each in value]
    if isinstance(value, dict):
        return {_without_colons(key): _without_colons(each) for key, each in value.items()}
    return value


def _event(
    index: int, line: int, process: int, type_: str, function: str, value: Any, error: str, key: str | None = None
) -> HistoryEvent:
    if type_ == "fail" and function == "cas" and not error:
        error = MISMATCH
    return HistoryEvent(
        index, line * MILLISECOND_NS, process, cast(EventType, type_), function, key, value, error=error
    )


_TOKEN = re.compile(r'\s*(?:(?P<mark>[\[\]{}])|"(?P<text>(?:[^"\\]|\\.)*)"|(?P<word>[^\s,\[\]{}"]+))[\s,]*')


def _edn(text: str, source: str, number: int) -> Any:
    """Return the value of one EDN form; keywords stay as text with their colon. Bounded by the line it stands on."""
    stack: list[tuple[str, list[Any]]] = [("", [])]
    for mark, value in _tokens(text, source, number):
        if mark in ("[", "{"):
            stack.append((mark, []))
        elif mark in ("]", "}"):
            opened, items = stack.pop()
            if opened + mark not in ("[]", "{}") or (opened == "{" and len(items) % 2):
                raise _refusal(source, number, repr(text), "brackets in pairs, and a value for each key")
            stack[-1][1].append(items if opened == "[" else dict(zip(items[::2], items[1::2], strict=True)))
        else:
            stack[-1][1].append(value)
    if len(stack) != 1 or len(stack[0][1]) != 1:
        raise _refusal(source, number, repr(text), "one value")
    return stack[0][1][0]


def _tokens(text: str, source: str, number: int) -> Iterator[tuple[str, Any]]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _refusal(source, number, repr(text[at:]), "a number, text, keyword, vector or map")
        at = match.end()
        if match["mark"]:
            yield match["mark"], None
        elif match["text"] is not None:
            yield "", re.sub(r"\\(.)", r"\1", match["text"])
        else:
            yield "", _word(match["word"], source, number)


def _word(word: str, source: str, number: int) -> Any:
    if word.startswith(":"):
        return word
    constants = {"nil": None, "true": True, "false": False}
    if word in constants:
        return constants[word]
    if re.fullmatch(r"[+-]?\d+", word):
        return int(word)
    if re.fullmatch(r"<?[A-Za-z_$][^:;]*", word):  # A symbol: names of classes, in what went wrong.
        return word
    raise _refusal(source, number, repr(word), "nil, true, false, a whole number, a symbol or a keyword")


def _refusal(source: str, number: int, found: str, allowed: str) -> InvalidInput:
    return InvalidInput(f"{source}, line {number}: found {found}; expected {allowed}")
