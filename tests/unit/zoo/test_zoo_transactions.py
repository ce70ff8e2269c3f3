"""Each planted defect of transactions is caught in a short story, and the same story without it is clean."""

import json

import pytest

from PhantomLibrary.checking.history import CompletedOperation
from PhantomLibrary.checking.pairs import check_pairs
from PhantomLibrary.checking.transactions.check import check_appends_of
from PhantomLibrary.domain import (
    MILLISECOND_NS,
    Append,
    Begin,
    Commit,
    Get,
    Ok,
    OutcomeUnknown,
    Refused,
    Rollback,
    Scan,
    Transact,
    Within,
)
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.testbed.judge import judge_agreement, judge_invariants
from PhantomLibrary.testbed.parts import Parts
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.testbed.transaction_judge import judge_transaction_ends
from PhantomLibrary.zoo.transaction_catalogue import TRANSACTION_DEFECTS

HERE, THERE = "k1", "k6"  # On shards 1 and 3 of four.
ENDINGS = {Ok: "ok", Refused: "fail", OutcomeUnknown: "info"}


class Call(Task):
    """An operation under way: when it was called, by which process, and the steps of a whole transaction."""

    called, steps = (0, 0, 0), ()


class Story:
    """A cluster whose clients run one transaction after the other, and what they were told."""

    def __init__(self, defect):
        parts = TRANSACTION_DEFECTS[defect].plant(Parts()) if defect else Parts()
        self.run = Run(RunSpec(seed=7, nodes=5, shards=4), parts=parts)
        self.go_ms(5000, lambda: all(self.run.leader(shard) for shard in self.run.shard_ids))
        self.go_ms(1000)
        leaders = {self.run.leader(1), self.run.leader(3)}
        assert len(leaders) == 2
        self.home = next(node for node in self.run.node_names if node not in leaders)
        self.operations, self.processes, self.events = [], 0, 0

    def go_ms(self, milliseconds, condition=None):
        return self.run.advance(self.run.now_ns + milliseconds * MILLISECOND_NS, condition)

    def give(self, verb, *, duration_ms=0, **arguments):
        now_ns = self.run.now_ns
        until_ns = now_ns + duration_ms * MILLISECOND_NS if duration_ms else None
        return self.run.perform(Command(verb, now_ns, now_ns, "", None, until_ns, arguments))

    def client(self, home=None):
        self.processes += 1
        return self.run.sessions.open(5000 + self.processes, home=home or self.home)

    def begin(self, operation, session=None):
        session = session or self.client()
        self.events += 1
        task = Call(self.run.scheduler, session.call(operation), "client")
        task.called = (self.events, self.run.now_ns, session.process)
        return task

    def end(self, task):
        assert self.go_ms(20_000, lambda: task.is_done)
        return task.result

    def call(self, operation, session=None):
        return self.end(self.begin(operation, session))

    def note(self, task, steps, results):
        """Write a transaction into the history: it reads and appends."""
        self.events += 1
        called, called_ns, process = task.called
        ending = ENDINGS[type(task.result)]
        value = [[name, key, results.get(place, element)] for place, (name, key, element) in enumerate(steps)]
        over = (None, None) if ending == "info" else (self.events, self.run.now_ns)
        self.operations.append(
            CompletedOperation(len(self.operations), process, "txn", None, steps, value if ending == "ok" else None,
                               ending, called, over[0], called_ns, over[1])
        )  # fmt: skip
        return ending

    def whole(self, steps, level="serializable", home=None):
        """Begin a whole transaction."""
        statements = tuple(Get(key) if name == "r" else Append(key, str(element)) for name, key, element in steps)
        task = self.begin(Transact(level, statements), self.client(home))
        task.steps = steps
        return task

    def told(self, task):
        """Return how a whole transaction ended, as its client was told."""
        answer = self.end(task)
        values = (
            json.loads(answer.value) if isinstance(answer, Ok) and any(each[0] == "r" for each in task.steps) else []
        )
        reads = {place: numbers(values[place]) for place, step in enumerate(task.steps) if values and step[0] == "r"}
        return self.note(task, task.steps, reads)

    def do(self, *steps, level="serializable", home=None):
        return self.told(self.whole(list(steps), level, home))

    def prepared(self):
        """Whether both shards have promised, as their leaders know."""
        tables = [self.run.processes[self.run.leader(shard)].replicas[shard].machine.transactions for shard in (1, 3)]
        return all(table.parts for table in tables)

    def code(self, level="per-key serializable"):
        """Let all come to rest and be read, and return the code of the first judge who objects, "" if none does."""
        self.give("heal faults")
        self.go_ms(8000)
        self.do(["r", HERE, None], ["r", THERE, None])
        self.go_ms(1000)
        violation = judge_invariants(self.run)
        if violation is not None:
            return violation.code
        for verdict in (check_appends_of(self.operations, level), judge_agreement(self.run)):
            if verdict.outcome != "valid":
                return verdict.code
        return ""


