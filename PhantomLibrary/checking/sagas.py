"""Did every saga do all of its steps or leave nothing of them, each effect once, and undo them in reverse order?

Rule: knows frozen facts only: how sagas ended, and the effects that shards let happen, in the order of their time. An
effect is what changed data; actions that were rejected, and repetitions that changed nothing, are none.

Source: Garcia-Molina and Salem, "Sagas" (SIGMOD 1987).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.checking.verdict import EVIDENCE_LINES_MAX, Verdict, seconds


class SagaEnd(Struct, frozen=True):
    """How a saga stands once nothing is under way. `steps` are their names, by position.

    `undoable` are the positions of steps that have a compensation; None means all. `after` says of each step which ones
    come before it; None means that they come one after the other. Those without an order may be undone in any.
    """

    saga: str
    state: Literal["ACTIVE", "COMPLETED", "FAILED", "COMPENSATED"]
    steps: tuple[str, ...]
    undoable: tuple[int, ...] | None = None
    after: tuple[tuple[int, ...], ...] | None = None


class SagaEffect(Struct, frozen=True):
    """A step, or its compensation, changed a key by an amount (0 where amounts mean nothing)."""

    saga: str
    step: int
    phase: Literal["action", "compensation"]
    time_ns: int
    key: str = ""
    amount: int = 0


class Stock(Struct, frozen=True):
    """A number that sagas change, as it was in the beginning and as it is at the end."""

    key: str
    initial: int
    final: int


def check_sagas(
    ends: Sequence[SagaEnd], effects: Sequence[SagaEffect], stocks: Sequence[Stock] = (), *, may_fail: bool = False
) -> Verdict:
    """Judge all sagas. `operations` of the verdict counts them, `confirmed` those that completed.

    A FAILED saga, whose compensation could not be done, says that it left something behind; it passes with `may_fail`.
    """
    by_saga: dict[str, list[SagaEffect]] = {end.saga: [] for end in ends}
    orphan: SagaEffect | None = None
    for effect in sorted(effects, key=lambda each: each.time_ns):
        if effect.saga in by_saga:
            by_saga[effect.saga].append(effect)
        else:
            orphan = orphan or effect
    wrong = next(_wrong(ends, by_saga, orphan, stocks, effects, may_fail=may_fail), None)
    completed = sum(end.state == "COMPLETED" for end in ends)
    if wrong is None:
        return Verdict("valid", operations=len(ends), confirmed=completed, cost=len(effects))
    code, message, concerned = wrong
    lines = tuple(map(_line, concerned[-EVIDENCE_LINES_MAX:]))
    return Verdict("invalid", code, message, lines, len(ends), completed, len(effects))


_Wrong: TypeAlias = tuple[str, str, Sequence[SagaEffect]]


def _wrong(
    ends: Sequence[SagaEnd],
    by_saga: dict[str, list[SagaEffect]],
    orphan: SagaEffect | None,
    stocks: Sequence[Stock],
    effects: Sequence[SagaEffect],
    *,
    may_fail: bool,
) -> Iterator[_Wrong]:
    for end in ends:
        yield from _wrong_effects(end, by_saga[end.saga])
        if end.state == "ACTIVE":
            yield "SGA-006", f"saga {end.saga} has not come to an end", by_saga[end.saga]
        elif end.state == "FAILED" and not may_fail:
            yield "SGA-007", f"saga {end.saga} could not be undone: it ended as FAILED", by_saga[end.saga]
    if orphan is not None:
        text = f"saga {orphan.saga}, which nobody knows, changed {orphan.key or 'data'} at {seconds(orphan.time_ns)}"
        yield "SGA-005", text, [orphan]
    for stock in stocks:
        of_key = [effect for effect in effects if effect.key == stock.key]
        expected = stock.initial + sum(effect.amount for effect in of_key)
        if stock.final != expected:
            text = f"{stock.key} holds {stock.final}: it began with {stock.initial}, and sagas left {expected}"
            yield "SGA-008", text, of_key


def _wrong_effects(end: SagaEnd, effects: Sequence[SagaEffect]) -> Iterator[_Wrong]:
    """Yield what is wrong with the effects of one saga, by its steps."""
    for step, name in enumerate(end.steps):
        actions = [effect for effect in effects if (effect.step, effect.phase) == (step, "action")]
        undone = [effect for effect in effects if (effect.step, effect.phase) == (step, "compensation")]
        subject = f"saga {end.saga}: step {name}"
        if len(actions) > 1 or len(undone) > 1:
            what, times = ("was done", len(actions)) if len(actions) > 1 else ("was undone", len(undone))
            yield "SGA-003", f"{subject} {what} {times} times", actions + undone
        if undone and not actions:
            yield "SGA-004", f"{subject} was undone at {seconds(undone[0].time_ns)}, though it never was done", undone
        elif undone and actions[-1].time_ns > undone[0].time_ns:
            text = f"{subject} was done at {seconds(actions[-1].time_ns)}, after it had been undone"
            yield "SGA-004", text, actions + undone
        if end.state == "COMPLETED" and (not actions or undone):
            what = "was undone" if undone else "was never done"
            yield "SGA-001", f"{subject} {what}, though the saga is COMPLETED", effects
        has_to_be_undone = end.undoable is None or step in end.undoable
        if end.state == "COMPENSATED" and actions and not undone and has_to_be_undone:
            yield "SGA-002", f"{subject} was done and not undone, though the saga is COMPENSATED", effects
    yield from _wrong_order(end, effects)


def _wrong_order(end: SagaEnd, effects: Sequence[SagaEffect]) -> Iterator[_Wrong]:
    undone = [effect.step for effect in effects if effect.phase == "compensation"]
    done = [effect.step for effect in effects if effect.phase == "action" and effect.step in undone]
    if end.after is not None and not _before_its_cause(undone, end.after):
        return
    if undone != done[::-1] and sorted(undone) == sorted(done):
        listed = ", ".join(end.steps[step] for step in undone)
        expected = ", ".join(end.steps[step] for step in done[::-1])
        yield "SGA-009", f"saga {end.saga}: steps were undone as {listed}, not in reverse order, {expected}", effects


def _before_its_cause(undone: Sequence[int], after: Sequence[Sequence[int]]) -> bool:
    """Whether a step was undone before another one that comes after it."""
    turns = {step: turn for turn, step in enumerate(undone)}
    return any(turns.get(before, turns[step]) < turns[step] for step in undone for before in after[step])


def _line(effect: SagaEffect) -> str:
    change = f"  {effect.key} {effect.amount:+d}" if effect.amount else f"  {effect.key}".rstrip()
    return f"{seconds(effect.time_ns)}  saga {effect.saga}, {effect.phase} of step {effect.step}{change}"
