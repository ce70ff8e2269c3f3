"""Real threads in one cluster: nothing breaks, what they did replays, and none is ever left behind."""

import sys
import threading
import time

import pytest

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.errors import InvalidState, PhantomError
from PhantomLibrary.testbed.crew import Crew, Operation
from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.testbed.schedule import Command
from PhantomLibrary.testbed.verbs import VERBS
from PhantomLibrary.testbed.waits import describe_waits
from PhantomLibrary.zoo.defects import plant


def crew_of(*operations, threads=4, rounds=5, end_run=lambda _reason: None, describe_waits=list):
    work = [Operation(text, do) for text, do in operations]
    return Crew(work, threads=threads, rounds=rounds, end_run=end_run, describe_waits=describe_waits)


def crew_in(run, *operations, threads=6, rounds=30):
    """A crew whose operations are verbs with targets, or times in milliseconds to go on for."""

    def end_run(reason):
        run.ended = reason

    def operation(each):
        def give():
            with run.lock:
                run.perform(Command(each[0], run.now_ns, run.now_ns, each[1], arguments=dict(each[2:])))

        def go_on():
            with run.lock:
                run.advance(run.now_ns + each * MILLISECOND_NS)

        return (f"go on for {each} ms", go_on) if isinstance(each, int) else (" ".join(map(str, each)), give)

    work = [operation(each) for each in operations]
    return crew_of(*work, threads=threads, rounds=rounds, end_run=end_run, describe_waits=lambda: describe_waits(run))


MANY = (
    20,
    ("crash node", "n1"),
    15,
    ("restart node", "n1"),
    ("isolate node", "n2"),
    ("put value", "", ("key", "a"), ("value", "1")),
    5,
    ("heal network", ""),
    ("set link", "", ("latency_ns", 2_000_000)),
    ("get value", "", ("key", "a")),
)


def test_what_threads_did_replays_to_the_byte(it):
    it.load()
    report = crew_in(it.run, *MANY).work(30)

    assert [each for each in report.troubles if not each.is_refusal] == []
    assert report.late == () and report.stuck == 0
    assert sum(report.done.values()) > 80 and sum(report.refused.values()) > 5
    schedule = it.run.finish()
    assert len(schedule.commands) > 40
    assert replay(schedule).finish().digest == schedule.digest != ""


def test_what_was_refused_leaves_no_trace(it):
    """A request that makes no sense at its moment is in no schedule, so nothing that comes later may hang on it."""
    it.load(keys=20)
    it.go(1)
    refused = 0
    for verb, target, arguments in (
        ("split shard", "", {"shard": 1, "key": "middle"}),
        ("crash node", "random", {}),
        ("restart node", "n1", {}),
        ("merge shards", "", {"left": 1, "right": 9}),
        ("move shard", "n1", {"shard": 1}),
        ("remove node", "n1", {}),
        ("decommission node", "n2", {}),
        ("add node", "n3", {}),
        ("resume node", "n1", {}),
        ("transfer leadership", "leader of shard 1", {"shard": 1}),
        ("cancel moves", "", {}),
        ("heal core", "n1", {}),
        ("begin transaction", "n9", {"transaction": "t", "isolation": "serializable"}),
        ("split shard", "", {"shard": 1, "key": "k1"}),
    ) * 2:
        try:
            it.give(verb, target, **arguments)
        except PhantomError:
            refused += 1
        it.go(0.05)
    it.go(2)
    assert refused > 15 and len(it.run.schedule.commands) > 4
    schedule = it.run.finish()
    assert replay(schedule).finish().digest == schedule.digest


def test_commands_get_in_while_time_goes_on(it):
    """The advance of one thread is long; another one's command has effect in the middle of it."""
    run, began_ns = it.run, it.run.now_ns
    seen = []

    def advance():
        run.advance(began_ns + 20 * SECOND_NS)

    def look():
        with run.lock:
            seen.append(run.now_ns)
            run.perform(Command("put value", run.now_ns, run.now_ns, arguments={"key": "a", "value": "1"}))

    report = crew_of(("advance", advance), ("look", look), threads=2, rounds=1).work(30)
    assert report.troubles == ()
    assert run.now_ns == began_ns + 20 * SECOND_NS and seen[0] < run.now_ns
    schedule = run.finish()
    assert replay(schedule).finish().digest == schedule.digest


