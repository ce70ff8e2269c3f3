"""Who owns which cluster, and how long it lives.

A cluster belongs to the test that started it, and is disposed of at that test's end, however it ends. One that was
started in a suite's setup belongs to the suite: its tests may read it, and it is disposed of at the suite's end.
Disposing writes the artifacts, also of a run that was cut short.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn

from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.keywords.command_line import given_variables
from PhantomLibrary.keywords.failures import replay_line
from PhantomLibrary.keywords.node_names import Names, to_names
from PhantomLibrary.keywords.orders import given_order
from PhantomLibrary.keywords.quantities import AUTO, Seed, to_seed
from PhantomLibrary.keywords.seeds import seed_of

if TYPE_CHECKING:
    from robot import result

    from PhantomLibrary.kernel.orders import Order
    from PhantomLibrary.keywords.cluster import Cluster
    from PhantomLibrary.keywords.evidence import ProcessMeter
    from PhantomLibrary.reporting.artifacts import ArtifactFolders
    from PhantomLibrary.reporting.process_resources import Snapshot
    from PhantomLibrary.reporting.trace_file import HeldTrace
    from PhantomLibrary.testbed.run import Run
    from PhantomLibrary.testbed.schedule import RunSpec


class Owner:
    """The test, or the suite, that a keyword runs in."""

    def __init__(self) -> None:
        variable = BuiltIn().get_variable_value
        self.suite: str = variable("${SUITE_NAME}", "")
        self.test: str = variable("${TEST_NAME}", "")
        self.source = str(variable("${SUITE_SOURCE}", ""))

    @property
    def key(self) -> tuple[str, str]:
        return (self.suite, self.test)

    @property
    def file(self) -> str:
        """The suite's file as a command line names it."""
        try:
            return os.path.relpath(self.source)
        except ValueError:  # Another drive, on Windows.
            return self.source


class Owned:
    """A cluster with its owner, and what decided its seed. `trace` is what holds its trace while it is rehearsed."""

    def __init__(
        self,
        cluster: Cluster,
        owner: Owner,
        ordinal: int,
        seed: int | None,
        meter: ProcessMeter,
        trace: HeldTrace | None,
    ) -> None:
        self.cluster = cluster
        self.meter = meter
        self.trace = trace
        self.owner = owner
        self.ordinal = ordinal
        self.replay_seed = seed


class Rehearsal:
    """A case that is done once of many times: what its clusters are to be like, and those that it has started."""

    def __init__(self, prepare: Callable[[Cluster], None], order: Order | None, seed: Seed) -> None:
        self.prepare = prepare
        self.order = order
        self.seed = seed
        self.runs: list[Run] = []
        self.over: list[Owned] = []  # Those that the case itself has stopped, or replaced.


