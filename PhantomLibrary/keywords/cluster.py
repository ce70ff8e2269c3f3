"""The running cluster as keywords see it: commands, time, and failures that carry what is needed to find the cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

from robot.api import logger

from PhantomLibrary.checking.verdict import Verdict, Violation
from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.errors import InvalidInput, InvalidState, Livelock, PhantomError
from PhantomLibrary.keywords.failures import CheckFailed, failure_text
from PhantomLibrary.keywords.node_names import Nodes
from PhantomLibrary.keywords.times import NOW, UNTIL_HEALED, VirtualTime, in_seconds
from PhantomLibrary.reporting.artifacts import ArtifactFolder
from PhantomLibrary.testbed.judge import judge_invariants
from PhantomLibrary.testbed.nemesis import Nemesis
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command
from PhantomLibrary.testbed.targets import resolve_nodes
from PhantomLibrary.testbed.waits import describe_waits

_READING_VERBS = ("get value", "query", "query at snapshot")

Found = TypeVar("Found")


class Cluster:
    """One run with the folder of its artifacts.

    `replay` gives the line that does the present test again. `check_may_change` raises where the cluster is shared by
    tests, which may only read it.
    """

    def __init__(
        self, run: Run, folder: ArtifactFolder, replay: Callable[[], str], check_may_change: Callable[[], None]
    ) -> None:
        self.run = run
        self.folder = folder
        self.operator_keys: set[str] = set()
        self.defined_sagas: dict[str, dict[str, Any]] = {}
        self.nemesis: Nemesis | None = None
        self._replay = replay
        self.check_may_change = check_may_change
        self._violations_told = 0

    @property
    def now(self) -> str:
        """The virtual time as the log shows it: `t=12.400s`."""
        return f"t={in_seconds(self.run.now_ns)}"

    # --- commands ---------------------------------------------------------------------------------------------------

    def perform(
        self,
        verb: str,
        target: str = "",
        /,
        *,
        at: VirtualTime = NOW,
        duration: VirtualTime = UNTIL_HEALED,
        **arguments: Any,
    ) -> Any:
        """Give the run a command; return what its verb returns, None when it is for later."""
        run = self.run
        run.check_alive()
        if verb not in _READING_VERBS:
            self.check_may_change()
        at_ns = at.or_none(NOW)
        duration_ns = duration.or_none(UNTIL_HEALED)
        at_ns = run.now_ns if at_ns is None else at_ns
        until_ns = None if duration_ns is None else at_ns + duration_ns
        given = {name: value for name, value in arguments.items() if value is not None}
        command = Command(verb, run.now_ns, at_ns, target, until_ns=until_ns, arguments=given)
        return self.do_unbroken(lambda: run.perform(command))

    def do_unbroken(self, action: Callable[[], Found]) -> Found:
        """Do something that an interrupt must not leave half done without ending the run."""
        finished = False
        try:
            done = action()
            finished = True
        except PhantomError:
            finished = True
            raise
        finally:
            if not finished and not self.run.ended:
                self.run.ended = f"it was cut short at {self.now}"
        return done

    def tell(self, text: str) -> None:
        """Log one line about what was done to the cluster."""
        logger.info(f"{self.now} {text}")

    # --- time -------------------------------------------------------------------------------------------------------

    def advance(self, duration_ns: int, condition: Callable[[], bool] | None = None) -> bool:
        """Let time go on, or until the condition holds; fail when that shows that a rule of consensus was broken."""
        try:
            met = self.run.advance(self.run.now_ns + duration_ns, condition)
        except AssertionError:
            self.check_invariants()  # A rule that was broken says more than the assertion that it led to.
            raise
        except Livelock as stuck:
            raise Livelock("\n".join([str(stuck), *describe_waits(self.run)])) from None
        self.check_invariants()
        return met

    def check_invariants(self) -> None:
        """Fail when a rule of consensus was broken since this was last looked at."""
        violations = len(self.run.watch.violations)
        if violations > self._violations_told:
            self._violations_told = violations
            violation = judge_invariants(self.run)
            assert violation is not None
            self.fail_with(violation)

    # --- failures ---------------------------------------------------------------------------------------------------

    def fail_with(self, found: Verdict | Violation, *, after: str = "") -> NoReturn:
        """Fail the keyword with what a check found, and after what."""
        headline = f"{found.headline}, after {after}" if after else found.headline
        raise CheckFailed(failure_text(headline, self._replay(), found.evidence, self.folder.link))

    def fail(self, code: str, message: str, evidence: Sequence[str] = ()) -> NoReturn:
        """Fail the keyword with a finding of its own."""
        raise CheckFailed(failure_text(f"{code}: {message}", self._replay(), evidence, self.folder.link))

    # --- who is meant -----------------------------------------------------------------------------------------------

    def check_shard(self, shard: int) -> ShardId:
        """Return the shard. Raises InvalidInput when there is none of that number."""
        if shard not in self.run.shard_ids:
            resolve_nodes(f"followers of shard {shard}", self.run)  # Says it in the words of all other keywords.
            raise InvalidInput(f"no shard {shard}")
        return shard

    def observed(self, nodes: str) -> list[NodeId] | None:
        """Return the nodes that are looked at, None for all.

        Looking must change nothing, so nothing may be drawn at random here: a replay would not draw it.
        """
        if nodes == Nodes("all").text:
            return None
        for part in (each.strip() for each in nodes.split(",")):
            if part == "random":
                raise InvalidInput("'random' cannot be looked at: name a node, or a role such as leader of shard 1")
            if part in ("minority", "majority") and not self.run.sides:
                raise InvalidState(f"there is no {part} before a partition: use Partition Network first")
        return resolve_nodes(nodes, self.run)

    def roles(self) -> dict[NodeId, list[ShardId]]:
        """Return which shards each node leads."""
        led: dict[NodeId, list[ShardId]] = {}
        for shard in self.run.shard_ids:
            led.setdefault(self.run.leader(shard), []).append(shard)
        return led


def with_roles(nodes: Sequence[NodeId], led: dict[NodeId, list[ShardId]]) -> str:
    """Return nodes as the log names them: `n3 (leader of shards 1, 4), n2`."""
    return ", ".join(f"{node} ({_leadership(led[node])})" if node in led else node for node in nodes)


def _leadership(shards: Sequence[ShardId]) -> str:
    return f"leader of shard{'s' if len(shards) > 1 else ''} {', '.join(map(str, shards))}"
