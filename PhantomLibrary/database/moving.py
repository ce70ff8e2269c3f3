"""Moves of replicas: which may be asked for, and when one has come to its end.

Pure functions of the directory and of what leaders report. How a move is carried out stands in repair.py, since its
steps are those of any other replacement: the target is a learner until it has caught up, then one joint change gives
it its vote and takes the source's, and the shard's epoch is another. A leader that is the source hands over first.
Nothing is remembered outside the directory, so whoever coordinates next goes on.

A plan is made from a version of the directory and refused by a later one: who carries out a plan that has lain about
would undo what came after it (the outage of DynamoDB's names of 2025-10-19).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from PhantomLibrary.database.config import SYSTEM_SHARD
from PhantomLibrary.database.directory import Directory
from PhantomLibrary.database.moves import CANCELLED, DONE, Move, Moves
from PhantomLibrary.domain import SECOND_NS, Configuration, NodeId, ShardId
from PhantomLibrary.domain.placement import ANY_VERSION, CancelMoves, ChangePlacement, MoveWish

_MOVES_MAX = 10_000

# --- what may be asked for ------------------------------------------------------------------------------------------


def with_plan(directory: Directory, plan: ChangePlacement, index: int) -> tuple[Directory, str]:
    """Return the directory with a plan that was taken up by the command at `index`; or the same one, and why not."""
    moves = directory.moves
    if plan.key == moves.plan:
        return directory, ""  # It is asked again.
    reason = why_not_placed(directory, plan)
    if reason:
        return directory, reason
    return replace(directory, version=index, moves=moves.with_plan(plan)), ""


def with_cancelled(directory: Directory, wish: CancelMoves, index: int) -> Directory:
    moves = directory.moves.cancelled(wish.shards)
    return directory if moves == directory.moves else replace(directory, version=index, moves=moves)


def with_ended(
    directory: Directory, outcomes: tuple[tuple[int, str], ...], led: tuple[ShardId, ...], index: int
) -> Directory:
    """Return the directory without moves that have ended and wishes for leaders that are fulfilled."""
    moves = directory.moves.with_ended(outcomes, led)
    return directory if moves is directory.moves else replace(directory, version=index, moves=moves)


def why_not_placed(directory: Directory, plan: ChangePlacement) -> str:
    """Return why a plan cannot be taken up, "" when it can."""
    if plan.version not in (ANY_VERSION, directory.version):
        return (
            f"{plan.key} was made from version {plan.version} of the directory, which is at version "
            f"{directory.version} by now: make another plan"
        )
    if len(plan.moves) + len(directory.moves.under_way) > _MOVES_MAX:
        return f"{len(plan.moves)} moves are too many: at most {_MOVES_MAX} can be under way"
    voters = {each.shard: each.voters for each in directory.shards}
    for wish in plan.moves:
        reason = _why_not_moved(directory, wish, voters.get(wish.shard))
        if reason:
            return reason
        voters[wish.shard] = (*(each for each in voters[wish.shard] if each != wish.source), wish.target)
    return next(
        (
            f"{node} holds no replica of shard {shard} that could lead it"
            for shard, node in plan.leaders
            if node not in voters.get(shard, ())
        ),
        "",
    )


def _why_not_moved(directory: Directory, wish: MoveWish, voters: Sequence[NodeId] | None) -> str:
    shard, source, target = wish.shard, wish.source, wish.target
    if voters is None:
        return f"no shard {shard}: there are shards {', '.join(str(each.shard) for each in directory.shards)}"
    if shard == SYSTEM_SHARD:
        return "shard 0, which holds the directory, moves only when a node that holds it leaves: decommission the node"
    if directory.reshapes.of(shard) is not None:
        return f"shard {shard} is being split or merged: move it when that is done"
    move = directory.moves.of(shard)
    if move is not None:
        return f"shard {shard} is moving already, from {move.source} to {move.target}: wait for that, or cancel it"
    for node, side in ((source, "its replicas move by themselves"), (target, "it takes no more replicas")):
        standing = directory.standing(node)
        if standing != "active":
            return f"{node} is {standing or 'no member of the cluster'}, so {side}"
    if source not in voters:
        return f"{source} holds no replica of shard {shard} that could move: {', '.join(voters)} do"
    if target in directory.shard(shard).members or target in voters:
        return f"{target} holds a replica of shard {shard} already: {', '.join(voters)} do"
    return ""


# --- what is left to be done of a move ------------------------------------------------------------------------------


def ends_of(move: Move | None, configuration: Configuration) -> tuple[NodeId, NodeId]:
    """Return the replica that a move is still to take away and the one that is to come in its place, "" for neither.

    A move that is taken back is completed when its target votes already.
    """
    if move is None or move.source not in configuration.voters:
        return "", ""
    if move.target in configuration.voters:
        return move.source, ""
    return ("", "") if move.is_cancelled else (move.source, move.target)


def may_go_on(moves: Moves, unavailable: Collection[NodeId]) -> set[int]:
    """Return the numbers of the moves that are carried out now: the first ones of different shards, as many as may go
    on at once. Those whose target cannot be reached stand back.
    """
    first: dict[ShardId, Move] = {}
    for move in moves.under_way:
        first.setdefault(move.shard, move)
    able = [each.number for each in first.values() if each.target not in unavailable]
    return set(able[: moves.at_once])


def patience_ns(move: Move) -> int:
    """Return how much longer than others the target of a move may take, for its copy is not to go faster."""
    return 2 * move.bytes * SECOND_NS // move.throttle if move.throttle else 0


# --- when a move has come to its end --------------------------------------------------------------------------------


def outcome_of(
    directory: Directory,
    move: Move,
    configuration: Configuration,
    *,
    overdue: Collection[tuple[ShardId, NodeId]],
    missing: Collection[NodeId],
) -> str:
    """Return how a move has ended, "" while it has not, given the shard's configuration, which must be settled.

    `overdue` are learners that take too long to catch up, `missing` nodes that have been away for long.
    """
    source, target = move.source, move.target
    if target in configuration.voters:
        return DONE if source not in configuration.members else ""
    if move.is_cancelled:
        return CANCELLED if target not in configuration.members else ""
    standing = directory.standing(target)
    if standing != "active":
        return f"{target} is {standing or 'no member of the cluster'}"
    if source not in configuration.voters:
        return f"{source} holds no replica of shard {move.shard} any more"
    if target in missing:
        return f"{target} is down"
    return f"{target} has not caught up in time" if (move.shard, target) in overdue else ""
