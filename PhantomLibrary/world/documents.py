"""Reads YAML documents into typed values, and explains each mistake: file, line, path, what was found, what is allowed.

A decoder receives the plain document and raises `Refused` with the path of a mistake; the line is found here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec

from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.world.units import decode

if TYPE_CHECKING:
    import yaml

Decoded = TypeVar("Decoded")
KnownKeys: TypeAlias = Callable[[str, Any], Sequence[str]]  # The keys that a mapping at a path may have.
_Marks: TypeAlias = dict[str, int]


class Refused(Exception):
    """A mistake at a path of the document."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason


def parse_document(text: str, origin: str, decode_document: Callable[[Any], Decoded]) -> Decoded:
    """Return what a decoder makes of a YAML text; `origin` names its source in errors. Raises InvalidInput."""
    document, marks = _compose(text, origin)
    try:
        return decode_document(document)
    except Refused as refused:
        line = _line(refused.path, marks)
        where = f"{origin}, line {line}" if line else origin
        raise InvalidInput(f"{where}: {refused.path}: {refused.reason}") from None


def convert(document: Any, wanted: Any, path: str, known_keys: KnownKeys, tags: Mapping[str, Sequence[str]]) -> Any:
    """Return a part of a document as a typed value. Raises Refused.

    `tags` are the fields that choose between types, each with what it may be.
    """
    try:
        return msgspec.convert(document, wanted, dec_hook=decode)
    except msgspec.ValidationError as error:
        reason, _, inner = str(error).partition(" - at `")
        inner = inner.rstrip("`").removeprefix("$")
        raise _explained(reason, path + inner, _at(document, inner), known_keys, tags) from None


def shown(found: Any) -> str:
    """Return what was found, as an error names it."""
    if found is None:
        return "nothing"
    if isinstance(found, dict | list):
        return "a mapping" if isinstance(found, dict) else "a list"
    return repr(found) if len(repr(found)) <= 60 else repr(found)[:57] + "..."


def one_of(names: Any) -> str:
    """Return the names that are allowed, as an error lists them."""
    return f"allowed are {', '.join(names)}"


def _explained(reason: str, path: str, found: Any, known_keys: KnownKeys, tags: Mapping[str, Sequence[str]]) -> Refused:
    """Say what msgspec found wrong: what is there, what is allowed, what was probably meant."""
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", reason)
    if unknown:
        known = known_keys(path, found)
        allowed = f": allowed are {', '.join(known)}" if known else ""
        return Refused(f"{path}.{unknown[1]}", f"unknown key {unknown[1]!r}{allowed}{nearest(unknown[1], known)}")
    missing = re.fullmatch(r"Object missing required field `(.*)`", reason)
    if missing:
        return Refused(path, f"{missing[1]!r} is missing")
    tag = path.rpartition(".")[2]
    if reason.startswith(("Invalid value", "Invalid enum value")) and tag in tags:
        return Refused(path, f"{found!r} is no {tag}: {one_of(tags[tag])}{nearest(found, tags[tag])}")
    if reason.startswith("Expected"):
        wanted = re.sub(r", got .*", "", reason).replace("`", "")
        for term, word in (("object", "a mapping"), ("array", "a list"), ("int", "a whole number"), ("str", "text")):
            wanted = re.sub(rf"\b{term}\b", word, wanted)
        return Refused(path, f"{wanted.lower().replace(' | null', '')}, found {shown(found)}")
    return Refused(path, reason)


def _at(document: Any, path: str) -> Any:
    """Return what is at a path such as `.nodes[2].size`."""
    for name, index in re.findall(r"\.([^.\[]+)|\[(\d+)\]", path):
        try:
            document = document[name] if name else document[int(index)]
        except (KeyError, IndexError, TypeError):
            return None
    return document


# --- YAML, with the line of each path ---------------------------------------------------------------------------------


def _compose(text: str, origin: str) -> tuple[Any, _Marks]:
    import yaml  # Here, because it costs 10 ms and most runs never read a file.

    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        marks: _Marks = {}
        if node is None:
            return None, marks
        _mark(node, "$", marks, origin)
        return loader.construct_document(node), marks
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{origin}, line {mark.line + 1}" if mark else origin
        raise InvalidInput(f"{where}: malformed YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise InvalidInput(f"{origin}: malformed YAML: {error}") from None


def _mark(node: yaml.Node, path: str, marks: _Marks, origin: str) -> None:
    """Note the line of each path; refuse a key that is there twice, which YAML would silently drop."""
    marks[path] = node.start_mark.line + 1
    if isinstance(node.value, str):
        return
    for index, child in enumerate(node.value):
        if not isinstance(child, tuple):
            _mark(child, f"{path}[{index}]", marks, origin)
            continue
        key, value = child
        inner = f"{path}.{key.value}"
        if inner in marks:
            raise InvalidInput(f"{origin}, line {key.start_mark.line + 1}: {inner}: this key is there twice")
        _mark(value, inner, marks, origin)
        marks[inner] = key.start_mark.line + 1


def _line(path: str, marks: _Marks) -> int | None:
    """Return the line of a path, or of the nearest part around it that has one."""
    while path and path not in marks:
        path = path[: max(path.rfind("."), path.rfind("["))]
    return marks.get(path)
