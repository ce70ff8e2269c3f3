"""Each planted defect is caught by the judges within a few seeds, and the same runs without it are clean."""

from contextlib import suppress

import pytest

from PhantomLibrary.checking.verdict import Violation
from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, Put
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.testbed.judge import judge_agreement, judge_history, judge_invariants
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.zoo.defects import DEFECTS, plant
from tests.unit.zoo.member_stories import SCENARIOS as OF_MEMBERS
from tests.unit.zoo.other_stories import OTHERS

SEEDS_MAX = 12


class Story:
    """A run that is broken on purpose."""

    def __init__(self, seed, defect, **fields):
        defects = (defect,) if defect else ()
        self.run = Run(RunSpec(seed=seed, defects=defects, **fields), parts=plant(defects))
        self.draws = Stream(seed, "story")

    def give(self, verb, target="", *, duration_ms=0, **arguments):
        now_ns = self.run.now_ns
        until_ns = now_ns + duration_ms * MILLISECOND_NS if duration_ms else None
        return self.run.perform(Command(verb, now_ns, now_ns, target, None, until_ns, arguments))

    def go_ms(self, milliseconds, condition=None):
        return self.run.advance(self.run.now_ns + milliseconds * MILLISECOND_NS, condition)

    def elect(self):
        return self.go_ms(5000, lambda: all(self.run.leader(shard) for shard in self.run.shard_ids))

    def load(self, kind="register", **arguments):
        self.give("start workload", **{"kind": kind, "clients": 6, "rate": 300_000, "keys": 3, **arguments})

    def code(self):
        """Let all come to rest, and return the code of the first judge who objects, "" if none does."""
        self.give("heal faults")
        self.elect()
        if self.run.workloads:
            self.give("stop workload", drain_ns=4 * SECOND_NS)
        self.go_ms(6000)
        violation = judge_invariants(self.run)
        if violation is not None:
            return violation.code
        for verdict in (judge_history(self.run, "linearizable"), judge_agreement(self.run)):
            if verdict.outcome != "valid":
                return verdict.code
        return ""


def _hanging_disks(story):
    """All disks hang for a moment under load; then power fails everywhere."""
    story.elect()
    story.load(keys=8)
    story.go_ms(500)
    story.give("fail disk", "all", fault="stall")
    story.go_ms(300)
    story.give("crash node", "all")
    story.go_ms(10)


def _restarting_voters(story):
    """Nodes restart as soon as they may have voted, so that a second candidate may ask again in the same term."""
    story.elect()
    story.load()
    story.give("set link", source="all", target="all", jitter_ns=150 * MILLISECOND_NS)
    for _ in range(25):
        story.go_ms(20 + story.draws.below(60))
        for node in story.run.live_nodes():
            if story.draws.below(3):
                story.give("crash node", node, duration_ms=1)


def _lost_answers(story):
    story.elect()
    story.load("counter")
    story.give("drop messages", kind="shard reply", probability_ppm=300_000, duration_ms=2000)
    story.go_ms(2500)


def _cut_off_leader(story):
    """The leader is cut off with clients beside it, and another one is elected."""
    story.elect()
    story.load()
    for _ in range(4):
        story.go_ms(300)
        with suppress(InvalidState):  # Just now nobody leads.
            story.give("partition network", "leader of shard 1 | rest", duration_ms=1500)
        story.go_ms(1600)
        story.elect()


def _sleeping_leader(story):
    """The leader sleeps while it is cut off. Clients beside it ask it meanwhile; it answers as it wakes."""
    story.elect()
    story.load(clients=90, rate=30_000, keys=2)  # So many that some are still free when all others have moved on.
    for _ in range(3):
        story.go_ms(1000)
        story.elect()
        leader = story.run.leader(1)
        story.give("isolate node", leader, duration_ms=2200)
        story.give("pause node", leader, duration_ms=2000)
        story.go_ms(2500)


def _left_behind(story):
    """A follower is away for so long that it needs the others' state as a whole."""
    story.elect()
    story.load()
    story.go_ms(500)
    story.give("crash node", "follower of shard 1", duration_ms=2000)
    story.go_ms(4000)


def _late_appends(story):
    """Doubled and delayed appends arrive after longer ones; then the leader crashes."""
    story.elect()
    story.give("set link", source="all", target="all", duplicate_ppm=500_000, reorder_ppm=400_000,
               jitter_ns=20 * MILLISECOND_NS)  # fmt: skip
    story.load(rate=600_000)
    for _ in range(4):
        story.go_ms(500)
        story.elect()
        story.give("crash node", "leader of shard 1", duration_ms=1200)
        story.go_ms(1500)


def _lossy_elections(story):
    """Leaders die under load, and the first entry of the next one is often lost, though not the reads it confirms."""
    story.elect()
    story.load("append", clients=60, rate=600_000, keys=10, reads_percent=60)
    story.go_ms(1000)
    story.give("drop messages", kind="append entries", probability_ppm=500_000, duration_ms=3000)
    for node in ("n1", "n2"):
        story.give("crash node", node, duration_ms=1000)
        story.go_ms(1500)


