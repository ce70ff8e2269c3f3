"""The keyword of interleavings in one line."""

from __future__ import annotations

from robotlibcore import keyword

from PhantomLibrary.keywords.choices import Isolation
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.quantities import Count

_SERIALIZABLE = Isolation("serializable")
_ALL = Count(0)


class InterleavingKeywords(Component):
    """Keywords of interleavings."""

    @keyword(tags=("transaction", "assertion"))
    def run_interleaving(self, steps: str, *, isolation: Isolation = _SERIALIZABLE, shards: Count = _ALL) -> None:
        """Runs the steps of several transactions, one after the other, and checks what each of them finds.

        A step is a letter and the number of its transaction, which begins with its first step:
        | r1(x) r1(x,y) | reads rows; ``r1(x=10)`` checks what is found, ``x=none`` that there is none |
        | r1(all) -> {x=10, y=20} | reads a range: ``all`` rows, those with ``value=20`` or ``value%3=0`` |
        | w1(x=11) i1(z=30) | writes a row, inserts one |
        | w1(all += 10) w1(value=10 := 12) | changes a range |
        | d1(x) d1(value=20) | deletes a row, or a range |
        | c1 a1 | commits, rolls back |
        A step is to be done at once, unless it says ``blocked`` or ``aborted`` at the end: ``w2(x=12 blocked)``,
        ``c2(aborted)``. ``w2(done)`` or ``w2(aborted)`` says how what was blocked has ended. The rows are x with 10
        and y with 20, written afresh each time, and lie on as many ``shards`` as there are, in turn, or as are given.

        Fails at the first step that goes otherwise, and for steps that make no sense.

        Example:
        | `Run Interleaving` | r1(x) r2(x) w1(x=11) w2(x=11 blocked) c1 w2(aborted) | isolation=snapshot |
        """
        from PhantomLibrary.testbed.interleaving_run import InterleavingRun
        from PhantomLibrary.testbed.interleavings import parse_interleaving

        cluster = self._cluster
        parsed = parse_interleaving(steps)
        cluster.check_may_change()
        interleaving = InterleavingRun(cluster.run, cluster.advance, parsed, isolation.word, shards=shards.number)
        problem = cluster.do_unbroken(interleaving.perform)
        for line in interleaving.lines:
            cluster.tell(line)
        if problem:
            cluster.fail("ILV-001", f"at {isolation}, {problem}", interleaving.lines)
