"""A throughput–latency curve for Robot's log: a static picture and a table.

Rule: as in summary_table, no scripts and no links; text has the colour of its surroundings, since the log may be dark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from PhantomLibrary.domain import MILLISECOND_NS
from PhantomLibrary.reporting.summary_table import milliseconds
from PhantomLibrary.testbed.capacity import CapacityCurve, CapacityStep
from PhantomLibrary.workloads.latency import LatencySummary
from PhantomLibrary.workloads.load import RATE_TIME_S

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 28, 44
_LINES: tuple[tuple[str, str, Callable[[LatencySummary], int]], ...] = (
    ("p50", "#3a9d5d", lambda latency: latency.p50_ns),
    ("p95", "#c98a1b", lambda latency: latency.p95_ns),
    ("p99", "#d1495b", lambda latency: latency.p99_ns),
)
_GRID = "rgba(128,128,128,.35)"
_TICKS = 5


def render_capacity(curve: CapacityCurve) -> str:
    """Return the picture and the table as HTML."""
    return f"<div>{_picture(curve)}{_table(curve)}</div>"


class _Scale:
    """Offered rates to the right, latencies upwards: the former even, the latter by powers of ten."""

    def __init__(self, steps: Sequence[CapacityStep], limit_ns: int) -> None:
        latencies = [limit_ns, *(of(step.latency) for step in steps for _, _, of in _LINES if step.latency.count)]
        self.rate_max = max(step.rate for step in steps)
        self.low = min(_decade(each) for each in latencies)
        self.high = max(_decade(each) for each in latencies) + 1

    def x(self, rate: int) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * rate / self.rate_max

    def y(self, latency_ns: int) -> float:
        whole = _decade(latency_ns)
        # Between two powers of ten straight on is close enough to a logarithm, and has no rounding of its own.
        part = whole + (latency_ns / int("1" + "0" * whole) - 1) / 9
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (part - self.low) / (self.high - self.low)


def _decade(value: int) -> int:
    return len(str(max(1, value))) - 1


def _picture(curve: CapacityCurve) -> str:
    steps = curve.by_rate
    scale = _Scale(steps, curve.plan.p99_ns_max)
    parts = [*_axes(scale), _limit(curve, scale)]
    if curve.capacity:
        parts.append(_capacity(curve, scale))
    measured = [step for step in steps if step.latency.count]
    for position, (name, colour, of) in enumerate(_LINES):
        points = [(scale.x(step.rate), scale.y(of(step.latency)), step) for step in measured]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [_dot(x, y, colour, step) for x, y, step in points]
        parts.append(_text(_LEFT + 44 * position, 16, name, anchor="start", fill=colour))
    label = "Throughput–latency curve"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{label}" '
        f'font-family="sans-serif" font-size="11" fill="currentColor">{"".join(parts)}</svg>'
    )


def _axes(scale: _Scale) -> list[str]:
    floor = _HEIGHT - _BOTTOM
    parts = []
    for decade in range(scale.low, scale.high + 1):
        y = scale.y(10**decade)
        parts.append(_line(_LEFT, y, _WIDTH - _RIGHT, y, _GRID))
        parts.append(_text(_LEFT - 6, y + 4, _short_time(10**decade), anchor="end"))
    for tick in range(_TICKS + 1):
        rate = scale.rate_max * tick // _TICKS
        parts.append(_line(scale.x(rate), floor, scale.x(rate), floor + 4, "currentColor"))
        parts.append(_text(scale.x(rate), floor + 16, f"{rate / RATE_TIME_S:,.0f}", anchor="middle"))
    parts.append(_line(_LEFT, floor, _WIDTH - _RIGHT, floor, "currentColor"))
    parts.append(_text(_WIDTH - _RIGHT, _HEIGHT - 10, "operations offered a second", anchor="end"))
    parts.append(_text(_LEFT + 44 * len(_LINES), 16, "latency from arrival", anchor="start"))
    return parts


def _limit(curve: CapacityCurve, scale: _Scale) -> str:
    y = scale.y(curve.plan.p99_ns_max)
    text = f"limit of p99: {_short_time(curve.plan.p99_ns_max)}"
    return _line(_LEFT, y, _WIDTH - _RIGHT, y, "#d1495b", dashes="6 4") + _text(_LEFT + 6, y - 4, text, anchor="start")


def _capacity(curve: CapacityCurve, scale: _Scale) -> str:
    x = scale.x(curve.capacity)
    text = f"capacity {curve.capacity / RATE_TIME_S:,.6g}/s"
    return _line(x, _TOP - 6, x, _HEIGHT - _BOTTOM, "currentColor", dashes="2 3") + _text(x - 4, 16, text, anchor="end")


def _dot(x: float, y: float, colour: str, step: CapacityStep) -> str:
    """Filled where the step was sustained."""
    fill = colour if step.is_sustained else "none"
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{fill}" stroke="{colour}" stroke-width="1.5"/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dashed}/>'


def _text(x: float, y: float, text: str, *, anchor: str, fill: str = "") -> str:
    filled = f' fill="{fill}"' if fill else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{filled}>{escape(text)}</text>'


def _short_time(time_ns: int) -> str:
    """Return a time as an axis shows it: `10 µs`, `1 ms`, `10 s`."""
    for unit_ns, unit in ((1_000 * MILLISECOND_NS, "s"), (MILLISECOND_NS, "ms"), (1_000, "µs")):
        if time_ns >= unit_ns:
            return f"{time_ns / unit_ns:g} {unit}"
    return f"{time_ns} ns"


def _table(curve: CapacityCurve) -> str:
    knee = curve.knee
    rows = ["<tr>" + "".join(f"<th>{each}</th>" for each in _HEADINGS) + "</tr>"]
    for step in curve.by_rate:
        marks = ["capacity"] * (step.rate == curve.capacity) + ["knee"] * (step is knee)
        latency = step.latency
        times = (latency.p50_ns, latency.p95_ns, latency.p99_ns)
        cells = (
            f"{step.rate / RATE_TIME_S:,.6g}",
            f"{step.throughput / RATE_TIME_S:,.6g}",
            *(milliseconds(each) if latency.count else "–" for each in times),
        )
        verdict = step.why or ", ".join(marks) or "sustained"
        numbers = "".join(f"<td>{escape(each)}</td>" for each in cells)
        rows.append(f'<tr>{numbers}<td style="text-align:left">{escape(verdict)}</td></tr>')
    style = "border-collapse:collapse;text-align:right;font-variant-numeric:tabular-nums"
    return f'<table cellpadding="4" style="{style}">{"".join(rows)}</table>'


_HEADINGS = ("offered/s", "confirmed/s", "p50 ms", "p95 ms", "p99 ms", "")