def test_whoever_is_the_first_of_others_gets_into_a_wait_between_two_instants(it):
    it.load()
    run, began_ns = it.run, it.run.now_ns
    seen, looks = [], []

    def command():
        run.perform(Command("put value", run.now_ns, run.now_ns, arguments={"key": "a", "value": "1"}))
        seen.append(run.now_ns)

    other = threading.Thread(target=command, daemon=True)

    def has_been_there():
        looks.append(run.now_ns)
        if len(looks) == 20:
            assert not run.lock.is_shared
            other.start()
            while not run.lock.is_wanted:
                time.sleep(0.001)
        return bool(seen)

    assert run.advance(began_ns + 20 * SECOND_NS, has_been_there)
    other.join(10)
    assert seen == [looks[19]] == [run.now_ns]
    assert looks[19:] == [run.now_ns] * 2  # Once as the other one came, and once when he had gone.
    schedule = run.finish()
    assert replay(schedule).finish().digest == schedule.digest


def test_a_wait_whose_condition_holds_as_another_comes_is_over(it):
    run, looks = it.run, []
    other = threading.Thread(target=lambda: run.perform(Command("heal network", run.now_ns, run.now_ns)), daemon=True)

    def holds_now():
        looks.append(run.now_ns)
        if len(looks) == 5:
            other.start()
            while not run.lock.is_wanted:
                time.sleep(0.001)
        return len(looks) == 5

    with run.lock:
        assert run.advance(run.now_ns + SECOND_NS, holds_now)
        assert run.now_ns == looks[-1] and len(looks) == 5 and run.lock.is_wanted
    other.join(10)


def test_nobody_gets_in_between_a_command_and_its_instant(it):
    """What is planned for an instant is done before a command in it, which may not come later for that."""
    run, began_ns = it.run, it.run.now_ns

    def go_on():
        with run.lock:
            run.advance(run.now_ns + 50 * MILLISECOND_NS)

    with run.lock:
        other = threading.Thread(target=go_on, daemon=True)
        other.start()
        while not run.lock.is_wanted:
            time.sleep(0.001)
        run.plan(began_ns, lambda: None)
        run.perform(Command("put value", began_ns, began_ns, arguments={"key": "a", "value": "1"}))
        assert run.now_ns == began_ns
    other.join(10)
    assert run.now_ns == began_ns + 50 * MILLISECOND_NS


def test_a_command_has_the_cluster_for_itself_to_its_end(it, monkeypatch):
    run, steps = it.run, []
    is_in, may_end = threading.Event(), threading.Event()

    def slow(_run, command):
        steps.append(f"{command.target} begins")
        is_in.set()
        assert may_end.wait(10)
        steps.append(f"{command.target} ends")

    monkeypatch.setitem(VERBS, "crash node", slow)

    def give(target):
        run.perform(Command("crash node", run.now_ns, run.now_ns, target))

    threads = [threading.Thread(target=give, args=(target,), daemon=True) for target in ("n1", "n2")]
    threads[0].start()
    assert is_in.wait(10)
    threads[1].start()
    while not run.lock.is_wanted:
        time.sleep(0.001)
    assert steps == ["n1 begins"]
    may_end.set()
    for each in threads:
        each.join(10)
    assert steps == ["n1 begins", "n1 ends", "n2 begins", "n2 ends"]
    assert [each.target for each in run.schedule.commands[-2:]] == ["n1", "n2"]


def test_a_run_that_another_thread_has_ended_goes_no_further(it):
    run = it.run

    def end():
        with run.lock:
            run.ended = "it was enough"

    report = crew_of(
        ("go on", lambda: run.advance(run.now_ns + 3_600 * SECOND_NS)), ("end", end), threads=2, rounds=1
    ).work(20)
    assert report.late == () and len(report.troubles) == 1 and report.troubles[0].operation == "go on"
    assert str(report.troubles[0].error) == "this cluster cannot go on: it was enough; start another one"
    assert run.now_ns < 3_000 * SECOND_NS


def test_several_that_let_time_go_on_all_come_to_their_ends(it):
    run, began_ns = it.run, it.run.now_ns
    found = {}

    def advance(to_ms):
        def go():
            assert run.advance(began_ns + to_ms * MILLISECOND_NS)
            found[to_ms] = run.now_ns

        return str(to_ms), go

    report = crew_of(*map(advance, (400, 90, 250, 800)), threads=4, rounds=1).work(30)
    late = [each for each in report.troubles if "has passed" not in str(each.error)]
    assert late == []
    assert all(now_ns >= began_ns + to_ms * MILLISECOND_NS for to_ms, now_ns in found.items())
    assert run.now_ns == began_ns + 800 * MILLISECOND_NS