LEASES = {
    "topology": "five-nodes",
    "replicas": 5,
    "shards": 8,
    "knobs": {
        "reads": "lease",
        "idle_shards": "awake",
        "election_timeout": "3 s",
        "heartbeat": "200 ms",
        "attempt_timeout": "40 ms",
        "operation_timeout": "3 s",
    },
}


def _led_by_the_first(story):
    story.give("drop messages", kind="request vote", source="n2, n3, n4, n5", duration_ms=6000)
    story.go_ms(8000)


def _drifting_clocks(story):
    """The leader's clock is as slow as leases allow for, and the others' as fast; then it is cut off."""
    _led_by_the_first(story)
    story.give("skew clock", "n1", drift_ppm=-50_000)
    story.give("skew clock", "n2, n3, n4, n5", drift_ppm=50_000)
    story.load("append", clients=300, rate=40_000, keys=10, reads_percent=85)
    story.go_ms(500)
    story.give("partition network", "n1 | rest")
    story.go_ms(2400)
    story.give("set load", rate=800_000, period_ns=SECOND_NS)
    story.go_ms(1200)


def _unheard_successor(story):
    """The leader hands over, and hears nothing any more."""
    _led_by_the_first(story)
    story.give("set link", source="all", target="all", latency_ns=5 * MILLISECOND_NS)
    story.load("append", clients=300, rate=600_000, keys=10, reads_percent=85)
    story.go_ms(300)
    story.give("transfer leadership", "n3", shard=5)
    story.go_ms(7)
    story.give("isolate node", "n1", direction="in", duration_ms=1000)
    story.go_ms(1000)


def _unheard_leader(story):
    """Nobody hears the leader, which goes on writing; then it gets a snapshot that contradicts its log."""
    story.elect()
    story.load(clients=120, rate=2_000_000, keys=20, reads_percent=0)
    story.go_ms(300)
    old = story.give("isolate node", "leader of shard 1", direction="out", duration_ms=2000)[0]
    story.go_ms(100)
    story.give("set load", rate=20_000, period_ns=SECOND_NS)
    story.go_ms(290)
    story.give("isolate node", old, duration_ms=1000)
    story.go_ms(2000)


def _retries_after_snapshots(story):
    """Answers are lost, all nodes restart from snapshots, and the retries go on."""
    story.elect()
    story.load("counter")
    story.give("drop messages", kind="shard reply", probability_ppm=200_000, duration_ms=6000)
    story.go_ms(2000)
    story.give("crash node", "all", duration_ms=500)
    story.go_ms(3000)


SMALL_LOGS = {"knobs": {"snapshot_entries": 50, "kept_entries_max": 10, "log_bytes_max": 8_000}}

SCENARIOS = {
    **OF_MEMBERS,
    "snapshot-keeps-stale-tail": (_unheard_leader, SMALL_LOGS),
    "session-table-not-in-snapshot": (_retries_after_snapshots, SMALL_LOGS),
    "readindex-before-noop": (_lossy_elections, {"shards": 8}),
    "lease-ignores-drift": (_drifting_clocks, LEASES),
    "lease-regress-on-transfer": (_unheard_successor, LEASES),
    "vote-not-persisted": (_restarting_voters, {}),
    "ack-before-fsync": (_hanging_disks, {}),
    "snapshot-loses-newest": (_left_behind, {"knobs": {"snapshot_entries": 50, "kept_entries_max": 10}}),
    "no-client-dedup": (_lost_answers, {}),
    "read-without-quorum": (_sleeping_leader, {}),
    "commit-without-majority": (_cut_off_leader, {"topology": "five-nodes", "replicas": 5}),
    "append-truncates-blindly": (_late_appends, {}),
}


def _search(defect, scenario, fields, planted):
    """Return the first code that a judge names over some seeds."""
    for seed in range(1, SEEDS_MAX + 1):
        story = Story(seed, defect if planted else "", **fields)
        scenario(story)
        code = story.code()
        if code:
            return code, seed
    return "", SEEDS_MAX


@pytest.mark.parametrize("defect", SCENARIOS)
def test_a_defect_is_caught_and_the_clean_system_is_not(defect):
    scenario, fields = SCENARIOS[defect]
    code, seed = _search(defect, scenario, fields, planted=True)

    assert code in DEFECTS[defect].codes, f"caught by {code or 'nobody'} (seed {seed})"
    story = Story(seed, "", **fields)
    scenario(story)
    assert story.code() == ""


# --- a node that deposes a leader -------------------------------------------------------------------------------------


def _comes_back(defect):
    """Return the terms of shard 1 before and after a follower that was cut off comes back."""
    story = Story(1, defect, topology="five-nodes", replicas=5)
    story.elect()
    story.go_ms(500)
    before = story.run.watch.states[1, story.run.leader(1)].term
    follower = story.give("isolate node", "follower of shard 1", duration_ms=4000)
    story.go_ms(8000)
    assert follower
    return before, story.run.watch.states[1, story.run.leader(1)].term


