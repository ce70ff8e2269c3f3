"""Faults of disks in a run: each replays, damage is bounded and repaired, and nodes live with what their disks do."""

import pytest

from PhantomLibrary.domain import DamageFound, DamageRepaired, Ok, Refused
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.testbed.disks import disk_gap, harm_of, records_of
from PhantomLibrary.testbed.judge import judge_history, judge_invariants
from PhantomLibrary.testbed.plan_file import accept_plan, parse_plan
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.testbed.rot import rot_each_record

KINDS = [
    {"fault": "stall", "occurrence": 3},
    {"fault": "slow", "delay_ns": 30_000_000, "probability_ppm": 300_000},
    {"fault": "lost fsync"},
    {"fault": "torn write", "file": "log"},
    {"fault": "bit rot"},
    {"fault": "bit rot", "file": "log", "record": 2},
    {"fault": "bit rot", "operation": "append", "occurrence": 4},
    {"fault": "misdirected write"},
    {"fault": "io error", "operation": "sync", "occurrence": 2},
    {"fault": "io error", "operation": "append", "probability_ppm": 20_000},
    {"fault": "io error", "operation": "read", "file": "log"},
    {"fault": "full"},
]


def findings(run):
    return [(type(each), each.node, each.what) for each in run.watch.damage]


@pytest.mark.parametrize("arguments", KINDS, ids=lambda each: "-".join(map(str, each.values())))
def test_each_fault_heals_is_survived_and_is_replayed(drive, arguments):
    it = drive(seed=3).elect().load("append")
    it.go(0.5)
    it.give("fail disk", "n2", duration_s=1, **arguments)
    it.go(0.3)
    if not it.run.host("n2").is_down:
        it.give("crash node", "n2", duration_s=0.2)
    it.go(2.5)
    it.give("heal faults")
    assert not it.run.faults.active
    it.go(12, lambda: not disk_gap(it.run))
    it.stop_load()
    run, schedule = it.run, it.run.finish()

    assert judge_invariants(run) is None
    assert judge_history(run, "linearizable").outcome == "valid"
    assert disk_gap(run) == ("n2: it has forgotten what a sync called durable" if run.host("n2").platter.forgot else "")
    again = replay(schedule)
    assert again.finish().digest == schedule.digest
    assert findings(again) == findings(run)


def test_a_damaged_replica_knows_so_still_when_its_log_was_begun_anew_and_it_restarts(it):
    it.load()
    it.go(1)
    it.give("crash node", "n2")
    it.give("fail disk", "n2", fault="bit rot", file="log", record=3)
    it.give("crash node", "n1")
    it.give("crash node", "n3")
    for _ in range(3):  # Nobody is there to repair it.
        it.give("restart node", "n2")
        it.go(0.5)
        node = it.run.host("n2").process
        damaged = [shard for shard, replica in node.replicas.items() if replica.group.damaged]
        assert damaged
        node.rewrite_log()
        it.go(0.5)
        it.give("crash node", "n2")
    it.give("heal faults")
    it.go(10, lambda: not disk_gap(it.run))
    assert not disk_gap(it.run)


def test_damage_to_what_a_majority_holds_is_refused_unless_it_is_asked_for(it):
    it.load()
    it.go(1)
    it.give("crash node", "n2")
    it.give("fail disk", "n2", fault="bit rot", file="log")
    assert harm_of(it.run, "n2") == "damage in log"
    for fault in ("bit rot", "misdirected write", "lost fsync"):
        with pytest.raises(InvalidState, match=r"n1, n2 of n1, n2, n3 would be harmed.*survivable=no"):
            it.give("fail disk", "n1", fault=fault)
    with pytest.raises(InvalidState, match="more than shard 0"):
        it.give("fail disk", "n3", fault="io error", operation="read")
    it.give("fail disk", "n1", fault="io error", operation="sync")  # Which loses nothing that was promised.
    it.give("restart node", "n2")
    it.go(10, lambda: not disk_gap(it.run))
    assert not disk_gap(it.run)
    it.give("fail disk", "n1", fault="bit rot", file="log")
    it.give("fail disk", "n3", fault="bit rot", file="log", survivable=False)
    with pytest.raises(InvalidInput, match="no file 'snap' on n1: there are log, vote-0"):
        it.give("fail disk", "n1", fault="stall", file="snap")
    with pytest.raises(InvalidInput, match=r"no disk fault 'brt rot'.*did you mean bit rot"):
        it.give("fail disk", "n1", fault="brt rot")
    with pytest.raises(InvalidInput, match="no operation 'write' of a disk"):
        it.give("fail disk", "n1", fault="io error", operation="write")


def test_rot_on_a_node_that_runs_is_found_in_its_turn_and_repaired_from_memory(drive):
    it = drive(knobs={"scrub_interval_ns": 100_000_000, "snapshot_entries": 20}).elect().load()
    it.go(2)
    it.stop_load()
    for file in ("log", "vote-1", "snapshot-1"):
        it.give("fail disk", "n2", fault="bit rot", file=file)
        it.go(2, lambda: not disk_gap(it.run))
        assert findings(it.run)[-2:] == [(DamageFound, "n2", file), (DamageRepaired, "n2", file)]
        assert it.run.host("n2").incarnation == 1
    told = len(findings(it.run))
    it.go(2)
    assert len(findings(it.run)) == told, "what was repaired is damaged still"


