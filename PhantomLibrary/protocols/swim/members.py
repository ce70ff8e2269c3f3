"""What one node holds of all others: the table of members, and how rumours, accusations and time change it.

An opinion belongs to an incarnation of a member, and only the member itself begins a new one, when it starts and when
it refutes. So of two opinions the one of the later incarnation counts; of one incarnation, *down* over *suspect* over
*active*. Membership is decided elsewhere (`MembersChanged`): no rumour brings in a node, or brings back one that was
removed.

Nobody is down by hearsay. A rumour that a member is down makes it suspect here, and it is probed next (`doubted`); if
this fails, its suspicion lasts the shortest time. A node that comes back from the wrong side of a partition would
otherwise bring down, for a moment, all that it could not reach.

Source: SWIM (2002), 4.2; as in HashiCorp's memberlist, *down* too can be refuted, so that a healed partition heals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from PhantomLibrary.domain import MemberState, NodeId
from PhantomLibrary.protocols.swim.effects import Membership, Show
from PhantomLibrary.protocols.swim.gossip import Gossip
from PhantomLibrary.protocols.swim.messages import Opinion, Rumour
from PhantomLibrary.protocols.swim.suspicion import Suspicion

MULTIPLIER_MAX = 8
_SUSPICION_PERIODS_MIN = 3  # Of three nodes each is told within two periods, if no message is lost.
_RANK: dict[Opinion, int] = {"active": 0, "suspect": 1, "down": 2}


class DetectorConfig(Struct, frozen=True):
    """What a detector is told about its node. Times are nanoseconds.

    Each `period_ns` one member is probed: directly, and after `timeout_ns` through `helpers_max` others. A
    suspicion lasts log2(members) periods, three at least, or `lone_suspicion_factor` times as long while nobody
    confirms it. A rumour is sent `copies_factor` times log2(members) times. `multiplier_max` bounds how much slower
    a node in trouble probes. While nothing is new, a node rests for `rest_ns` after a probe that was answered. All
    members are held to live in `first_incarnation` until more is known.
    """

    node: NodeId
    incarnation: int
    members: tuple[tuple[NodeId, Membership], ...]
    period_ns: int
    timeout_ns: int
    first_incarnation: int = 1
    rest_ns: int = 0
    helpers_max: int = 3
    lone_suspicion_factor: int = 6
    rumours_max: int = 6
    copies_factor: int = 3
    multiplier_max: int = MULTIPLIER_MAX


class Member:
    """One other node."""

    __slots__ = ("accuser", "incarnation", "membership", "node", "opinion")

    def __init__(self, node: NodeId, membership: Membership, incarnation: int) -> None:
        self.node = node
        self.membership: Membership = membership
        self.opinion: Opinion = "active"
        self.incarnation = incarnation
        self.accuser = ""

    @property
    def state(self) -> MemberState:
        """What this member is for whoever asks: its health comes before its membership, unless it was removed."""
        if self.membership == "removed" or self.opinion == "active":
            return self.membership
        return self.opinion

    def rumour(self) -> Rumour:
        return Rumour(self.node, self.opinion, self.incarnation, self.accuser)


class Members:
    """The table. `changes` collects what is to be shown; `incarnation` is the node's own; `suspected` are those who may
    still refute.
    """

    def __init__(self, config: DetectorConfig) -> None:
        self.incarnation = config.incarnation
        self.gossip = Gossip(config.rumours_max)
        self.changes: list[Show] = []
        self.doubted: list[NodeId] = []  # Whom to probe before all others.
        self.is_member = True
        self._config = config
        self._members: dict[NodeId, Member] = {}
        self.get = self._members.get  # A member, a removed one included, or None for who never was one.
        self.suspected: dict[NodeId, Suspicion] = {}
        self.replace(config.members)
        if self.incarnation > config.first_incarnation:
            self._spread(Rumour(config.node, "active", self.incarnation))

    # --- questions --------------------------------------------------------------------------------------------------

    def probed(self) -> tuple[NodeId, ...]:
        """Return whom to probe: all members. One that is down may have come back, or the network may have healed."""
        if not self.is_member:
            return ()
        return tuple(each.node for each in self._present())

    def healthy(self) -> Iterator[NodeId]:
        """Yield the members that are neither suspect nor down."""
        return (each.node for each in self._present() if each.opinion == "active")

    def suspicion_end_ns(self) -> int:
        """Return when the first suspicion ends. There must be one."""
        return min(each.ends_ns for each in self.suspected.values())

    def _present(self) -> Iterator[Member]:
        return (each for each in self._members.values() if each.membership != "removed")

    # --- what happens to the table ----------------------------------------------------------------------------------

    def replace(self, members: Iterable[tuple[NodeId, Membership]]) -> None:
        """Take over who is a member. A node that is admitted again begins with a clean record, but for incarnations."""
        memberships = dict(members)
        own = memberships.pop(self._config.node, "removed")
        self.is_member = own != "removed"
        for node, membership in memberships.items():
            member = self._members.get(node)
            if member is None:
                member = self._members[node] = Member(node, membership, self._config.first_incarnation)
                self._show(member)
            elif member.membership != membership:
                self._set_membership(member, membership)
        for node, member in self._members.items():
            if node not in memberships and member.membership != "removed":
                self._set_membership(member, "removed")

    def _set_membership(self, member: Member, membership: Membership) -> None:
        before = member.state
        if "removed" in (membership, member.membership):
            self._hold(member, "active", member.incarnation, "")
            self.gossip.forget(member.node)
            self._excuse(member)
        member.membership = membership
        self._show_change(member, before)

    def hear(self, rumour: Rumour, now_ns: int) -> bool:
        """Take in a rumour; return whether this node itself was accused, and has refuted."""
        if rumour.member == self._config.node:
            return self._defend(rumour)
        member = self._members.get(rumour.member)
        if member is None or member.membership == "removed":
            return False
        if self._overrides(rumour, member):
            if rumour.opinion == "down" and member.opinion != "down":
                self._hear_of_end(member, rumour, now_ns)
            else:
                self._take_over(member, rumour, now_ns)
        elif rumour.opinion == "suspect" and rumour.incarnation == member.incarnation:
            self._confirm(member, rumour)
        return False

    def heard_from(self, node: NodeId, incarnation: int, now_ns: int) -> None:
        """A message came from the node itself, in an incarnation that is new here: it has started, or refuted.

        One that has started knows nothing of who is in trouble, and those rumours have long died away: tell them again.
        """
        self.hear(Rumour(node, "active", incarnation), now_ns)
        for each in self._present():
            if each.opinion != "active":
                self._spread(each.rumour())

    def accuse(self, node: NodeId, incarnation: int, now_ns: int) -> None:
        """This node could not reach a member, neither directly nor through others, since it knew it in this
        incarnation.
        """
        self.hear(Rumour(node, "suspect", incarnation, self._config.node), now_ns)

    def expire(self, now_ns: int) -> None:
        """Hold for down whose suspicion has lasted long enough."""
        while self.suspected and (end_ns := self.suspicion_end_ns()) <= now_ns:
            node = next(node for node, suspicion in self.suspected.items() if suspicion.ends_ns == end_ns)
            member = self._members[node]
            self._take_over(member, Rumour(node, "down", member.incarnation, member.accuser), now_ns)

    # --- rules ------------------------------------------------------------------------------------------------------

    def _overrides(self, rumour: Rumour, member: Member) -> bool:
        """Whether a rumour counts over what is held of a member."""
        if rumour.incarnation != member.incarnation:
            return rumour.incarnation > member.incarnation
        return _RANK[rumour.opinion] > _RANK[member.opinion]

    def _take_over(self, member: Member, rumour: Rumour, now_ns: int) -> None:
        before = member.state
        self._hold(member, rumour.opinion, rumour.incarnation, rumour.accuser)
        if rumour.opinion == "down":
            self._excuse(member)
        elif rumour.opinion == "suspect":
            self.suspected[member.node] = self._make_suspicion(rumour.accuser, now_ns)
        self._spread(rumour)
        self._show_change(member, before)

    def _excuse(self, member: Member) -> None:
        """No suspicion waits any more for this member to confirm it."""
        for suspicion in self.suspected.values():
            suspicion.excuse(member.node)

    def _make_suspicion(self, accuser: NodeId, now_ns: int) -> Suspicion:
        timeout_min_ns = max(_SUSPICION_PERIODS_MIN, self._size().bit_length()) * self._config.period_ns
        timeout_max_ns = timeout_min_ns * self._config.lone_suspicion_factor
        return Suspicion(accuser, (self._config.node, *self.healthy()), now_ns, timeout_min_ns, timeout_max_ns)

    def _hear_of_end(self, member: Member, rumour: Rumour, now_ns: int) -> None:
        """Others hold a member for down: this node is to try it before it does so too."""
        if member.opinion == "active" or rumour.incarnation > member.incarnation:
            self._take_over(member, Rumour(member.node, "suspect", rumour.incarnation, rumour.accuser), now_ns)
        if self.suspected[member.node].end(self._config.node):
            self.doubted.append(member.node)
            self._spread(rumour)
        self.expire(now_ns)

    def _confirm(self, member: Member, rumour: Rumour) -> None:
        suspicion = self.suspected.get(member.node)
        if suspicion is not None and suspicion.confirm(rumour.accuser):
            self._spread(rumour)

    def _defend(self, rumour: Rumour) -> bool:
        """Refute an accusation of this incarnation by beginning another one."""
        if rumour.opinion == "active" or rumour.incarnation < self.incarnation:
            return False
        self.incarnation = self._refuting_incarnation(rumour.incarnation)
        self._spread(Rumour(self._config.node, "active", self.incarnation))
        return True

    def _refuting_incarnation(self, accused: int) -> int:
        return accused + 1

    def _hold(self, member: Member, opinion: Opinion, incarnation: int, accuser: NodeId) -> None:
        member.opinion, member.incarnation, member.accuser = opinion, incarnation, accuser
        self.suspected.pop(member.node, None)

    def _spread(self, rumour: Rumour) -> None:
        self.gossip.add(rumour, self._config.copies_factor * self._size().bit_length())

    def _size(self) -> int:
        return 1 + sum(1 for _ in self._present())

    # --- what others see --------------------------------------------------------------------------------------------

    def _show_change(self, member: Member, before: MemberState) -> None:
        if member.state != before:
            self._show(member)

    def _show(self, member: Member) -> None:
        self.changes.append(Show(member.node, member.state, member.incarnation, member.accuser))
