"""Every order of events of a small saga, up to a depth: commits, losses, copies, overtaking, crashes, a cancellation.

From each state that can be reached so, the saga comes to its end as soon as nothing more goes wrong, all or nothing.
"""

import msgspec
import pytest

from PhantomLibrary.zoo import saga_defects
from tests.unit.protocols.saga_harness import Bench, in_sequence, take

DEFINITION = in_sequence(take("flight", retries=0), take("hotel", retries=0))
_encode = msgspec.msgpack.Encoder().encode


def _replayed(path, parts):
    bench = Bench(flight=1, hotel=1, **parts)
    bench.begin(DEFINITION)
    for what, which in path:
        _STEPS[what](bench, which)
    return bench


def _cancel(bench, _which):
    bench.cancel("trip")


_STEPS = {
    "commit": lambda bench, _: bench.commit(),
    "lose record": lambda bench, _: bench.records.pop(0),
    "deliver": lambda bench, which: bench.deliver(which),
    "deliver a copy": lambda bench, which: bench.deliver(which, keep=True),
    "answer": lambda bench, which: bench.answer(which),
    "crash": lambda bench, _: bench.crash(),
    "time": lambda bench, _: bench.pass_ms(1_100),
    "cancel": _cancel,
}


def _choices(bench, path):
    """Yield what may happen next: little of what goes wrong, for that is what makes states many."""
    done = [what for what, _ in path]
    if bench.records:
        yield "commit", 0
        if done.count("lose record") < 1:
            yield "lose record", 0
    for which in range(len(bench.acts)):
        yield "deliver", which
        if done.count("deliver a copy") < 1:
            yield "deliver a copy", which
    for which in range(len(bench.answers)):
        yield "answer", which
    for what, times in (("crash", 1), ("cancel", 1), ("time", 2)):
        if done.count(what) < times:
            yield what, 0


def _waits(attempt, now_ns):
    return attempt.phase, attempt.attempt, attempt.is_over, attempt.outcome, attempt.due_ns - now_ns


def _identity(bench, path):
    limits = tuple(
        [what for what, _ in path].count(each) for each in ("lose record", "deliver a copy", "crash", "time")
    )
    courses = {
        number: (course.record, {step: _waits(each, bench.now_ns) for step, each in course.tries.items()})
        for number, course in bench.orchestrator._courses.items()
    }
    saga = bench.table.named("trip")
    state = (saga.state, saga.steps, saga.is_rolling_back, saga.revision)
    shard = (bench.shard.values, bench.shard.fences.dump(), bench.shard.done)
    return _encode((limits, state, shard, bench.records, bench.acts, bench.answers, courses))


def _wrong(bench):
    """Let everything that is under way arrive, and return what is wrong then."""
    late = list(bench.acts)
    bench.settle(30)
    bench.acts += late
    while bench.acts:
        bench.deliver()
    done, saga = bench.shard.done, bench.table.named("trip")
    if len(done) != len(set(done)):
        return f"done twice: {done}"
    for step in range(2):
        acted, undone = ((saga.number, step, phase) in done for phase in ("action", "compensation"))
        if (saga.state == "COMPLETED" and (not acted or undone)) or (saga.state == "COMPENSATED" and acted != undone):
            return f"{saga.state}, and of step {step}: {done}"
    return "" if saga.is_ended else f"{saga.state} for ever"


def _search(depth, **parts):
    """Return (states seen, the first path to a state from which it goes wrong, and how)."""
    seen = set()
    paths = [()]
    for _ in range(depth):
        longer = []
        for path in paths:
            for choice in _choices(_replayed(path, parts), path):
                bench = _replayed((*path, choice), parts)
                identity = _identity(bench, (*path, choice))
                if identity not in seen:
                    seen.add(identity)
                    longer.append((*path, choice))
                    wrong = _wrong(bench)
                    if wrong:
                        return len(seen), (*path, choice), wrong
        paths = longer
    return len(seen), (), ""


def test_every_short_course_of_a_saga_ends_all_or_nothing():
    states, path, wrong = _search(5)
    assert wrong == "", path
    assert states > 600


@pytest.mark.parametrize(
    ("defect", "depth"),
    [
        ({"fences": saga_defects.LetsLateActionsIn}, 5),
        ({"orchestrator": saga_defects.WritesDownTheEndOnly}, 5),
    ],
    ids=["late action", "progress in memory"],
)
def test_search_finds_planted_defects(defect, depth):
    _, path, wrong = _search(depth, **defect)
    assert wrong
    assert path
