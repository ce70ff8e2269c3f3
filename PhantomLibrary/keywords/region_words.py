"""What `Start Cluster` says of regions, and how the log tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.keywords.node_names import NO_NAMES, Names
from PhantomLibrary.keywords.times import AS_TOPOLOGY, NEVER, VirtualTime, in_seconds

if TYPE_CHECKING:
    from PhantomLibrary.domain.region_policy import RegionPolicy
    from PhantomLibrary.testbed.region_setup import RegionWish


def region_wish(
    said: Mapping[str, str], primary: str, writable: Names, times: Mapping[str, VirtualTime]
) -> RegionWish | None:
    """Return what was said, None where that is nothing. Raises InvalidInput for what contradicts itself."""
    from PhantomLibrary.testbed.region_setup import RegionWish

    if primary and writable != NO_NAMES:
        raise InvalidInput(f"primary={primary} and writable={writable} are both given: which regions take writes?")
    given: dict[str, Any] = {name: word for name, word in said.items() if word not in ("", AS_TOPOLOGY.text)}
    given |= {name: _limit_ns(time) for name, time in times.items() if time != AS_TOPOLOGY}
    wish = RegionWish(writable=(primary,) if primary else writable.names, **given)
    return None if wish == RegionWish() else wish


def _limit_ns(time: VirtualTime) -> int:
    """Return a time in nanoseconds; `never` is 0."""
    return time.or_none(NEVER) or 0


def described_policy(policy: RegionPolicy) -> str:
    """Return what regions promise, for the log: `asynchronous from eu, last writer wins`."""
    merge = f" by {policy.merge}" if policy.merge else ""
    limit = f", fail-over after {in_seconds(policy.fail_over_after_ns)}" if policy.fail_over_after_ns else ""
    back = f" and back after {in_seconds(policy.fail_back_after_ns)}" if policy.fail_back_after_ns else ""
    return f"{policy.replication} from {', '.join(policy.writable)}, {policy.conflicts}{merge}{limit}{back}"
