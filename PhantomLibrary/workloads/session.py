"""What a client holds on to the database by: one session, through one gateway at a time.

The session is implemented by whoever speaks to a database; workloads know no more of it than this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from PhantomLibrary.domain import Answer, NodeId, Operation


class Session(Protocol):
    """One client's way into the database. It carries one operation at a time."""

    node: NodeId
    """The gateway that the session speaks to now; it may change while a call is under way."""

    async def call(self, operation: Operation) -> Answer:
        """Perform one operation, retrying where that is safe. Cancelled is raised inside a call that is given up."""

    def close(self) -> None:
        """Give the session up. Nothing is called after that."""


OpenSession: TypeAlias = Callable[[int], Session]
"""Opens a session for the process of that number."""
