"""A run's summary for people: one short static table for Robot's log, and the same as plain text.

Rule: no scripts, no links, no colours of our own. Robot's log is light or dark as its reader likes, and some servers
block scripts; borders are half-transparent grey and everything else is inherited.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from PhantomLibrary.checking.verdict import seconds
from PhantomLibrary.domain import MILLISECOND_NS
from PhantomLibrary.reporting.region_summary import region_lines
from PhantomLibrary.reporting.summary import (
    OUTCOMES,
    FaultSummary,
    HealthSummary,
    LeaderTerm,
    OperationSummary,
    RunSummary,
)
from PhantomLibrary.reporting.usage_report import use_lines
from PhantomLibrary.workloads.latency import LatencySummary

_NODES_MAX = 3
LINES_MAX = 6  # Of leader changes and of faults each; the rest stands in summary.json.

_HEADINGS = ("operation, latency in ms", *OUTCOMES, "ok/s", "min", "mean", "p50", "p95", "p99", "max")
_LATENCIES = ("min_ns", "mean_ns", "p50_ns", "p95_ns", "p99_ns", "max_ns")
_CAUSES = {
    "cut": "to cuts",
    "loss": "by chance",
    "drop": "to drop rules",
    "down": "at nodes down",
    "buffer": "to full buffers",
}

_LINE = "border-top:1px solid rgba(128,128,128,.4)"
_TABLE = "border-collapse:collapse;margin:4px 0;text-align:right;white-space:pre-wrap;font-variant-numeric:tabular-nums"
_LEFT = "text-align:left"
_FACT = "font-weight:normal;opacity:.7;vertical-align:top"


def render_html(summary: RunSummary) -> str:
    """Return the summary as one HTML table."""
    width = len(_HEADINGS) if summary.operations else 2
    rows = [f'<tr><th colspan="{width}" style="{_LEFT}">{escape(_title(summary))}</th></tr>']
    if summary.operations:
        rows.append(_html_row(_HEADINGS, "th"))
        rows += [_html_row(_cells(each), "td") for each in summary.operations]
    rows += [_html_fact(name, lines, width) for name, lines in _facts(summary)]
    # The obsolete attribute says once what would else be a style on each of a hundred cells.
    return f'<table cellpadding="4" style="{_TABLE}">{"".join(rows)}</table>'


def render_text(summary: RunSummary) -> str:
    """Return the summary as plain text of aligned columns."""
    lines = [_title(summary)]
    if summary.operations:
        table = [_HEADINGS, *map(_cells, summary.operations)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines += ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table]
    for name, facts in _facts(summary):
        lines += [f"{'' if row else name:<12}{fact}" for row, fact in enumerate(facts)]
    return "\n".join(lines)


def milliseconds(time_ns: int) -> str:
    """Return a duration in milliseconds with three significant digits: `0.123`, `1.24`, `52.4`, `1,240`."""
    time_ms = time_ns / MILLISECOND_NS
    decimals = 3 if time_ms < 1 else 2 if time_ms < 10 else 1 if time_ms < 100 else 0
    return f"{time_ms:,.{decimals}f}"


def _title(summary: RunSummary) -> str:
    parts = [
        f"{seconds(summary.virtual_ns)} of virtual time",
        f"{summary.events:,} events",
        f"{summary.topology}: {_count(summary.nodes, 'node')}, {_count(summary.shards, 'shard')}",
        f"seed {summary.seed}",
    ]
    return " · ".join(parts)


def _cells(operation: OperationSummary) -> tuple[str, ...]:
    name = f"{operation.workload} {operation.function}".lstrip()
    outcomes = [_number(getattr(operation, outcome)) for outcome in OUTCOMES]
    return (name, *outcomes, _rate(operation.confirmed_per_1000_s), *_latency_cells(operation.latency))


def _latency_cells(latency: LatencySummary) -> Iterable[str]:
    return (milliseconds(getattr(latency, field)) if latency.count else "–" for field in _LATENCIES)


def _number(number: int) -> str:
    return f"{number:,}" if number else "–"


def _rate(per_1000_s: int) -> str:
    return f"{per_1000_s / 1000:,.{0 if per_1000_s >= 100_000 else 1}f}" if per_1000_s else "–"


def _facts(summary: RunSummary) -> list[tuple[str, Sequence[str]]]:
    """Return the rows below the operations: a name, and its lines. Rows that would say nothing are left out."""
    facts: list[tuple[str, Sequence[str]]] = []
    if summary.ended:
        facts.append(("cut short", [summary.ended]))
    if summary.violations:
        facts.append(("violations", _some(summary.violations)))
    if summary.defects:
        facts.append(("defects", [", ".join(summary.defects)]))
    facts += [
        ("leaders", _leader_lines(summary)),
        ("health", _health_lines(summary.health)),
        ("regions", list(region_lines(summary.regions)) if summary.regions is not None else []),
        ("faults", _some([_fault_line(each) for each in summary.faults]) or ["none"]),
        ("messages", [_message_line(summary)]),
        ("nodes", use_lines(summary.usage, _NODES_MAX)),
        ("trace", [f"{summary.trace_records:,} records, digest {summary.trace_digest}"]),
    ]
    facts = [fact for fact in facts if fact[1]]
    if summary.process is not None:
        use = summary.process
        spent = f"{use.wall_s:.2f} s of wall time, {use.cpu_s:.2f} s of processor time, {use.memory_bytes >> 20} MiB"
        facts.append(("test process", [spent]))
    return facts


def _leader_lines(summary: RunSummary) -> list[str]:
    first = [each for each in summary.elections if not each.before]
    if not first:
        return ["none was elected"]
    changes = summary.leader_changes
    lines = [
        f"{_count(len(summary.elections), 'election')}, {_count(len(changes), 'leader change')}; "
        f"first leaders by {seconds(first[-1].time_ns)}"
    ]
    return lines + _some([_leader_line(each) for each in changes])


def _leader_line(change: LeaderTerm) -> str:
    return f"{_moment(change.time_ns)}  shard {change.shard}: {change.before} → {change.node} (term {change.term})"


def _health_lines(health: HealthSummary) -> list[str]:
    """Return nothing where nothing failed and nobody was suspected."""
    parts = [
        f"{name} {_count(each.count, 'time')}, p50 {_ms(each.p50_ns)}, p99 {_ms(each.p99_ns)}, max {_ms(each.max_ns)}"
        for name, each in (
            ("detected", health.detection),
            ("leader replaced", health.failover),
            ("recovery noticed", health.recovery),
        )
        if each is not None
    ]
    if health.false_suspicions:
        parts.append(_count(health.false_suspicions, "false suspicion"))
    return parts


def _ms(time_ns: int) -> str:
    return f"{milliseconds(time_ns)} ms"


def _fault_line(fault: FaultSummary) -> str:
    bites = _count(fault.bites, "bite") if fault.bites else "IT NEVER BIT"
    end = "healed" if fault.healed else "in force to the end"
    return f"{_moment(fault.time_ns)}  {_deed(fault)}: {bites}, {end}"


def _deed(fault: FaultSummary) -> str:
    """Return what the test asked for and what that meant: `crash n3 (leader of shard 1)`, `isolate node n2 (cut …)`."""
    if not fault.what.startswith(fault.verb.partition(" ")[0]):
        return f"{fault.verb} {fault.target}".rstrip() + f" ({fault.what})"
    return f"{fault.what} ({fault.target})" if fault.target and fault.target not in fault.what else fault.what


def _moment(time_ns: int) -> str:
    """Return a virtual time so that those of several lines stand under each other."""
    return seconds(time_ns).rjust(len("100.000 s"))


def _message_line(summary: RunSummary) -> str:
    sent = f"{summary.messages_sent:,} between nodes ({summary.bytes_sent / 1e6:,.1f} MB)"
    lost = [f"{number:,} {_CAUSES.get(cause, cause)}" for cause, number in summary.lost.items() if number]
    return f"{sent}, lost {', '.join(lost)}" if lost else f"{sent}, none lost"


def _some(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - LINES_MAX
    return [*lines[:LINES_MAX], f"and {rest} more in summary.json"] if rest > 1 else list(lines)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _html_row(cells: Sequence[str], tag: str) -> str:
    first = f'<{tag} style="{_LEFT}">{escape(cells[0])}</{tag}>'
    rest = "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells[1:])
    return f'<tr style="{_LINE}">{first}{rest}</tr>'


def _html_fact(name: str, lines: Sequence[str], width: int) -> str:
    text = "<br>".join(map(escape, lines))
    return (
        f'<tr style="{_LINE};{_LEFT}"><th style="{_FACT}">{escape(name)}</th><td colspan="{width - 1}">{text}</td></tr>'
    )
