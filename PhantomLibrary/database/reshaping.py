"""Splits and merges of shards: what may be asked for, and what is done next for those under way.

Pure functions, as in repair.py: of the directory, and of what leaders report. Nothing is remembered elsewhere, each
step is safe by itself, and one that is taken twice does nothing twice, so any coordinator goes on where the last one
stopped. Source, and what was decided otherwise: docs/adr/0014-splits-and-merges.md.

A split is one command in the log of the shard: whoever applies it has both halves. A merge takes three. The right shard
*freezes*: from there on it neither changes nor serves. Then its state goes through the log of the left one, which with
the last chunk has *absorbed* it, and serves its keys. Then the directory *forgets* the right one. To be taken back, a
merge has to be refused by the left shard first; only then may the right one serve again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from msgspec.structs import replace

from PhantomLibrary.database.census import ShardReport, TaskOrder
from PhantomLibrary.database.config import SYSTEM_SHARD, ShardDescriptor
from PhantomLibrary.database.directory import Directory
from PhantomLibrary.database.messages import EndTask
from PhantomLibrary.database.reshapes import DONE, EndedTask, Merge, Reshapes, Split, Task
from PhantomLibrary.domain import NodeId, ShardId
from PhantomLibrary.domain.placement import CancelReshape, MergeShards, SplitShard

CANCELLED = "it was cancelled"

Wish: TypeAlias = SplitShard | MergeShards | CancelReshape
TaskStep: TypeAlias = tuple[NodeId, TaskOrder] | EndTask

# --- what may be asked for ------------------------------------------------------------------------------------------


def with_wish(directory: Directory, wish: Wish, index: int) -> tuple[Directory, str]:
    """Return the directory in which a wish is taken up, by the command at `index`, and why it is not, "" when it is."""
    if isinstance(wish, CancelReshape):
        return _with_cancelled(directory, wish, index)
    if directory.reshapes.named(wish.key) is not None:
        return directory, ""  # It is asked again.
    reason = why_not_split(directory, wish) if isinstance(wish, SplitShard) else why_not_merge(directory, wish)
    if reason:
        return directory, reason
    task: Task
    if isinstance(wish, SplitShard):
        at = wish.at and directory.shard(wish.shard).token(wish.at)
        task = Split(index, wish.key, wish.shard, at, directory.reshapes.next_shard)
    else:
        task = Merge(index, wish.key, wish.left, wish.right)
    return _with(directory, directory.reshapes.with_task(task), index), ""


def why_not_split(directory: Directory, wish: SplitShard) -> str:
    """Return why a shard cannot be split so, "" when it can."""
    reason = _why_not(directory, wish.shard, "split")
    if reason:
        return reason
    shard = directory.shard(wish.shard)
    if wish.at and not shard.can_split_at(shard.token(wish.at)):
        return f"shard {wish.shard} cannot be split at {wish.at!r}: it holds {range_text(shard)}, give a key within"
    return ""


def why_not_merge(directory: Directory, wish: MergeShards) -> str:
    """Return why a shard cannot take over another one, "" when it can."""
    reason = _why_not(directory, wish.left, "merged") or _why_not(directory, wish.right, "merged")
    if reason:
        return reason
    left, right = directory.shard(wish.left), directory.shard(wish.right)
    moving = next((each for each in (wish.left, wish.right) if directory.moves.of(each) is not None), None)
    if moving is not None:
        return f"shards {left.shard} and {right.shard} cannot be merged: a replica of shard {moving} is being moved"
    if left.end and left.end == right.start:
        return ""
    behind = next((each.shard for each in _data(directory) if left.end and each.start == left.end), None)
    hint = f"shard {behind} begins there" if behind is not None else "no shard is behind it"
    return (
        f"shards {left.shard} and {right.shard} cannot be merged: shard {right.shard}, {range_text(right)}, does not "
        f"begin where shard {left.shard}, {range_text(left)}, ends: {hint}"
    )


def _why_not(directory: Directory, shard: ShardId, what: str) -> str:
    if shard == SYSTEM_SHARD:
        return f"shard {SYSTEM_SHARD} cannot be {what}: it holds the directory, and no keys of clients"
    if directory.find(shard) is None:
        known = ", ".join(str(each.shard) for each in _data(directory))
        gone = directory.reshapes.heir_of(shard)
        hint = f"shard {gone} took it over" if gone != shard else f"there are {known}"
        return f"no shard {shard} to be {what}: {hint}"
    task = directory.reshapes.of(shard)
    if task is None:
        return ""
    return f"shard {shard} cannot be {what} now: it is being {'split' if isinstance(task, Split) else 'merged'}"


def _data(directory: Directory) -> list[ShardDescriptor]:
    return [each for each in directory.shards if each.shard != SYSTEM_SHARD]


def range_text(shard: ShardDescriptor) -> str:
    """Return the keys of a shard, as people read them."""
    start = f"from {shard.start!r}" if shard.start else "from the first key"
    return f"{start} up to {shard.end!r}" if shard.end else f"{start} on"


def _with_cancelled(directory: Directory, wish: CancelReshape, index: int) -> tuple[Directory, str]:
    reshapes = directory.reshapes
    task = reshapes.of(wish.shard)
    if task is None:
        return directory, f"shard {wish.shard} is neither being split nor merged"
    if task.is_cancelled:
        return directory, ""
    cancelled = replace(task, is_cancelled=True)
    under_way = tuple(cancelled if each is task else each for each in reshapes.under_way)
    return _with(directory, replace(reshapes, under_way=under_way), index), ""


def _with(directory: Directory, reshapes: Reshapes, index: int) -> Directory:
    return replace(directory, version=index, reshapes=reshapes)


# --- what has come about --------------------------------------------------------------------------------------------


def with_task_ended(directory: Directory, command: EndTask, index: int) -> Directory:
    """Return the directory in which a task has come to its end, by the command at `index`."""
    task = directory.reshapes.numbered(command.number)
    if task is None:
        return directory
    shards = directory.shards
    if command.outcome == DONE:
        assert command.left is not None
        left = command.left
        gone = task.right if isinstance(task, Merge) else None
        shards = tuple(left if each.shard == left.shard else each for each in shards if each.shard != gone)
        if command.right is not None:
            shards = (*shards, command.right)
    changed = replace(directory, shards=shards)
    return _with(changed, directory.reshapes.with_ended(task, command.outcome), index)


def outcome_of(directory: Directory, name: str) -> str:
    """Return how the task of this name has ended, "" while it is under way or not known."""
    task = directory.reshapes.named(name)
    return task.outcome if isinstance(task, EndedTask) else ""


# --- what is to be done next ----------------------------------------------------------------------------------------


class Leading(Protocol):
    """A shard as its leader reports it, and who that is."""

    @property
    def leader(self) -> NodeId: ...
    @property
    def report(self) -> ShardReport: ...


def task_steps(directory: Directory, term: int, led: Mapping[ShardId, Leading]) -> list[TaskStep]:
    """Return the next step of each task that can go on."""
    steps = []
    for task in directory.reshapes.under_way:
        step = _split_step(task, term, led) if isinstance(task, Split) else _merge_step(task, term, led)
        if step is not None:
            steps.append(step)
    return steps


def _split_step(task: Split, term: int, led: Mapping[ShardId, Leading]) -> TaskStep | None:
    leading = led.get(task.shard)
    if leading is None:
        return None
    shape = leading.report.shape
    if shape.task < task.number:
        return leading.leader, TaskOrder(task.shard, term, task, "refuse" if task.is_cancelled else "split")
    if shape.refusal:
        return EndTask(task.number, shape.refusal)
    return EndTask(task.number, DONE, leading.report.descriptor, shape.heir)


def _merge_step(task: Merge, term: int, led: Mapping[ShardId, Leading]) -> TaskStep | None:
    left, right = led.get(task.left), led.get(task.right)
    if left is None:
        return None
    shape = left.report.shape
    if shape.task >= task.number:
        if not shape.refusal:
            return EndTask(task.number, DONE, left.report.descriptor)
        if right is None:
            return None
        if right.report.shape.task >= task.number:
            return EndTask(task.number, shape.refusal)
        return right.leader, TaskOrder(task.right, term, task, "refuse")
    if task.is_cancelled:
        return left.leader, TaskOrder(task.left, term, task, "refuse")
    if right is None:
        return None
    if right.report.shape.frozen == task.number:
        return left.leader, TaskOrder(task.left, term, task, "absorb", right.leader)
    return right.leader, TaskOrder(task.right, term, task, "freeze")