def test_a_cluster_without_its_lock_is_found_out(drive):
    run = drive(parts=plant(("administration-without-lock",))).elect().run
    report = crew_in(run, *MANY, rounds=100).work(30)
    assert any("two threads change one cluster at once" in str(each.error) for each in report.troubles)


def test_each_exception_is_told_with_its_thread_and_round():
    def fail():
        raise ZeroDivisionError("by nothing")

    report = crew_of(("divide", fail), threads=3, rounds=2).work(5)
    assert sorted(map(str, report.troubles)) == [
        f"thread {number}, round 1, divide: ZeroDivisionError: by nothing" for number in (1, 2, 3)
    ]
    assert report.done == {"divide": 0}


def test_refusals_are_counted_and_do_not_end_a_thread():
    def refuse():
        raise InvalidState("not now")

    report = crew_of(("ask", refuse), ("rest", lambda: None), threads=2, rounds=4).work(5)
    assert report.refused == {"ask": 4, "rest": 0} and report.done == {"ask": 0, "rest": 4}
    assert all(each.is_refusal for each in report.troubles)


def test_threads_begin_together_each_at_another_operation():
    lock, order = threading.Lock(), []

    def note(name):
        def do():
            with lock:
                order.append((threading.current_thread().name, name))

        return name, do

    crew_of(*map(note, "abc"), threads=3, rounds=3).work(5)
    by_thread = {name: "".join(what for who, what in order if who == name) for name, _ in order}
    assert sorted(by_thread.values()) == ["abc", "bca", "cab"]


def test_threads_that_the_system_does_not_start_end_the_others(monkeypatch):
    started, start = [], threading.Thread.start

    def start_three(thread):
        if len(started) == 3:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    crew = crew_of(("rest", lambda: None), threads=5)
    monkeypatch.setattr(threading.Thread, "start", start_three)
    with pytest.raises(InvalidState, match="5 threads are too many here: after 3 the system says"):
        crew.work(5)
    assert not any(each.is_alive() for each in started)


def test_a_deadlock_of_threads_is_told_with_what_each_one_waits_for(it):
    """One holds the cluster and wants the other lock, one holds that and wants the cluster."""
    run, other = it.run, threading.Lock()
    met = threading.Barrier(2)

    def cluster_first():
        with run.lock:
            met.wait()
            while not other.acquire(timeout=0.01):
                pass

    def other_first():
        with other:
            met.wait()
            with run.lock:
                pass

    began_s = time.monotonic()
    crew = crew_of(
        ("cluster first", cluster_first),
        ("other first", other_first),
        threads=2,
        rounds=1,
        describe_waits=lambda: describe_waits(run),
    )
    report = crew.work(0.2)
    assert time.monotonic() - began_s < 10 and report.stuck == 0
    told = "\n".join(report.late)
    assert "thread 2 has its turn" in told and "thread 1 waits for its turn, as number 1" in told
    assert "thread 2 does cluster first, round 1, in cluster_first (test_testbed_crew.py:" in told
    assert "nobody gives way: what waits inside the cluster cannot be told" in told
    with run.lock:
        assert run.lock.describe() == [f"{threading.current_thread().name} has its turn"]


def test_a_run_that_takes_too_long_is_ended_and_no_thread_is_left(it):
    before = threading.active_count()
    report = crew_in(it.run, 3_600_000, threads=3, rounds=1).work(0.1)
    assert len([each for each in report.late if " does go on for" in each]) == 3
    assert report.stuck == 0 and threading.active_count() == before
    assert it.run.ended == "its threads were not done in time"


def test_a_thread_that_never_comes_back_is_broken_off():
    def spin():
        while True:
            pass

    report = crew_of(("spin", spin), threads=2, rounds=1).work(0.05)
    assert report.stuck == 0 and len(report.late) == 2


def test_an_interrupt_ends_all_threads_first(it, monkeypatch):
    before, interval = threading.active_count(), sys.getswitchinterval()
    crew = crew_in(it.run, 3_600_000, threads=3, rounds=1)
    monkeypatch.setattr(crew, "_describe", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        crew.work(0.05)
    assert threading.active_count() == before and sys.getswitchinterval() == interval
    assert it.run.ended == "its threads were interrupted"


def test_an_interrupt_before_all_have_begun_leaves_none_at_the_barrier(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    before = threading.active_count()
    crew = crew_of(("rest", lambda: None), threads=3, rounds=1)
    monkeypatch.setattr(crew._members[2], "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        crew.work(5)
    assert threading.active_count() == before


def test_parts_have_a_lock_of_their_own():
    assert Parts().turns.__name__ == "Turns"
