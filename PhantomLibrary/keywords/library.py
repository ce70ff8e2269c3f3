"""The library that `Library    PhantomLibrary` imports: it composes the keywords of all topics.

Importing it stays cheap, because editors do so at every key stroke: what simulates and judges is imported when a
cluster is started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from robotlibcore import DynamicCore

from PhantomLibrary import __version__
from PhantomLibrary.errors import PhantomError
from PhantomLibrary.keywords.capacity_keywords import CapacityKeywords
from PhantomLibrary.keywords.chaos_keywords import ChaosKeywords
from PhantomLibrary.keywords.check_keywords import CheckKeywords
from PhantomLibrary.keywords.cluster_keywords import ClusterKeywords
from PhantomLibrary.keywords.converters import converters
from PhantomLibrary.keywords.crash_keywords import CrashKeywords
from PhantomLibrary.keywords.disk_keywords import DiskKeywords
from PhantomLibrary.keywords.divergence_keywords import DivergenceKeywords
from PhantomLibrary.keywords.exploration_keywords import ExplorationKeywords
from PhantomLibrary.keywords.failures import RequestRefused
from PhantomLibrary.keywords.fault_keywords import FaultKeywords
from PhantomLibrary.keywords.interleaving_keywords import InterleavingKeywords
from PhantomLibrary.keywords.leader_keywords import LeaderKeywords
from PhantomLibrary.keywords.lifetime import Clusters
from PhantomLibrary.keywords.member_keywords import MemberKeywords
from PhantomLibrary.keywords.metric_keywords import MetricKeywords
from PhantomLibrary.keywords.placement_keywords import PlacementKeywords
from PhantomLibrary.keywords.process_keywords import ProcessKeywords
from PhantomLibrary.keywords.process_ledger import ProcessLedger
from PhantomLibrary.keywords.quantities import to_seed
from PhantomLibrary.keywords.query_keywords import QueryKeywords
from PhantomLibrary.keywords.rebalancing_keywords import RebalancingKeywords
from PhantomLibrary.keywords.region_keywords import RegionKeywords
from PhantomLibrary.keywords.reshaping_keywords import ReshapingKeywords
from PhantomLibrary.keywords.saga_keywords import SagaKeywords
from PhantomLibrary.keywords.scaling_keywords import ScalingKeywords
from PhantomLibrary.keywords.sql_keywords import SqlKeywords
from PhantomLibrary.keywords.thread_keywords import ThreadKeywords
from PhantomLibrary.keywords.time_keywords import TimeKeywords
from PhantomLibrary.keywords.transaction_keywords import TransactionKeywords
from PhantomLibrary.keywords.usage_keywords import UsageKeywords
from PhantomLibrary.keywords.value_keywords import ValueKeywords
from PhantomLibrary.keywords.workload_keywords import WorkloadKeywords

if TYPE_CHECKING:
    from robot import result, running


class PhantomLibrary(DynamicCore):
    """PhantomLibrary drives, breaks and judges a simulated distributed database.

    Start a cluster, load it, break it, let virtual time go on, and judge what clients saw:

    | Crashed Leader Is Replaced And Loses No Confirmed Write
    |     Start Cluster    nodes=5    shards=4
    |     Start Workload    register    clients=8    rate=400/s
    |     Run For    5s
    |     ${old} =    Crash Node    leader of shard 1
    |     Leader Should Be Elected    1    within=2s
    |     Restart Node    ${old}
    |     Run For    5s
    |     Stop Workload
    |     History Should Be    linearizable    confirmed=2000
    |     Replicas Should Agree

    = Virtual time =

    All times are virtual: a simulated minute takes a fraction of a second. Virtual time stands still between
    keywords and goes on only in those that say so, such as `Run For`; BuiltIn's ``Sleep`` does not move it. Faults
    take ``at=``, the time of the log (``t=12.400s``) at which they begin, and ``duration=``, after which they heal
    by themselves.

    = Nodes =

    Nodes are called n1, n2 and so on. Wherever a node is asked for, a role does as well: ``leader of shard 1``,
    ``follower of shard 1``, ``random``, ``minority``, ``region eu``. Keywords that harm a node return its name.

    = Regions =

    With ``replication=`` in `Start Cluster`, each region has a copy of all data, ``replicas`` times, and tells the
    others of its writes. A write is confirmed when all other regions have it (``synchronous``), when one has it
    (``semi-synchronous``), or when its own has (``asynchronous``). The ``primary`` region takes the writes, the first
    one unless it is named; or several ``writable`` ones do (``eu, us``, or ``all``).

    Of writes to a key that knew nothing of each other, by ``conflicts``, the ``last writer wins``, or all are read
    (``multi value``), or what the function ``merge`` makes of them (``custom``; ``merge=my_module:function``). A
    fail-over to a region that is more than ``lag_max`` behind, ``10s`` unless it is said, has to be forced; it comes
    by itself when the primary has been down for ``fail_over_after``, and the primary gets them back when it has been
    whole for ``fail_back_after``. A topology may say all of that, too.

    = Seeds =

    The same seed gives the same run, byte for byte, on any machine. A seed is the argument of `Start Cluster`, else
    ``${SEED}``, else that of the library's import, else one made from the suite's file name and the test's name, so
    that each test has a run of its own that is always the same; ``robot --variable SEED:7`` tries another. The message
    of a failed check says how to do just that run again.

    = Failures =

    A failed check begins with a code such as LIN-001 and says what went wrong, to which operation, on which node,
    at which virtual time. Its artifacts (history, schedule, trace) lie in the folder ``phantom`` beside output.xml.
    """

    ROBOT_LIBRARY_SCOPE = "GLOBAL"
    ROBOT_LIBRARY_VERSION = __version__
    ROBOT_LIBRARY_DOC_FORMAT = "ROBOT"
    ROBOT_LIBRARY_CONVERTERS: ClassVar = converters()
    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, seed: str = "auto") -> None:
        """With a ``seed``, all clusters have it for which nobody chooses another.

        | Library | PhantomLibrary | seed=7 |
        """
        self._clusters = Clusters(to_seed(seed))
        topics = (
            ClusterKeywords,
            LeaderKeywords,
            MemberKeywords,
            RebalancingKeywords,
            PlacementKeywords,
            ReshapingKeywords,
            ScalingKeywords,
            TimeKeywords,
            FaultKeywords,
            DiskKeywords,
            ChaosKeywords,
            WorkloadKeywords,
            ValueKeywords,
            RegionKeywords,
            DivergenceKeywords,
            CapacityKeywords,
            SagaKeywords,
            TransactionKeywords,
            InterleavingKeywords,
            SqlKeywords,
            QueryKeywords,
            CrashKeywords,
            ExplorationKeywords,
            CheckKeywords,
            MetricKeywords,
            UsageKeywords,
        )
        self._ledger = ProcessLedger()
        threads, process = ThreadKeywords(self._clusters, self), ProcessKeywords(self._clusters, self._ledger)
        super().__init__([*(topic(self._clusters) for topic in topics), threads, process])

    def run_keyword(self, name: str, args: list[Any], kwargs: dict[str, Any] | None = None) -> Any:
        """Run a keyword; what it refuses becomes a message without the name of a class.

        The cluster is the caller's until the keyword ends, but for where virtual time goes on: so threads may call this
        at once.
        """
        try:
            with self._clusters.turns:
                return super().run_keyword(name, args, kwargs)
        except PhantomError as error:
            raise RequestRefused(str(error)) from None

    def call_in_thread(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Run a keyword for a thread that is not Robot's; what it refuses stays the error that it is."""
        with self._clusters.turns:
            return super().run_keyword(name, args, kwargs)

    # --- the library's own listener -----------------------------------------------------------------------------------

    def start_suite(self, data: running.TestSuite, suite: result.TestSuite) -> None:
        self._clusters.note_robot_run(suite)
        self._ledger.begin()

    def start_test(self, data: running.TestCase, test: result.TestCase) -> None:
        self._ledger.begin(is_test=True)

    def end_test(self, data: running.TestCase, test: result.TestCase) -> None:
        has_cluster = self._clusters.has_any
        self._clusters.end_owned_by_test(test)
        before = self._ledger.end()
        if has_cluster:  # Others are none of our business, and in a dry run nothing happens.
            self._clusters.note_cost(test, before)

    def end_suite(self, data: running.TestSuite, suite: result.TestSuite) -> None:
        self._clusters.end_owned_by_suite(suite)
        self._ledger.end()
