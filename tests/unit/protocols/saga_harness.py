"""A saga's world in one room: a log, one shard with its fences, orchestrators that crash, and a bad network.

`Bench` is driven by hand; `Chaos` draws what happens next, and judges at every step and at the end.
"""

from PhantomLibrary.domain import (
    MILLISECOND_NS,
    SECOND_NS,
    Act,
    Append,
    Cas,
    Change,
    Increment,
    Put,
    Remove,
)
from PhantomLibrary.domain.sagas import Definition, Step, encode_definition
from PhantomLibrary.kernel.streams import Stream
from PhantomLibrary.protocols.saga.effects import (
    Answered,
    DeadlinePassed,
    Execute,
    Forget,
    Record,
    Recorded,
    SetDeadline,
    TookOver,
)
from PhantomLibrary.protocols.saga.fences import Fences
from PhantomLibrary.protocols.saga.orchestrator import Orchestrator
from PhantomLibrary.protocols.saga.table import SagaTable


def take(key, **fields):
    """A step that takes one of something, of which there is so much, and gives it back."""
    action, compensation = Change(Increment(key, -1), at_least=0), Change(Increment(key, 1))
    return Step(key, action, compensation, **fields)


def book(key, name, **fields):
    """A step that enters a name into a list, and strikes it out again."""
    return Step(key, Change(Append(key, name)), Change(Remove(key, name)), **fields)


def in_sequence(*steps, name="trip", timeout_ns=0):
    ordered = [
        Step(*(getattr(step, field) if field != "after" else after for field in Step.__struct_fields__))
        for step, after in zip(steps, [(), *((each,) for each in range(len(steps) - 1))], strict=True)
    ]
    return Definition(name, tuple(ordered), timeout_ns)


class Shard:
    """Data, and the fences before it."""

    def __init__(self, fences=Fences, **values):
        self.values = dict(values)
        self.fences = fences()
        self.done = []  # What really happened: (saga, step, phase)

    def act(self, act):
        def perform(change):
            reason = self._perform(change)
            if not reason:
                self.done.append((act.saga, act.step, act.phase))
            return reason

        return self.fences.act(act, perform)

    def _perform(self, change):
        operation = change.operation
        before = self.values.get(operation.key)
        match operation:
            case Increment():
                after = (before or 0) + operation.amount
                if change.at_least is not None and after < change.at_least:
                    return f"{operation.key} would be {after}"
            case Append():
                after = [*(before or []), operation.element]
            case Remove():
                after = [each for each in before or [] if each != operation.element]
            case Put():
                after = operation.value
            case Cas():
                if before != operation.expected:
                    return f"{operation.key} is {before}"
                after = operation.value
        self.values[operation.key] = after
        return ""


class Bench:
    """One orchestrator at a time. Effects wait in lists until the test lets them happen."""

    def __init__(self, orchestrator=Orchestrator, fences=Fences, **values):
        self.make = orchestrator
        self.table = SagaTable()
        self.shard = Shard(fences, **values)
        self.now_ns = 0
        self.index = 0
        self.records, self.acts, self.answers, self.forgets = [], [], [], []
        self.due_ns = None
        self.take_over()

    def take_over(self):
        self.orchestrator = self.make()
        self.due_ns = None
        self._step(TookOver(self.table.open(), self.table.last))

    def crash(self):
        """What the orchestrator had not written is gone; what it sent goes on its way."""
        self.records.clear()
        self.answers.clear()
        self.take_over()

    def begin(self, definition, name=None):
        self.index += 1
        reason = self.table.begin(self.index, name or definition.name, encode_definition(definition).decode())
        self._tell()
        return reason

    def cancel(self, name):
        reason = self.table.cancel(name)
        self._tell()
        return reason

    def _step(self, event):
        for effect in self.orchestrator.step(event, self.now_ns):
            match effect:
                case Record():
                    self.records.append(effect)
                case Execute():
                    step = effect.saga.definition.steps[effect.step]
                    change = step.action if effect.phase == "action" else step.compensation
                    act = Act(step.key, effect.saga.number, effect.step, effect.phase, change)
                    self.acts.append((act, effect.attempt))
                case Forget():
                    self.forgets.append(effect)
                case SetDeadline():
                    self.due_ns = effect.at_ns

    def _tell(self):
        changed, self.table.changed = self.table.changed, []
        for saga in changed:
            self._step(Recorded(saga))

    def commit(self, which=0):
        record = self.records.pop(which)
        self.table.advance(record.number, record.revision, record.moves)
        self._tell()

    def deliver(self, which=0, *, keep=False):
        """Let an action arrive; with `keep` a copy of it stays on its way."""
        act, attempt = self.acts[which] if keep else self.acts.pop(which)
        reason = self.shard.act(act)
        outcome = "rejected" if reason else "done"
        self.answers.append(Answered(act.saga, act.step, act.phase, attempt, outcome, reason))

    def answer(self, which=0, *, keep=False):
        self._step(self.answers[which] if keep else self.answers.pop(which))

    def unknown(self, which=0):
        """Tell the orchestrator that nothing came of an action that is on its way."""
        act, attempt = self.acts[which]
        self._step(Answered(act.saga, act.step, act.phase, attempt, "unknown", "shard 1 did not answer"))

    def pass_ms(self, milliseconds):
        end_ns = self.now_ns + milliseconds * MILLISECOND_NS
        while self.due_ns is not None and self.due_ns <= end_ns:
            self.now_ns, self.due_ns = max(self.due_ns, self.now_ns), None
            self._step(DeadlinePassed())
        self.now_ns = end_ns

    def settle(self, seconds=60):
        """Let everything happen at once, in order, until nothing is left to do."""
        for _ in range(seconds * 100):
            for _ in range(1_000):
                if not (self.records or self.acts or self.answers):
                    break
                if self.records:
                    self.commit()
                elif self.acts:
                    self.deliver()
                else:
                    self.answer()
            else:
                raise AssertionError("it never comes to rest")
            if not self.table.open():
                return
            self.pass_ms(10)

    def states(self, name="trip"):
        saga = self.table.named(name)
        return saga.state, [each.state for each in saga.steps]


