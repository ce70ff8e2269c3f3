"""Fault plans: what is read, what is refused and how it is told, and that a plan becomes commands of the schedule."""

import pytest

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.testbed.arguments import check_command
from PhantomLibrary.testbed.judge import judge_faults, judge_history
from PhantomLibrary.testbed.plan_file import accept_plan, builtin_plans, load_plan, parse_plan
from PhantomLibrary.testbed.plan_steps import STEPS
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.testbed.schedule import read_schedule, write_schedule
from PhantomLibrary.testbed.verbs import FAULT_VERBS, VERBS

_EVERYTHING = """
name: everything
steps:
  - {time: 9s, fault: heal faults}
  - {time: 0, fault: crash node, target: n1, duration: 1.5s}
  - {time: 100 ms, fault: pause node, target: follower of shard 1, duration: 200 ms}
  - {time: 1s, fault: fail disk, target: n2, kind: stall, duration: 300 ms}
  - {time: 2s, fault: skew clock, target: n2, offset: -200 ms, drift: -2 %, duration: 1s}
  - {time: 2s, fault: isolate node, target: n3, direction: out, duration: 1s}
  - {time: 3s, fault: partition network, target: n1 | rest, direction: forward, flapping: 200 ms, duration: 1s}
  - {time: 4s, fault: drop messages, kind: append entries, source: n1, probability: 30 %, duration: 1s}
  - {time: 4s, fault: delay messages, kind: commit, by: 2s, doubled: true, source: n1, duration: 1s}
  - {time: 4s, fault: set link, source: n2, latency: 5 ms, jitter: 1 ms, loss: 0.5 %, bandwidth: 1 MB/s}
  - {time: 5s, fault: heal network}
  - {time: 6s, fault: crash node, target: n2}
  - {time: 7s, fault: restart node, target: n2}
  - {time: 7500 ms, fault: pause node, target: n3}
  - {time: 8s, fault: resume node, target: n3}
"""


def plan_of(*steps):
    return "steps:\n" + "".join(f"  - {{{step}}}\n" for step in steps)


