"""The summary of a run, and its table for people."""

from html.parser import HTMLParser

import msgspec
import pytest

from PhantomLibrary.domain import SECOND_NS, HistoryEvent
from PhantomLibrary.reporting.summary import FaultSummary, LeaderTerm, ProcessUse, RunSummary, summarise, tally
from PhantomLibrary.reporting.summary_table import LINES_MAX, milliseconds, render_html, render_text
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.workloads.latency import LatencySummary


def event(index: int, type_: str, function: str = "read", workload: str = "w", process: int = 0) -> HistoryEvent:
    return HistoryEvent(index, index * SECOND_NS, process, type_, function, "k", workload=workload)  # type: ignore[arg-type]


# --- what it says of a real run ---------------------------------------------------------------------------------------


def test_summary_names_what_the_run_was(summary: RunSummary) -> None:
    assert (summary.seed, summary.topology, summary.nodes, summary.shards) == (1, "three-nodes", 3, 1)
    assert summary.virtual_ns == 7 * SECOND_NS
    assert (summary.process, summary.ended) == (ProcessUse(0.5, 0.4, 64 << 20), "")


def test_summary_counts_every_operation_of_the_history(finished_run: Run, summary: RunSummary) -> None:
    counts = finished_run.recorder.counts
    assert (summary.count("ok"), summary.count("fail"), summary.count("info")) == (
        counts["ok"],
        counts["fail"],
        counts["info"],
    )
    assert summary.count("open") == len(finished_run.recorder.under_way)
    assert {each.function for each in summary.operations} == {"read", "write", "cas"}
    assert all(each.latency.count >= each.ok > 0 for each in summary.operations)


def test_throughput_is_near_the_rate_that_was_asked_for(summary: RunSummary) -> None:
    assert 90_000 < sum(each.confirmed_per_1000_s for each in summary.operations) < 110_000


def test_summary_tells_the_change_of_leader(finished_run: Run, summary: RunSummary) -> None:
    (change,) = [each for each in summary.leader_changes if each.shard == 1]
    crashed = finished_run.schedule.commands[1].resolved
    assert crashed == [change.before] and change.node != change.before
    assert 2 * SECOND_NS < change.time_ns < 4 * SECOND_NS
    assert len(summary.elections) == len(finished_run.watch.leader_changes)


def test_first_leaders_and_leaders_elected_again_are_no_change(summary: RunSummary) -> None:
    terms = (LeaderTerm(1, 1, "n1", 1, ""), LeaderTerm(2, 1, "n1", 2, "n1"), LeaderTerm(3, 1, "n2", 3, "n1"))
    assert msgspec.structs.replace(summary, elections=terms).leader_changes == terms[2:]


def test_summary_tells_what_each_fault_did(summary: RunSummary) -> None:
    crash, skew = summary.faults
    assert (crash.verb, crash.target, crash.time_ns) == ("crash node", "leader of shard 1", 2 * SECOND_NS)
    assert crash.bites and not crash.healed
    assert skew.bites == 0


def test_summary_counts_messages_by_cause_of_loss(finished_run: Run, summary: RunSummary) -> None:
    assert summary.lost["down"] == finished_run.world.network.totals()["lost_down"] > 0
    assert summary.messages_sent > 1000


def test_equal_runs_have_equal_summaries(finished_run: Run) -> None:
    assert summarise(finished_run) == summarise(finished_run)


def test_run_in_which_nothing_happened_has_a_summary() -> None:
    summary = summarise(Run(RunSpec(seed=1)))
    assert summary.operations == summary.elections == summary.faults == ()
    assert "none was elected" in render_text(summary)


def test_operations_of_keywords_have_no_rate() -> None:
    run = Run(RunSpec(seed=1))
    run.advance(2 * SECOND_NS)
    run.perform(Command("put value", run.now_ns, run.now_ns, arguments={"key": "a", "value": "1"}))
    run.advance(4 * SECOND_NS)
    (operation,) = summarise(run).operations
    assert (operation.workload, operation.ok, operation.confirmed_per_1000_s) == ("operator", 1, 0)


def test_statements_of_sql_have_their_kinds_and_their_latencies() -> None:
    run = Run(RunSpec(seed=1))
    run.advance(2 * SECOND_NS)
    statements = (
        "CREATE TABLE t (a INTEGER)",
        "INSERT INTO t VALUES (1)",
        "INSERT INTO t VALUES (2)",
        "SELECT b FROM t",
    )
    took_ns = []
    for statement in statements:
        began_ns = run.now_ns
        arguments = {"statement": statement, "parameters": []}
        task = run.perform(Command("execute sql", began_ns, began_ns, arguments=arguments))
        assert run.advance(run.now_ns + 2 * SECOND_NS, lambda task=task: task.is_done)
        took_ns.append(run.now_ns - began_ns)
    made, inserted, asked = summarise(run).operations
    assert [(each.workload, each.function) for each in (made, inserted, asked)] == [
        ("sql", "create table"),
        ("sql", "insert"),
        ("sql", "select"),
    ]
    assert (inserted.ok, inserted.latency.count, inserted.confirmed_per_1000_s) == (2, 2, 0)
    assert (inserted.latency.min_ns, inserted.latency.max_ns) == (min(took_ns[1:3]), max(took_ns[1:3]))
    assert (asked.ok, asked.fail, asked.latency) == (0, 1, LatencySummary())
    assert "sql create table" in render_text(summarise(run))


