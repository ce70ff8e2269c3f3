"""Verbs of shards that split and merge while the cluster runs.

The operator asks shard 0 through a gateway, as a client does; the rest the database does by itself. A wish that makes
no sense is refused before anything has happened.
"""

from __future__ import annotations

from msgspec import Struct

from PhantomLibrary.database.reshapes import EndedTask, Split
from PhantomLibrary.database.reshaping import Wish, why_not_merge, why_not_split
from PhantomLibrary.domain import Answer, Ok, ShardId
from PhantomLibrary.domain.placement import CancelReshape, MergeShards, SplitShard
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.kernel.tasks import Task
from PhantomLibrary.testbed.cluster import Cluster
from PhantomLibrary.testbed.schedule import Command

MIDDLE = "middle"


class ReshapeWish(Struct, frozen=True):
    """What an operator has asked for, and the answer to come."""

    wish: Wish
    task: Task[Answer]


def split_shard(cluster: Cluster, command: Command) -> ReshapeWish:
    """Ask that a shard be split at a key, or in the middle of its keys."""
    arguments = command.arguments
    at = arguments.get("key", MIDDLE)
    wish = SplitShard(_name(cluster, command), arguments["shard"], "" if at == MIDDLE else at)
    _check(cluster, why_not_split(cluster.directory(), wish), wish.shard)
    if not at:
        raise InvalidInput("a shard cannot be split at the empty key: give one that it holds, or 'middle'")
    return _asked(cluster, wish)


def merge_shards(cluster: Cluster, command: Command) -> ReshapeWish:
    """Ask that a shard take over the one behind it."""
    arguments = command.arguments
    wish = MergeShards(_name(cluster, command), arguments["left"], arguments["right"])
    if wish.left == wish.right:
        raise InvalidInput(f"shard {wish.left} cannot be merged with itself: give the one behind it as the second")
    _check(cluster, why_not_merge(cluster.directory(), wish), wish.left, wish.right)
    return _asked(cluster, wish)


def cancel_reshape(cluster: Cluster, command: Command) -> ReshapeWish:
    """Ask that the split or merge that a shard takes part in be taken back."""
    shard = command.arguments["shard"]
    if cluster.directory().reshapes.of(shard) is None:
        raise InvalidState(f"shard {shard} is neither being split nor merged")
    return _asked(cluster, CancelReshape(_name(cluster, command), shard))


def _check(cluster: Cluster, reason: str, *shards: ShardId) -> None:
    if reason:
        is_known = all(cluster.directory().find(each) is not None for each in shards)
        raise (InvalidState if is_known else InvalidInput)(reason)


def _name(cluster: Cluster, command: Command) -> str:
    return f"{command.verb} {cluster.reshape_wishes + 1}"


def _asked(cluster: Cluster, wish: Wish | CancelReshape) -> ReshapeWish:
    cluster.reshape_wishes += 1  # Only now: one that was refused leaves no trace, for no replay would have it.
    return ReshapeWish(wish, cluster.operator.ask(wish))


def refusal(asked: ReshapeWish) -> str:
    """Return why a wish was not taken up, "" while it may be, or was."""
    answer = asked.task.result if asked.task.is_done else Ok("")
    return (answer.value or "") if isinstance(answer, Ok) else answer.reason


def ended(cluster: Cluster, asked: ReshapeWish) -> EndedTask | None:
    """Return how the task of a wish has ended, as far as any node has heard; None before."""
    task = cluster.directory().reshapes.named(asked.wish.key)
    return task if isinstance(task, EndedTask) else None


def new_shard(task: EndedTask) -> ShardId:
    """Return which shard came of a split, or what is left of a merge."""
    return task.task.new if isinstance(task.task, Split) else task.task.left