def test_without_pre_vote_a_node_that_comes_back_deposes_the_leader():
    before, after = _comes_back("no-prevote")
    assert after > before

    before, after = _comes_back("")
    assert after == before


# --- figure 8 of the Raft paper ---------------------------------------------------------------------------------------


def _figure_8(defect):
    """Return the first violation when an entry of an earlier term is on a majority and then overwritten."""
    story = Story(1, defect, topology="five-nodes", replicas=5, shards=1,
                  knobs={"append_entries_max": 1})  # fmt: skip
    run = story.run
    everybody = run.node_names
    story.give("set link", source="all", target="all", latency_ns=100 * MILLISECOND_NS)

    def only_may_lead(*nodes):
        for node in everybody:
            if node not in nodes:
                story.give("drop messages", kind="request vote", source=node)

    def until(condition, milliseconds=15_000):
        assert story.go_ms(milliseconds, condition)

    def log(node):
        return [
            (entry.term, entry.command is not None) for entry in run.processes[node].replicas[1].group.log.all_entries()
        ]

    only_may_lead("n1")
    until(lambda: run.leader(1) == "n1" and run.leader(0) == "n1")
    until(lambda: all(run.watch.states[1, node].commit_index >= 1 for node in everybody))
    session = run.sessions.open(10_000, home="n1")
    _begin(run, session, "warm up")  # So that the map and the session are there.
    story.go_ms(3000)
    base = run.watch.states[1, "n1"].last_index

    story.give("heal network")
    story.give("set link", source="all", target="all", latency_ns=100 * MILLISECOND_NS)
    story.give("partition network", "n1, n2 | rest")
    _begin(run, session, "old")
    story.give("drop messages", kind="request vote", source="n3")
    story.give("drop messages", kind="request vote", source="n4")
    story.give("drop messages", kind="append entries", source="n5")  # Its own entry goes nowhere.
    until(lambda: run.leader(1) == "n5")
    story.go_ms(300)
    story.give("crash node", "n5")
    assert len(log("n1")) > base, "n1 and n2 have the old entry, in its old term"
    assert log("n1") == log("n2")

    story.give("heal network")
    story.give("set link", source="all", target="all", latency_ns=100 * MILLISECOND_NS)
    for node in ("n3", "n4"):
        story.give("drop messages", kind="request vote", source=node)
    until(lambda: run.leader(1) in ("n1", "n2"))
    leader = run.leader(1)
    # The old entry alone reaches n3 and n4; the new leader's own entry comes with the next append.
    until(lambda: all(run.watch.states[1, node].last_index == base + 1 for node in ("n3", "n4")))
    until(lambda: run.watch.states[1, leader].commit_index > base or not defect, 400)
    story.go_ms(1)
    story.give("crash node", "n1, n2")
    story.give("heal network")
    for node in ("n3", "n4"):
        story.give("drop messages", kind="request vote", source=node)
    story.give("restart node", "n5")
    until(lambda: run.leader(1) == "n5")
    story.go_ms(3000)
    return judge_invariants(run)


def _begin(run, session, value):
    Task(run.scheduler, session.call(Put("k1", value)))


def test_an_entry_of_an_earlier_term_that_is_committed_by_count_is_lost_and_this_is_seen():
    violation = _figure_8("commit-prior-term-by-count")
    assert isinstance(violation, Violation)
    assert violation.code in DEFECTS["commit-prior-term-by-count"].codes

    assert _figure_8("") is None


# --- the catalogue ----------------------------------------------------------------------------------------------------


def test_every_defect_has_a_test_here():
    others = ("deaf-leader-leads-on", "no-prevote", "commit-prior-term-by-count")
    stories = (SCENARIOS, *OTHERS)
    seen = {*others, *(name for each in stories for name in each)}
    assert seen == set(DEFECTS)


def test_defects_are_laid_over_each_other():
    parts = plant(["read-without-quorum", "commit-without-majority", "ack-before-fsync", "no-client-dedup"])
    plain = plant([])

    names = [each.__name__ for each in parts.group.__mro__]
    assert names.index("CommitsAlone") < names.index("ReadsAlone") < names.index("Group")
    assert parts.performer is not plain.performer
    assert parts.sessions is not plain.sessions
    assert parts.wal is plain.wal


def test_an_unknown_defect_is_told():
    with pytest.raises(InvalidInput, match=r"no defect 'no-prevot'.*did you mean no-prevote\?"):
        plant(["no-prevot"])


def test_planting_leaves_the_clean_parts_as_they_are():
    before = plant([])
    plant(list(DEFECTS))

    assert plant([]) == before


def test_every_defect_says_what_it_is_and_where_it_was_seen():
    for name, defect in DEFECTS.items():
        assert defect.name == name
        assert defect.summary.endswith(".")
        assert defect.source
        assert defect.codes
