"""What a program on a simulated node sees of the world, and what the world sees of it.

The database is written against `Env`; the simulated world implements it. Neither imports the other.

After a crash the world drops the process with every callback it was owed: its Env does nothing from then on, and
the next incarnation starts from what `disk` holds.
"""

from __future__ import annotations

from typing import Any, Protocol

from PhantomLibrary.domain import NodeId
from PhantomLibrary.domain.usage import Account, Reading
from PhantomLibrary.kernel.streams import Stream


class TurnedAway:
    """Stands for a message that was refused unread, where somebody asks what handling costs."""


class ReadError(Exception):
    """A disk could not read back what it holds. What else it holds is not concerned."""


class Disk(Protocol):
    """Named files of bytes. What was written is durable only after a `sync` that began later has come back.

    Each write is kept in order: a crash keeps a prefix of the writes that were not yet synced, and perhaps a part of
    the appends after it, whose sectors may have been written in any order.

    A write that fails is told by the sync that covers it, once: what it said is gone, and later syncs are good again.
    """

    def append(self, file: str, content: bytes) -> None:
        """Add to the end of a file, making it if need be."""

    def replace(self, file: str, content: bytes) -> None:
        """Give a file this content, all or nothing."""

    def remove(self, file: str) -> None:
        """Remove a file if it is there."""

    def read(self, file: str) -> bytes:
        """Return what was last written, b"" for a file that is not there. Raises ReadError."""

    def files(self) -> list[str]:
        """Return the names of all files, sorted."""

    def has_room(self) -> bool:
        """Return whether the disk would take another write now. One that is made all the same fails."""

    def sync(self, token: int) -> None:
        """Make all that was written so far durable, then call `synced(token, error)` of the process."""


class Env(Protocol):
    """A node, as the process on it sees it. All times are integer nanoseconds."""

    node: NodeId
    incarnation: int
    disk: Disk

    def monotonic_ns(self) -> int:
        """Return the node's monotonic clock, for timers and leases: it drifts, and never jumps."""

    def wall_ns(self) -> int:
        """Return the node's wall clock: it has an offset, drifts and may jump, even backwards."""

    def random(self, name: str) -> Stream:
        """Return a random stream of this node's own."""

    def send(self, to: str, message: Any) -> None:
        """Send an immutable message to a node or client. It may be lost, late, doubled or overtaken."""

    def set_deadline(self, name: str, at_ns: int) -> None:
        """Ask for `fire(name)` when the monotonic clock reads `at_ns`. Replaces an earlier deadline of that name."""

    def waited_ns(self) -> int:
        """Return how long the message that is handled now has waited for the processor: 0 on an idle one."""

    def work(self, cost_ns: int) -> None:
        """Say that what is handled now takes so much more processor time, on a machine of speed 1, than such messages
        do. What is sent from here on leaves that much later.
        """

    def turn_away(self) -> None:
        """Say that the message that is handled now was refused unread: it costs no more than a `TurnedAway`."""

    def reading(self) -> Reading:
        """Read the meters of this machine: how much of it is used, this process's own account included."""

    def halt(self, reason: str) -> None:
        """End this process at once, as a crash of the node does. A supervisor starts it again after a while."""


class Process(Protocol):
    """A program on a node. Handlers return at once; the world charges their time to the node's processor."""

    def start(self, env: Env) -> None:
        """Begin, or begin again after a crash, from what the disk holds."""

    def receive(self, sender: str, message: Any) -> None:
        """A message arrived."""

    def fire(self, deadline: str) -> None:
        """A deadline has passed."""

    def synced(self, token: int, error: str) -> None:
        """A sync has come back; `error` is empty when it succeeded."""

    def account(self) -> Account:
        """Return what this process keeps count of. Changes nothing."""
