"""Keywords of sagas: define them, start them, cancel them, and judge what they have left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput, nearest
from PhantomLibrary.keywords.choices import NO_OPERATOR, Operator
from PhantomLibrary.keywords.comparison import fail_expectation, holds
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.times import NOW, UNTIL_HEALED, VirtualTime, in_seconds, to_virtual_time
from PhantomLibrary.keywords.workload_keywords import check_free

if TYPE_CHECKING:
    from PhantomLibrary.domain import SagaChanged
    from PhantomLibrary.keywords.cluster import Cluster
    from PhantomLibrary.testbed.sagas import SagaWish

_PATIENCE_NS = 60_000_000_000
_HALF_MINUTE = to_virtual_time("30s")
_SECOND = to_virtual_time("1s")
_PAUSE = to_virtual_time("100 ms")
_BEFORE = "the step before"
_RESTED = ("COMPLETED", "COMPENSATED", "FAILED")


class SagaKeywords(Component):
    """Keywords of sagas."""

    @keyword(tags=("transaction",))
    def define_saga(self, saga: str, *, timeout: VirtualTime = UNTIL_HEALED) -> None:
        """Begins the definition of a saga; `Add Saga Step` gives it steps, and `Start Saga` starts it.

        A saga that takes longer than ``timeout`` is rolled back. The definition lasts as long as the cluster.

        Fails when a saga of that name is defined already, or built in.

        Example: | `Define Saga` | order | timeout=10s | | `Add Saga Step` | order | reserve | key=stock |
        action=increment | value=-1 | at_least=0 | compensation=increment | undo=1 | | `Start Saga` | order |
        """
        from PhantomLibrary.testbed.saga_file import builtin_sagas

        cluster = self._cluster
        if saga in cluster.defined_sagas or saga in builtin_sagas():
            raise InvalidInput(f"saga {saga!r} is defined already: choose another name")
        if not saga.strip():
            raise InvalidInput("a saga needs a name")
        timeout_ns = timeout.or_none(UNTIL_HEALED)
        cluster.defined_sagas[saga] = {"name": saga, "steps": [], **_time("timeout", timeout_ns)}

    @keyword(tags=("transaction",))
    def add_saga_step(
        self,
        saga: str,
        step: str,
        *,
        key: str,
        action: Literal["put", "append", "remove", "increment", "compare and set"],
        value: str,
        expected: str = "",
        at_least: str = "",
        compensation: Literal["missing", "none", "put", "append", "remove", "increment", "compare and set"] = "missing",
        undo: str = "",
        after: str = _BEFORE,
        retries: int = 3,
        back_off: VirtualTime = _PAUSE,
        timeout: VirtualTime = _SECOND,
    ) -> None:
        """Adds a step to a saga that `Define Saga` has begun.

        The step changes one ``key`` by its ``action`` and ``value``; its ``compensation`` changes the same key back by
        the value ``undo``. ``{saga}`` in a key or a value stands for the name of the saga that is started. An increment
        with ``at_least`` is rejected where it would leave less, and then the saga is rolled back; ``compare and set``
        is rejected unless the key holds ``expected``. Say ``compensation=none`` for a step that needs none.

        It begins when the steps named in ``after`` are completed, with commas between; empty, it begins at once. An
        action that nobody answers within ``timeout`` is tried again ``retries`` times, after pauses that begin with
        ``back_off`` and double.

        Fails for a saga that is not defined. What is wrong with the step itself `Start Saga` says.

        Example: | `Add Saga Step` | order | note | key=orders | action=append | value={saga} | compensation=remove
        | undo={saga} |
        """
        cluster = self._cluster
        definition = cluster.defined_sagas.get(saga)
        if definition is None:
            known = ", ".join(cluster.defined_sagas) or "none"
            guess = nearest(saga, cluster.defined_sagas)
            raise InvalidInput(f"no saga {saga!r} is defined: there is {known}; begin with Define Saga{guess}")
        guard = {"at_least": _whole("at_least", at_least)} if at_least else {}
        text: dict[str, Any] = {"name": step, "key": key, "action": {**_change(action, value, expected), **guard}}
        if compensation != "missing":
            text["compensation"] = "none" if compensation == "none" else _change(compensation, undo, value)
        if after != _BEFORE:
            text["after"] = [each.strip() for each in after.split(",") if each.strip()]
        text |= {
            "retries": retries,
            **_time("back_off", back_off.or_none(NOW)),
            **_time("timeout", timeout.or_none(NOW)),
        }
        definition["steps"].append(text)

    @keyword(tags=("transaction",))
    def start_saga(self, saga: str, *, name: str = "next", wait: bool = True) -> str:
        """Starts a saga: steps that are undone one by one when one of them fails. Returns the saga's name.

        ``saga`` is ``travel-booking``, which is built in, the path of a YAML file, or a name given to `Define Saga`.
        Each one that is started has a ``name`` of its own, such as ``travel-booking-1``. Waits until it is completed,
        compensated or failed, unless ``wait=no``; `Saga Should Be` tells which.

        Fails when the definition makes no sense, with the place of the mistake; and when the saga does not begin, or is
        still active after a minute.

        Example:
        | `Put Value` | flight.left | 1 |
        | ${trip} = | `Start Saga` | travel-booking |
        | `Saga Should Be` | ${trip} | completed |
        """
        from PhantomLibrary.testbed.saga_file import parse_saga, read_saga

        cluster = self._cluster
        if saga in cluster.defined_sagas:
            import yaml

            text, origin = yaml.safe_dump(cluster.defined_sagas[saga], sort_keys=False), f"saga {saga}"
        else:
            text, origin = read_saga(saga), saga
        for step in parse_saga(text, origin).steps:
            check_free(cluster, step.key)
            cluster.operator_keys.add(step.key)
        chosen = None if name == "next" else name
        wish = cluster.perform("start saga", definition=text, origin=origin, name=chosen)
        cluster.tell(f"starts saga {wish.name}")
        if wait:
            _wait_for_answer(cluster, wish, "begin")
            _wait(cluster, wish.name)
        return str(wish.name)

    @keyword(tags=("transaction",))
    def cancel_saga(self, saga: str, *, wait: bool = True) -> None:
        """Rolls a saga back, whatever its steps do. Waits until it is compensated, or failed, unless ``wait=no``.

        Fails when there is no such saga, when it is completed, and when nobody decides on it.

        Example:
        | ${trip} = | `Start Saga` | travel-booking | wait=no |
        | `Cancel Saga` | ${trip} |
        """
        cluster = self._cluster
        wish = cluster.perform("cancel saga", saga=saga)
        cluster.tell(f"cancels saga {wish.name}")
        if wait:
            _wait_for_answer(cluster, wish, "be cancelled")
            _wait(cluster, wish.name)

    @keyword(tags=("assertion", "transaction"))
    def saga_should_be(
        self,
        saga: str,
        state: Literal["active", "completed", "failed", "compensated"],
        *,
        within: VirtualTime = NOW,
    ) -> None:
        """Fails unless a saga is in this state, or comes to it within that time.

        *active*: steps are under way, or are being undone. *completed*: all are done. *compensated*: all that were
        begun are undone. *failed*: one could not be undone, and is tried again now and then. ``saga`` is the name that
        `Start Saga` returned, or what was given to it; then the one that was started last is meant.

        Example:
        | `Saga Should Be` | travel-booking | compensated | within=10s |
        """
        from PhantomLibrary.testbed.sagas import saga_name, saga_seen

        cluster = self._cluster
        name, wanted = saga_name(cluster.run, saga), state.upper()
        within_ns = within.or_none(NOW) or 0

        def is_so() -> bool:
            seen = saga_seen(cluster.run, name)
            return seen is not None and seen.state == wanted

        if not cluster.advance(within_ns, is_so):
            seen = saga_seen(cluster.run, name)
            now = "has not begun" if seen is None else f"is {seen.state.lower()}"
            after = f", after {in_seconds(within_ns)}" if within_ns else ""
            cluster.fail("SGA-012", f"saga {name} {now}, expected {state}{after}", _steps(seen))
        cluster.tell(f"saga {name} is {state}")

    @keyword(tags=("getter", "transaction"))
    def get_saga_steps(
        self, saga: str, operator: Operator = NO_OPERATOR, expected: str = "", *, within: VirtualTime = NOW
    ) -> str:
        """Returns the states of a saga's steps, with commas between; with an operator, checks them first.

        A step is ``pending``, ``executing``, ``completed``, ``failed`` or ``compensated``.

        Example:
        | `Get Saga Steps` | order | == | completed, failed, pending | within=2s |
        """
        from PhantomLibrary.testbed.sagas import saga_name, saga_seen

        cluster = self._cluster
        name = saga_name(cluster.run, saga)
        within_ns = within.or_none(NOW) or 0

        def states() -> str:
            seen = saga_seen(cluster.run, name)
            return ", ".join(state.lower() for _, state in seen.steps) if seen is not None else ""

        if operator.word:
            cluster.advance(within_ns, lambda: holds(states(), operator.word, expected))
            if not holds(states(), operator.word, expected):
                fail_expectation(cluster, f"steps of saga {name}", states(), operator.word, expected, within_ns)
        return states()

    @keyword(tags=("assertion", "transaction"))
    def sagas_should_be_whole(self, *, completed: int | None = None, within: VirtualTime = _HALF_MINUTE) -> int:
        """Lets time go on until all sagas have ended, reads back all that those of keywords change, and judges it.

        Each must have left all of its effects or none: what it puts into lists is there once or not at all, and numbers
        are what the completed ones make of them. Compensations must have come in reverse order. Returns how many were
        completed. What sagas of workloads have left is judged by `History Should Be`.

        Fails otherwise, when a saga does not end in that time, and when other than ``completed`` were.

        Example:
        | `Sagas Should Be Whole` | completed=2 |
        """
        from PhantomLibrary.testbed.saga_judge import judge_sagas, open_sagas

        cluster = self._cluster
        run = cluster.run
        within_ns = within.or_none(NOW) or 0
        if not cluster.advance(within_ns, lambda: not open_sagas(run)):
            name = open_sagas(run)[0]
            message = f"saga {name} has not ended, after {in_seconds(within_ns)}"
            cluster.fail("SGA-012", message, _steps(run.watch.sagas.get(name)))
        verdict = judge_sagas(run)
        if verdict.outcome != "valid":
            cluster.fail_with(verdict)
        if completed is not None and verdict.confirmed != completed:
            message = f"{verdict.confirmed} of {verdict.operations} sagas were completed, expected {completed}"
            cluster.fail("SGA-012", message)
        cluster.tell(f"{verdict.operations} sagas are whole, {verdict.confirmed} of them completed")
        return verdict.confirmed


def _change(action: str, value: str, expected: str) -> dict[str, Any]:
    match action:
        case "increment":
            return {"increment": _whole("value", value)}
        case "compare and set":
            return {"compare_and_set": [expected or None, value]}
        case _:
            return {action: value}


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InvalidInput(f"{name}={text} is no whole number: write one such as 1 or -1") from None


def _time(name: str, time_ns: int | None) -> dict[str, str]:
    return {} if time_ns is None else {name: f"{time_ns} ns"}


def _wait_for_answer(cluster: Cluster, wish: SagaWish, what: str) -> None:
    from PhantomLibrary.domain import Ok

    task = wish.task
    cluster.advance(_PATIENCE_NS, lambda: task.is_done)
    if not task.is_done:
        cluster.fail("SGA-012", f"saga {wish.name} did not {what}: shard 0 has not answered")
    answer = task.result
    reason = answer.value if isinstance(answer, Ok) else answer.reason
    if reason:
        cluster.fail("SGA-012", f"saga {wish.name} did not {what}: {reason}")


def _wait(cluster: Cluster, name: str) -> None:
    sagas = cluster.run.watch.sagas
    if not cluster.advance(_PATIENCE_NS, lambda: name in sagas and sagas[name].state in _RESTED):
        seen = sagas.get(name)
        cluster.fail("SGA-012", f"saga {name} is still active, after {in_seconds(_PATIENCE_NS)}", _steps(seen))
    cluster.tell(f"saga {name} is {sagas[name].state.lower()}{_because(sagas[name])}")


def _because(seen: SagaChanged) -> str:
    return f": {seen.reason}" if seen.reason else ""


def _steps(seen: SagaChanged | None) -> list[str]:
    if seen is None:
        return []
    reason = [f"because {seen.reason}"] if seen.reason else []
    return [*(f"step {name}: {state.lower()}" for name, state in seen.steps), *reason]