def numbers(text):
    return [int(each) for each in (text or "").split()]


BOTH = (["append", HERE, 1], ["append", THERE, 2])


def _warm(story):
    """Let the gateways learn who leads."""
    story.do(["r", HERE, None], ["r", THERE, None])
    story.do(["r", HERE, None], ["r", THERE, None], home=story.run.leader(1))


def _silent_as_it_decides(story):
    """The coordinator hears that all have promised, and nothing that it says arrives any more."""
    _warm(story)
    task = story.whole(list(BOTH))
    assert story.go_ms(2000, story.prepared)
    story.give("drop messages", kind="shard request", source=story.home)
    story.told(task)
    story.go_ms(6000)


def _late_promises(story):
    """What a shard promises reaches the coordinator late, when the shard has begun to ask how it was decided."""
    task = _committing(story, list(BOTH), hears_late=3)
    story.told(task)


def _lost_answer(story):
    """One shard commits at once, and the answer is lost."""
    task = _committing(story, [["append", HERE, 1]])
    story.give("drop messages", kind="shard reply", target=story.home, duration_ms=200)
    story.told(task)


def _no_answer_at_all(story):
    """One shard commits at once, and nobody can tell the client."""
    task = _committing(story, [["append", HERE, 1]])
    story.give("drop messages", kind="shard reply", target=story.home, duration_ms=3000)
    assert story.told(task) in ("info", "fail")


def _late_prepare(story):
    """A prepare arrives when its transaction has long been rolled back."""
    task = _committing(story, list(BOTH), slow=3)
    assert story.told(task) == "fail"
    story.go_ms(900)


def _committing(story, steps, slow=0, hears_late=0):
    """Begin a transaction and perform its steps; then begin to commit it, with a slow way to or from one shard."""
    _warm(story)
    session = story.client()
    story.call(Begin("read committed"), session)
    for _, key, element in steps:
        assert story.call(Within(Append(key, str(element))), session) == Ok()
    if slow:
        story.give("set link", source=story.home, target=story.run.leader(slow), latency_ns=2600 * MILLISECOND_NS)
    if hears_late:
        story.give("set link", source=story.run.leader(hears_late), target=story.home, latency_ns=1400 * MILLISECOND_NS)
    task = story.begin(Commit(), session)
    task.steps = steps
    story.go_ms(1)
    return task


def _two_of_three_shards(story):
    """A plain commit over two shards, and time for all to hear of it."""
    story.do(*BOTH)
    story.go_ms(3000)


def _write_skew(story):
    """Each of two transactions reads what the other one appends to."""
    _interleave(story, [["r", HERE, None], ["append", THERE, 1]], [["r", THERE, None], ["append", HERE, 2]])


def _read_in_the_middle(story):
    """A transaction reads two shards, and between its reads another one writes both."""
    story.do(["append", HERE, 8], ["append", THERE, 9])
    _interleave(story, [["r", HERE, None], ["r", THERE, None]], list(BOTH), between=1)


