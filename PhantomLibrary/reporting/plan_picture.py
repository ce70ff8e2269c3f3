"""The plan of a query for Robot's log: a static picture of its steps as a tree, the answer on top.

Rule: as in summary_table, no scripts and no links; text has the colour of its surroundings, since the log may be dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from textwrap import wrap

from msgspec import Struct

from PhantomLibrary.sql.plans import PlanStep

_CHARACTERS = 46  # Of a line in a box.
_LINES_MAX = 4  # Of one detail; what is longer is cut, and whole where the pointer rests on it.
_CHARACTER, _LINE, _PADDING = 6.7, 15, 8
_GAP_ACROSS, _GAP_DOWN = 16, 30
_EDGE = "rgba(128,128,128,.9)"


class _Box(Struct):
    """A step with the size of its box, and of all below it."""

    step: PlanStep
    lines: list[tuple[str, str]]  # Of each, the kind and the text.
    children: list[_Box]
    width: float
    height: float
    span: float = 0


def render_plan(root: PlanStep, measured: Mapping[int, Sequence[tuple[str, str]]] | None = None) -> str:
    """Return the picture as HTML; `measured` are further details of the steps with these fragments."""
    box = _box(root, measured or {})
    levels = list[float]()
    _measure(box, 0, levels)
    parts = list[str]()
    _draw(box, 1, 0, levels, parts)
    width, height = round(box.span) + 2, round(sum(levels) + _GAP_DOWN * (len(levels) - 1)) + 2
    font = "font-family:ui-monospace,monospace;font-size:11px"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="query plan" style="{font}">{"".join(parts)}</svg>'
    )


def _box(step: PlanStep, measured: Mapping[int, Sequence[tuple[str, str]]]) -> _Box:
    lines = [("title", line) for line in wrap(step.title, _CHARACTERS) or [""]]
    for what, text in step.details:
        lines += _detail("detail", what, text)
    for what, text in measured.get(step.fragment, ()) if step.fragment is not None else ():
        lines += _detail("measured", what, text)
    width = max(len(text) for _, text in lines) * _CHARACTER + 2 * _PADDING
    height = len(lines) * _LINE + 2 * _PADDING
    return _Box(step, lines, [_box(each, measured) for each in step.children], width, height)


def _detail(kind: str, what: str, text: str) -> list[tuple[str, str]]:
    lines = wrap(f"{what}: {text}", _CHARACTERS, subsequent_indent="  ") or [what]
    if len(lines) > _LINES_MAX:
        lines = [*lines[: _LINES_MAX - 1], f"{lines[_LINES_MAX - 1][: _CHARACTERS - 2]} …"]
    return [(kind, line) for line in lines]


def _measure(box: _Box, depth: int, levels: list[float]) -> None:
    """Find out how wide each step is with all below it, and how high each level."""
    if depth == len(levels):
        levels.append(0)
    levels[depth] = max(levels[depth], box.height)
    for child in box.children:
        _measure(child, depth + 1, levels)
    below = sum(child.span for child in box.children) + _GAP_ACROSS * max(0, len(box.children) - 1)
    box.span = max(box.width, below)


def _draw(box: _Box, left: float, depth: int, levels: Sequence[float], parts: list[str]) -> None:
    top = 1 + sum(levels[:depth]) + _GAP_DOWN * depth
    x, middle = left + (box.span - box.width) / 2, left + box.span / 2
    below = sum(child.span for child in box.children) + _GAP_ACROSS * max(0, len(box.children) - 1)
    at = left + (box.span - below) / 2
    for child in box.children:
        target = at + child.span / 2
        down = 1 + sum(levels[: depth + 1]) + _GAP_DOWN * (depth + 1)
        bend = down - _GAP_DOWN / 2
        path = f"M{target:.1f} {down:.1f}V{bend:.1f}H{middle:.1f}V{top + box.height:.1f}"
        parts.append(f'<path d="{path}" fill="none" stroke="{_EDGE}"/>')
        _draw(child, at, depth + 1, levels, parts)
        at += child.span + _GAP_ACROSS
    whole = "\n".join([box.step.title, *(f"{what}: {text}" for what, text in box.step.details)])
    parts.append(
        f'<g><title>{escape(whole)}</title><rect x="{x:.1f}" y="{top:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="4" fill="rgba(128,128,128,.1)" stroke="{_EDGE}"/>'
    )
    for number, (kind, text) in enumerate(box.lines):
        y = top + _PADDING + 11 + number * _LINE
        style = {"title": ' font-weight="bold"', "measured": ' font-style="italic"'}.get(kind, "")
        place = f'x="{x + _PADDING:.1f}" y="{y:.1f}" fill="currentColor" xml:space="preserve"'
        parts.append(f"<text {place}{style}>{escape(text)}</text>")
    parts.append("</g>")
