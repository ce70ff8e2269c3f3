"""What a plan does, as text for people and as numbers for assertions; with what was measured, as EXPLAIN ANALYZE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from PhantomLibrary.sql.plans import Measured, Plan, PlanStep

_WIDTH = 116
_MS = 1_000_000


class Explained(Struct, frozen=True):
    """`shards_touched`, `rows_moved` and `bytes_moved` are None where the plan was not run."""

    text: str
    gathers: int
    shards_touched: int | None = None
    rows_moved: int | None = None
    bytes_moved: int | None = None


def explained(plan: Plan, measured: Mapping[int, Measured] | None = None) -> Explained:
    """Return what a plan does, and with measurements what it did."""
    text = explain_text(plan, measured)
    if measured is None:
        return Explained(text, plan.gathers)
    touched: dict[int, None] = {}
    for each in measured.values():
        touched |= each.shards
    rows = sum(each.rows for each in measured.values())
    return Explained(text, plan.gathers, len(touched), rows, sum(each.bytes for each in measured.values()))


def explain_text(plan: Plan, measured: Mapping[int, Measured] | None = None) -> str:
    """Return a plan as a tree of lines: what happens last stands first, and below it what it needs."""
    lines: list[str] = []
    _tell(plan.steps, measured or {}, "", "", lines)
    if plan.gathers:
        lines.append(f"gathered for want of a better way: {plan.gathers} table{'s' if plan.gathers > 1 else ''}")
    return "\n".join(lines)


def measured_details(measured: Measured) -> tuple[tuple[str, str], ...]:
    """Return what was measured of a fragment, as details of its step."""
    shards = f" from {_counted(len(measured.shards), 'shard')}" if measured.shards else ""
    found = [("moved", f"{_counted(measured.rows, 'row')}, {_counted(measured.bytes, 'byte')}{shards}")]
    found.append(("took", f"{measured.elapsed_ns // _MS}.{measured.elapsed_ns % _MS // 1000:03d} ms"))
    if measured.restarts:
        found.append(("restarted", _counted(measured.restarts, "part")))
    return tuple(found)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _tell(step: PlanStep, measured: Mapping[int, Measured], first: str, rest: str, lines: list[str]) -> None:
    lines.append(first + step.title)
    below = rest + ("│ " if step.children else "  ")
    details: Sequence[tuple[str, str]] = step.details
    if step.fragment is not None and step.fragment in measured:
        details = (*details, *measured_details(measured[step.fragment]))
    for what, text in details:
        _wrap(f"{what}: {text}", below, lines)
    for number, child in enumerate(step.children, 1):
        is_last = number == len(step.children)
        _tell(child, measured, rest + ("└─ " if is_last else "├─ "), rest + ("   " if is_last else "│  "), lines)


def _wrap(text: str, indent: str, lines: list[str]) -> None:
    """Add a text in lines of some width, cut at blanks, the further ones indented."""
    room, line = max(40, _WIDTH - len(indent)), ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > room:
            lines.append(indent + line)
            line = f"  {word}"
        else:
            line = f"{line} {word}" if line else word
    lines.append(indent + line)
