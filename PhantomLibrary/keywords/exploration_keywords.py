"""Keywords that do a case again and again: in other orders of its events, or with other seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robot.errors import ExecutionFailed
from robot.libraries.BuiltIn import BuiltIn
from robot.running import RUN_KW_REGISTER
from robotlibcore import keyword

from PhantomLibrary.errors import InvalidState
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.failures import CheckFailed, failure_text
from PhantomLibrary.keywords.orders import given_depth, given_order
from PhantomLibrary.keywords.quantities import AUTO, Count, Seed

if TYPE_CHECKING:
    from PhantomLibrary.kernel.orders import Order
    from PhantomLibrary.testbed.run import Run

Digests = tuple[str, ...]


class ExplorationKeywords(Component):
    """Keywords that explore what else could have happened."""

    @keyword(tags=("exploration", "assertion", "robot:flatten"))
    def for_each_schedule(
        self, count: Count, strategy: Literal["random", "pct", "delay-bounded"], name: str, *args: Any
    ) -> int:
        """Runs a case in other legal orders of its messages and of what happens at one time. Returns how many different
        runs there were, the one in the default order not among them.

        ``name`` is a keyword that starts a cluster, uses it and checks what came of it; ``args`` go to it. It runs once
        in the default order, and then in ``count`` others, each time on a new cluster with the same seed. Messages
        between two parties keep their order, none comes more than 20 ms late, and timers are never early.

        ``random`` holds back one message in eight, most of them shortly. ``pct`` gives priorities to the ways between
        nodes and changes some of them, which finds a defect that needs few messages in a certain order with a chance
        that can be proved. ``delay-bounded`` holds back a few messages only. A variable ``${ORDER_DEPTH}`` says how
        many messages in a certain order ``pct`` looks for, and how many ``delay-bounded`` holds back; 3 unless it is
        set.

        With a variable ``${ORDER}``, such as ``pct:17``, the case runs in that order only, as do all
        clusters of all tests. The message of a failure says which order that was, and its artifacts are kept.

        Fails at the first order in which the case fails, and says which; when the case starts no cluster; and when no
        order made any difference.

        Example:
        | `For Each Schedule` | 50 | pct | Crash And Join At One Instant |
        """
        from PhantomLibrary.kernel.orders import Order, check_order, default_counted

        case = _Case(self._clusters.rehearse, name, args)
        alone = given_order()
        if alone is not None:
            case.do(f"in order {alone}", alone)
            logger.info(f"{name} was run in order {alone} alone")
            return 1
        depth = given_depth()
        check_order(Order(strategy, count.number, depth))
        default = case.do("in the default order already", default_counted())
        steps = max(1, case.deliveries)
        others = set()
        for number in range(1, count.number + 1):
            order = Order(strategy, number, depth, steps)
            others.add(case.do(f"in order {number} of {count} ({order})", order))
        others.discard(default)
        what = f"{count} {strategy} orders of {name}, depth {depth}, {steps} deliveries over {case.channels} channels"
        self._check_explored(what, others)
        logger.info(f"{what}: {len(others)} different runs, beside the one in the default order")
        return len(others)

    @keyword(tags=("exploration", "assertion", "robot:flatten"))
    def for_each_seed(self, count: Count, name: str, *args: Any) -> int:
        """Runs a case with other seeds. Returns how many different runs there were.

        ``name`` is a keyword that starts a cluster, uses it and checks what came of it; ``args`` go to it. It runs
        ``count`` times, each time on a new cluster with a seed of its own, made from the seed that the test has. With a
        variable ``${SEED}`` it runs with that seed alone.

        Fails at the first seed with which the case fails, and says which; when the case starts no cluster; and when all
        runs were the same.

        Example:
        | `For Each Seed` | 20 | Crashed Leader Is Replaced |
        """
        case = _Case(self._clusters.rehearse, name, args)
        if BuiltIn().get_variable_value("${SEED}") not in (None, ""):
            case.do("with the seed given")
            return 1
        runs = set()
        for number in range(1, count.number + 1):
            seed = self._clusters.seed_of_repetition(number)
            runs.add(case.do(f"with seed {seed.number}, number {number} of {count}", seed=seed))
        what = f"{count} seeds of {name}"
        if count.number > 1:
            self._check_explored(what, runs, least=2)
        logger.info(f"{what}: {len(runs)} different runs")
        return len(runs)

    def _check_explored(self, what: str, runs: set[Digests], least: int = 1) -> None:
        if len(runs) < least:
            headline = f"ORD-001: {what} were all the same run, so nothing was explored"
            raise CheckFailed(failure_text(headline, self._clusters.replay()))


class _Case:
    """A user keyword that is run many times. `deliveries` is how many its largest run had so far, in any order, and
    `channels` over how many these went at most.
    """

    def __init__(self, rehearse: Callable[..., list[Run]], name: str, args: tuple[Any, ...]) -> None:
        self.deliveries = self.channels = 0
        self._rehearse = rehearse
        self._name = name
        self._args = args

    def do(self, which: str, order: Order | None = None, seed: Seed = AUTO) -> Digests:
        """Run it once; return the digests of its runs. A failure says which time this was."""
        from PhantomLibrary.kernel.exploring import ExploringScheduler

        try:
            with _little_logged():
                runs = self._rehearse(lambda: BuiltIn().run_keyword(self._name, *self._args), order=order, seed=seed)
        except ExecutionFailed as failed:
            if failed.dont_continue or failed.skip:
                raise
            first, _, rest = failed.message.partition("\n")
            raise CheckFailed("\n".join(filter(None, (f"{first.removesuffix('.')}, {which}", rest)))) from None
        if not runs:
            raise InvalidState(f"{self._name} has started no cluster: the case begins with Start Cluster")
        for scheduler in (run.scheduler for run in runs if isinstance(run.scheduler, ExploringScheduler)):
            self.deliveries = max(self.deliveries, scheduler.deliveries)
            self.channels = max(self.channels, scheduler.channels)
        return tuple(run.trace.digest() for run in runs)


@contextmanager
def _little_logged() -> Iterator[None]:
    """Log only warnings and failures: what a case tells is told hundreds of times otherwise."""
    before = BuiltIn().set_log_level("WARN")
    try:
        yield
    finally:
        BuiltIn().set_log_level(before)


for _keyword, _arguments in (("For Each Schedule", 3), ("For Each Seed", 2)):
    RUN_KW_REGISTER.register_run_keyword(
        "PhantomLibrary", _keyword, _arguments, deprecation_warning=False, dry_run=True
    )
