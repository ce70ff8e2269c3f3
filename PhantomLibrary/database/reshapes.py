"""What is known of shards that split and merge: in the directory what is under way, in each shard what became of it.

A task is a wish that shard 0 has written down. Its number, the index of that command, names it in the logs of the
shards concerned: each of them does a task once, in the order of numbers, and refuses one that comes after its end.
Values only: what may be asked for, and what is done next, is in reshaping.py.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from PhantomLibrary.database.config import ShardDescriptor
from PhantomLibrary.domain import ShardId

DONE = "done"
_ENDED_MAX = 64  # Of more than that nobody asks any more how they ended.

# --- in the directory -----------------------------------------------------------------------------------------------


class Split(Struct, frozen=True, array_like=True, tag="split"):
    """Shard `shard` keeps the keys before `key`, and shard `new` takes the others. `key` "" means the middle one.

    Where shards are ranges of hashes, it is one of those.
    """

    number: int
    name: str
    shard: ShardId
    key: str
    new: ShardId
    is_cancelled: bool = False

    @property
    def shards(self) -> tuple[ShardId, ...]:
        return (self.shard,)


class Merge(Struct, frozen=True, array_like=True, tag="merge"):
    """Shard `left` takes over all keys of `right`, which begins where it ends."""

    number: int
    name: str
    left: ShardId
    right: ShardId
    is_cancelled: bool = False

    @property
    def shards(self) -> tuple[ShardId, ...]:
        return (self.left, self.right)


Task: TypeAlias = Split | Merge


class EndedTask(Struct, frozen=True, array_like=True):
    """A task that has ended: `done`, or why not."""

    task: Task
    outcome: str


class Reshapes(Struct, frozen=True, array_like=True):
    """`next_shard` is the number of the next new shard: none is ever given twice.

    `under_way` are tasks in the order in which they were asked for, at most one a shard; `ended` the latest ones,
    oldest first. `absorbed` says which shard has taken over which, `born` by which task a shard came.
    """

    next_shard: ShardId = 0
    under_way: tuple[Task, ...] = ()
    ended: tuple[EndedTask, ...] = ()
    absorbed: tuple[tuple[ShardId, ShardId], ...] = ()
    born: tuple[tuple[ShardId, int], ...] = ()

    def of(self, shard: ShardId) -> Task | None:
        """Return the task under way that concerns a shard."""
        return next((each for each in self.under_way if shard in each.shards), None)

    def named(self, name: str) -> Task | EndedTask | None:
        """Return the task of this name, under way or ended lately."""
        under_way = next((each for each in self.under_way if each.name == name), None)
        return under_way or next((each for each in reversed(self.ended) if each.task.name == name), None)

    def numbered(self, number: int) -> Task | None:
        """Return the task under way of this number."""
        return next((each for each in self.under_way if each.number == number), None)

    def heir_of(self, shard: ShardId) -> ShardId:
        """Return which shard has the keys of one that may have been absorbed."""
        heirs = dict(self.absorbed)
        while shard in heirs:
            shard = heirs[shard]
        return shard

    def is_absorbed(self, shard: ShardId) -> bool:
        return any(each == shard for each, _ in self.absorbed)

    def birth_of(self, shard: ShardId) -> int:
        """Return the number of the task by which a shard comes or came, 0 for one from the beginning."""
        coming = (each.number for each in self.under_way if isinstance(each, Split) and each.new == shard)
        return dict(self.born).get(shard) or next(coming, 0)

    def with_task(self, task: Task) -> Reshapes:
        """Return these with a task that was taken up."""
        next_shard = task.new + 1 if isinstance(task, Split) else self.next_shard
        return replace(self, next_shard=next_shard, under_way=(*self.under_way, task))

    def with_ended(self, task: Task, outcome: str) -> Reshapes:
        """Return these when a task has come to its end."""
        under_way = tuple(each for each in self.under_way if each.number != task.number)
        ended = (*self.ended, EndedTask(task, outcome))[-_ENDED_MAX:]
        absorbed, born = self.absorbed, self.born
        if outcome == DONE:
            if isinstance(task, Merge):
                absorbed = (*absorbed, (task.right, task.left))
            else:
                born = (*born, (task.new, task.number))
        return replace(self, under_way=under_way, ended=ended, absorbed=absorbed, born=born)


# --- in a shard -----------------------------------------------------------------------------------------------------


class Absorbing(Struct, frozen=True, array_like=True):
    """The first chunks of another shard's frozen state, which came by a task."""

    task: int
    chunks: tuple[bytes, ...] = ()


class Shape(Struct, frozen=True, array_like=True):
    """What a shard replicates of its splits and merges.

    `task` is the number of the last task that has ended here, and `refusal` why it was refused, "" when it was done.
    `heir` is the shard that was split off last, as it was then. `frozen` is the task for which this shard has stopped
    to serve, 0 while it serves. `widened` is the index at which it last took over another one. While `is_joint` its
    members are being changed.
    """

    task: int = 0
    refusal: str = ""
    heir: ShardDescriptor | None = None
    frozen: int = 0
    absorbing: Absorbing | None = None
    widened: int = 0
    is_joint: bool = False


class Offspring(Struct, frozen=True):
    """A shard that was split off: who it is, and the state with which it begins."""

    descriptor: ShardDescriptor
    chunks: tuple[bytes, ...]
