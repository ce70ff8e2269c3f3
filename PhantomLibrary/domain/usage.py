"""How much of a machine is used: readings of its meters, and the usage between two of them.

A reading is cumulative, as `/proc/stat` is: two of them, however far apart, give the exact usage of the time between,
and one that was lost is no loss. All shares are in millionths of what the machine has, and rounded down.
"""

from __future__ import annotations

from msgspec import Struct

from PhantomLibrary.domain import SECOND_NS

MILLION = 1_000_000


class Account(Struct, frozen=True, gc=False):
    """What a process itself keeps count of: the bytes that it holds, and what clients have asked it for."""

    memory_bytes: int = 0
    operations: int = 0
    transactions: int = 0


class Reading(Struct, frozen=True, gc=False, array_like=True):
    """What a machine has spent since it was built, and holds now, by its own count.

    `elapsed_ns` is how long the world has existed. `cpu_ns` sums over all cores. `disk_ns` and `network_ns` are the
    times in which the disk served a write, and in which the network card was sending; a card without a limit takes
    no time. `operations` and `transactions` count what clients asked this incarnation for.
    """

    elapsed_ns: int
    incarnation: int
    cores: int
    memory_bytes_max: int
    cpu_ns: int
    disk_ns: int
    network_ns: int
    memory_bytes: int = 0
    operations: int = 0
    transactions: int = 0


class NodeUsage(Struct, frozen=True, gc=False, array_like=True):
    """How much of a node was used over some time: shares in millionths of its capacity, and what clients asked for.

    Memory is what was held at the end of that time. A node that was down all the time has used nothing.
    """

    cpu_ppm: int = 0
    memory_ppm: int = 0
    disk_ppm: int = 0
    network_ppm: int = 0
    operations_per_s: int = 0
    transactions_per_s: int = 0


def usage_between(before: Reading, after: Reading) -> NodeUsage:
    """Return the usage between two readings of one machine; none where no time lies between them.

    What an incarnation that has ended was asked for between its last reading and its end is not known.
    """
    elapsed_ns = after.elapsed_ns - before.elapsed_ns
    if elapsed_ns <= 0:
        return NodeUsage(memory_ppm=after.memory_bytes * MILLION // after.memory_bytes_max)
    is_same = after.incarnation == before.incarnation
    return NodeUsage(
        cpu_ppm=(after.cpu_ns - before.cpu_ns) * MILLION // (elapsed_ns * after.cores),
        memory_ppm=after.memory_bytes * MILLION // after.memory_bytes_max,
        disk_ppm=(after.disk_ns - before.disk_ns) * MILLION // elapsed_ns,
        network_ppm=(after.network_ns - before.network_ns) * MILLION // elapsed_ns,
        operations_per_s=(after.operations - before.operations * is_same) * SECOND_NS // elapsed_ns,
        transactions_per_s=(after.transactions - before.transactions * is_same) * SECOND_NS // elapsed_ns,
    )