def test_a_damaged_replica_is_repaired_by_the_others_and_says_so(it):
    it.load("append")
    it.go(1)
    it.give("crash node", "n2")
    it.give("fail disk", "n2", fault="bit rot", file="log", record=3)
    it.give("restart node", "n2")
    it.go(5, lambda: not disk_gap(it.run))
    found = findings(it.run)
    assert [each[2] for each in found[:3]] == ["log", "shard 0", "shard 1"]
    assert sorted(found[3:], key=str) == [(DamageRepaired, "n2", "shard 0"), (DamageRepaired, "n2", "shard 1")]


def test_a_damaged_replica_does_not_help_one_that_lacks_what_it_lost(it):
    leader = it.run.leader(1)
    damaged, late = (node for node in it.run.node_names if node != leader)
    it.give("crash node", late)
    it.load("append")
    it.go(1)
    it.give("crash node", damaged)
    it.give("fail disk", damaged, fault="bit rot", file="log", record=4)
    it.give("crash node", leader)
    it.give("restart node", damaged)
    it.give("restart node", late)
    it.go(5)
    assert it.run.leader(1) == ""
    it.give("restart node", leader)
    it.go(10, lambda: not disk_gap(it.run))
    it.stop_load()
    assert disk_gap(it.run) == "" and judge_history(it.run, "linearizable").outcome == "valid"


def test_each_record_rots_once(it):
    it.load("append", rate=20_000)
    it.go(1)
    it.stop_load()
    count = len(records_of(it.run, "n1", "log"))
    assert rot_each_record(it.run, "n1", "log", every=7, within_ns=5 * 10**9) == (len(range(0, count, 7)), "")
    with pytest.raises(InvalidInput, match="snapshot-1 on n1 has no record that could rot"):
        rot_each_record(it.run, "n1", "snapshot-1", every=1, within_ns=1)


def test_a_node_whose_sync_fails_ends_itself_and_comes_back(it):
    it.load()
    it.give("fail disk", "n1", fault="io error", operation="sync")
    it.go(0.5)
    assert it.run.host("n1").is_down
    assert it.run.host("n1").halted_because == "a sync of the log failed: input/output error"
    it.go(1)
    assert not it.run.host("n1").is_down and it.run.host("n1").incarnation == 2


def test_a_leader_without_room_is_replaced_and_the_others_go_on(it):
    full = it.run.leader(1)
    it.load()
    it.give("fail disk", full, fault="full")
    it.go(3)
    assert it.run.leader(1) not in ("", full)
    assert type(it.put("other", "x")) is Ok
    it.give("heal faults")
    it.go(2)
    assert it.run.host(full).incarnation == 1
    states = it.run.watch.states
    assert states[1, full].commit_index >= states[1, it.run.leader(1)].commit_index - 50


def test_when_all_disks_are_full_clients_hear_why(it):
    it.put("k", "x")
    it.give("fail disk", "n1, n2, n3", fault="full")
    it.load(reads_percent=0)
    it.go(3)
    answer = it.put("other", "x")
    assert type(answer) is Refused and "the disk of n" in answer.reason and "is full" in answer.reason
    it.give("heal faults")
    it.go(3)
    assert type(it.put("other", "x")) is Ok


def test_plans_know_every_fault_of_disks(it):
    plan = parse_plan(
        "steps:\n"
        "  - {time: 0s, fault: fail disk, target: n1, kind: slow, delay: 5 ms, duration: 1s}\n"
        "  - {time: 1s, fault: fail disk, target: n1, kind: io error, operation: sync, occurrence: 2}\n"
        "  - {time: 3s, fault: fail disk, target: n1, kind: bit rot, file: log, record: 1}\n",
        "test",
    )
    commands = accept_plan(it.run, plan)
    assert [each.arguments for each in commands] == [
        {"fault": "slow", "delay_ns": 5_000_000},
        {"fault": "io error", "operation": "sync", "occurrence": 2},
        {"fault": "bit rot", "file": "log", "record": 1},
    ]
    for step, reason in (
        ("kind: brt rot", "did you mean bit rot"),
        ("kind: slow", "needs a delay"),
        ("kind: full, occurrence: 0", "occurrence=0 cannot be"),
        ("kind: stall, record: 1", "record= picks"),
        ("kind: io error, probability: 0 %", "probability"),
    ):
        with pytest.raises(InvalidInput, match=reason):
            parse_plan(f"steps:\n  - {{time: 0s, fault: fail disk, target: n1, {step}}}\n", "test")


def test_what_is_lost_by_read_errors_and_what_is_damaged_on_a_node_that_is_down_counts_as_harm(it):
    """Seeds 3000696 and 3001131 of random faults: two of three replicas lost what they had acknowledged."""
    it.load()
    it.go(1)
    it.give("fail disk", "n1", fault="io error", operation="read", probability_ppm=500_000, duration_s=1)
    assert harm_of(it.run, "n1") == "io error in force"
    with pytest.raises(InvalidState, match="n1, n3 of n1, n2, n3 would be harmed"):
        it.give("fail disk", "n3", fault="io error", operation="read", probability_ppm=500_000)
    it.give("fail disk", "n3", fault="io error", operation="append", occurrence=400)  # Harms nobody.
    it.give("heal faults")
    it.give("crash node", "n2")
    it.give("fail disk", "n2", fault="bit rot", file="log", record=3)
    it.give("crash node", "n1")
    it.give("crash node", "n3")
    it.give("restart node", "n2")
    it.go(0.5)
    it.give("crash node", "n2")  # Nobody was there to repair it.

    assert "is damaged" in harm_of(it.run, "n2")
    with pytest.raises(InvalidState, match="n2, n3 of n1, n2, n3 would be harmed"):
        it.give("fail disk", "n3", fault="bit rot", file="log")
