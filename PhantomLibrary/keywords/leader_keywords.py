"""Keywords that decide who leads."""

from __future__ import annotations

from robotlibcore import keyword

from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.node_names import NodeRef


class LeaderKeywords(Component):
    """Keywords of leadership."""

    @keyword(tags=("cluster",))
    def transfer_leadership(self, shard: int, target: NodeRef, *, wait: bool = True) -> str:
        """Has the leader of a shard hand over to another replica, without an election time-out. Returns its name.

        The leader brings its successor up to date, lets writes wait meanwhile, and gives up after one election
        timeout. With ``wait=no`` virtual time stands still, and whether it succeeds shows later.

        Fails when the shard has no leader, when ``target`` leads it already or is no voter of it, and when it has not
        taken over in time.

        Example:
        | `Transfer Leadership` | 1 | follower of shard 1 |
        | `Transfer Leadership` | 1 | n2 | wait=no |
        """
        cluster = self._cluster
        cluster.check_shard(shard)
        run = cluster.run
        leader = run.leader(shard)
        successor = str(cluster.perform("transfer leadership", target.text, shard=shard))
        cluster.tell(f"{leader} hands shard {shard} to {successor}")
        if not wait:
            return successor
        replica = run.processes[leader].replicas[shard]
        since_ns, timeout_ns = run.now_ns, run.layout.config.election_timeout_ns

        def is_decided() -> bool:
            return run.leader(shard) not in ("", leader) or bool(replica.transfer_failure)

        # Twice as long as the leader gives it, for its clock may be slow, and one who was asked in time may win later.
        cluster.advance(2 * timeout_ns, is_decided)
        now_leads = run.leader(shard)
        if now_leads != successor:
            reason = replica.transfer_failure or f"{now_leads or 'nobody'} leads shard {shard}, not {successor}"
            cluster.fail("LDR-003", f"{leader} did not hand over: {reason}")
        took_ms = (run.now_ns - since_ns) // 1_000_000
        cluster.tell(f"{successor} leads shard {shard}, after {took_ms} ms")
        return successor
