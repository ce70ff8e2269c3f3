"""Reads calls of keywords that stand in cells, as Robot would: names, arguments, types."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, get_type_hints

from msgspec import Struct
from robot.api import TypeInfo

from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.keywords.converters import CONVERTERS

_AND = "AND"
_OWNERS = ("start_cluster", "stop_cluster", "replay_schedule", "run_in_threads", "set_cpu_limit")


class Call(Struct, frozen=True):
    """A keyword with converted arguments; `text` is how it was written."""

    text: str
    name: str
    positional: list[Any]
    named: dict[str, Any]


def read_calls(cells: Sequence[str], keywords: Mapping[str, Any]) -> list[Call]:
    """Return the calls that stand in cells, with AND between them. Raises InvalidInput for one that cannot be."""
    groups: list[list[Any]] = [[]]
    for cell in cells:
        if cell == _AND:
            groups.append([])
        else:
            groups[-1].append(cell)
    if not all(groups):
        raise InvalidInput("threads need something to do: write a keyword with its arguments, with AND between several")
    return [_read_call(str(name), arguments, keywords) for name, *arguments in groups]


def _read_call(written: str, arguments: list[Any], keywords: Mapping[str, Any]) -> Call:
    by_plain = {_plain(name): name for name in keywords}
    name = by_plain.get(_plain(written.rpartition(".")[2]))
    if name is None:
        titles = [each.replace("_", " ").title() for each in keywords]
        raise InvalidInput(
            f"no keyword {written!r} in this library{nearest(written, titles)}: threads run no others, since Robot's "
            "output would break"
        )
    method = keywords[name]
    if name in _OWNERS or "robot:flatten" in getattr(method, "robot_tags", ()):
        raise InvalidInput(f"{written} cannot run in a thread: it begins or ends clusters, or runs other keywords")
    text = " ".join([written, *map(str, arguments)])
    positional, named = _split(arguments, method)
    signature = inspect.signature(method)
    try:
        bound = signature.bind(*positional, **named)
    except TypeError as error:
        raise InvalidInput(f"{text}: {error}") from None
    hints = _hints(method)
    for parameter, value in bound.arguments.items():
        kind = signature.parameters[parameter].kind
        if parameter in hints:
            several = kind is inspect.Parameter.VAR_POSITIONAL
            bound.arguments[parameter] = (
                tuple(_converted(each, hints[parameter], parameter, text) for each in value)
                if several
                else _converted(value, hints[parameter], parameter, text)
            )
    return Call(text, name, list(bound.args), dict(bound.kwargs))


def _split(arguments: list[Any], method: Any) -> tuple[list[Any], dict[str, Any]]:
    parameters = inspect.signature(method).parameters.values()
    names = {each.name for each in parameters if each.kind is not inspect.Parameter.VAR_POSITIONAL}
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for each in arguments:
        name, equals, value = each.partition("=") if isinstance(each, str) else ("", "", "")
        if equals and name in names:
            named[name] = value
        else:
            positional.append(each)
    return positional, named


@lru_cache(maxsize=256)
def _hints(method: Any) -> dict[str, Any]:
    hints = get_type_hints(method)
    hints.pop("return", None)
    return {name: TypeInfo.from_type_hint(hint) for name, hint in hints.items()}


def _converted(value: Any, hint: Any, name: str, text: str) -> Any:
    try:
        return hint.convert(value, name, custom_converters=dict(CONVERTERS), allow_unknown=True)
    except ValueError as error:
        raise InvalidInput(f"{text}: {error}") from None


def _plain(name: str) -> str:
    return name.replace(" ", "").replace("_", "").lower()
