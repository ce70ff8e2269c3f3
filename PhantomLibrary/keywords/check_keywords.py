"""Keywords that judge a run: its leaders, its recovery, its history and its replicas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NoReturn

from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.keywords.choices import Level
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.quantities import Count
from PhantomLibrary.keywords.times import NOW, WHOLE_TEST, VirtualTime, in_seconds, to_virtual_time

if TYPE_CHECKING:
    from PhantomLibrary.keywords.cluster import Cluster
    from PhantomLibrary.testbed.watch import LeaderChange

_ONE = Count(1)
_TWO_SECONDS = to_virtual_time("2s")
_FIVE_SECONDS = to_virtual_time("5s")
_TEN_SECONDS = to_virtual_time("10s")
_HALF_MINUTE = to_virtual_time("30s")
_MILLISECOND_NS = 1_000_000


class CheckKeywords(Component):
    """Keywords that assert an invariant, and carry the evidence when it does not hold."""

    @keyword(tags=("assertion", "check"))
    def leader_should_be_elected(self, shard: int = 1, *, within: VirtualTime = _TWO_SECONDS) -> int:
        """Lets virtual time go on until a shard has a leader that runs and reaches a majority of its replicas.

        A leader that was cut off or paused does not count, though it may still think that it leads. Returns how long it
        took, in milliseconds of virtual time.

        Fails when there is none within that time.

        Example:
        | `Crash Node` | leader of shard 1 |
        | `Leader Should Be Elected` | 1 | within=2s |
        """
        from PhantomLibrary.keywords.leadership import explain_leadership, has_able_leader

        cluster = self._cluster
        cluster.check_shard(shard)
        run = cluster.run
        since_ns, within_ns = run.now_ns, within.or_none(NOW) or 0
        if not cluster.advance(within_ns, lambda: has_able_leader(run, shard)):
            evidence = explain_leadership(run, shard)
            cluster.fail(
                "LDR-001",
                f"shard {shard} had no leader that reaches a majority within {in_seconds(within_ns)}, by {cluster.now}",
                evidence,
            )
        took_ms = (run.now_ns - since_ns) // _MILLISECOND_NS
        cluster.tell(f"{run.leader(shard)} leads shard {shard}, after {took_ms} ms")
        return took_ms

    @keyword(tags=("assertion", "check"))
    def leaders_should_stay(self, *, window: VirtualTime = WHOLE_TEST) -> None:
        """Fails when any shard has changed its leader, or begun another term, within the window that ends now.

        Says who was deposed by whom, and when. Use it where nothing gives a reason to elect: after a heal, or while
        only followers are in trouble.

        Example:
        | `Heal Network` |
        | `Run For` | 3s |
        | `Leaders Should Stay` | window=3s |
        """
        from PhantomLibrary.checking.verdict import seconds

        cluster = self._cluster
        run = cluster.run
        window_ns = window.or_none(WHOLE_TEST)
        since_ns = 0 if window_ns is None else max(0, run.now_ns - window_ns)
        changes = [each for each in run.watch.leader_changes if each.time_ns >= since_ns]
        if changes:
            first = changes[0]
            span = "the whole test" if window_ns is None else f"the last {in_seconds(window_ns)}"
            told = f"shard {first.shard}: {first.node} began to lead in term {first.term} at {seconds(first.time_ns)}"
            cluster.fail("LDR-002", f"{told}, though no leader was to change in {span}", _describe(changes))
        cluster.tell("every shard kept its leader")

    @keyword(tags=("assertion", "check"))
    def cluster_should_recover(self, *, within: VirtualTime = _HALF_MINUTE) -> None:
        """Heals a core of the cluster, leaves all else broken, and lets time go on until the core serves.

        The core are nodes with a quorum of every shard, chosen so that as little as possible has to be healed, and
        among such as many as there are: where nothing is broken any more, all nodes. What is wrong with these nodes and
        with the links among them is healed; the others stay as they are. Then the replicas in the core must follow
        their leaders, and every range must take a write and a read through every node of the core.

        Fails when they do not within that time, with the reason: which quorum, leader or range is missing.

        Example:
        | `Crash Node` | n1, n2, n3 |
        | `Cluster Should Recover` | within=5s |
        """
        from PhantomLibrary.testbed.judge import Recovery

        cluster = self._cluster
        run = cluster.run
        if cluster.nemesis is not None and cluster.nemesis.is_running:
            raise InvalidState("a nemesis goes on breaking things: use Stop Nemesis before Cluster Should Recover")
        since_ns, within_ns = run.now_ns, within.or_none(NOW) or 0
        healed = cluster.perform("heal core")
        core: list[str] = run.schedule.commands[-1].resolved or []
        cluster.tell(f"the core is {', '.join(core)}; healed: {'; '.join(healed) or 'nothing'}")
        recovery = Recovery(run, core)  # It remembers what must be committed, so that load does not hide a recovery.
        if not cluster.advance(within_ns, recovery):
            _fail_recovery(cluster, within_ns, recovery.gap(), core, _healed_lines(healed))
        left_ns = since_ns + within_ns - run.now_ns
        probes = cluster.perform("probe ranges", ", ".join(core), within_ns=left_ns)
        if not cluster.advance(left_ns, lambda: probes.is_done):
            _fail_recovery(cluster, within_ns, probes.gaps()[0], core, [*_healed_lines(healed), *probes.gaps()[1:]])
        cluster.tell(f"the cluster serves, after {(run.now_ns - since_ns) // _MILLISECOND_NS} ms")

    @keyword(tags=("assertion", "check"))
    def health_should_be_accurate(self, *, within: VirtualTime = _FIVE_SECONDS, false_suspicions: int = 0) -> None:
        """Judges what every node has held of every other one's health, all through the run.

        A node that crashed, stands still or cannot be reached must be held for *down* at the latest ``within`` that
        time, and as long as it lasts, by every node that runs and reaches at least half of the others. One that is
        back, or that was suspected for no reason, must be held for alive again within that time. A node that runs
        and can be reached both ways, directly or through another one, must be suspected by nobody, but for
        ``false_suspicions`` times: slow and lossy links give reason for some.

        Lets virtual time go on until all views are right, for as long as ``within``, so it may follow right upon a
        fault or its end.

        Fails when a failure or a recovery was not noticed in time, when there were more false suspicions, and when
        nothing was wrong in the run, for then it proves nothing.

        Example:
        | `Crash Node` | n2 |
        | `Health Should Be Accurate` | within=5s |
        """
        from PhantomLibrary.testbed.health import health_settled, judge_health

        cluster = self._cluster
        if false_suspicions < 0:
            raise InvalidInput(f"false_suspicions={false_suspicions} cannot be: write 0 or more")
        within_ns = within.or_none(NOW)
        if not within_ns:
            raise InvalidInput("within=0s cannot be: nobody learns of a failure at once; write a time such as 5s")
        cluster.advance(within_ns, health_settled(cluster.run))
        verdict = judge_health(cluster.run, within_ns=within_ns, false_suspicions=false_suspicions)
        if verdict.outcome != "valid":
            cluster.fail_with(verdict)
        cluster.tell(f"health was seen as it was: {verdict.operations} failures and recoveries noticed")

    @keyword(tags=("assertion", "check"))
    def history_should_be(self, level: Level, *, workload: str = "all", confirmed: Count = _ONE) -> None:
        """Judges all that clients saw: is there an order of the operations that explains every answer?

        Each workload is held against the model of its kind; so are transactions that the test itself has opened, as
        registers, together with `Put Value` and `Get Value` of the same keys (``workload=transactions`` alone). Keys of
        which their answers do not tell enough are left out, and named in the log: those that were deleted, changed by
        `Update Keys`, or written with the same value twice. ``confirmed`` is how many operations must have been
        confirmed at least, so that the test proves something.

        Registers may be asked for ``causal``, where each region has a copy of its own: nobody saw something older than
        what they had written, read, or learnt of by what they read.

        Fails when no such order exists, with the operations that contradict each other; when it could not be
        decided; when the history is empty or thinner than ``confirmed``; when a rule of consensus was broken; and
        when a fault of the test changed nothing that happened.

        Example:
        | `History Should Be` | linearizable | confirmed=2000 |
        """
        cluster = self._cluster
        _check_history(cluster, level, workload, confirmed)
        _check_faults_bit(cluster)

    @keyword(tags=("assertion", "check"))
    def shards_should_have_one_owner(self) -> int:
        """Judges that at every instant of the run at most one epoch of one shard acknowledged operations on a key.

        An epoch is one time of a shard with the same keys and members. Also the ranges of all shards have to hold each
        key exactly once at this moment. Returns how many acknowledgements were looked at.

        Fails with the first acknowledgement by somebody whom another had followed, with a key that is in no shard, or
        in two, and when nothing was acknowledged at all.

        Example:
        | `Split Shard` | 1 |
        | `Run For` | 5s |
        | `Shards Should Have One Owner` |
        """
        from PhantomLibrary.testbed.ownership_judge import judge_ownership

        cluster = self._cluster
        verdict = judge_ownership(cluster.run)
        if verdict.outcome != "valid":
            cluster.fail_with(verdict)
        if not verdict.confirmed:
            cluster.fail("OWN-003", "no operation was acknowledged, so nothing shows who owns a key")
        cluster.tell(f"each key had one owner at any instant of {verdict.confirmed} acknowledgements")
        return verdict.confirmed

    @keyword(tags=("assertion", "check"))
    def replicas_should_agree(self, *, within: VirtualTime = _TEN_SECONDS) -> None:
        """Lets virtual time go on until all live replicas of each shard have applied the same, and compares their data.

        Stop workloads first: replicas cannot catch up with clients that go on writing.

        Fails when they hold different data, or have not applied the same within that time.

        Example:
        | `Stop Workload` |
        | `Replicas Should Agree` |
        """
        _check_agreement(self._cluster, within)

    @keyword(tags=("assertion", "check", "transaction"))
    def locks_should_be_released(self, *, within: VirtualTime = NOW) -> None:
        """Fails unless nothing is locked by any transaction, at the latest ``within`` that time.

        A lock is what an open transaction has of a key that it writes, and what a shard has promised to commit.

        Says who holds what since when: a transaction that is in doubt, one that has ended or that nobody knows (an
        orphan lock), or one that is open still.

        Example:
        | `Rollback Transaction` | t1 |
        | `Locks Should Be Released` | within=50 ms |
        """
        from PhantomLibrary.testbed.transaction_judge import holds_locks, judge_locks

        cluster = self._cluster
        if cluster.advance(within.or_none(NOW) or 0, lambda: not holds_locks(cluster.run)):
            cluster.tell("nothing is locked")
            return
        cluster.fail_with(judge_locks(cluster.run))

    @keyword(tags=("assertion", "check"))
    def data_should_be_intact(self) -> None:
        """Judges all data at once: histories are as promised, live replicas agree, no rule of consensus was broken.

        Single operations must be linearizable, and transactions keep the isolation level that they were begun with.
        Unlike `History Should Be` it does not ask that the faults of the test did anything.

        Example:
        | `Data Should Be Intact` |
        """
        cluster = self._cluster
        _check_agreement(cluster, _TEN_SECONDS)
        _check_history(cluster, None, "all", _ONE)

    @keyword(tags=("assertion", "check"))
    def crash_points_should_be_survived(
        self,
        effect: Literal["persist", "send", "apply", "install", "act"],
        *,
        every: Count = _ONE,
        power_loss: bool = False,
        again: bool = False,
    ) -> int:
        """Does the run so far again and again, and crashes a node at another point each time. Returns how many points.

        The points are before and after every n-th time that a replica writes to its disk (``persist``), sends a
        message (``send``), applies an entry (``apply``), takes in a part of a snapshot (``install``) or sends an
        action or compensation of a saga (``act``), with n from ``every``. The node restarts after a while, and
        history, replicas and rules of consensus are judged at the end. With ``power_loss`` all nodes crash at once,
        and at each write also in the midst of its sync, which tears it. With ``again`` a node crashes a second time
        as it comes back, right after it has replayed its log. Keep the run short: a second of load and a few
        clients give hundreds of points. The cluster itself is left as it was.

        Fails at the first point that is not survived, and says which and why.

        Example:
        | `Run For` | 2s |
        | `Crash Points Should Be Survived` | persist | every=10 |
        """
        from PhantomLibrary.keywords.lifetime import parts_for
        from PhantomLibrary.testbed.crash_points import describe_point, enumerate_crash_points

        cluster = self._cluster
        run = cluster.run
        report = enumerate_crash_points(
            run.finish(),
            effect,
            every=every.number,
            power_loss=power_loss,
            again=again,
            parts=parts_for(run.spec.defects),
        )
        point = report.failure
        if point is not None:
            assert point.verdict is not None
            cluster.fail_with(point.verdict, after=describe_point(point, effect))
        cluster.tell(f"survived {len(report.points)} crashes around {report.effects_in_run} effects of kind {effect}")
        return len(report.points)


def _fail_recovery(
    cluster: Cluster, within_ns: int, gap: str, core: Sequence[str], evidence: Sequence[str]
) -> NoReturn:
    lines = [f"the core is {', '.join(core)}", *evidence]
    lines += [f"left as it is: {each.fault.describe()}" for each in cluster.run.faults.active]
    cluster.fail("REC-001", f"no recovery within {in_seconds(within_ns)}, by {cluster.now}: {gap}", lines)


def _healed_lines(healed: Sequence[str]) -> list[str]:
    return [f"healed: {each}" for each in healed]


def _check_history(cluster: Cluster, level: Level | None, workload: str, confirmed: Count) -> None:
    from PhantomLibrary.testbed.judge import PROMISED, judge_history, judge_invariants

    violation = judge_invariants(cluster.run)
    if violation is not None:
        cluster.fail_with(violation)
    asked = PROMISED if level is None else level.word
    verdict = judge_history(cluster.run, asked, workload=workload, confirmed=confirmed.number)
    if verdict.outcome != "valid":
        cluster.fail_with(verdict)
    what = level or "what is promised"
    cluster.tell(f"history is {what}: {verdict.operations} operations, {verdict.confirmed} confirmed")
    for line in verdict.evidence:
        cluster.tell(line)


def _check_faults_bit(cluster: Cluster) -> None:
    from PhantomLibrary.testbed.judge import judge_faults

    violation = judge_faults(cluster.run)
    if violation is not None:
        cluster.fail_with(violation)


def _check_agreement(cluster: Cluster, within: VirtualTime) -> None:
    from PhantomLibrary.testbed.judge import judge_agreement, replicas_agree

    cluster.advance(within.or_none(NOW) or 0, replicas_agree(cluster.run))
    verdict = judge_agreement(cluster.run)
    if verdict.outcome != "valid":
        cluster.fail_with(verdict)
    cluster.tell(f"replicas agree ({verdict.operations} compared)")


def _describe(changes: Sequence[LeaderChange]) -> list[str]:
    from PhantomLibrary.checking.verdict import seconds

    return [f"shard {each.shard}: {each.node} leads term {each.term} from {seconds(each.time_ns)}" for each in changes]
