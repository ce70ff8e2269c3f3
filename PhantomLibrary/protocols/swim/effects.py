"""What a detector asks of its host, and the events that come from the host.

A detector owns neither clock nor randomness: times are the node's monotonic nanoseconds, the spread of a deadline is
drawn by the host, and so is the order in which members are probed.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.domain import MemberState, NodeId
from PhantomLibrary.protocols.swim.messages import SwimMessage

Membership: TypeAlias = Literal["joining", "active", "decommissioning", "removed"]

# --- effects --------------------------------------------------------------------------------------------------------


class Send(Struct, frozen=True, gc=False):
    to: NodeId
    message: SwimMessage


class SetDeadline(Struct, frozen=True, gc=False):
    """Send `DeadlinePassed(name)` after this long plus a random part below `spread_ns`, which the host draws."""

    name: str
    after_ns: int
    spread_ns: int = 0


class DrawOrder(Struct, frozen=True, gc=False):
    """Answer with `OrderDrawn`: these members in a random order."""

    members: tuple[NodeId, ...]


class Show(Struct, frozen=True, gc=False):
    """This node now holds a member to be in this state. `accuser` began the suspicion, if it is one."""

    member: NodeId
    state: MemberState
    incarnation: int
    accuser: NodeId


Effect: TypeAlias = Send | SetDeadline | DrawOrder | Show

# --- events that are not messages -----------------------------------------------------------------------------------


class DeadlinePassed(Struct, frozen=True, gc=False):
    name: str


class OrderDrawn(Struct, frozen=True, gc=False):
    members: tuple[NodeId, ...]


class MembersChanged(Struct, frozen=True, gc=False):
    """The members as the cluster's metadata has them, all of them. Who is not among them has been removed."""

    members: tuple[tuple[NodeId, Membership], ...]


Event: TypeAlias = SwimMessage | DeadlinePassed | OrderDrawn | MembersChanged
