"""The same schedule is the same run: by its digest, in this process and in others."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from PhantomLibrary.__main__ import main
from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.testbed.schedule import Command, RunSpec, Schedule, read_schedule, write_schedule

CHECKOUT = Path(__file__).resolve().parents[3]
MINORS = range(10, 15)


def eventful(drive, seed=5):
    """A run with every verb in it."""
    it = drive(seed=seed, nodes=5, shards=2, topology="five-nodes", knobs={"snapshot_entries": 40}).elect()
    it.load("append", name="first").load("counter", name="second", skew="zipf")
    it.give("set link", source="random", target="all", latency_ns=9_000_000, duplicate_ppm=100_000, duration_s=2)
    it.give("skew clock", "follower of shard 1", at_s=3, duration_s=1, offset_ns=-500_000_000, drift_ppm=10_000)
    it.give("crash node", "random", at_s=3, duration_s=1.5)
    it.go(1)
    it.give("partition network", "minority | rest", duration_s=1, flapping_ns=300_000_000)
    it.give("drop messages", kind="append entries", probability_ppm=200_000, duration_s=3)
    it.go(1.5)
    it.put("operator", "x")
    it.elect()
    it.give("fail disk", "leader of shard 1", fault="stall", duration_s=0.4)
    it.give("pause node", "leader of shard 2")
    it.go(0.7)
    it.give("heal faults")
    it.elect()
    it.give("isolate node", "leader of shard 0", direction="in")
    it.give("set load", rate=50_000, period_ns=SECOND_NS, workload="first")
    it.go(1)
    it.give("heal network")
    it.give("stop workload", drain_ns=2 * SECOND_NS)
    it.go(2.5)
    return it.run


@pytest.fixture(scope="module")
def recorded(drive):
    run = eventful(drive)
    return run, run.finish()


def test_the_run_that_is_replayed_here_is_worth_it(recorded):
    run, schedule = recorded

    assert run.recorder.counts["ok"] > 200
    assert len(run.watch.leader_changes) > 3
    assert sum(applied.fault.bites > 0 for applied in run.faults.all) >= 6
    assert {"random", "minority | rest"} <= {command.target for command in schedule.commands}


def test_a_replay_is_the_same_run(recorded):
    run, schedule = recorded
    again = replay(schedule)

    assert again.finish().digest == schedule.digest
    assert again.recorder.events == run.recorder.events
    assert again.scheduler.events == run.scheduler.events


def test_a_replay_has_the_same_schedule(recorded):
    _, schedule = recorded

    assert write_schedule(replay(schedule).finish()) == write_schedule(schedule)


def test_a_schedule_that_went_through_yaml_is_the_same_run(recorded):
    _, schedule = recorded
    read = read_schedule(write_schedule(schedule), "here")

    assert read == schedule
    assert replay(read).finish().digest == schedule.digest


@pytest.mark.skipif(not hasattr(yaml, "CSafeDumper"), reason="PyYAML is without libyaml here")
def test_a_schedule_is_written_the_same_without_libyaml(recorded, monkeypatch):
    _, schedule = recorded
    topology = "nodes:\n  - {name: n1}  # in München\n\nlatencies: " + "1 ms, " * 40 + "2 ms\n"
    commands = [Command("fail disk", 5, 5, target="n1 | 'n2'", arguments={"why": "- no: yes", "how": "", "many": [1]})]
    for each in (schedule, Schedule(RunSpec(seed=1, topology_text=topology), commands, 9)):
        written = write_schedule(each)
        with monkeypatch.context() as patch:
            patch.delattr(yaml, "CSafeDumper")
            assert write_schedule(each) == written
        assert read_schedule(written, "here") == each


def test_another_seed_is_another_run(recorded, drive):
    _, schedule = recorded

    assert eventful(drive, seed=6).finish().digest != schedule.digest


def test_doing_the_same_again_is_the_same_run(recorded, drive):
    _, schedule = recorded

    assert eventful(drive).finish().digest == schedule.digest


@pytest.mark.parametrize("hash_seed", ["0", "12345"])
def test_another_process_with_another_hash_seed_has_the_same_digest(recorded, tmp_path, hash_seed):
    _, schedule = recorded
    child = _replay_in(sys.executable, schedule, tmp_path, hash_seed)

    assert child.returncode == 0, child.stdout + child.stderr
    assert f"the same run: digest {schedule.digest}" in child.stdout


def _replay_in(python, schedule, folder, hash_seed="0", packages=""):
    file = folder / "schedule.yaml"
    file.write_text(write_schedule(schedule), encoding="utf-8")
    command = [python, "-m", "PhantomLibrary", "replay", str(file)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(CHECKOUT), packages])),
        "PYTHONHASHSEED": hash_seed,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=60)


def _interpreters(minor):
    """Return the paths of every CPython 3.<minor> that this machine has, on PATH and under pyenv."""
    name = f"python3.{minor}"
    roots = [os.environ.get("PYENV_ROOT"), Path.home() / ".pyenv"]
    installed = [path for root in roots if root for path in sorted(Path(root).glob(f"versions/3.{minor}.*/bin/{name}"))]
    on_path = [shutil.which(name, path=folder) for folder in os.get_exec_path() if Path(folder).name != "shims"]
    running = [sys.executable] if sys.version_info[:2] == (3, minor) else []
    return list(dict.fromkeys(str(each) for each in [*running, *filter(None, on_path), *installed]))


def _packages_for(minor):
    """Return a folder with the packages that a replay needs, built for CPython 3.<minor>; made once an environment.

    pip fetches them for another version than its own, so that nothing is installed into that interpreter.
    """
    folder = Path(sys.prefix) / "pythons" / f"3.{minor}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", unfinished, "--only-binary=:all:"]
        packages = ["--python-version", f"3.{minor}", "msgspec", "pyyaml"]
        done = subprocess.run([*command, *packages], capture_output=True, text=True, timeout=120)
        if done.returncode:
            pytest.skip(f"CPython 3.{minor}: no packages for it: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
        shutil.copytree(unfinished, folder)
    return folder


@pytest.mark.parametrize("minor", MINORS, ids=lambda minor: f"3.{minor}")
def test_every_python_on_this_machine_has_the_same_digest(recorded, tmp_path, minor):
    _, schedule = recorded
    interpreters = _interpreters(minor)
    if not interpreters:
        pytest.skip(f"CPython 3.{minor}: not on this machine")
    packages = "" if sys.version_info[:2] == (3, minor) else str(_packages_for(minor))
    for python in interpreters:
        child = _replay_in(python, schedule, tmp_path, packages=packages)
        if "No module named" in child.stderr and not packages:
            continue  # Another interpreter of this version, without the packages of this environment.
        assert child.returncode == 0, f"{python}: {child.stdout}{child.stderr}"


# --- the order of one instant -----------------------------------------------------------------------------------------


def _is_replayed(it):
    schedule = it.run.finish()
    assert replay(read_schedule(write_schedule(schedule), "here")).finish().digest == schedule.digest


def test_commands_at_one_instant_keep_their_order(drive):
    digests = set()
    for order in (("n1", "n2"), ("n2", "n1")):
        it = drive().elect()
        for node in order:
            it.give("crash node", node)
        assert [command.target for command in it.run.schedule.commands] == list(order)
        it.go(1)
        _is_replayed(it)
        digests.add(it.run.trace.digest())

    assert len(digests) == 2, "the order is no accident of the trace"


def test_later_commands_at_one_instant_keep_the_order_in_which_they_were_accepted(drive):
    it = drive().elect()
    it.give("heal faults", at_s=2)
    it.give("crash node", "n1", at_s=2)
    it.give("crash node", "n2", at_s=2)
    it.go(3)

    assert it.run.live_nodes() == ["n3"], "healing came first"
    _is_replayed(it)


def test_a_fault_is_healed_before_a_command_that_is_given_in_that_instant(drive):
    it = drive().elect().load()
    it.give("crash node", "n1", duration_s=1)
    it.go(1)
    assert it.run.live_nodes() == ["n1", "n2", "n3"]
    it.give("crash node", "n1")
    it.go(1)

    _is_replayed(it)


def test_what_is_planned_for_the_instant_in_which_a_condition_holds_comes_before_the_next_command(drive):
    """The replay knows no condition, so it does what was planned first; so must the run itself."""
    it = drive().elect().load()
    end_ns = it.run.now_ns + SECOND_NS
    it.give("crash node", "n1", duration_s=1)
    it.run.scheduler.at(end_ns, lambda _: None)  # So that this instant exists for the condition.
    assert it.go(5, lambda: it.run.now_ns >= end_ns)
    assert it.run.now_ns == end_ns
    assert "n1" in it.run.live_nodes(), "healing belongs to the instant in which the run stopped"
    it.give("isolate node", "n1")
    it.go(1)


def test_a_command_comes_when_all_that_came_before_it_in_this_instant_is_done(drive):
    """Waiting for something that comes in the same instant leaves no mark in the schedule."""
    digests = set()
    for waits in (False, True):
        it = drive().elect().load(rate=0)
        if waits:
            assert it.go(0, lambda it=it: bool(it.run.recorder.under_way))
        it.give("crash node", "n1")  # Whose clients have asked it something just now.
        it.go(1)
        _is_replayed(it)
        digests.add(it.run.trace.digest())

    assert len(digests) == 1


def test_a_run_that_stops_in_the_instant_of_its_last_command_is_replayed(drive):
    it = drive().elect().load()
    it.give("crash node", "n1")

    _is_replayed(it)


def test_a_later_command_that_never_came_is_replayed_as_such(drive):
    it = drive().elect()
    it.give("crash node", "n1", at_s=50)
    it.go(1)

    _is_replayed(it)


def test_targets_are_resolved_once(drive):
    it = drive(seed=3).elect()
    crashed = it.give("crash node", "random")
    it.give("pause node", "random", at_s=3)
    it.go(4)

    commands = it.run.finish().commands
    assert commands[0].resolved == crashed
    assert commands[1].resolved
    _is_replayed(it)


# --- the command line -------------------------------------------------------------------------------------------------


def _file(tmp_path, text):
    file = tmp_path / "schedule.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_replay_says_that_it_was_the_same_run(recorded, tmp_path, capsys):
    _, schedule = recorded

    assert main(["replay", _file(tmp_path, write_schedule(schedule))]) == 0
    shown = capsys.readouterr().out
    assert f"the same run: digest {schedule.digest}" in shown
    assert f"replayed {len(schedule.commands)} commands over" in shown


def test_replay_says_that_it_was_another_run(recorded, tmp_path, capsys):
    _, schedule = recorded
    text = write_schedule(schedule).replace(schedule.digest, "f" * 32)

    assert main(["replay", _file(tmp_path, text)]) == 1
    assert f"another run: digest {schedule.digest}, recorded was {'f' * 32}" in capsys.readouterr().out


def test_replay_says_that_there_is_nothing_to_compare_with(recorded, tmp_path, capsys):
    _, schedule = recorded
    text = write_schedule(schedule).replace(f"digest: {schedule.digest}\n", "")

    assert main(["replay", _file(tmp_path, text)]) == 0
    assert "the schedule names none to compare with" in capsys.readouterr().out


def test_replay_writes_the_trace(recorded, tmp_path):
    from hashlib import blake2b

    _, schedule = recorded
    trace = tmp_path / "trace.jsonl"

    assert main(["replay", _file(tmp_path, write_schedule(schedule)), "--trace", str(trace)]) == 0
    assert blake2b(trace.read_bytes(), digest_size=16).hexdigest() == schedule.digest


_SPEC = "run: {seed: 1}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run: [", "schedule.yaml, line"),
        ("hello", "schedule.yaml: no schedule"),
        ("run: {seed: x}", "Expected `int`, got `str` - at `$.run.seed`"),
        ("run: {seed: 1, shard: 2}", "unknown field `shard`"),
        (_SPEC + "format: 9", "schedule format 9 is not known here"),
        ("run: {seed: 1, topology: five-node}", "did you mean five-nodes?"),
        ("run: {seed: 1, replicas: 9}", "replicas=9 is not possible"),
        ("run: {seed: 1, defects: [no-prevot]}", "did you mean no-prevote?"),
        ("run: {seed: 1, knobs: {sessions: 2}}", "unknown key 'sessions'"),
        (_SPEC + "commands: [{verb: crash nod, accepted_ns: 0, at_ns: 0}]", "no verb 'crash nod'"),
        (_SPEC + "commands: [{verb: crash node, accepted_ns: 0, at_ns: 0, target: n9}]", "no node 'n9'"),
        (_SPEC + "commands: [{verb: crash node, accepted_ns: 0, at_ns: 0, resolved: [n9]}]", "no node 'n9'"),
        (_SPEC + "commands: [{verb: fail disk, accepted_ns: 0, at_ns: 0, target: n1}]", "required field `fault`"),
        (
            _SPEC + "commands: [{verb: start workload, accepted_ns: 0, at_ns: 0, arguments: {kind: set, client: 3}}]",
            "unknown field `client`",
        ),
        (
            _SPEC + "commands: [{verb: skew clock, accepted_ns: 0, at_ns: 0, target: n1, arguments: {drift_ppm: x}}]",
            "Expected `int`, got `str`",
        ),
    ],
)
def test_a_schedule_that_makes_no_sense_is_told_with_its_reason(tmp_path, capsys, text, message):
    assert main(["replay", _file(tmp_path, text)]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.out == ""


def test_a_file_that_cannot_be_read_is_told(tmp_path, capsys):
    assert main(["replay", str(tmp_path / "nowhere.yaml")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_trace_that_cannot_be_written_is_told(recorded, tmp_path, capsys):
    _, schedule = recorded
    file = _file(tmp_path, write_schedule(schedule))

    assert main(["replay", file, "--trace", str(tmp_path / "nowhere" / "trace")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_command_line_needs_no_robot_framework(recorded, tmp_path):
    _, schedule = recorded
    code = (
        "import sys; sys.modules['robot'] = None; sys.modules['robotlibcore'] = None; "
        "from PhantomLibrary.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    file = _file(tmp_path, write_schedule(schedule))
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    child = subprocess.run(
        [sys.executable, "-c", code, "replay", file], capture_output=True, text=True, env=environment
    )

    assert child.returncode == 0, child.stderr