class Chaos(Bench):
    """Draws what happens next: losses, copies, overtaking, crashes, cancellations, time."""

    def __init__(self, seed, **parts):
        super().__init__(**parts, flight=2, hotel=3, car=2)
        self.draws = Stream(seed, "saga chaos")

    def run(self, steps=120, sagas=4):
        below = self.draws.below
        begun = 0
        for _ in range(steps):
            match below(12):
                case 0 if begun < sagas:
                    begun += 1
                    self.begin(self._definition(begun), f"trip{begun}")
                case 1 | 2 | 3 if self.records:
                    self.commit(0)  # A log keeps its order.
                case 4 | 5 if self.acts:
                    self.deliver(below(len(self.acts)), keep=not below(4))
                case 6 | 7 if self.answers:
                    self.answer(below(len(self.answers)), keep=not below(4))
                case 8:
                    self._lose()
                case 9 if not below(4):
                    self.crash()
                case 10 if begun and not below(4):
                    self.cancel(f"trip{1 + below(begun)}")
                case 11:
                    self.pass_ms(below(1500))
            self.judge_always()
        late = [] if below(2) else list(self.acts)
        self.settle(120)
        self.acts += late  # Copies of what was on its way long ago.
        while self.forgets and below(2):
            forgotten = self.forgets.pop(below(len(self.forgets)))
            self.shard.fences.forget(forgotten.last, forgotten.open)
        while self.acts:
            self.deliver()
        self.judge_end()

    def _definition(self, number):
        below = self.draws.below
        steps = [take("flight"), book("flights", f"trip{number}"), take("hotel"), take("car")]
        steps = [each for each in steps if below(4)] or steps[:1]
        timeout_ns = 3 * SECOND_NS if not below(4) else 0
        if below(3):
            return in_sequence(*steps, timeout_ns=timeout_ns)
        return Definition("trip", tuple(steps), timeout_ns)  # All at once.

    def _lose(self):
        for kind in (self.records, self.acts, self.answers):
            if kind and not self.draws.below(3):
                kind.pop(self.draws.below(len(kind)))

    def judge_always(self):
        for key in ("flight", "hotel", "car"):
            assert self.shard.values[key] >= 0
        done = self.shard.done
        assert len(done) == len(set(done)), "something was done twice"

    def judge_end(self):
        done = set(self.shard.done)
        for saga in self.table.by_number.values():
            assert saga.is_ended, saga
            for step in range(len(saga.steps)):
                acted, undone = ((saga.number, step, each) in done for each in ("action", "compensation"))
                if saga.state == "COMPLETED":
                    assert acted and not undone, (saga, step)
                else:
                    assert acted == undone, (saga, step)
            self._judge_order(saga)
        left = {key: self.shard.values[key] for key in ("flight", "hotel", "car")}
        taken = dict.fromkeys(left, 0)
        for saga in self.table.by_number.values():
            for step in saga.definition.steps:
                if saga.state == "COMPLETED" and step.key in taken:
                    taken[step.key] += 1
        assert {key: left[key] + taken[key] for key in left} == {"flight": 2, "hotel": 3, "car": 2}

    def _judge_order(self, saga):
        acted = [step for number, step, phase in self.shard.done if (number, phase) == (saga.number, "action")]
        undone = [step for number, step, phase in self.shard.done if (number, phase) == (saga.number, "compensation")]
        before = {later: earlier for later in undone for earlier in saga.definition.steps[later].after}
        for later, earlier in before.items():
            assert earlier not in undone or undone.index(later) < undone.index(earlier), (saga, acted, undone)
