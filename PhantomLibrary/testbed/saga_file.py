"""Reads the definitions of sagas from YAML: built-in ones by name, others by path or as text.

`{saga}` in a key or a value stands for the name of the saga that is started, so that its effects can be told apart.
Every mistake is refused with the file, the line, the path inside it, what was found and what is allowed.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, Append, Cas, Change, Increment, Put, Remove
from PhantomLibrary.domain.sagas import Definition, Step
from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.protocols.saga.definition import why_no_saga
from PhantomLibrary.world.documents import Refused, convert, parse_document, shown
from PhantomLibrary.world.units import Nanoseconds

ACTIONS = ("put", "append", "remove", "increment", "compare_and_set")
_NAME = "{saga}"


class _ChangeText(Struct, forbid_unknown_fields=True):
    """A change as people write it: one of the actions, with what it takes."""

    put: str | int | None = None
    append: str | int | None = None
    remove: str | int | None = None
    increment: int | None = None
    compare_and_set: tuple[str | int | None, str | int] | None = None
    at_least: int | None = None


class _StepText(Struct, forbid_unknown_fields=True):
    name: str
    key: str
    action: _ChangeText
    compensation: _ChangeText | Literal["none"] | None = None
    after: list[str] | None = None
    retries: int = 3
    compensation_retries: int = 10
    back_off: Nanoseconds = Nanoseconds(100 * MILLISECOND_NS)
    timeout: Nanoseconds = Nanoseconds(SECOND_NS)


class _SagaText(Struct, forbid_unknown_fields=True):
    name: str
    steps: list[_StepText]
    description: str = ""
    timeout: Nanoseconds = Nanoseconds(0)


def builtin_sagas() -> list[str]:
    """Return the names of the sagas that ship with the library."""
    folder = resources.files("PhantomLibrary.testbed") / "sagas"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def read_saga(name_or_path: str) -> str:
    """Return the text of a built-in saga, or of a YAML file. Raises InvalidInput."""
    known = builtin_sagas()
    if name_or_path in known:
        return (resources.files("PhantomLibrary.testbed") / "sagas" / f"{name_or_path}.yaml").read_text("utf-8")
    path = Path(name_or_path)
    if not path.is_file():
        raise InvalidInput(
            f"no saga {name_or_path!r}: give the path of a YAML file, a name given to Define Saga, or one of "
            f"{', '.join(known)}{nearest(name_or_path, known)}"
        )
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path}: cannot be read as UTF-8 text: {error}") from error


def parse_saga(text: str, origin: str, name: str = "") -> Definition:
    """Return the saga that a YAML text describes, as it is started under a name; without one, as it stands there.

    `origin` names the text in errors. Raises InvalidInput.
    """
    definition = parse_document(text, origin, lambda document: _decode(document, name))
    reason = why_no_saga(definition)
    if reason:
        raise InvalidInput(f"{origin}: {reason}")
    return definition


# --- decoding ---------------------------------------------------------------------------------------------------------


def _known_keys(path: str, _found: Any) -> tuple[str, ...]:
    last = path.rpartition(".")[2]
    if last in ("action", "compensation"):
        return _ChangeText.__struct_fields__
    return _StepText.__struct_fields__ if last.startswith("steps[") else _SagaText.__struct_fields__


def _decode(document: Any, name: str) -> Definition:
    if not isinstance(document, dict):
        raise Refused("$", f"expected a mapping with a name and steps, found {shown(document)}")
    for position, step in enumerate(_listed(document.get("steps"))):
        for part in ("action", "compensation"):
            _check_change(step, part, f"$.steps[{position}].{part}")
    saga: _SagaText = convert(document, _SagaText, "$", _known_keys, {})
    names = [each.name for each in saga.steps]
    steps = [_step(each, position, names, name or _NAME) for position, each in enumerate(saga.steps)]
    return Definition(saga.name, tuple(steps), int(saga.timeout))


def _listed(steps: Any) -> list[Any]:
    return [each for each in steps if isinstance(each, dict)] if isinstance(steps, list) else []


def _check_change(step: dict[str, Any], part: str, path: str) -> None:
    """Refuse a change that names no action, or more than one, in words that name all there are."""
    change = step.get(part)
    if part not in step or (part == "compensation" and change in ("none", None)):
        return
    known = ", ".join(ACTIONS)
    if not isinstance(change, dict):
        none = " or none" if part == "compensation" else ""
        raise Refused(path, f"expected a mapping with one of {known}{none}, found {shown(change)}")
    unknown = [each for each in change if each not in (*ACTIONS, "at_least")]
    if unknown:
        raise Refused(
            f"{path}.{unknown[0]}", f"no action {unknown[0]!r}: there are {known}{nearest(unknown[0], ACTIONS)}"
        )
    chosen = [each for each in ACTIONS if change.get(each) is not None]
    if len(chosen) != 1:
        raise Refused(path, f"names {' and '.join(chosen) or 'no action'}: write one of {known}")


def _step(step: _StepText, position: int, names: list[str], name: str) -> Step:
    after = [names[position - 1]] if step.after is None and position else step.after or []
    for each in after:
        if each not in names:
            path = f"$.steps[{position}].after"
            raise Refused(path, f"no step {each!r}: there are {', '.join(names)}{nearest(each, names)}")
    compensation = step.compensation
    return Step(
        step.name,
        _change(step.key, step.action, name),
        _change(step.key, compensation, name) if isinstance(compensation, _ChangeText) else None,
        tuple(names.index(each) for each in after),
        "none" if compensation == "none" else "",
        step.retries,
        step.compensation_retries,
        int(step.back_off),
        int(step.timeout),
    )


def _change(key: str, text: _ChangeText, name: str) -> Change:
    def filled(value: str | int) -> str:
        return str(value).replace(_NAME, name)

    key = filled(key)
    if text.put is not None:
        return Change(Put(key, filled(text.put)), text.at_least)
    if text.append is not None:
        return Change(Append(key, filled(text.append)), text.at_least)
    if text.remove is not None:
        return Change(Remove(key, filled(text.remove)), text.at_least)
    if text.increment is not None:
        return Change(Increment(key, text.increment), text.at_least)
    assert text.compare_and_set is not None
    expected, value = text.compare_and_set
    return Change(Cas(key, None if expected is None else filled(expected), filled(value)), text.at_least)
