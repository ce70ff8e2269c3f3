"""Is there an order of all operations, within real time, that a single copy of the data could have gone through?

Exact, key by key. For each key the returns are gone through in order; a *configuration* at a return is the state,
which of the operations under way have taken effect already, and which of those without a known end. When an operation
returns it has taken effect: at that moment itself, or some others under way take effect before it. The search goes
depth first over returns (the common case is one pass without looking back) and breadth first over what takes effect
before one return (few effects first), and never visits a configuration twice.

Sources: Wing and Gong, "Testing and Verifying Concurrent Objects" (1993); Lowe, "Testing for Linearizability" (2017),
just-in-time linearization; Horn and Kroening (2015) and Porcupine, partition by key; Knossos.

Why it stays small, and why that is sound:
- A query under way whose result fits the state takes effect at once: it must do so at some time, changes nothing, and
  so takes no other order away.
- Operations without a known end (`info`) may take effect at any later time or never, so they only ever help. Of equal
  ones the earliest called is taken first; and a configuration is dropped when one was seen at the same return, with
  the same state and the same operations done, that has used a subset of them: whatever the one can do, the other can.
  (An order found from the dropped one, step by step, is an order from the kept one; take the shortest such order over
  all kept configurations to see that none is ever lost.)
- A model may rule states out beforehand (`guide`) and drop what no result depends on (`simplify`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct

from PhantomLibrary.checking.explanation import explain
from PhantomLibrary.checking.history import CompletedOperation, by_key
from PhantomLibrary.checking.models import Illegal, Model, State, Step
from PhantomLibrary.checking.verdict import Budget, Verdict

DEFAULT_BUDGET = Budget()


def check_linearizable(
    operations: Sequence[CompletedOperation], model: Model, budget: Budget = DEFAULT_BUDGET
) -> Verdict:
    """Judge the operations of a history, key by key, small keys first; the budget is for all of them together.

    An invalid history is explained by the key whose trouble was complete first.
    """
    parts = sorted(by_key(operations).items(), key=lambda part: len(part[1]))
    confirmed = sum(operation.is_confirmed for operation in operations)
    cost, undecided = 0, 0
    first: tuple[CompletedOperation, Sequence[CompletedOperation]] | None = None
    for _, part in parts:
        found = _search(part, model, budget, spent=cost)
        cost = found.cost
        undecided += found.answer == "unknown"
        if found.blocked is not None:
            blocked, cost = _shortest(part, model, budget, found.blocked, cost)
            if first is None or _returned(blocked) < _returned(first[0]):
                first = blocked, part
    if first is not None:
        code, message, evidence = explain(model.name, *first)
        return Verdict("invalid", code, message, evidence, len(operations), confirmed, cost)
    if undecided:
        message = f"{undecided} of {len(parts)} keys could not be judged within {budget.steps_max} steps"
        return Verdict("unknown", "LIN-010", message, (), len(operations), confirmed, cost)
    return Verdict("valid", operations=len(operations), confirmed=confirmed, cost=cost)


class _Found(Struct, frozen=True):
    """How a search ended. `blocked` is the operation whose return no order reaches past; `cost` the steps so far."""

    answer: Literal["valid", "invalid", "unknown"]
    blocked: CompletedOperation | None
    cost: int


def _shortest(
    part: Sequence[CompletedOperation], model: Model, budget: Budget, blocked: CompletedOperation, cost: int
) -> tuple[CompletedOperation, int]:
    """Return the return that ends the shortest prefix without an order.

    The search has found it, unless a guide, which knows later reads, has cut orders off before their time. A prefix
    of a history that has an order has one too, so the shortest prefix without one is found by halving.
    """
    if model.guide([step for operation in part if (step := model.read(operation)) is not None]) is None:
        return blocked, cost
    ends = sorted((operation for operation in part if operation.returned is not None), key=_returned)
    low, high = 0, len(ends) - 1  # The prefix up to ends[high] has no order.
    while low < high:
        middle = (low + high) // 2
        found = _search(_prefix(part, _returned(ends[middle])), model, budget, spent=cost)
        cost = found.cost
        if found.answer == "invalid":
            high = middle
        else:
            low = middle + 1
    return ends[high], cost


def _returned(operation: CompletedOperation) -> int:
    assert operation.returned is not None
    return operation.returned


def _prefix(part: Sequence[CompletedOperation], end: int) -> list[CompletedOperation]:
    """Return what was known of a key when the event at position `end` had happened."""
    known = []
    for operation in part:
        if operation.called > end:
            break
        if operation.returned is not None and operation.returned > end:
            operation = CompletedOperation(
                operation.position, operation.process, operation.function, operation.key, operation.argument,
                None, "open", operation.called, None, operation.called_ns, None, "", operation.node,
            )  # fmt: skip
        known.append(operation)
    return known


class _Moment(Struct, frozen=True, gc=False):
    """The return of one operation, and what was under way then. Each operation under way has a bit of its own.

    `optional` has the bits, in a mask of their own, of the operations without a known end that were called by then.
    """

    operation: CompletedOperation
    own: int
    step: Step
    queries: tuple[tuple[int, Step], ...]
    updates: tuple[tuple[int, Step], ...]
    optional: int


class _OptionalClass(Struct, frozen=True, gc=False):
    """Operations without a known end that do the same; `mask` has their bits, the earliest called the lowest."""

    step: Step
    mask: int


def _moments(
    steps: Sequence[tuple[CompletedOperation, Step]],
) -> tuple[list[_Moment], list[_OptionalClass]]:
    """Return the returns of one key in order, and the classes of operations without a known end."""
    events: list[tuple[int, CompletedOperation, Step]] = []
    for operation, step in steps:
        events.append((operation.called, operation, step))
        if operation.returned is not None:
            events.append((operation.returned, operation, step))
    events.sort(key=lambda event: event[0])
    moments: list[_Moment] = []
    under_way: dict[int, tuple[int, Step]] = {}  # position of the operation -> its bit and step, by call
    free_bits: list[int] = []
    classes: dict[tuple[str, object], int] = {}
    optional = 0
    for at, operation, step in events:
        if at == operation.returned:
            own, _ = under_way.pop(operation.position)
            queries = tuple(each for each in under_way.values() if each[1].is_query)
            updates = tuple(each for each in under_way.values() if not each[1].is_query)
            moments.append(_Moment(operation, own, step, queries, updates, optional))
            free_bits.append(own)
        elif operation.returned is None:
            bit = optional + 1  # Bits are given in the order of calls, so `optional` is always 0b1…1.
            optional |= bit
            similar = (step.function, step.argument)
            classes[similar] = classes.get(similar, 0) | bit
        else:
            bit = free_bits.pop() if free_bits else 1 << len(under_way)
            under_way[operation.position] = (bit, step)
    return moments, [_OptionalClass(Step(str(key[0]), key[1], None), mask) for key, mask in classes.items()]


class _Frame:
    """A return to come back to: the configurations found before it, of which the first `tried` let it go on."""

    __slots__ = ("at", "found", "tried")

    def __init__(self, at: int, found: list[tuple[int, int, State]]) -> None:
        self.at = at
        self.found = found
        self.tried = 1


def _search(part: Sequence[CompletedOperation], model: Model, budget: Budget, *, spent: int) -> _Found:
    """Look for an order of the operations of one key, which are given by call."""
    steps = [(operation, step) for operation in part if (step := model.read(operation)) is not None]
    guide = model.guide([step for _, step in steps])
    moments, classes = _moments(model.simplify(steps))
    search = _Search(moments, classes, model, guide, budget, spent)
    return search.run()


class _Search:
    """One search. All of its state is here, so that going deeper needs no recursion."""

    def __init__(
        self,
        moments: list[_Moment],
        classes: list[_OptionalClass],
        model: Model,
        guide: Callable[[State], bool] | None,
        budget: Budget,
        spent: int,
    ) -> None:
        self._moments = moments
        self._classes = classes
        self._step = model.step if guide is None else _guided(model, guide)
        self._initial = model.initial
        self._budget = budget
        self._cost = spent
        self._entries = 0
        self._frames: list[_Frame] = []
        self._seen: list[dict[tuple[int, State], int | list[int]]] = [{} for _ in moments]

    def run(self) -> _Found:
        moments, step = self._moments, self._step
        count = len(moments)
        at, furthest, done, used = 0, 0, 0, 0
        state = self._initial
        while at < count:
            self._cost += 1
            if self._is_spent():
                return _Found("unknown", None, self._cost)
            moment = moments[at]
            for bit, query in moment.queries:
                if not done & bit and not isinstance(step(state, query), Illegal):
                    done |= bit
            if done & moment.own:
                done ^= moment.own
                at += 1
                continue
            next_state: State | Illegal | None = None
            has_choice = moment.updates or moment.optional
            if not has_choice or self._is_new(at, done, used, state):
                next_state = step(state, moment.step)
                if has_choice:
                    self._frames.append(_Frame(at, [(done, used, state)]))
                if not isinstance(next_state, Illegal):
                    state = next_state
                    at += 1
                    continue
            furthest = max(furthest, at)
            resumed = self._go_back()
            if resumed is None:
                if self._is_spent():
                    return _Found("unknown", None, self._cost)
                return _Found("invalid", moments[furthest].operation, self._cost)
            at, done, used, state = resumed
        return _Found("valid", None, self._cost)

    def _go_back(self) -> tuple[int, int, int, State] | None:
        """Return the configuration to go on with after the latest return that can be passed in another way.

        Returns None when there is no such return, or the budget ends.
        """
        frames, step = self._frames, self._step
        while frames:
            frame = frames[-1]
            found = frame.found
            moment = self._moments[frame.at]
            while not self._is_spent():
                self._expand(frame.at, moment, found, *found[frame.tried - 1])
                if frame.tried == len(found):
                    break
                done, used, state = found[frame.tried]
                frame.tried += 1
                next_state = step(state, moment.step)
                if not isinstance(next_state, Illegal):
                    return frame.at + 1, done, used, next_state
            frames.pop()
        return None

    def _is_spent(self) -> bool:
        return self._cost > self._budget.steps_max or self._entries > self._budget.entries_max

    def _expand(
        self, at: int, moment: _Moment, found: list[tuple[int, int, State]], done: int, used: int, state: State
    ) -> None:
        """Append the configurations that one more effect before this return leads to, if they are new."""
        step = self._step
        for bit, update in moment.updates:
            if not done & bit:
                next_state = step(state, update)
                if not isinstance(next_state, Illegal):
                    self._find(at, moment, found, done | bit, used, next_state)
        unused = moment.optional & ~used
        if not unused:
            return
        for similar in self._classes:
            free = similar.mask & unused
            if free:
                next_state = step(state, similar.step)
                if not isinstance(next_state, Illegal):
                    self._find(at, moment, found, done, used | (free & -free), next_state)

    def _find(
        self, at: int, moment: _Moment, found: list[tuple[int, int, State]], done: int, used: int, state: State
    ) -> None:
        self._cost += 1
        step = self._step
        for bit, query in moment.queries:
            if not done & bit and not isinstance(step(state, query), Illegal):
                done |= bit
        if self._is_new(at, done, used, state):
            found.append((done, used, state))

    def _is_new(self, at: int, done: int, used: int, state: State) -> bool:
        """Remember a configuration, unless one was seen that used no other optional operations than this one."""
        seen = self._seen[at]
        key = (done, state)
        known = seen.get(key)
        if known is None:
            seen[key] = used
        elif isinstance(known, int):
            if not known & ~used:
                return False
            seen[key] = [known, used]
        else:
            for each in known:
                if not each & ~used:
                    return False
            known.append(used)
        self._entries += 1
        return True


def _guided(model: Model, admits: Callable[[State], bool]) -> Callable[[State, Step], State | Illegal]:
    """Return the model's step that also refuses states which no valid order goes through."""
    step = model.step

    def guided(state: State, taken: Step) -> State | Illegal:
        next_state = step(state, taken)
        if taken.is_query or isinstance(next_state, Illegal) or admits(next_state):
            return next_state
        return _REFUSED

    return guided


_REFUSED = Illegal()
