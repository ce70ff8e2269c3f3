"""What a saga is: steps, each with an action and what undoes it, in an order.

Rule: a step changes one key, and its compensation the same one. So both are decided by one shard, which can tell that
an action came too late.

Source: Garcia-Molina and Salem, "Sagas" (SIGMOD 1987); Richardson, "Microservices Patterns" (2018), chapter 4.
"""

from __future__ import annotations

from collections.abc import Sequence

from PhantomLibrary.domain import Append, Change, Increment, Remove
from PhantomLibrary.domain.sagas import Definition, Step

STEPS_MAX = 64


def why_no_saga(definition: Definition) -> str:
    """Return why this is no saga that could be run, "" when it is one."""
    steps = definition.steps
    if not definition.name.strip():
        return "a saga needs a name"
    if not 1 <= len(steps) <= STEPS_MAX:
        return f"saga {definition.name!r} has {len(steps)} steps: give it 1 to {STEPS_MAX}"
    names = [each.name for each in steps]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        return f"saga {definition.name!r} has two steps {twice!r}: give each a name of its own"
    reason = next(filter(None, map(_why_no_step, steps)), "")
    if reason:
        return reason
    if any(not 0 <= before < len(steps) for each in steps for before in each.after):
        return f"saga {definition.name!r}: a step comes after one that there is not"
    cycle = find_cycle([each.after for each in steps])
    return f"its steps wait for each other: {' after '.join(names[each] for each in cycle)}" if cycle else ""


def _why_no_step(step: Step) -> str:
    if not step.name.strip():
        return "a step needs a name"
    if step.compensation is None and step.uncompensated != "none":
        return (
            f"step {step.name!r} has no compensation: say how its action is undone, or that it needs none "
            "(compensation: none)"
        )
    if step.compensation is not None and step.compensation.operation.key != step.key:
        return (
            f"step {step.name!r} changes key {step.key!r}, its compensation {step.compensation.operation.key!r}: "
            "a compensation undoes the same key"
        )
    changes = (step.action, step.compensation) if step.compensation is not None else (step.action,)
    return _why_no_times(step) or next(filter(None, (_why_no_change(step.name, each) for each in changes)), "")


def _why_no_times(step: Step) -> str:
    if min(step.retries, step.compensation_retries) < 0:
        return f"step {step.name!r}: retries must be 0 or more"
    if min(step.back_off_ns, step.timeout_ns) <= 0:
        return f"step {step.name!r}: back-off and timeout must be longer than nothing"
    return ""


def _why_no_change(step: str, change: Change) -> str:
    operation = change.operation
    if not operation.key:
        return f"step {step!r} names no key"
    if change.at_least is not None and not isinstance(operation, Increment):
        return f"step {step!r}: only an increment can ask for a number of at least {change.at_least}"
    if isinstance(operation, (Append, Remove)) and len(operation.element.split()) != 1:
        return f"step {step!r}: {operation.element!r} is no element: write one word"
    return ""


def find_cycle(after: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Return steps each of which comes after the next one, the first one again at the end; () when none do.

    `after[s]` lists the steps that come before step s. Cost O(steps + arrows).
    """
    finished: set[int] = set()
    for start in range(len(after)):
        path: list[int] = []
        left: list[list[int]] = [[start]]
        while left:
            if not left[-1]:
                left.pop()
                if path:
                    finished.add(path.pop())
                continue
            step = left[-1].pop()
            if step in path:
                return (*path[path.index(step) :], step)
            if step not in finished:
                path.append(step)
                left.append(list(after[step]))
    return ()
