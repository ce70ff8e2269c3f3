"""How shards are spread over nodes before and after a rebalancing: a table and a picture, without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PhantomLibrary.placement.snapshot import Carried, Snapshot, distribution

_CELL = "padding:2px 8px;border-top:1px solid rgba(128,128,128,.4);text-align:right"
_BEFORE, _AFTER = "#9aa5b1", "#2f7ed8"
_NODES_MAX = 50  # More than these are read by nobody: the picture shows the first ones.
_BAR, _GAP, _LEFT, _WIDTH = 9, 10, 70, 420
_UNITS = {"replicas": "replicas", "leaders": "shards led", "bytes": "bytes held"}


def render_distribution(title: str, before: Snapshot, after: Snapshot) -> str:
    """Return table and picture as HTML without scripts."""
    zones = {each.node: each.zone for each in (*before.nodes, *after.nodes)}
    then = {each.node: each for each in distribution(before)}
    now = {each.node: each for each in distribution(after)}
    rows = [(node, zones[node], then.get(node, Carried(node)), now.get(node, Carried(node))) for node in zones]
    return f"<p><b>{escape(title)}</b></p>{_table(rows)}{_picture(rows)}"


_Row = tuple[str, str, Carried, Carried]


def _table(rows: Sequence[_Row]) -> str:
    heads = ["node", "zone", *(f"{unit} {when}" for unit in _UNITS.values() for when in ("before", "after"))]
    lines = ["".join(f'<th style="{_CELL}">{escape(head)}</th>' for head in heads)]
    for node, zone, before, after in rows:
        numbers = [f"{getattr(each, field):,}" for field in _UNITS for each in (before, after)]
        lines.append("".join(f'<td style="{_CELL}">{escape(cell)}</td>' for cell in (node, zone, *numbers)))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table style="border-collapse:collapse">{body}</table>'


def _picture(rows: Sequence[_Row]) -> str:
    """Return one block of bars for each measure, two bars a node."""
    parts: list[str] = []
    top = 20
    for field, unit in _UNITS.items():
        parts.append(_text(0, top, f"{unit}: grey before, blue after", bold=True))
        top += 8
        shown = rows[:_NODES_MAX]
        most = max((getattr(each, field) for row in shown for each in row[2:]), default=0) or 1
        for node, _, before, after in shown:
            parts.append(_text(0, top + 2 * _BAR - 4, node))
            for row, (carried, colour) in enumerate(((before, _BEFORE), (after, _AFTER))):
                amount = getattr(carried, field)
                width = _WIDTH * amount // most
                y = top + row * _BAR
                parts.append(f'<rect x="{_LEFT}" y="{y}" width="{width}" height="{_BAR - 1}" fill="{colour}"/>')
                parts.append(_text(_LEFT + width + 4, y + _BAR - 1, f"{amount:,}", size=9))
            top += 2 * _BAR + _GAP
        top += 22
    size = f'width="{_LEFT + _WIDTH + 90}" height="{top}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">{"".join(parts)}</svg>'


def _text(x: int, y: int, text: str, *, size: int = 11, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="currentColor"{weight}>{escape(text)}</text>'
