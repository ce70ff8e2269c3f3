"""Keywords by which replicas move to other nodes, and that tell how far that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robotlibcore import keyword

from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.keywords.choices import NO_OPERATOR, Operator
from PhantomLibrary.keywords.comparison import expect
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.node_names import ANY, NodeRef
from PhantomLibrary.keywords.quantities import Count, Rate, to_rate
from PhantomLibrary.keywords.times import NOW, VirtualTime, in_seconds

if TYPE_CHECKING:
    from PhantomLibrary.keywords.cluster import Cluster
    from PhantomLibrary.testbed.moves import PlacementWish

_ANSWER_NS_MAX = 60_000_000_000
_MOVE_NS_MAX = 120_000_000_000
_SECOND_NS = 1_000_000_000
_NO_THROTTLE = to_rate("0")
_TWO = Count(2)


class RebalancingKeywords(Component):
    """Keywords of moves."""

    @keyword(tags=("rebalancing",))
    def move_shard(
        self, shard: int, target: NodeRef, *, source: NodeRef = ANY, throttle: Rate = _NO_THROTTLE, wait: bool = True
    ) -> str:
        """Moves a replica of a shard to another node while the cluster runs. Returns the node that gives it away.

        The new replica takes data until it has caught up; then it gets its vote and the ``source`` loses its own,
        in one step. A source that leads hands over first. ``source=any`` takes the fullest node, and one that
        follows before one that leads. ``throttle`` bounds how fast the copy is sent, such as 100kB/s; 0 is as fast
        as it goes. With ``wait=no`` virtual time stands still.

        Fails when the shard, the source or the target is unknown, when the target holds a replica already, when it or
        the source is leaving, when the source holds none or the shard is moving already, for shard 0, and when the move
        does not end well.

        Example:
        | ${new} = | `Add Node` |
        | `Move Shard` | 1 | ${new} |
        | `Move Shard` | 2 | ${new} | source=leader of shard 2 | throttle=50kB/s | wait=no |
        """
        cluster = self._cluster
        cluster.check_shard(shard)
        rate = _bytes_per_s(throttle)
        wish = cluster.perform("move shard", target.text, shard=shard, source=source.text, throttle=rate)
        move = wish.plan.moves[0]
        cluster.tell(f"moves a replica of shard {shard}, {move.bytes} bytes, from {move.source} to {move.target}")
        if wait:
            _wait_for_moves(cluster, wish)
        return str(move.source)

    @keyword(tags=("rebalancing",))
    def rebalance_shards(
        self,
        *,
        by: Literal["replicas", "bytes"] = "replicas",
        throttle: Rate = _NO_THROTTLE,
        at_once: Count = _TWO,
        plan: list[str] | None = None,
        outcome: Literal["done", "aborted"] = "done",
        wait: bool = True,
    ) -> int:
        """Spreads replicas over nodes, then leadership, unless leaders are wanted in one region. Returns how many move.

        ``by=replicas`` makes their numbers as even as regions and zones allow, with as few moves as that takes;
        ``bytes`` evens out what they hold. At most ``at_once`` replicas move at one time, each no faster than
        ``throttle``; then shards are handed to those who are to lead them. Distribution before and after is shown in
        the log as a table and a picture. With ``wait=no`` virtual time stands still, and `Run Until` ``rebalancing
        finished`` waits for the end.

        A plan holds for the directory from which it was made: when members or shards change before it is taken up,
        another one is made. ``plan`` is one that `Get Rebalancing Plan` returned. It is refused when anything about
        members or shards has changed since: with ``outcome=aborted`` the test expects that.

        Fails when a move does not end well, and when the plan is taken up or refused other than expected.

        Example:
        | `Add Node` |
        | `Rebalance Shards` | throttle=1MB/s |
        | `Load Should Be Balanced` | leaders |
        """
        from PhantomLibrary.keywords.distribution_view import render_distribution
        from PhantomLibrary.testbed.rebalancing import snapshot_of

        cluster = self._cluster
        run = cluster.run
        before = snapshot_of(run)
        rate = _bytes_per_s(throttle)
        wish = cluster.perform("rebalance", by=by, throttle=rate, at_once=at_once.number, plan=plan)
        if outcome == "aborted":
            _check_refused(cluster, wish)
            return 0
        if wish is None:
            cluster.tell("nothing is to be done: all nodes carry their share")
            return 0
        cluster.tell(
            f"{wish.plan.key}: {len(wish.plan.moves)} replicas move, {len(wish.plan.leaders)} shards change leader"
        )
        if wait:
            _wait_for_moves(cluster, wish)
            _wait_for_leaders(cluster)
            title = f"{wish.plan.key}, at {cluster.now}"
            logger.info(render_distribution(title, before, snapshot_of(run)), html=True)
        return len(wish.plan.moves)

    @keyword(tags=("getter", "rebalancing"))
    def get_rebalancing_plan(
        self,
        detail: Literal["plan", "moves", "leaders", "bytes", "seconds", "version"] = "plan",
        operator: Operator = NO_OPERATOR,
        expected: str = "",
        *,
        by: Literal["replicas", "bytes"] = "replicas",
        throttle: Rate = _NO_THROTTLE,
        at_once: Count = _TWO,
    ) -> Any:
        """Returns what `Rebalance Shards` would do now, without doing it.

        ``plan`` is all of it as a list of lines, each move with its reason, which may be handed in later; ``moves`` and
        ``leaders`` are how many replicas would move and how many shards another would lead, ``bytes`` how many would be
        copied, ``seconds`` how long that takes at that ``throttle`` (0 without one), and ``version`` that of the
        directory from which the plan is made.

        Example:
        | `Get Rebalancing Plan` | moves | == | 0 |
        | ${plan} = | `Get Rebalancing Plan` |
        | `Rebalance Shards` | plan=${plan} |
        """
        from PhantomLibrary.testbed.rebalancing import lines_of, make_plan

        cluster = self._cluster
        plan = make_plan(cluster.run, by)
        if detail == "plan":
            if operator.word:
                raise InvalidInput("a plan cannot be compared as a whole: ask for its moves, leaders, bytes or seconds")
            lines = lines_of(plan)
            cluster.tell("\n".join(lines))
            return lines
        found = {
            "moves": len(plan.moves),
            "leaders": len(plan.transfers),
            "bytes": plan.bytes,
            "seconds": plan.time_ns(_bytes_per_s(throttle), at_once.number) / _SECOND_NS,
            "version": plan.version,
        }[detail]
        return expect(cluster, f"{detail} of the plan", lambda: found, operator, expected, NOW)

    @keyword(tags=("rebalancing",))
    def cancel_moves(self, shard: int | None = None, *, wait: bool = True) -> None:
        """Takes back the moves that are under way: those of one shard, or all, and what else is left of their plan.

        What was copied is given up. A move whose target votes already is completed. Waits until nothing of it moves any
        more, unless ``wait=no``.

        Fails when nothing moves that could be cancelled, and when it does not end in time.

        Example:
        | `Move Shard` | 1 | n4 | throttle=10kB/s | wait=no |
        | `Run Until` | move started |
        | `Cancel Moves` | 1 |
        """
        cluster = self._cluster
        run = cluster.run
        if shard is not None:
            cluster.check_shard(shard)
        task = cluster.perform("cancel moves", shard=shard)
        cluster.tell("cancels " + ("all moves" if shard is None else f"the move of shard {shard}"))
        if not wait:
            return

        def is_over() -> bool:
            moves = run.directory().moves
            return task.is_done and (moves.of(shard) is None if shard is not None else not moves.is_busy)

        if not cluster.advance(_ANSWER_NS_MAX, is_over):
            cluster.fail("MOV-002", f"moves were cancelled, and go on after {in_seconds(_ANSWER_NS_MAX)}")

    @keyword(tags=("getter", "rebalancing"))
    def get_rebalancing_progress(
        self,
        measure: Literal["bytes", "moves"] = "bytes",
        operator: Operator = NO_OPERATOR,
        expected: int = 0,
        *,
        within: VirtualTime = NOW,
    ) -> int:
        """Returns how much of the latest plan of moves is done, in per cent: of its bytes, or of its moves.

        A move counts as done when it has ended, however it ended. Bytes are counted as the copies arrive.

        Fails when nothing was ever moved.

        Example:
        | `Move Shard` | 1 | n4 | throttle=100kB/s | wait=no |
        | `Get Rebalancing Progress` | bytes | >= | 50 | within=20s |
        """
        from PhantomLibrary.testbed.moves import progress

        cluster = self._cluster
        if not cluster.run.placements:
            raise InvalidState("nothing was moved yet whose progress could be told: use Move Shard first")

        def read() -> int:
            return progress(cluster.run).percent(measure)

        subject = f"the share of {measure} moved"
        found = int(expect(cluster, subject, read, operator, expected, within, every_ns=10_000_000))
        cluster.tell(progress(cluster.run).describe())
        return found


def _check_refused(cluster: Cluster, wish: PlacementWish | None) -> None:
    """Fail unless shard 0 refuses the plan."""
    if wish is None:
        cluster.fail("MOV-003", "the plan was to be refused, and there was nothing to be done by it")
    version = cluster.run.directory().version
    reason = _answer(cluster, wish)
    if not reason:
        old = wish.plan.version
        cluster.fail("MOV-003", f"a plan of version {old} was taken up by a directory of version {version}")
    cluster.tell(f"the plan is refused: {reason}")


def _wait_for_leaders(cluster: Cluster) -> None:
    """Let time go on until those lead who are to, after the moves."""
    run = cluster.run
    if not cluster.advance(_ANSWER_NS_MAX, lambda: not run.directory().moves.is_busy):
        left = ", ".join(f"{shard} (by {node})" for shard, node in run.directory().moves.leaders)
        cluster.fail("MOV-001", f"shards {left} are still not led as planned, after {in_seconds(_ANSWER_NS_MAX)}")


def _bytes_per_s(throttle: Rate) -> int:
    return (throttle.bandwidth() or 0) if throttle.per_1000_s != 0 else 0


def _answer(cluster: Cluster, wish: PlacementWish) -> str:
    """Let time go on until shard 0 has answered; return why it refused, "" when it did not."""
    from PhantomLibrary.domain import Ok

    if not cluster.advance(_ANSWER_NS_MAX, lambda: wish.task.is_done):
        cluster.fail("MOV-001", f"shard 0 has not answered what becomes of {wish.plan.key}")
    answer = wish.task.result
    return str(answer.value or "") if isinstance(answer, Ok) else answer.reason


def _wait_for_moves(cluster: Cluster, wish: PlacementWish) -> None:
    """Let time go on until all moves of a plan have ended; fail with the first that did not end well."""
    from PhantomLibrary.database.moves import DONE
    from PhantomLibrary.testbed.moves import outcomes

    run = cluster.run
    since_ns = run.now_ns
    reason = _answer(cluster, wish)
    plan = wish.plan
    if reason:
        cluster.fail("MOV-001", f"shard 0 did not take {plan.key} up: {reason}")
    copied_ns = 3 * sum(move.bytes for move in plan.moves) * _SECOND_NS // plan.throttle if plan.throttle else 0
    limit_ns = _MOVE_NS_MAX + copied_ns
    if not cluster.advance(limit_ns, lambda: len(outcomes(run, plan.key)) == len(plan.moves)):
        left = [each for each in run.directory().moves.under_way if each.plan == plan.key]
        what = ", ".join(f"shard {each.shard} from {each.source} to {each.target}" for each in left)
        cluster.fail("MOV-001", f"{what or plan.key} is still moving after {in_seconds(limit_ns)}")
    for each in outcomes(run, plan.key):
        move = each.move
        if each.outcome != DONE:
            what = f"shard {move.shard} did not move from {move.source} to {move.target}"
            cluster.fail("MOV-001", f"{what}: {each.outcome}")
    took_ms = (run.now_ns - since_ns) // 1_000_000
    cluster.tell(f"moved {sum(move.bytes for move in plan.moves)} bytes, after {took_ms} ms")
