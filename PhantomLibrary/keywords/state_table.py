"""The state of a cluster at one moment, for the log: one table of nodes and shards, and the faults in force."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.keywords.times import in_seconds
from PhantomLibrary.testbed.run import Run

SHARDS_MAX = 12  # More columns than this are read by nobody.

_CELL = "padding:2px 8px;border-top:1px solid rgba(128,128,128,.4);text-align:left;vertical-align:top"


def render_state(run: Run) -> tuple[str, str]:
    """Return the state as an HTML table and as plain text."""
    title = f"t={in_seconds(run.now_ns)}"
    shards = run.shard_ids[:SHARDS_MAX]
    rows = [("node", "state", *(f"shard {shard}" for shard in shards))]
    rows += [(node, _state(run, node), *(_replica(run, shard, node) for shard in shards)) for node in run.node_names]
    notes = [
        f"fault in force: {each.fault.describe()}, since {in_seconds(each.since_ns)}" for each in run.faults.active
    ]
    if len(run.shard_ids) > SHARDS_MAX:
        notes.append(f"and {len(run.shard_ids) - SHARDS_MAX} more shards")
    return _html(title, rows, notes or ["no fault in force"]), _text(title, rows, notes or ["no fault in force"])


def _state(run: Run, node: NodeId) -> str:
    host = run.host(node)
    place = run.topology.node(node)
    starts = f", start {host.incarnation}" if host.incarnation > 1 else ""
    return f"{host.state.value}{starts} ({place.region} {place.zone})"


def _replica(run: Run, shard: ShardId, node: NodeId) -> str:
    """Return role, term, and how far its log is applied, committed and written."""
    state = run.watch.states.get((shard, node))
    if state is None:
        return "–" if node not in run.voters(shard) else "not running"
    return f"{state.role}, term {state.term}, {state.applied_index}/{state.commit_index}/{state.last_index}"


def _html(title: str, rows: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    head, *body = rows
    lines = [f'<tr><th colspan="{len(head)}" style="{_CELL}">{_legend(title)}</th></tr>', _html_row(head, "th")]
    lines += [_html_row(row, "td") for row in body]
    lines.append(f'<tr><td colspan="{len(head)}" style="{_CELL}">{"<br>".join(map(escape, notes))}</td></tr>')
    return f'<table style="border-collapse:collapse">{"".join(lines)}</table>'


def _html_row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f'<{tag} style="{_CELL}">{escape(cell)}</{tag}>' for cell in cells) + "</tr>"


def _text(title: str, rows: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([_legend(title), *lines, *notes])


def _legend(title: str) -> str:
    return f"{title}: each replica's role, term, and last entry applied/committed/written"
