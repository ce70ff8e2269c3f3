"""Finds steps of a fault plan that contradict each other, from what is written, without a cluster.

A step holds some things from its time until it heals: a node's being down or paused, a property of links. Another step
that takes one of them meanwhile contradicts it. A node is known by its name only: a role such as *leader of shard 1*
may mean another node each time, so of a role nothing is held but the properties of links, which are changed under one
name.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from PhantomLibrary.testbed.plan_steps import (
    CrashNode,
    DelayMessages,
    DropMessages,
    FailDisk,
    HealFaults,
    HealNetwork,
    PauseNode,
    RestartNode,
    ResumeNode,
    SetLink,
    SkewClock,
    Step,
)

_ROLES = ("leader of", "follower of", "followers of", "random", "minority", "majority", "rest")


class _Hold(Struct):
    """One step's hold: `what` of `names` (and, of links, towards `towards`), until `end_ns`."""

    path: str
    what: str
    names: frozenset[str]
    towards: frozenset[str] | None
    end_ns: int | None


def contradiction(steps: Sequence[tuple[str, Step]]) -> tuple[str, str] | None:
    """Return the path of the first step that contradicts an earlier one, with the reason; None where none does.

    `steps` come with their paths, in the order of their times.
    """
    holds: list[_Hold] = []
    down: dict[str, str] = {}  # Each node that the plan has crashed, with the path of that step, also when it is over.
    paused: dict[str, str] = {}
    for path, step in steps:
        holds = [each for each in holds if each.end_ns is None or each.end_ns > step.time]
        reason = _return_without_leave(step, holds, down, paused)
        if reason:
            return path, reason
        for wanted in _holds_of(path, step):
            clash = next((each for each in holds if _clashes(each, wanted)), None)
            if clash is not None:
                return path, _explain(clash, wanted)
            holds.append(wanted)
        _release(step, holds)
        if isinstance(step, CrashNode):
            down.update(dict.fromkeys(_fixed(step.target), path))
        elif isinstance(step, PauseNode):
            paused.update(dict.fromkeys(_fixed(step.target), path))
    return None


def _holds_of(path: str, step: Step) -> list[_Hold]:
    end_ns = step.end_ns
    if isinstance(step, CrashNode):
        return [_Hold(path, "down", _fixed(step.target), None, end_ns)]
    if isinstance(step, PauseNode):
        return [_Hold(path, "paused", _fixed(step.target), None, end_ns)]
    if isinstance(step, FailDisk):
        return [_Hold(path, f"{step.kind} of the disk", _fixed(step.target), None, end_ns)]
    if isinstance(step, SkewClock):
        words = [name for name in ("offset", "drift") if getattr(step, name)]
        return [_Hold(path, f"{word} of the clock", _fixed(step.target), None, end_ns) for word in words]
    if isinstance(step, SetLink):
        words = [name.removesuffix("_ns").removesuffix("_ppm") for name in step.changes()]
        return [_Hold(path, word, _parts(step.source), _parts(step.target), end_ns) for word in words]
    if isinstance(step, DropMessages):
        return [_Hold(path, f"loss of {step.kind} messages", _parts(step.source), _parts(step.target), end_ns)]
    if isinstance(step, DelayMessages):
        return [_Hold(path, f"delay of {step.kind} messages", _parts(step.source), _parts(step.target), end_ns)]
    return []


def _clashes(held: _Hold, wanted: _Hold) -> bool:
    same = held.what == wanted.what or (held.what, wanted.what) == ("down", "paused")
    if not same or not _meet(held.names, wanted.names):
        return False
    return held.towards is None or wanted.towards is None or _meet(held.towards, wanted.towards)


def _explain(held: _Hold, wanted: _Hold) -> str:
    if wanted.towards is not None:
        return f"the {wanted.what} of these links is changed already, by {held.path}: let that end first, or heal it"
    both = held.names & wanted.names or (wanted.names if "all" in held.names else held.names)
    names = ", ".join(sorted(both))
    if held.what == "down":
        remedy = "a duration" if held.end_ns is None else "a shorter duration"
        return f"{names} is down by then, crashed by {held.path}: restart it first, or give that step {remedy}"
    return f"{held.what} of {names} is begun already, by {held.path}: let that end first, or heal it"


def _return_without_leave(step: Step, holds: Sequence[_Hold], down: dict[str, str], paused: dict[str, str]) -> str:
    """Say why a node cannot be restarted or resumed: the plan took it away, and it is back by itself."""
    if isinstance(step, RestartNode):
        what, taken, verb = "down", down, "restarted"
    elif isinstance(step, ResumeNode):
        what, taken, verb = "paused", paused, "resumed"
    else:
        return ""
    for name in sorted(_fixed(step.target)):
        held = any(each.what == what and _meet(each.names, frozenset([name])) for each in holds)
        if name in taken and not held:
            return f"{name} is not {what} any more by then ({taken[name]} has ended), so it cannot be {verb}"
    return ""


def _release(step: Step, holds: list[_Hold]) -> None:
    """Let go what a step ends."""
    match step:
        case RestartNode(target=target):
            ended, what = _fixed(target), ("down",)
        case ResumeNode(target=target):
            ended, what = _fixed(target), ("paused",)
        case HealFaults(target=""):
            holds.clear()
            return
        case HealFaults(target=target):
            for each in holds:
                each.names -= _fixed(target)
            return
        case HealNetwork():
            holds[:] = [each for each in holds if each.towards is None]
            return
        case _:
            return
    for each in holds:
        if each.what in what:
            each.names = frozenset() if "all" in ended else each.names - ended


def _meet(some: frozenset[str], others: frozenset[str]) -> bool:
    if not some or not others:
        return False
    return bool(some & others) or "all" in some or "all" in others


def _parts(text: str) -> frozenset[str]:
    return frozenset(" ".join(part.split()) for part in text.split(","))


def _fixed(text: str) -> frozenset[str]:
    """Return the parts that mean the same nodes at any time."""
    return frozenset(part for part in _parts(text) if not part.startswith(_ROLES))