def test_every_fault_is_read_as_people_write_it_and_sorted_by_time():
    plan = parse_plan(_EVERYTHING, "here")

    assert plan.name == "everything"
    assert {step.verb for step in plan.steps} == set(STEPS)
    assert [step.time for step in plan.steps] == sorted(step.time for step in plan.steps)
    commands = [step.command(SECOND_NS) for step in plan.steps]
    crash, pause = commands[0], commands[1]
    assert (crash.at_ns, crash.until_ns) == (SECOND_NS + 1, SECOND_NS * 5 // 2), "after the instant of the plan's start"
    assert (pause.target, pause.at_ns) == ("follower of shard 1", SECOND_NS + 100 * MILLISECOND_NS)
    link = next(each for each in commands if each.verb == "set link")
    assert link.arguments["loss_ppm"] == 5_000 and link.arguments["bandwidth"] == 1_000_000
    skew = next(each for each in commands if each.verb == "skew clock")
    assert skew.arguments == {"offset_ns": -200 * MILLISECOND_NS, "drift_ppm": -20_000}


def test_steps_speak_the_words_of_verbs():
    assert set(STEPS) <= set(VERBS)
    assert set(FAULT_VERBS) <= set(STEPS)
    for step in parse_plan(_EVERYTHING, "here").steps:
        check_command(step.command(0))


def test_a_plan_lands_in_the_schedule_and_is_replayed(drive):
    it = drive(seed=2).elect().load()
    commands = accept_plan(it.run, parse_plan(_EVERYTHING, "here"))
    assert it.run.schedule.commands[1:] == commands
    assert it.run.faults.all == [], "virtual time stands still"
    it.go(12)
    it.stop_load()

    assert {each.command.verb for each in it.run.faults.all} == set(FAULT_VERBS)
    assert it.run.faults.active == []
    assert judge_history(it.run, "linearizable", confirmed=100).outcome == "valid"
    schedule = it.run.finish()
    again = replay(read_schedule(write_schedule(schedule), "here")).finish()
    assert again.digest == schedule.digest
    assert write_schedule(again) == write_schedule(schedule)


@pytest.mark.parametrize("name", builtin_plans())
def test_plans_that_ship_bite_and_are_survived(drive, name):
    it = drive(seed=2, topology="three-regions" if name == "region-outage" else "three-nodes").elect().load()
    plan = load_plan(name)
    assert plan.name == name
    assert plan.description
    accept_plan(it.run, plan)
    it.go(12)
    it.stop_load()

    assert judge_faults(it.run) is None
    assert judge_history(it.run, "linearizable", confirmed=80).outcome == "valid"


_C1 = "time: 1s, fault: crash node, target: n1"
_LOSS = "time: 1s, fault: set link, source: n1, loss: 5 %, duration: 2s"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: [", "here, line 1: malformed YAML: "),
        ("", "here: $: expected a mapping with a name and steps, found nothing"),
        ("[1]", "here, line 1: $: expected a mapping with a name and steps, found a list"),
        ("name: x", "here, line 1: $: a plan has a list of steps, one at least"),
        ("steps: []", "here, line 1: $.steps: a plan has a list of steps, one at least"),
        ("steps: [5]", "here, line 1: $.steps[0]: expected a mapping, found 5"),
        ("stepps: []", "here, line 1: $.stepps: unknown key 'stepps': allowed are name, description, steps (did you"),
        ("name: 5\nsteps: []", "here, line 1: $.name: expected text, found 5"),
        ("steps: []\nsteps: []", "here, line 2: $.steps: this key is there twice"),
        (plan_of("time: 1s"), "here, line 2: $.steps[0]: 'fault' is missing"),
        (plan_of("fault: crash node, target: n1"), "here, line 2: $.steps[0]: 'time' is missing"),
        (plan_of("time: 1s, fault: crash node"), "here, line 2: $.steps[0]: 'target' is missing"),
        (plan_of(_C1, "time: 1s, fault: crash nod"), "line 3: $.steps[1].fault: 'crash nod' is no fault: allowed are"),
        (plan_of("time: 1s, fault: crash nod"), "(did you mean crash node?)"),
        (plan_of("time: 1s, fault: [a]"), "line 2: $.steps[0].fault: expected text, found a list"),
        (plan_of(_C1 + ", durtion: 2s"), "$.steps[0].durtion: unknown key 'durtion': allowed are fault, time, target,"),
        (plan_of(_C1 + ", duration: 0s"), "$.steps[0].duration: a duration of nothing cannot be"),
        (plan_of(_C1 + ", duration: 5"), "$.steps[0].duration: 5 is not a duration: write a number and a unit"),
        (plan_of("time: -1s, fault: heal faults"), "$.steps[0].time: '-1s' is negative"),
        (plan_of("time: soon, fault: heal faults"), "$.steps[0].time: 'soon' is not a duration"),
        (plan_of("time: 1 sec, fault: heal faults"), "its unit is one of ns, us, µs, ms, s, min, h (did you mean s?)"),
        (plan_of("time: 1s, fault: crash node, target: leeder"), "$.steps[0].target: 'leeder' names no node"),
        (plan_of("time: 1s, fault: crash node, target: ''"), "$.steps[0].target: '' has an empty part"),
        (plan_of("time: 1s, fault: partition network, target: n1"), "$.steps[0].target: 'n1' is no partition"),
        (plan_of("time: 1s, fault: set link, source: n1"), "$.steps[0]: nothing would change"),
        (plan_of("time: 1s, fault: set link, loss: -3 %"), "$.steps[0].loss: '-3 %' is negative"),
        (plan_of("time: 1s, fault: set link, loss: 130 %"), "$.steps[0].loss: 130 % is more than all"),
        (plan_of("time: 1s, fault: set link, bandwidth: 0"), "$.steps[0].bandwidth: a bandwidth of nothing cannot be"),
        (plan_of("time: 1s, fault: drop messages, probability: 0"), "$.steps[0].probability: a probability of nothing"),
        (plan_of("time: 1s, fault: delay messages, kind: vote"), "$.steps[0]: 'by' is missing"),
        (plan_of("time: 1s, fault: delay messages, by: 0s"), "$.steps[0].by: a by of nothing cannot be"),
        (plan_of("time: 1s, fault: delay messages, by: 1s, kind: votes"), "$.steps[0].kind: no message 'votes'"),
        (plan_of("time: 1s, fault: drop messages, kind: votes"), "$.steps[0].kind: no message 'votes': there are all"),
        (plan_of("time: 1s, fault: skew clock, target: n1"), "$.steps[0]: a clock that is skewed by nothing is right"),
        (plan_of("time: 1s, fault: skew clock, target: n1, drift: 80 %"), "$.steps[0].drift: 800000 ppm is too much"),
        (
            plan_of("time: 1s, fault: fail disk, target: n1, kind: stal"),
            "$.steps[0].kind: 'stal' is no kind: allowed are stall, slow, lost fsync, "
            "torn write, bit rot, misdirected write, io error, full (did you mean stall?)",
        ),
        (
            plan_of("time: 1s, fault: isolate node, target: n1, direction: forward"),
            "$.steps[0].direction: 'forward' is no direction: allowed are both, in, out",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_path(text, message):
    with pytest.raises(InvalidInput) as caught:
        parse_plan(text, "here")

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            (_C1, "time: 2s, fault: crash node, target: 'n2, n1'"),
            "line 3: $.steps[1]: n1 is down by then, crashed by $.s",
        ),
        (
            ("time: 2s, fault: crash node, target: n1", _C1),
            "line 2: $.steps[0]: n1 is down by then, crashed by $.steps[1]",
        ),
        ((_C1, "time: 2s, fault: crash node, target: 'n2, all'"), "$.steps[1]: n1 is down by then"),
        (("time: 1s, fault: crash node, target: all", "time: 2s, fault: pause node, target: n2"), "n2 is down by then"),
        ((_C1, "time: 2s, fault: pause node, target: n1"), "n1 is down by then"),
        ((_C1 + ", duration: 1s", "time: 3s, fault: restart node, target: n1"), "n1 is not down any more by then"),
        (
            (_C1, "time: 2s, fault: restart node, target: n1", "time: 3s, fault: restart node, target: n1"),
            "$.steps[2]: n1 is not down any more by then",
        ),
        (
            ("time: 1s, fault: pause node, target: n1, duration: 1s", "time: 2s, fault: resume node, target: n1"),
            "n1 is not paused any more by then",
        ),
        ((_LOSS, "time: 2s, fault: set link, loss: 6 %"), "the loss of these links is changed already, by $.steps[0]"),
        ((_LOSS, "time: 1s, fault: set link, source: n1, target: n2, jitter: 1 ms, loss: 6 %"), "the loss of these"),
        (
            ("time: 1s, fault: drop messages, kind: vote", "time: 2s, fault: drop messages, kind: vote, source: n1"),
            "the loss of vote messages of these links is changed already",
        ),
        (
            ("time: 1s, fault: delay messages, by: 1s", "time: 2s, fault: delay messages, by: 2s, source: n1"),
            "the delay of all messages of these links is changed already",
        ),
        (
            (
                "time: 1s, fault: skew clock, target: n1, drift: 1 %",
                "time: 2s, fault: skew clock, target: n1, drift: 2 %",
            ),
            "drift of the clock of n1 is begun already",
        ),
        (
            (
                "time: 1s, fault: fail disk, target: n1, kind: stall",
                "time: 2s, fault: fail disk, target: n1, kind: stall",
            ),
            "stall of the disk of n1 is begun already",
        ),
    ],
)
def test_steps_that_contradict_each_other_are_refused(steps, message):
    with pytest.raises(InvalidInput) as caught:
        parse_plan(plan_of(*steps), "here")

    assert message in str(caught.value)