class Clusters:
    """The clusters that are alive: at most one of the test, above those of the suites around it."""

    def __init__(self, library_seed: Seed) -> None:
        self._library_seed = library_seed
        self._alive: list[Owned] = []
        self._started: dict[tuple[str, str], int] = {}
        self._folders: tuple[str, ArtifactFolders] | None = None
        self._robot_run = ""
        self._is_stopped = False
        self._rehearsal: Rehearsal | None = None

    @property
    def current(self) -> Cluster:
        """The cluster that keywords act on. Raises InvalidState when there is none."""
        if not self._alive:
            why = "it was stopped" if self._is_stopped else "none was started in this test"
            raise InvalidState(f"no cluster runs: {why}; begin with Start Cluster")
        return self._alive[-1].cluster

    @property
    def turns(self) -> AbstractContextManager[object]:
        """Whose turn it is at the present cluster; where there is none, there is nothing to take turns at."""
        return self._alive[-1].cluster.run.lock if self._alive else nullcontext()

    @property
    def has_any(self) -> bool:
        """Whether the present test has started a cluster, or stands under a suite that has one."""
        return bool(self._alive or self._started)

    # --- begin and end ----------------------------------------------------------------------------------------------

    def start(self, make_spec: Callable[[int], RunSpec], seed: Seed) -> Cluster:
        """Start a cluster for the present test or suite, from the spec that `make_spec(seed)` returns."""
        from PhantomLibrary.keywords.cluster import Cluster
        from PhantomLibrary.keywords.evidence import ProcessMeter
        from PhantomLibrary.reporting.trace_file import HeldTrace
        from PhantomLibrary.testbed.run import Run
        from PhantomLibrary.testbed.setup import make_cluster_layout, make_topology

        owner = Owner()
        ordinal = self._started.get(owner.key, 0) + 1
        number, is_derived = self._choose_seed(seed, owner, ordinal)
        spec = make_spec(number)
        parts = parts_for(spec.defects)
        make_cluster_layout(spec, make_topology(spec))  # What is refused is refused before anything begins or ends.
        folder = self._artifact_folders().open(owner.suite, owner.test)
        meter = ProcessMeter()
        held = HeldTrace(folder.trace_sink()) if self._rehearsal else None
        run = Run(spec, parts=parts, trace_sink=held or folder.trace_sink())
        self._started[owner.key] = ordinal
        self._dispose_owned_by(owner.key)
        cluster = Cluster(run, folder, self.replay, self._check_may_change)
        # One ${SEED} cannot stand for the seeds of two clusters; without it, names give them again.
        replay_seed = None if is_derived and ordinal > 1 else number
        self._alive.append(Owned(cluster, owner, ordinal, replay_seed, meter, held))
        self._is_stopped = False
        if self._rehearsal is not None:
            self._rehearsal.runs.append(run)
            self._rehearsal.prepare(cluster)
        return cluster

    def rehearse(
        self,
        case: Callable[[], object],
        *,
        prepare: Callable[[Cluster], None] = lambda _cluster: None,
        order: Order | None = None,
        seed: Seed = AUTO,
    ) -> list[Run]:
        """Do a case that starts clusters of its own; return their runs, in which no more can happen.

        They have the seeds that the first clusters from here on would have, whatever was rehearsed before, or the one
        given here, and this order; each is prepared. When the case is over they are dropped, without evidence. Those of
        a case that fails are left as they are, but for those that it has stopped itself: their evidence is written.
        """
        key = Owner().key
        first = self._started.get(key, 0)
        outer = self._rehearsal
        self._rehearsal = rehearsal = Rehearsal(prepare, order or (outer.order if outer else None), seed)
        has_passed = False
        try:
            case()
            has_passed = True
        finally:
            self._rehearsal = outer
            if not has_passed:
                self._keep(rehearsal, key)
        self._started[key] = first
        # A cluster from before that the case did not replace goes on: then the case has started none.
        rehearsed = [each for each in self._alive if any(each.cluster.run is run for run in rehearsal.runs)]
        for each in [*rehearsal.over, *rehearsed]:
            each.cluster.run.ended = "it was rehearsed"
            each.cluster.folder.close()
        self._alive = [each for each in self._alive if each not in rehearsed]
        return rehearsal.runs

    def _keep(self, rehearsal: Rehearsal, key: tuple[str, str]) -> None:
        """Keep what the clusters of a case leave that has failed."""
        for each in [*rehearsal.over, *(each for each in self._alive if each.owner.key == key)]:
            if each.trace is not None:
                each.trace.release()
        for each in rehearsal.over:
            self._dispose(each, has_failed=True)

    @property
    def order(self) -> Order | None:
        """Return the order in which a cluster that is started now is to run: None is the default one."""
        if self._rehearsal is not None and self._rehearsal.order is not None:
            return self._rehearsal.order
        return given_order()

    def stop(self) -> None:
        """End the present cluster. Raises InvalidState when there is none, or when it belongs to others too."""
        self.current  # noqa: B018 - for its error.
        self._check_may_change()
        self._dispose(self._alive[-1])  # First, so that one that an interrupt breaks off is done again later.
        self._alive.pop()
        self._is_stopped = True

    def end_owned_by_test(self, test: result.TestCase) -> None:
        """End what the test that ends here has left, and begin to count its clusters anew."""
        self._end_owned_by(test.parent.full_name, test.name, has_failed=test.failed)

    def end_owned_by_suite(self, suite: result.TestSuite) -> None:
        """End what the suite that ends here has left."""
        self._end_owned_by(suite.full_name, "")

    def note_cost(self, test: result.TestCase, before: Snapshot) -> None:
        """Write down what a test that ends here has cost the test process, and has left in it."""
        from PhantomLibrary.keywords.evidence import EvidenceWriter

        EvidenceWriter(_output_dir(), self._robot_run).write_cost(test.parent.full_name, test.name, before)

    def note_robot_run(self, suite: result.TestSuite) -> None:
        """Note which run of Robot this is: the one whose root suite began at that time, or that of many processes."""
        while suite.parent:
            suite = suite.parent
        self._robot_run = str(BuiltIn().get_variable_value("${SHARED_RUN}", suite.start_time))

    def _end_owned_by(self, suite: str, test: str, *, has_failed: bool = False) -> None:
        self._started.pop((suite, test), None)
        self._is_stopped = False
        self._dispose_owned_by((suite, test), has_failed=has_failed)

    def _dispose_owned_by(self, key: tuple[str, str], *, has_failed: bool = False) -> None:
        ending = [each for each in self._alive if each.owner.key == key]
        self._alive = [each for each in self._alive if each.owner.key != key]
        for each in ending:
            self._dispose(each, has_failed=has_failed)

    def _dispose(self, owned: Owned, *, has_failed: bool = False) -> None:
        from PhantomLibrary.keywords.evidence import EvidenceWriter
        from PhantomLibrary.testbed.left_open import open_transactions, roll_back

        if self._rehearsal is not None and owned.trace is not None:  # Not one from before the rehearsal.
            self._rehearsal.over.append(owned)
            return
        run, owner = owned.cluster.run, owned.owner
        left = open_transactions(run)
        if left:  # No wonder, where a test ended in the middle.
            message = f"{owner.test or owner.suite} has left transactions open, rolled back now: {', '.join(left)}"
            logger.write(message, "INFO" if has_failed else "WARN")
        try:
            if left and not run.ended:
                roll_back(run, left)
        finally:
            writer = EvidenceWriter(_output_dir(), self._robot_run)
            writer.write(
                run, owned.cluster.folder, suite=owner.suite, test=owner.test, ordinal=owned.ordinal, meter=owned.meter
            )
        run.ended = run.ended or "it was stopped"

    # --- what a cluster asks ----------------------------------------------------------------------------------------

    def replay(self) -> str:
        """Return the command that does the present test again."""
        owner = Owner()
        options = given_variables(sys.argv[1:])
        if self._alive and self._alive[-1].replay_seed is not None:
            options.append(("--variable", f"SEED:{self._alive[-1].replay_seed}"))
        if self._alive and (order := self._alive[-1].cluster.run.spec.order) is not None:
            options.append(("--variable", f"ORDER:{order}"))
        if planted_everywhere().names:
            options.append(("--variable", f"DEFECTS:{planted_everywhere()}"))
        return replay_line(owner.test, options, owner.file)

    def _check_may_change(self) -> None:
        owned = self._alive[-1]
        if owned.owner.test == "" and Owner().test:
            raise InvalidState(
                f"the cluster was started in the setup of suite {owned.owner.suite}, and its tests may only read it: "
                "start one in this test with Start Cluster"
            )

    def seed_of_repetition(self, number: int) -> Seed:
        """Return the seed for the n-th time that a case is done with seeds of its own."""
        owner = Owner()
        base, _ = self._choose_seed(AUTO, owner, self._started.get(owner.key, 0) + 1)
        return Seed(seed_of(str(base), "repetition", number))

    def _choose_seed(self, seed: Seed, owner: Owner, ordinal: int) -> tuple[int, bool]:
        """Return the seed, and whether it was made from names."""
        variable = BuiltIn().get_variable_value("${SEED}")
        asked = seed
        if asked.number is None and self._rehearsal is not None:
            asked = self._rehearsal.seed
        if asked.number is None and variable not in (None, ""):
            try:
                asked = to_seed(variable)
            except InvalidInput as error:
                raise InvalidState(f"variable ${{SEED}}: {error}") from None
        if asked.number is None:
            asked = self._library_seed
        if asked.number is not None:
            return asked.number, False
        return seed_of(owner.source, owner.test, ordinal), True

    def _artifact_folders(self) -> ArtifactFolders:
        from PhantomLibrary.reporting.artifacts import ArtifactFolders

        output_dir = _output_dir()
        if self._folders is None or self._folders[0] != output_dir:
            self._folders = (output_dir, ArtifactFolders(output_dir))
        return self._folders[1]


def _output_dir() -> str:
    return str(BuiltIn().get_variable_value("${OUTPUT_DIR}", "."))


def planted_everywhere() -> Names:
    """Return the defects that every cluster of this run of Robot gets: those of ${DEFECTS}."""
    return to_names(BuiltIn().get_variable_value("${DEFECTS}") or "")


def parts_for(defects: tuple[str, ...]) -> Any:
    """Return the parts of a cluster with these planted defects, None where there are none."""
    if not defects:
        return None
    from PhantomLibrary.zoo.defects import plant

    return plant(defects)
