"""Faults of disks: each puts a trouble on one node's platter, where it waits for the operations it is aimed at."""

from __future__ import annotations

from PhantomLibrary.domain import NodeId
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.world.faults import NodeFault
from PhantomLibrary.world.platter import ANY, STRIKES, Aim, DiskFaultKind, Platter, Trouble
from PhantomLibrary.world.units import MILLION
from PhantomLibrary.world.world import World

_AT_EVERYTHING = Aim()
_WHOLE_OR_NOT: tuple[DiskFaultKind, ...] = ("stall", "full")  # A disk hangs or not, and is full or not.


class DiskFault(NodeFault):
    """One kind of trouble on the disk of one node.

    *stall*: no sync comes back. *slow*: each takes `delay_ns` longer. *lost fsync*: syncs come back as good
    although nothing is durable yet. *full*: no write is taken. These last from the n-th operation until they are
    healed. *io error*: a write, sync or read fails. *torn write*: a crash keeps a part of what was not synced.
    *misdirected write*: a write lands elsewhere. *bit rot*: a bit of what is durable flips. These strike once, at
    the n-th operation, or at each with a probability.

    Healed, it strikes no more; the syncs that a stall held come back, and what is damaged stays so.
    """

    def __init__(
        self, node: NodeId, kind: DiskFaultKind, aim: Aim = _AT_EVERYTHING, *, delay_ns: int = 0, onto: str = ANY
    ) -> None:
        super().__init__(node)
        _check(kind, aim, delay_ns)
        if onto != ANY and kind != "misdirected write":
            raise InvalidInput(f"{kind} lands nowhere: onto= is for a misdirected write")
        self.kind = kind
        self.aim = aim
        self._trouble = Trouble(kind, aim, delay_ns, onto)

    @property
    def bites(self) -> int:
        """How many operations it changed, or bytes of a lying sync that a crash took, or reads that met damage."""
        return self._trouble.bites

    def describe(self) -> str:
        aim = self.aim
        where = "" if aim.file == ANY else f" of {aim.file}"
        what = "" if aim.operation == ANY else f" at {aim.operation}"
        when = "" if aim.occurrence == 1 else f" number {aim.occurrence}"
        return f"{self.kind}{what}{when}{where} on the disk of {self.node}"

    def _begin(self, world: World) -> None:
        self._platter.add(self._trouble)

    def _end(self, world: World) -> None:
        self._platter.end(self._trouble)

    @property
    def _platter(self) -> Platter:
        return self.world.node(self.node).platter


class BitRot(DiskFault):
    """Flips one bit of a file at once, in these bytes, or anywhere. Raises InvalidInput where there are none."""

    def __init__(self, node: NodeId, file: str = ANY, span: range | None = None) -> None:
        super().__init__(node, "bit rot", Aim("read", file, 1))
        self._span = span

    def check(self, world: World) -> None:
        super().check(world)
        file, platter = self.aim.file, world.node(self.node).platter
        if file == ANY:
            if not _with_content(platter):
                raise InvalidInput(f"the disk of {self.node} holds nothing that could rot")
        elif not platter.size(file):
            there = ", ".join(_with_content(platter)) or "nothing"
            raise InvalidInput(f"{file!r} holds nothing on the disk of {self.node} yet: there is {there}")
        elif self._span is not None and self._span.start >= platter.size(file):
            raise InvalidInput(f"{file!r} on the disk of {self.node} ends before byte {self._span.start}")

    def describe(self) -> str:
        where = "" if self.aim.file == ANY else f" of {self.aim.file}"
        return f"bit rot{where} on the disk of {self.node}"

    def _begin(self, world: World) -> None:
        platter = self._platter
        file = self.aim.file
        if file == ANY:
            files = _with_content(platter)
            file = files[platter.draws.below(len(files))]
        platter.rot(file, self._trouble, self._span)

    def _end(self, world: World) -> None:
        pass  # What has flipped stays so.


def _with_content(platter: Platter) -> list[str]:
    return [file for file in sorted(platter.files) if platter.size(file)]


def _check(kind: DiskFaultKind, aim: Aim, delay_ns: int) -> None:
    """Raise InvalidInput for what no disk does."""
    operations = STRIKES[kind]
    if aim.operation != ANY and aim.operation not in operations:
        raise InvalidInput(f"{kind} strikes no {aim.operation}: it strikes {', '.join(operations)}")
    if aim.occurrence < 1:
        raise InvalidInput(f"occurrence={aim.occurrence} cannot be: write 1 for the first, or more")
    if aim.probability_ppm is not None:
        if not 1 <= aim.probability_ppm <= MILLION:
            raise InvalidInput(f"a probability of {aim.probability_ppm / 10_000:g} % cannot be: above 0 %, up to 100 %")
        if kind in _WHOLE_OR_NOT:
            raise InvalidInput(f"a disk is {'full' if kind == 'full' else 'stalled'} or not: leave out the probability")
        if aim.occurrence != 1:
            raise InvalidInput("a fault strikes at an occurrence or with a probability: leave out one of them")
    if (kind == "slow") != (delay_ns > 0):
        raise InvalidInput("a slow disk needs a delay above 0" if kind == "slow" else f"{kind} takes no delay")
