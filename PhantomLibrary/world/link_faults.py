"""Faults of the network: cuts, lost messages, changed links, and cuts that come and go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.world.faults import Fault
from PhantomLibrary.world.link import Link
from PhantomLibrary.world.link_properties import LinkOverlay
from PhantomLibrary.world.message_rule import MessageRule
from PhantomLibrary.world.network import Pair
from PhantomLibrary.world.units import MILLION
from PhantomLibrary.world.wire import same_kind
from PhantomLibrary.world.world import World


class LinkFault(Fault):
    """A fault of some links."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        super().__init__()
        self.pairs = tuple(dict.fromkeys(pairs))
        self._links: list[Link] = []
        self._before = 0
        self._bitten = 0

    def check(self, world: World) -> None:
        if not self.pairs:
            raise InvalidInput("no link is named: give at least one source and one target")
        for source, target in self.pairs:
            world.network.link(source, target)
            if source == target:
                raise InvalidInput(f"{source} is named as source and as target: no network lies between")

    @property
    def bites(self) -> int:
        """How many messages it has lost, delayed, doubled or let be overtaken."""
        if self._world is None:
            return 0
        return self._bitten if self.is_healed else self._count() - self._before

    def release(self, pairs: Collection[Pair]) -> None:
        """Take it back on these links only; on the last ones that it harms, heal it."""
        kept = [link for link in self._links if (link.source, link.target) not in pairs]
        if not self.is_applied or len(kept) == len(self._links):
            return
        if not kept:
            self.heal()
            return
        bitten = self._count() - self._before
        for link in self._links:
            if link not in kept:
                self._mend(link)
        self._links = kept
        self.pairs = tuple((link.source, link.target) for link in kept)
        self._before = self._count() - bitten  # What the released links have counted stays.

    def _begin(self, world: World) -> None:
        self._links = [world.network.link(source, target) for source, target in self.pairs]
        self._before = self._count()
        for link in self._links:
            self._harm(link)

    def _end(self, world: World) -> None:
        self._bitten = self._count() - self._before
        for link in self._links:
            self._mend(link)

    def _count(self) -> int:
        """Return the present sum of the counters that it drives."""
        raise NotImplementedError

    def _harm(self, link: Link) -> None:
        raise NotImplementedError

    def _mend(self, link: Link) -> None:
        raise NotImplementedError


class Cut(LinkFault):
    """Loses everything on some links, what is under way included."""

    def __init__(self, pairs: Sequence[Pair], name: str = "") -> None:
        super().__init__(pairs)
        self._name = name

    def describe(self) -> str:
        return self._name or f"cut {_routes(self.pairs)}"

    def _count(self) -> int:
        return sum(link.lost["cut"] for link in self._links)

    def _harm(self, link: Link) -> None:
        link.cut()

    def _mend(self, link: Link) -> None:
        link.mend()


class MessageFault(LinkFault):
    """Something that becomes of messages of one kind (`all`: of any) with a probability, on some links."""

    def __init__(self, kind: str, pairs: Sequence[Pair], probability_ppm: int = MILLION) -> None:
        super().__init__(pairs)
        _check_share("probability", probability_ppm)
        self.kind = kind
        self.probability_ppm = probability_ppm
        self._rule: MessageRule | None = None

    def describe(self) -> str:
        what = "messages" if self.kind == "all" else f"{self.kind} messages"
        return self._text(f"{self.probability_ppm / 10_000:g} % of {what} on {_routes(self.pairs)}")

    def _begin(self, world: World) -> None:
        verdicts: dict[tuple[str, ...], bool] = {}

        def picks(message: Any) -> bool:
            names = world.kinds(message)
            if names not in verdicts:
                verdicts[names] = same_kind(self.kind, names)
            return verdicts[names]

        self._rule = self._make_rule(picks)
        super()._begin(world)

    def _text(self, messages: str) -> str:
        raise NotImplementedError

    def _make_rule(self, picks: Callable[[Any], bool]) -> MessageRule:
        raise NotImplementedError

    def _count(self) -> int:
        return self._rule.struck if self._rule is not None else 0

    def _harm(self, link: Link) -> None:
        assert self._rule is not None
        link.add_rule(self._rule)

    def _mend(self, link: Link) -> None:
        assert self._rule is not None
        link.remove_rule(self._rule)


class DropMessages(MessageFault):
    """Loses messages."""

    def _text(self, messages: str) -> str:
        return f"drop {messages}"

    def _make_rule(self, picks: Callable[[Any], bool]) -> MessageRule:
        return MessageRule(picks, self.probability_ppm, picks_all=same_kind(self.kind, ()))


