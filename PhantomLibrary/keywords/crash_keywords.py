"""The keyword that does a case again and again, with a crash at another point of its transactions each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from robot.errors import ExecutionFailed
from robot.libraries.BuiltIn import BuiltIn
from robot.running import RUN_KW_REGISTER
from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.failures import CheckFailed
from PhantomLibrary.keywords.node_names import ANY, NodeRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from PhantomLibrary.keywords.cluster import Cluster

_DOWN_NS = 700_000_000
_PHASES: tuple[Literal["before", "after"], ...] = ("before", "after")


class CrashKeywords(Component):
    """Keywords of crashes at every point."""

    @keyword(tags=("transaction", "assertion", "robot:flatten"))
    def crash_at_every_message(self, node: NodeRef, name: str, *args: Any) -> int:
        """Runs a case once for each message and effect of its transactions, and crashes the node just before it; then
        just after it. Returns how many crashes were tried.

        ``name`` is a keyword that starts a cluster, uses transactions and checks their outcome, whatever it is;
        ``args`` go to it. It runs once without a crash, to count what the node sends, writes and applies of
        transactions, and answers to them; then once for each of these and each phase, on a new cluster with the same
        seed. ``any`` means whichever node does it. The node restarts after 700 ms. With a variable ``${EVERY_MESSAGE}``
        only every so many-th point is tried.

        Fails at the first point at which the case fails, and says which; and when there is no point to crash at.

        Example:
        | `Crash At Every Message` | n1 | Transfer Is All Or Nothing |
        """
        from PhantomLibrary.testbed.transaction_events import STEP

        if node != ANY and (not node.text.startswith("n") or " " in node.text):
            raise InvalidInput(f"'{node}' cannot be crashed at every message: write a node such as n1, or any")
        every = _stride()
        counted = _Counter(node.text)
        self._rehearse(counted.attend, name, args)
        if counted.count < every:
            raise InvalidInput(f"{name} has {counted.count} messages of transactions on {node}: no point to crash at")
        points = 0
        for number in range(every, counted.count + 1, every):
            for phase in _PHASES:

                def arm(cluster: Cluster, number: int = number, phase: str = phase) -> None:
                    cluster.perform(
                        "arm fault",
                        event=STEP,
                        fault="crash node",
                        on=node.text,
                        occurrence=number,
                        phase=phase,
                        duration_ns=_DOWN_NS,
                    )

                try:
                    self._rehearse(arm, name, args)
                except ExecutionFailed as failed:
                    if failed.dont_continue or failed.skip:
                        raise
                    first, _, rest = failed.message.partition("\n")
                    where = f"after a crash of {node} {phase} message {number} of {counted.count}"
                    raise CheckFailed("\n".join(filter(None, (f"{first}, {where}", rest)))) from None
                points += 1
        return points

    def _rehearse(self, prepare: Callable[[Cluster], None], name: str, args: tuple[Any, ...]) -> None:
        started = self._clusters.rehearse(lambda: BuiltIn().run_keyword(name, *args), prepare=prepare)
        if not started:
            raise InvalidState(f"{name} has started no cluster: the case begins with Start Cluster")


class _Counter:
    """Counts what a node does for transactions."""

    def __init__(self, node: str) -> None:
        self.count = 0
        self._node = node

    def attend(self, cluster: Cluster) -> None:
        if self._node != ANY.text:
            cluster.run.host(self._node)  # For its error.
        cluster.run.events.listen(self._hear)

    def _hear(self, event: str, phase: str, node: str, number: int) -> None:
        from PhantomLibrary.testbed.transaction_events import STEP

        if event == STEP and phase == "before" and self._node in (node, ANY.text):
            self.count += number


def _stride() -> int:
    value = BuiltIn().get_variable_value("${EVERY_MESSAGE}", 1)
    if not str(value).isdecimal() or not int(value):
        raise InvalidInput(
            f"variable ${{EVERY_MESSAGE}} is {value!r}: write 1 for every message, 2 for every second one"
        )
    return int(value)


RUN_KW_REGISTER.register_run_keyword(
    "PhantomLibrary", "Crash At Every Message", 2, deprecation_warning=False, dry_run=True
)
