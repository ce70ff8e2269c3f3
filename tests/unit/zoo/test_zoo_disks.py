"""Each planted defect of disks and recovery is caught within a few seeds, and the same runs without it are clean."""

import pytest

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.testbed.crash_points import enumerate_crash_points
from PhantomLibrary.testbed.disks import disk_gap
from PhantomLibrary.testbed.judge import Recovery, judge_agreement, judge_history, judge_invariants
from PhantomLibrary.testbed.rot import rot_each_record
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.zoo.defects import DEFECTS, plant

SEEDS_MAX = 6
SMALL_LOGS = {"snapshot_entries": 50, "kept_entries_max": 10, "log_bytes_max": 8_000}
TINY_LOGS = {"snapshot_entries": 3, "kept_entries_max": 1, "log_bytes_max": 300}


class Story:
    """A run that is broken on purpose, with a leader of every shard and clients that append."""

    def __init__(self, seed, defect, **fields):
        self.defects = (defect,) if defect else ()
        self.run = Run(RunSpec(seed=seed, defects=self.defects, **fields), parts=plant(self.defects))
        self.go(5, lambda: all(self.run.leader(shard) for shard in self.run.shard_ids))
        self.give("start workload", kind="append", clients=4, rate=300_000, keys=100)

    def give(self, verb, target="", *, duration_s=0, **arguments):
        now_ns = self.run.now_ns
        until_ns = now_ns + round(duration_s * SECOND_NS) if duration_s else None
        self.run.perform(Command(verb, now_ns, now_ns, target, None, until_ns, arguments))

    def go(self, seconds, condition=None):
        return self.run.advance(self.run.now_ns + round(seconds * SECOND_NS), condition)

    def verdict(self):
        """Let all come to rest, and return the code of the first judge who objects, "" if none does."""
        self.give("heal faults")
        if not self.go(10, Recovery(self.run)):
            return "REC-001"
        self.go(1)
        self.give("stop workload", drain_ns=4 * SECOND_NS)
        self.go(8)
        violation = judge_invariants(self.run)
        if violation is not None:
            return violation.code
        if not self.go(10, lambda: not disk_gap(self.run)):
            return "DSK-001"
        for verdict in (judge_history(self.run, "linearizable"), judge_agreement(self.run)):
            if verdict.outcome != "valid":
                return verdict.code
        return ""


def _failing_syncs(story):
    for occurrence, node in enumerate(story.run.node_names, 1):
        story.give("fail disk", node, fault="io error", operation="sync", occurrence=occurrence)
    story.go(0.3)
    for node in story.run.live_nodes():  # The others have ended themselves.
        story.give("crash node", node, duration_s=0.2)
    story.go(0.3)
    return story.verdict()


def _rotting_records(story):
    story.go(0.3)
    story.give("stop workload", drain_ns=SECOND_NS)
    story.go(1.5)
    _, gap = rot_each_record(story.run, "n2", "log", every=9, within_ns=5 * SECOND_NS)
    return "DSK-001" if gap else ""


def _strayed_snapshot(story):
    story.give("fail disk", "n2", fault="misdirected write", file="snapshot-1", onto="snapshot-2")
    story.go(1)
    story.give("crash node", "n2", duration_s=0.2)
    story.go(1)
    return story.verdict()


def _lost_last_record(story):
    """A follower has lost what came last, which only the leader has besides, without knowing it."""
    story.go(0.3)
    story.give("stop workload", drain_ns=SECOND_NS)
    story.go(1.5)
    leader = story.run.leader(1)
    forgetful, late = (node for node in story.run.node_names if node != leader)
    story.give("put value", key="last", value="old")
    story.give("crash node", late)
    story.go(0.5)
    story.give("fail disk", forgetful, fault="misdirected write", operation="append", file="log", onto="vote-0")
    story.give("put value", key="last", value="new")
    story.go(0.05)
    story.give("crash node", forgetful)
    story.give("crash node", leader)
    story.give("restart node", late)
    story.give("restart node", forgetful)
    story.go(4)
    violation = judge_invariants(story.run)
    return violation.code if violation is not None else ""


def _lost_witness(story):
    """One follower lacks what the other had acknowledged, and has lost."""
    leader = story.run.leader(1)
    damaged, late = (node for node in story.run.node_names if node != leader)
    story.give("crash node", late)
    story.go(1)
    story.give("crash node", damaged)
    story.give("fail disk", damaged, fault="bit rot", file="log", record=5)
    story.give("crash node", leader)
    story.give("restart node", late)
    story.give("restart node", damaged)
    story.go(4)
    return story.verdict()


def _power_loss(story):
    story.go(1)
    story.give("crash node", "all", duration_s=0.2)
    story.go(0.3)
    return story.verdict()


def _restored_state(story):
    story.go(1)
    story.give("crash node", "n2", duration_s=0.3)
    story.go(1)
    return story.verdict()


def _crashes_at_snapshots(story):
    story.go(0.6)
    report = enumerate_crash_points(story.run.finish(), "apply", every=20, parts=plant(story.defects))
    return report.failure.verdict.code if report.failure else ""


def _hanging_leader(story):
    old = story.run.leader(1)
    story.give("fail disk", old, fault="stall")
    return "" if story.go(4, lambda: story.run.leader(1) not in ("", old)) else "LDR-001"


SCENARIOS = {
    "fsync-retry-trusts-success": (_failing_syncs, {}),
    "midlog-corruption-as-torn-tail": (_rotting_records, {}),
    "torn-record-replayed": (_rotting_records, {}),
    "misdirected-write-undetected": (_strayed_snapshot, {"shards": 2, "knobs": SMALL_LOGS}),
    "hole-at-the-end-as-torn-tail": (_lost_last_record, {}),
    "corrupt-replica-wins-election": (_lost_witness, {}),
    "truncate-to-commit-on-restart": (_power_loss, {}),
    "applied-index-split-write": (_restored_state, {"knobs": SMALL_LOGS}),
    "log-compacted-before-snapshot-durable": (_crashes_at_snapshots, {"knobs": TINY_LOGS}),
    "stalled-leader-keeps-lease": (_hanging_leader, {}),
}


@pytest.mark.parametrize("defect", SCENARIOS)
def test_a_defect_of_disks_is_caught_and_the_clean_system_is_not(defect):
    scenario, fields = SCENARIOS[defect]
    for seed in range(1, SEEDS_MAX + 1):
        code = scenario(Story(seed, defect, **fields))
        if code:
            break
    assert code in DEFECTS[defect].codes, f"caught by {code or 'nobody'} (seed {seed})"
    assert scenario(Story(seed, "", **fields)) == ""
