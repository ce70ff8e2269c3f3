"""Who takes writes: what is decided of that, from what shards say of how far they are.

A *switch-over* loses nothing: first nobody takes writes, then the heir gets what others have written, then it takes
writes. A *fail-over* does not wait for a region that nobody can reach: what that one has told nobody is missing
until it is back, and may then have been written over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct
from msgspec.structs import replace

from PhantomLibrary.database.regions.messages import Position
from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.domain.region_policy import RegionPolicy, count_in, covers
from PhantomLibrary.errors import nearest

_LEVEL_NS = SECOND_NS
"""Two beats of the feed: a region that was level so shortly ago has everything but what is on its way."""

Positions = Mapping[str, Position | None]
"""By slot, None of a shard that did not answer."""


class Decision(Struct, frozen=True):
    """What becomes of a fail-over: the policy that is to hold, or why not. `missing` writes the region is known to lack
    at that time, and it was level `behind_ns` ago, None where that is not known.
    """

    policy: RegionPolicy | None
    refusal: str = ""
    missing: int = 0
    behind_ns: int | None = 0


def why_no_member(policy: RegionPolicy, region: str) -> str:
    """Return why a region cannot be meant, "" if it can."""
    if region in policy.members:
        return ""
    return f"no region {region!r}: members are {', '.join(policy.members)}{nearest(region, policy.members)}"


def decide(policy: RegionPolicy, region: str, positions: Mapping[str, Positions], *, is_forced: bool) -> Decision:
    """Decide about a fail-over to a region from the one that takes writes; `positions` are those of all members."""
    primary, there = policy.writable[0], positions[region]
    silent = [slot for slot, each in there.items() if each is None]
    if silent:
        return Decision(None, f"region {region} cannot take writes: its shard from {silent[0]!r} on does not answer")
    if all(each is not None for each in positions[primary].values()):
        return Decision(replace(policy, epoch=policy.epoch + 1, writable=(), heir=region))
    missing, behind_ns = missing_in(region, primary, positions), behind_of(primary, there)
    is_level = behind_ns is not None and behind_ns <= policy.lag_max_ns
    if is_forced or is_level or not may_lose(policy, region, positions):
        # What other regions have it can still get, and may have been confirmed because they have it.
        writable, heir = ((), region) if missing else ((region,), "")
        new = replace(policy, epoch=policy.epoch + 1, writable=writable, heir=heir)
        return Decision(new, missing=missing, behind_ns=behind_ns)
    when = "it is not known when" if behind_ns is None else f"{behind_ns / SECOND_NS:.1f} s ago"
    refusal = (
        f"region {region} is too far behind: {when} it last had all that region {primary} had written, and lag_max is "
        f"{policy.lag_max_ns / SECOND_NS:g} s; other regions have {missing} writes that it lacks, and of what only "
        f"region {primary} has nobody knows: force the fail-over if that may be lost"
    )
    return Decision(None, refusal, missing, behind_ns)


def may_lose(policy: RegionPolicy, region: str, positions: Mapping[str, Positions]) -> bool:
    """Return whether something may have been confirmed that neither a region nor anybody it can ask has."""
    if policy.replication == "synchronous":
        return False
    others = [each for each in policy.members if each != region and each not in policy.writable]
    silent = [each for each in others if None in positions[each].values()]
    return policy.replication == "asynchronous" or bool(silent)


def missing_in(region: str, primary: str, positions: Mapping[str, Positions]) -> int:
    """Return how many writes of the primary others are known to have that a region lacks."""
    missing = 0
    for slot, here in positions[region].items():
        known = [each.get(slot) for each in positions.values()]
        most = max((count_in(each.vector, primary) for each in known if each is not None), default=0)
        missing += most - (count_in(here.vector, primary) if here is not None else 0)
    return missing


def behind_of(primary: str, there: Positions) -> int | None:
    """Return how long ago a region was last level with another, in its slot that is furthest behind."""
    lags: list[int] = []
    for each in there.values():
        heard = dict(each.heard) if each is not None else {}
        if primary not in heard:
            return None
        lags.append(heard[primary])
    return max(lags, default=None)


def handed_over(
    policy: RegionPolicy, positions: Mapping[str, Positions], *, given_up: Collection[str]
) -> RegionPolicy | None:
    """Return the policy in which the heir takes writes, None while it lacks something that another member has, or may
    still come to have: whoever does not answer is waited for, unless it is `given_up`.
    """
    here = positions[policy.heir]
    for region in policy.members:
        for slot, there in positions[region].items():
            own = here[slot]
            if own is None or (there is None and region not in given_up):
                return None
            if there is not None and (there.policy.epoch < policy.epoch or not covers(own.vector, there.vector)):
                return None
    return replace(policy, epoch=policy.epoch + 1, writable=(policy.heir,), heir="")


def best_heir(policy: RegionPolicy, positions: Mapping[str, Positions]) -> str:
    """Return the member that is least behind the one that takes writes, and not too far; "" if none is."""
    primary = policy.writable[0]
    lags = []
    for number, region in enumerate(policy.members):
        if region == primary or any(each is None for each in positions[region].values()):
            continue
        behind_ns = behind_of(primary, positions[region])
        if behind_ns is not None and behind_ns <= policy.lag_max_ns:
            lags.append((behind_ns, number, region))
    return min(lags)[2] if lags else ""


def back_home(policy: RegionPolicy, positions: Mapping[str, Positions]) -> RegionPolicy | None:
    """Return the policy in which the home is about to take over, None while it lacks more than it gets in a moment."""
    there = positions[policy.home]
    behind_ns = behind_of(policy.writable[0], there)
    if None in there.values() or behind_ns is None or behind_ns > _LEVEL_NS:
        return None
    return replace(policy, epoch=policy.epoch + 1, writable=(), heir=policy.home)


def forgotten(policy: RegionPolicy, region: str) -> RegionPolicy | str:
    """Return the policy without a region, or why it cannot be forgotten."""
    members = tuple(each for each in policy.members if each != region)
    writable = tuple(each for each in policy.writable if each != region)
    if not members:
        return f"region {region} is the only one there is"
    if policy.heir or not writable:
        return f"region {region} is the only one that takes writes: fail over to another one first"
    return replace(policy, epoch=policy.epoch + 1, members=members, writable=writable)
