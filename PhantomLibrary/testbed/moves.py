"""Verbs of moves: replicas that go to other nodes while the cluster runs.

The operator asks shard 0 through a gateway, as a client does; the rest the database does by itself. A wish that makes
no sense is refused before anything has happened.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from PhantomLibrary.database.moves import EndedMove, Move
from PhantomLibrary.database.moving import why_not_placed
from PhantomLibrary.domain import Answer, NodeId, ShardId
from PhantomLibrary.domain.placement import ANY_VERSION, CancelMoves, ChangePlacement, MoveWish
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.schedule import Command
from PhantomLibrary.testbed.targets import resolve_node, resolve_nodes

ANY = "any"


class PlacementWish(Struct):
    """What an operator has asked for: the plan, and the answer to come. The plan may be made anew until it comes."""

    plan: ChangePlacement
    task: Task[Answer]


class Progress(Struct, frozen=True):
    """How far the latest plan of moves is."""

    plan: str
    moves_done: int
    moves: int
    bytes_done: int
    bytes: int

    def percent(self, measure: str) -> int:
        """Return how much of its `bytes` or `moves` is done; all of nothing is."""
        done, total = (self.moves_done, self.moves) if measure == "moves" else (self.bytes_done, self.bytes)
        return 100 * done // total if total else 100

    def describe(self) -> str:
        return (
            f"{self.plan}: {self.moves_done} of {self.moves} moves have ended, {self.bytes_done} of {self.bytes} "
            f"bytes were copied"
        )


def move_shard(cluster: Cluster, command: Command) -> PlacementWish:
    """Ask that a replica of a shard move to a node."""
    arguments = command.arguments
    shard: ShardId = arguments["shard"]
    resolve_nodes(f"followers of shard {shard}", cluster)  # Refuses a shard that there is not.
    if command.resolved is None:
        target = resolve_node(command.target, cluster)
        source = arguments.get("source", ANY)
        command.resolved = [target, _source(cluster, shard) if source == ANY else resolve_node(source, cluster)]
    target, source = command.resolved
    wish = MoveWish(shard, source, target, bytes_of(cluster, shard))
    plan = ChangePlacement(next_name(cluster, "move"), ANY_VERSION, (wish,), throttle=arguments.get("throttle", 0))
    check_plan(cluster, plan)
    return asked(cluster, plan, cluster.operator.answer(plan))


def cancel_moves(cluster: Cluster, command: Command) -> Task[Answer]:
    """Ask that moves be taken back: of one shard, or all."""
    shard = command.arguments.get("shard")
    moves = cluster.directory().moves
    if shard is not None:
        resolve_nodes(f"followers of shard {shard}", cluster)
        if moves.of(shard) is None:
            raise InvalidState(f"shard {shard} is not moving{_under_way(cluster)}")
    elif not moves.is_busy:
        raise InvalidState("nothing moves that could be cancelled")
    shards = () if shard is None else (shard,)
    return cluster.operator.ask(CancelMoves(f"operator at {cluster.now_ns}", shards))


def next_name(cluster: Cluster, what: str) -> str:
    """Return a name for a plan that none had in this run."""
    return f"{what} {len(cluster.placements) + 1}"


def check_plan(cluster: Cluster, plan: ChangePlacement) -> None:
    """Raise InvalidInput or InvalidState where a plan makes no sense, as far as can be seen from here.

    Whether it comes too late, shard 0 alone can tell.
    """
    if plan.throttle < 0:
        raise InvalidInput(f"throttle={plan.throttle} cannot be: write bytes per second, or 0 for as fast as it goes")
    if plan.at_once < 1:
        raise InvalidInput(f"at_once={plan.at_once} cannot be: write how many may move at one time, 1 or more")
    reason = why_not_placed(cluster.directory(), replace(plan, version=ANY_VERSION))
    if reason:
        raise InvalidState(reason)


def asked(cluster: Cluster, plan: ChangePlacement, answer: Coroutine[Any, Any, Answer]) -> PlacementWish:
    """Keep what an operator asks for."""
    wish = PlacementWish(plan, Task(cluster.scheduler, answer, "operator"))
    cluster.placements.append(wish)
    return wish


def outcomes(cluster: Cluster, plan: str) -> list[EndedMove]:
    """Return the moves of a plan that have ended."""
    return [each for each in cluster.directory().moves.ended if each.move.plan == plan]


def progress(cluster: Cluster) -> Progress:
    """Return how far the plan is that was asked for last: by the directory, and by the copies that leaders send."""
    plan: ChangePlacement = cluster.placements[-1].plan
    ended = outcomes(cluster, plan.key)
    under_way = [each for each in cluster.directory().moves.under_way if each.plan == plan.key]
    copied = sum(each.move.bytes for each in ended) + sum(_copied(cluster, each) for each in under_way)
    # Before shard 0 has taken it up, nothing of it is done.
    return Progress(plan.key, len(ended), len(plan.moves), copied, sum(each.bytes for each in plan.moves))


def _copied(cluster: Cluster, move: Move) -> int:
    """Return how many bytes of a move the target has, as far as the shard's leader knows."""
    leader = cluster.leader(move.shard)
    replica = cluster.processes[leader].replicas.get(move.shard) if leader else None
    return min(move.bytes, replica.group.share_copied(move.target, move.bytes)) if replica is not None else 0


def bytes_of(cluster: Cluster, shard: ShardId) -> int:
    """Return how many bytes of keys and values a shard holds, as its leader or else any replica of it knows."""
    holders = [cluster.leader(shard), *cluster.voters(shard)]
    replicas = [cluster.processes[node].replicas.get(shard) for node in holders if node]
    return next((each.machine.bytes for each in replicas if each is not None), 0)


def _source(cluster: Cluster, shard: ShardId) -> NodeId:
    """Return the voter that gives its replica away where nobody says which one: of the fullest, one that follows."""
    directory, leader = cluster.directory(), cluster.leader(shard)
    voters = directory.shard(shard).voters

    def load(node: NodeId) -> tuple[int, bool]:
        return len(directory.shards_on(node)), node != leader

    return max(voters, key=load)


def _under_way(cluster: Cluster) -> str:
    shards = [str(each.shard) for each in cluster.directory().moves.under_way]
    return f": only shards {', '.join(shards)} are" if shards else ""