@pytest.mark.parametrize(
    "steps",
    [
        (_C1 + ", duration: 1s", "time: 2s, fault: crash node, target: n1"),
        (_C1, "time: 2s, fault: restart node, target: n1", "time: 3s, fault: crash node, target: n1"),
        (_C1, "time: 2s, fault: heal faults, target: n1", "time: 3s, fault: crash node, target: n1"),
        (_C1, "time: 2s, fault: heal faults", "time: 3s, fault: crash node, target: all"),
        (_C1, "time: 2s, fault: crash node, target: n2"),
        ("time: 1s, fault: crash node, target: leader of shard 1",) * 2,
        ("time: 1s, fault: restart node, target: n1",),
        (_LOSS, "time: 2s, fault: set link, source: n1, jitter: 5 ms"),
        (_LOSS, "time: 2s, fault: set link, source: n2, loss: 5 %"),
        (_LOSS, "time: 3s, fault: set link, source: n1, loss: 6 %"),
        (_LOSS, "time: 2s, fault: heal network", "time: 2s, fault: set link, loss: 6 %"),
        ("time: 1s, fault: isolate node, target: n1", "time: 2s, fault: partition network, target: halves"),
    ],
)
def test_steps_that_go_together_are_accepted(steps):
    assert len(parse_plan(plan_of(*steps), "here").steps) == len(steps)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((_C1, "time: 2s, fault: crash node, target: n9"), "here: crash node: no node 'n9'"),
        ((_C1, "time: 2s, fault: set link, source: region moon, loss: 5 %"), "here: set link: no region 'moon'"),
        ((_C1, "time: 2s, fault: partition network, target: region eu | rest"), "a side of the partition has no node"),
        (("time: 1s, fault: pause node, target: 'n2, n2'",), "names n2 twice"),
        ((_C1, "time: 2s, fault: pause node, target: leader of shard 7"), "no shard 7"),
    ],
)
def test_a_plan_that_makes_no_sense_here_is_refused_as_a_whole(it, steps, message):
    plan = parse_plan(plan_of(*steps), "here")
    with pytest.raises(InvalidInput) as caught:
        accept_plan(it.run, plan)

    assert message in str(caught.value)
    assert it.run.schedule.commands == []
    it.go(3)
    assert it.run.live_nodes() == it.run.node_names


def test_plans_are_found_by_name_and_by_path(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(plan_of(_C1), encoding="utf-8")
    assert load_plan(str(file)).origin == str(file)
    with pytest.raises(InvalidInput, match=r"no fault plan 'flaky-netwrk': .*did you mean flaky-network"):
        load_plan("flaky-netwrk")
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="cannot be read as UTF-8"):
        load_plan(str(file))
