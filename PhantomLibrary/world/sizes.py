"""The sizes of machines that every topology knows. One that gives a size of that name means its own.

They are those of general-purpose virtual machines with a local or a network disk: four gigabytes and two to eight
cores, and one that a handful of operations keeps busy, for tests of load that have to be fast. The first three have no
limit of bandwidth: what a database of this kind sends does not come near the ten gigabits that such machines have.
"""

from __future__ import annotations

from PhantomLibrary.domain import MICROSECOND_NS
from PhantomLibrary.world.latency import Lognormal
from PhantomLibrary.world.topology import DiskSpec, SizeSpec
from PhantomLibrary.world.units import Bytes, BytesPerSecond, Millionths, Nanoseconds

_MB = 10**6
_GB = 10**9


def _disk(minimum_us: int, median_us: int, bandwidth: int) -> DiskSpec:
    latency = Lognormal(Nanoseconds(median_us * MICROSECOND_NS), Nanoseconds(minimum_us * MICROSECOND_NS))
    return DiskSpec(latency, BytesPerSecond(bandwidth))


STANDARD_SIZES: dict[str, SizeSpec] = {
    "tiny": SizeSpec(
        cores=1,
        memory=Bytes(_GB),
        speed=Millionths(20_000),
        disk=_disk(100, 1_000, 50 * _MB),
        network=BytesPerSecond(12_500_000),
    ),
    "small": SizeSpec(
        cores=2,
        memory=Bytes(4 * _GB),
        speed=Millionths(800_000),
        disk=_disk(300, 800, 200 * _MB),
    ),
    "medium": SizeSpec(cores=4, memory=Bytes(16 * _GB), disk=_disk(100, 400, 500 * _MB)),
    "large": SizeSpec(cores=8, memory=Bytes(64 * _GB), disk=_disk(50, 200, _GB)),
}