# --- counting ---------------------------------------------------------------------------------------------------------


def test_tally_counts_by_workload_and_function_and_keeps_what_is_open() -> None:
    events = [
        event(0, "invoke"),
        event(1, "invoke", "write", process=1),
        event(2, "ok"),
        event(3, "info", "write", process=1),
        event(4, "invoke", workload="other", process=2),
        event(5, "invoke"),
        event(6, "fail"),
    ]
    found = tally(events)
    assert list(found) == [("w", "read"), ("w", "write"), ("other", "read")]
    reads = found["w", "read"].summary("w", "read", LatencySummary(count=1))
    assert (reads.ok, reads.fail, reads.info, reads.open) == (1, 1, 0, 0)
    assert reads.confirmed_per_1000_s == 1000 // 6
    assert found["other", "read"].summary("other", "read", LatencySummary()).open == 1


# --- the table --------------------------------------------------------------------------------------------------------


class Outline(HTMLParser):
    """Collects tags and checks that they nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


def test_html_is_one_static_table(summary: RunSummary) -> None:
    outline = Outline(render_html(summary))
    assert outline.tags.count("table") == 1
    assert set(outline.tags) <= {"table", "tr", "th", "td", "br"}


def test_html_is_short(summary: RunSummary) -> None:
    assert len(render_html(summary)) < 4_000


def test_html_and_text_tell_the_same(summary: RunSummary) -> None:
    html, text = Outline(render_html(summary)).text, render_text(summary)
    for part in (
        summary.trace_digest,
        "seed 1",
        "7.000 s of virtual time",
        "crash n",
        "IT NEVER BIT",
        "1 leader change",
    ):
        assert part in html and part in text


def test_text_is_aligned(summary: RunSummary) -> None:
    heading, *rows = render_text(summary).splitlines()[1 : 2 + len(summary.operations)]
    assert {len(row) for row in rows} == {len(heading)}


def test_names_are_escaped(summary: RunSummary) -> None:
    operation = msgspec.structs.replace(summary.operations[0], workload="<script>&")
    html = render_html(msgspec.structs.replace(summary, operations=(operation,)))
    assert "&lt;script&gt;&amp;" in html and "<script" not in html


def test_table_stays_short_when_much_happened(summary: RunSummary) -> None:
    faults = tuple(FaultSummary(each, "crash node", "n1", "crash n1", 1, True) for each in range(100))
    terms = tuple(
        LeaderTerm(each, 1, f"n{each % 3}", each, f"n{(each + 1) % 3}" if each else "") for each in range(100)
    )
    text = render_text(msgspec.structs.replace(summary, faults=faults, elections=terms))
    assert text.count("crash n1") == LINES_MAX
    assert "and 94 more in summary.json" in text and "and 93 more in summary.json" in text
    assert len(text.splitlines()) < 30


def test_what_went_wrong_stands_in_the_table(summary: RunSummary) -> None:
    bad = msgspec.structs.replace(
        summary, ended="it was cut short at t=1.000s", violations=("INV-001: two",), defects=("no-prevote",)
    )
    text = render_text(bad)
    for part in ("cut short", "INV-001: two", "no-prevote"):
        assert part in text and part not in render_text(summary)


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (("crash node", "leader of shard 1", "crash n3"), "crash n3 (leader of shard 1): 2 bites, healed"),
        (("crash node", "n3", "crash n3"), "crash n3: 2 bites, healed"),
        (("isolate node", "n2", "cut n2>n1"), "isolate node n2 (cut n2>n1): 2 bites, healed"),
        (("set link", "", "change n1>n2"), "set link (change n1>n2): 2 bites, healed"),
    ],
)
def test_faults_are_told_in_the_words_of_the_test(summary: RunSummary, fault: tuple[str, str, str], line: str) -> None:
    told = msgspec.structs.replace(summary, faults=(FaultSummary(12 * SECOND_NS, *fault, bites=2, healed=True),))
    assert f"12.000 s  {line}" in render_text(told)


@pytest.mark.parametrize(
    ("time_ns", "shown"),
    [(123_456, "0.123"), (1_241_872, "1.24"), (52_374_588, "52.4"), (408_098_865, "408"), (1_245_000_000, "1,245")],
)
def test_latencies_have_three_significant_digits(time_ns: int, shown: str) -> None:
    assert milliseconds(time_ns) == shown
