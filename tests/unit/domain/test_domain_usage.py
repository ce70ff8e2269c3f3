"""Usage follows from two readings, whatever lies between them."""

from __future__ import annotations

from msgspec.structs import replace

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.domain.usage import NodeUsage, Reading, usage_between

_FIRST = Reading(
    elapsed_ns=10 * SECOND_NS,
    incarnation=1,
    cores=4,
    memory_bytes_max=1_000,
    cpu_ns=5 * SECOND_NS,
    disk_ns=SECOND_NS,
    network_ns=0,
    memory_bytes=100,
    operations=700,
    transactions=7,
)


def test_usage_is_what_was_spent_of_what_there_was() -> None:
    second = replace(
        _FIRST,
        elapsed_ns=12 * SECOND_NS,
        cpu_ns=9 * SECOND_NS,
        disk_ns=2 * SECOND_NS,
        network_ns=SECOND_NS // 2,
        memory_bytes=250,
        operations=900,
        transactions=8,
    )
    assert usage_between(_FIRST, second) == NodeUsage(500_000, 250_000, 500_000, 250_000, 100, 0)


def test_shares_are_rounded_down_so_that_a_full_machine_alone_is_full() -> None:
    almost = replace(_FIRST, elapsed_ns=12 * SECOND_NS, cpu_ns=_FIRST.cpu_ns + 8 * SECOND_NS - 1)
    full = replace(almost, cpu_ns=_FIRST.cpu_ns + 8 * SECOND_NS)
    assert usage_between(_FIRST, almost).cpu_ppm == 999_999
    assert usage_between(_FIRST, full).cpu_ppm == 1_000_000


def test_a_new_incarnation_counts_its_operations_from_zero() -> None:
    second = replace(_FIRST, elapsed_ns=11 * SECOND_NS, incarnation=2, operations=30, transactions=3)
    usage = usage_between(_FIRST, second)
    assert (usage.operations_per_s, usage.transactions_per_s) == (30, 3)


def test_no_time_has_no_usage_but_memory() -> None:
    assert usage_between(_FIRST, _FIRST) == NodeUsage(memory_ppm=100_000)
