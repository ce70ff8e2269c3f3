"""Keywords that use the library from real threads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

from robot.api import logger
from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.failures import CheckFailed
from PhantomLibrary.keywords.lifetime import Clusters
from PhantomLibrary.keywords.quantities import Count
from PhantomLibrary.keywords.thread_calls import read_calls
from PhantomLibrary.keywords.times import WallTime, to_wall_time

if TYPE_CHECKING:
    from PhantomLibrary.keywords.cluster import Cluster
    from PhantomLibrary.testbed.crew import CrewReport, Trouble

_ONCE = Count(1)
_HALF_MINUTE = to_wall_time("30s")
_SECOND_NS = 1_000_000_000


class KeywordOwner(Protocol):
    """The library as a whole."""

    keywords: Mapping[str, Any]

    def call_in_thread(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any: ...


class ThreadKeywords(Component):
    """Keywords of threads."""

    def __init__(self, clusters: Clusters, library: KeywordOwner) -> None:
        super().__init__(clusters)
        self._library = library

    @keyword(tags=("concurrency",))
    def run_in_threads(
        self,
        threads: Count,
        *operations: str,
        rounds: Count = _ONCE,
        refusals: Literal["fail", "allowed"] = "fail",
        deadline: WallTime = _HALF_MINUTE,
    ) -> int:
        """Has real threads of the operating system use the library at once. Returns how many operations were done.

        ``operations`` are keywords of this library with their arguments, with ``AND`` between them. Each thread does
        ``rounds`` of them, one after the other in their order, and begins at another one; all begin together. Time is
        virtual for them as well: while one thread lets it go on, the others get in between any two instants. Which
        thread comes first is up to the operating system, so no two runs are alike; but what the cluster accepted, and
        in which order, stands in the schedule, which replays.

        A request that makes no sense at its moment, such as the restart of a node that runs, is refused; that fails
        the keyword unless ``refusals=allowed``. A user keyword cannot run in a thread, since Robot's output would
        break.

        Fails with each exception of each thread, and when threads are not done by the ``deadline`` (wall time): then
        with what each of them was doing and waiting for. Whatever happens, no thread is left behind.

        Example:
        | `Run In Threads` | 8 | Add Node | wait=no | AND | Run For | 50 ms | AND | Get Nodes | rounds=20 |
        """
        from PhantomLibrary.testbed.crew import THREADS_MAX, Crew, Operation
        from PhantomLibrary.testbed.waits import describe_waits

        if threads.number > THREADS_MAX:
            raise InvalidInput(f"{threads} threads are too many: write a whole number, 1 to {THREADS_MAX}")
        cluster = self._cluster
        run = cluster.run
        call = self._library.call_in_thread
        calls = read_calls(operations, self._library.keywords)
        work = [
            Operation(each.text, lambda each=each: call(each.name, each.positional, each.named))  # type: ignore[misc]
            for each in calls
        ]

        def end_run(reason: str) -> None:
            run.ended = run.ended or f"it was cut short at {cluster.now}: {reason}"

        crew = Crew(
            work,
            threads=threads.number,
            rounds=rounds.number,
            end_run=end_run,
            describe_waits=lambda: describe_waits(run),
        )
        with run.lock.given_up():
            report = crew.work(deadline.ns / _SECOND_NS)
        _tell(cluster, threads.number, report)
        _judge(cluster, threads.number, report, deadline, may_refuse=refusals == "allowed")
        return sum(report.done.values())

    @keyword(tags=("assertion", "check", "concurrency"))
    def run_should_replay(self) -> str:
        """Does all commands of the run again on a cluster of its own, and returns the digest that both traces have.

        The present cluster stays as it is. What real threads or several administrators have asked for at once was
        accepted in some order; that order is the schedule, and it decides everything.

        Fails when the trace of the replay differs from that of the run.

        Example:
        | `Run In Threads` | 4 | Run For | 10 ms | AND | Put Value | k1 | 1 |
        | `Run Should Replay` |
        """
        from PhantomLibrary.testbed.replay import replay

        cluster = self._cluster
        recorded = cluster.run.finish()
        again = replay(recorded, parts=cluster.run.parts).finish()
        if again.digest != recorded.digest:
            commands = len(recorded.commands)
            cluster.fail("RPY-001", f"the replay of {commands} commands has another trace: {again.digest[:12]}…")
        cluster.tell(f"{len(recorded.commands)} commands replay to the same trace")
        return recorded.digest


def _tell(cluster: Cluster, threads: int, report: CrewReport) -> None:
    counts = ", ".join(f"{text}: {done} done, {report.refused[text]} refused" for text, done in report.done.items())
    logger.info(f"{cluster.now} {threads} threads in {report.wall_s:.3f} s of wall time: {counts}")


def _judge(cluster: Cluster, threads: int, report: CrewReport, deadline: WallTime, *, may_refuse: bool) -> None:
    """Fail with what went wrong in threads."""
    troubles = [each for each in report.troubles if not (may_refuse and each.is_refusal)]
    evidence = [*map(_line, troubles[1:]), _AS_IT_WAS]
    if report.late:
        stuck = f"; {report.stuck} of them could not be ended" if report.stuck else ""
        cluster.fail("THR-002", f"threads were not done in {deadline} of wall time{stuck}", [*report.late, _AS_IT_WAS])
    if not troubles:
        if not any(report.done.values()):
            cluster.fail("THR-003", f"{threads} threads did nothing: all that they asked for was refused", evidence)
        return
    first = troubles[0]
    if isinstance(first.error, CheckFailed):  # Has a code of its own.
        code, _, what = str(first.error).splitlines()[0].partition(": ")
        cluster.fail(code, f"{what}, in {first.where}", evidence)
    failed = len(dict.fromkeys(each.thread for each in troubles))
    cluster.fail("THR-001", f"{_line(first)} ({failed} of {threads} threads failed)", evidence)


def _line(trouble: Trouble) -> str:
    """Return what went wrong in a line: of a failed check the first, which says it all."""
    if isinstance(trouble.error, CheckFailed):
        return f"{trouble.where}: {str(trouble.error).splitlines()[0]}"
    return str(trouble)


_AS_IT_WAS = "Threads interleave anew each time; schedule.yaml among the artifacts replays what they did here"