class DelayMessages(MessageFault):
    """Holds messages back, and lets all others pass them; or, with `doubles`, sends a copy of each so much later."""

    def __init__(
        self,
        kind: str,
        pairs: Sequence[Pair],
        delay_ns: int,
        probability_ppm: int = MILLION,
        *,
        doubles: bool = False,
    ) -> None:
        super().__init__(kind, pairs, probability_ppm)
        if delay_ns <= 0:
            raise InvalidInput("messages that are delayed by nothing come as they would: write more than 0 s")
        self.delay_ns = delay_ns
        self.doubles = doubles

    def _text(self, messages: str) -> str:
        return f"{'double' if self.doubles else 'delay'} {messages}, by {self.delay_ns / SECOND_NS:g} s"

    def _make_rule(self, picks: Callable[[Any], bool]) -> MessageRule:
        return MessageRule(picks, self.probability_ppm, delay_ns=self.delay_ns, doubles=self.doubles)


class LinkChange(LinkFault):
    """Changes properties of some links, on top of what is changed already."""

    def __init__(self, pairs: Sequence[Pair], overlay: LinkOverlay) -> None:
        super().__init__(pairs)
        for name in ("loss_ppm", "duplicate_ppm", "reorder_ppm"):
            _check_share(name.removesuffix("_ppm"), getattr(overlay, name) or 0)
        if overlay.bandwidth is not None and overlay.bandwidth <= 0:
            raise InvalidInput("a bandwidth of zero carries nothing: cut the link instead")
        if overlay.jitter_ns is not None and overlay.jitter_ns < 0:
            raise InvalidInput("a jitter below zero cannot be")
        self.overlay = overlay

    def describe(self) -> str:
        names = [name for name in LinkOverlay.__struct_fields__ if getattr(self.overlay, name) is not None]
        changes = ", ".join(f"{name.removesuffix('_ppm').removesuffix('_ns')}" for name in names) or "nothing"
        return f"change {changes} of {_routes(self.pairs)}"

    def _count(self) -> int:
        overlay, links = self.overlay, self._links
        bites = 0
        if overlay.loss_ppm is not None:
            bites += sum(link.lost["loss"] for link in links)
        if overlay.duplicate_ppm is not None:
            bites += sum(link.duplicated for link in links)
        if overlay.reorder_ppm is not None:
            bites += sum(link.reordered for link in links)
        if overlay.latency is not None or overlay.jitter_ns is not None or overlay.bandwidth is not None:
            bites += sum(link.delayed + link.lost["buffer"] for link in links)
        return bites

    def _harm(self, link: Link) -> None:
        link.overlay(self.overlay)

    def _mend(self, link: Link) -> None:
        link.remove_overlay(self.overlay)


class Flapping(LinkFault):
    """Cuts some links for the first half of each period and mends them for the second, until it is healed."""

    def __init__(self, pairs: Sequence[Pair], period_ns: int) -> None:
        super().__init__(pairs)
        if period_ns < 2:
            raise InvalidInput("a period of flapping is longer than nothing")
        self.period_ns = period_ns
        self._is_cut = False
        self._lost = 0

    def describe(self) -> str:
        return f"cut and mend {_routes(self.pairs)} every {self.period_ns / SECOND_NS:g} s"

    def _begin(self, world: World) -> None:
        super()._begin(world)
        self._is_cut = True
        world.scheduler.after(self.period_ns // 2, self._turn)

    def _end(self, world: World) -> None:
        self._bitten = self._count() - self._before
        if self._is_cut:
            self._set_cut(False)

    def _turn(self, _argument: Any) -> None:
        if self.is_healed:
            return
        self._set_cut(not self._is_cut)
        half_ns = self.period_ns // 2
        self.world.scheduler.after(half_ns if self._is_cut else self.period_ns - half_ns, self._turn)

    def _set_cut(self, is_cut: bool) -> None:
        self._is_cut = is_cut
        for link in self._links:
            if is_cut:
                link.cut()
            else:
                link.mend()

    def _count(self) -> int:
        return sum(link.lost["cut"] for link in self._links)

    def _harm(self, link: Link) -> None:
        link.cut()

    def _mend(self, link: Link) -> None:
        if self._is_cut:
            link.mend()


def _check_share(name: str, ppm: int) -> None:
    if not 0 <= ppm <= MILLION:
        raise InvalidInput(f"{name} of {ppm / 10_000:g} % cannot be: 0 % to 100 % are allowed")


def _routes(pairs: Sequence[Pair]) -> str:
    shown = ", ".join(f"{source}>{target}" for source, target in pairs[:4])
    return shown if len(pairs) <= 4 else f"{shown} and {len(pairs) - 4} more links"
