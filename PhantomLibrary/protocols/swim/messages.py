"""What failure detectors say to each other.

`source` is the sending node, so that a message is also the event with which it arrives. `incarnation` is the sender's
own: whoever hears from a node directly learns that it lives, and in which incarnation. `rumours` ride along.

Source: Das, Gupta, Motivala, "SWIM: Scalable Weakly-consistent Infection-style Process Group Membership Protocol"
(DSN 2002), 3 and 4; Dadgar, Phillips, Currey, "Lifeguard: Local Health Awareness for More Accurate Failure
Detection" (2018), IV.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from PhantomLibrary.domain import NodeId

Opinion: TypeAlias = Literal["active", "suspect", "down"]


class Rumour(Struct, frozen=True, gc=False, array_like=True):
    """What somebody holds of a member in one of its incarnations. `accuser` began the suspicion, "" for `active`."""

    member: NodeId
    opinion: Opinion
    incarnation: int
    accuser: NodeId = ""


class Ping(Struct, frozen=True, gc=False, array_like=True, tag="ping"):
    """Asks for an Ack of this sequence number, which only its sender understands."""

    source: NodeId
    incarnation: int
    sequence: int
    rumours: tuple[Rumour, ...]


class PingRequest(Struct, frozen=True, gc=False, array_like=True, tag="ping request"):
    """Asks a helper to ping `target`, and to send the Ack on, or a Nack if none comes."""

    source: NodeId
    incarnation: int
    sequence: int
    target: NodeId
    rumours: tuple[Rumour, ...]


class Ack(Struct, frozen=True, gc=False, array_like=True, tag="ack"):
    """The node that was asked about lives. Comes from that node itself, or from a helper."""

    source: NodeId
    incarnation: int
    sequence: int
    rumours: tuple[Rumour, ...]


class Nack(Struct, frozen=True, gc=False, array_like=True, tag="nack"):
    """A helper heard nothing from the node that was asked about, or knows of none: so at least the way to the helper
    is in order.
    """

    source: NodeId
    incarnation: int
    sequence: int
    rumours: tuple[Rumour, ...]


SwimMessage: TypeAlias = Ping | PingRequest | Ack | Nack
