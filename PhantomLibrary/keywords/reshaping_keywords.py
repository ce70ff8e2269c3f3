"""Keywords by which shards split and merge while the cluster runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from robotlibcore import keyword

from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.times import in_seconds

if TYPE_CHECKING:
    from PhantomLibrary.keywords.cluster import Cluster
    from PhantomLibrary.testbed.reshaping import ReshapeWish

_TASK_NS_MAX = 60_000_000_000


class ReshapingKeywords(Component):
    """Keywords of splits and merges."""

    @keyword(tags=("rebalancing",))
    def split_shard(self, shard: int, *, key: str = "middle", wait: bool = True) -> int:
        """Splits a shard in two while the cluster runs. Returns the number of the new shard.

        The shard keeps the keys before ``key``; from there on they belong to the new shard, which begins on the same
        nodes. ``key=middle`` takes the one that divides the keys it holds evenly. Clients go on meanwhile: no write is
        lost or done twice. With ``wait=no`` virtual time stands still, and `Run Until` ``split finished`` waits for it.

        Fails when the shard is unknown, is shard 0, is being split or merged already, does not hold the key or begins
        with it, and when it is not split in time.

        Example:
        | ${right} = | `Split Shard` | 1 |
        | `Split Shard` | 2 | key=k75 | wait=no |
        """
        cluster = self._cluster
        cluster.check_shard(shard)
        new_shard = cluster.run.directory().reshapes.next_shard
        wish = cluster.perform("split shard", shard=shard, key=key)
        cluster.tell(f"splits shard {shard} at {key}")
        return _wait_for_task(cluster, wish) if wait else int(new_shard)

    @keyword(tags=("rebalancing",))
    def merge_shards(self, left: int, right: int, *, wait: bool = True) -> None:
        """Merges a shard into the one before it while the cluster runs: ``left`` takes over all keys of ``right``.

        ``right`` has to begin where ``left`` ends; they may be on different nodes. For the time that it takes to copy
        what ``right`` holds, its clients wait. With ``wait=no`` virtual time stands still, and `Run Until`
        ``merge finished`` waits for it.

        Fails when a shard is unknown or shard 0, when they are no neighbours in this order, when one of them is being
        split, merged or moved already, when the merge is cancelled, and when it does not come to its end in time.

        Example:
        | `Merge Shards` | 1 | 2 |
        """
        cluster = self._cluster
        cluster.check_shard(left)
        cluster.check_shard(right)
        wish = cluster.perform("merge shards", left=left, right=right)
        cluster.tell(f"merges shard {right} into shard {left}")
        if wait:
            _wait_for_task(cluster, wish)

    @keyword(tags=("rebalancing",))
    def cancel_merge(self, shard: int, *, wait: bool = True) -> bool:
        """Takes back the merge or split that a shard takes part in. Returns whether that was still possible.

        A merge can be taken back until the left shard has taken over the right one, which then serves again. With
        ``wait=no`` virtual time stands still, and what is returned says nothing.

        Fails when the shard is neither being split nor merged, and when no end of it is to be seen in time.

        Example:
        | `Merge Shards` | 1 | 2 | wait=no |
        | `Cancel Merge` | 1 |
        """
        from PhantomLibrary.database.reshapes import DONE, EndedTask

        cluster = self._cluster
        cluster.check_shard(shard)
        run = cluster.run
        under_way = run.directory().reshapes.of(shard)
        cluster.perform("cancel reshape", shard=shard)
        cluster.tell(f"takes back what shard {shard} takes part in")
        if not wait or under_way is None:
            return True
        if not cluster.advance(_TASK_NS_MAX, lambda: run.directory().reshapes.of(shard) is None):
            cluster.fail("RSH-001", f"shard {shard} still takes part in it after {in_seconds(_TASK_NS_MAX)}")
        ended = run.directory().reshapes.named(under_way.name)
        return not (isinstance(ended, EndedTask) and ended.outcome == DONE)


def _wait_for_task(cluster: Cluster, wish: ReshapeWish) -> int:
    """Let time go on until a task has ended; fail unless it was done. Returns the shard that came of it."""
    from PhantomLibrary.database.reshapes import DONE
    from PhantomLibrary.testbed.reshaping import ended, new_shard, refusal

    run, name = cluster.run, wish.wish.key
    since_ns = run.now_ns
    is_over = cluster.advance(_TASK_NS_MAX, lambda: ended(run, wish) is not None or refusal(wish) != "")
    if refusal(wish):
        cluster.fail("RSH-001", f"shard 0 did not take {name} up: {refusal(wish)}")
    task = ended(run, wish)
    if not is_over or task is None:
        cluster.fail("RSH-001", f"{name} is still under way after {in_seconds(_TASK_NS_MAX)}")
    if task.outcome != DONE:
        cluster.fail("RSH-001", f"{name} was not done: {task.outcome}")
    cluster.tell(f"did so, after {(run.now_ns - since_ns) // 1_000_000} ms")
    return int(new_shard(task))