def _interleave(story, first, second, between=2):
    """Perform one transaction whole between two statements of another one."""
    session, reads = story.client(), {}
    begun = story.begin(Begin("serializable"), session)
    assert isinstance(story.end(begun), Ok)
    for place, (name, key, element) in enumerate(first):
        if place == between:
            story.do(*second, home=story.run.leader(1))
        statement = Get(key) if name == "r" else Append(key, str(element))
        answer = story.call(Within(statement), session)
        if name == "r" and isinstance(answer, Ok):
            reads[place] = numbers(answer.value)
    if between == len(first):
        story.do(*second, home=story.run.leader(1))
    task = story.begin(Commit(), session)
    story.end(task)
    task.called = begun.called
    story.note(task, first, reads)


STORIES = {
    "decision-not-durable": _silent_as_it_decides,
    "recovery-races-prepare": _late_promises,
    "prepare-retry-relocks": _lost_answer,
    "ambiguous-as-abort": _no_answer_at_all,
    "forget-decision-early": _two_of_three_shards,
    "blind-auto-retry": _write_skew,
    "per-shard-read-snapshot": _read_in_the_middle,
}


@pytest.mark.parametrize("defect", STORIES)
def test_a_defect_is_caught_and_the_clean_system_is_not(defect):
    story = Story(defect)
    STORIES[defect](story)
    code = story.code()
    assert code in TRANSACTION_DEFECTS[defect].codes, code or "caught by nobody"

    story = Story("")
    STORIES[defect](story)
    assert story.code() == ""


# --- what no history of lists shows -----------------------------------------------------------------------------------


def _pairs(defect):
    """Two transactions look whether a pair is there, and put in one each; both look before either commits."""
    story, operations = Story(defect), []
    sessions = [story.client(), story.client(story.run.leader(1))]
    for number, session in enumerate(sessions, 1):
        assert isinstance(story.call(Begin("serializable"), session), Ok)
        assert story.call(Within(Scan("k10", "k11")), session) == Ok("[]")
        story.call(Within(Append(f"k10{number}", "x")), session)
    for number, session in enumerate(sessions, 1):
        answer = story.call(Commit(), session)
        operations.append(
            CompletedOperation(number, number, "insert", "k10", number, None, ENDINGS[type(answer)],
                               number, number + 2, 0, story.run.now_ns)
        )  # fmt: skip
    return check_pairs(operations).code


def test_inserts_that_are_overlooked_let_both_of_a_pair_in():
    assert _pairs("ssi-misses-inserter-edge") in TRANSACTION_DEFECTS["ssi-misses-inserter-edge"].codes
    assert _pairs("") == ""


def _left_over(defect):
    """Return what is found at a shard that a prepare reached after the end of its transaction: as that is seen, and
    as it lies there.
    """
    story = Story(defect)
    _late_prepare(story)
    violation = judge_invariants(story.run)
    return violation and violation.code, judge_transaction_ends(story.run, is_quiet=True).code


def test_a_prepare_that_is_let_in_late_leaves_an_orphan():
    assert _left_over("late-prepare-after-abort") == ("INV-010", "ATM-004")
    assert _left_over("") == (None, "")


def _waited_ms(defect, ends):
    """Return how long somebody waits for a lock when the one who has it ends."""
    story = Story(defect)
    holder, waiting = story.client(), story.client(story.run.leader(1))
    for session in (holder, waiting):
        assert isinstance(story.call(Begin("read committed"), session), Ok)
    assert story.call(Within(Append(HERE, "1")), holder) == Ok()
    task = story.begin(Within(Append(HERE, "2")), waiting)
    story.go_ms(50)
    assert isinstance(story.call(ends, holder), Ok)
    since_ns = story.run.now_ns
    assert story.end(task) == Ok()
    return (story.run.now_ns - since_ns) // MILLISECOND_NS


def test_who_is_told_of_commits_only_waits_longer_for_whoever_was_rolled_back():
    assert _waited_ms("lost-wakeup-on-rollback", Rollback()) > 100
    assert _waited_ms("lost-wakeup-on-rollback", Commit()) < 20
    assert _waited_ms("", Rollback()) < 20


SCENARIOS = (*STORIES, "ssi-misses-inserter-edge", "late-prepare-after-abort", "lost-wakeup-on-rollback")
