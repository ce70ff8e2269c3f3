"""Keywords that account for the writes of regions: what became of each that was confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robotlibcore import keyword

from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.times import NOW, VirtualTime, to_virtual_time

if TYPE_CHECKING:
    from PhantomLibrary.checking.divergence import WriteFate
    from PhantomLibrary.keywords.cluster import Cluster

_TEN_SECONDS = to_virtual_time("10s")


class DivergenceKeywords(Component):
    """Keywords of what regions have made of each other's writes."""

    @keyword(tags=("region", "assertion", "check"))
    def divergence_should_be_accounted_for(self, *, within: VirtualTime = _TEN_SECONDS) -> int:
        """Judges what became of every write that was confirmed, and returns how many were superseded or lost.

        Lets virtual time go on until all regions have applied the same writes. Each confirmed write is then either
        shown, or was overwritten by somebody who knew of it, or was superseded by one that knew nothing of it, by the
        rule that the cluster was started with, or was lost with a region that was given up. Writes that met others are
        logged as a table; ``divergence.csv`` among the artifacts has all.

        Fails when a confirmed write is none of these; when it lost to one that it had seen; when something is shown
        that was overwritten or deleted; when regions show different things; and when no write was confirmed.

        Example:
        | `Stop Workload` |
        | `Divergence Should Be Accounted For` |
        """
        from PhantomLibrary.reporting.divergence_table import counted, divergent
        from PhantomLibrary.testbed.divergence_judge import divergence_report, judge_divergence
        from PhantomLibrary.testbed.regional_verbs import policy_of
        from PhantomLibrary.testbed.regions import judge_regions, regions_agree

        cluster = self._cluster
        policy_of(cluster.run)
        if not cluster.advance(within.or_none(NOW) or 0, regions_agree(cluster.run)):
            cluster.fail_with(judge_regions(cluster.run))
        verdict = judge_divergence(cluster.run)
        if verdict.outcome != "valid":
            cluster.fail_with(verdict)
        fates = divergence_report(cluster.run)
        found = [each for each in divergent(fates) if each.is_confirmed]
        if found:
            _log(cluster, found)
        cluster.tell(f"each of {verdict.confirmed} confirmed writes is accounted for: {counted(fates)}")
        return len(found)

    @keyword(tags=("region", "getter"))
    def get_divergence_report(self, *, fate: str = "any") -> list[dict[str, Any]]:
        """Returns what became of the writes that regions took, as a list of dictionaries, and logs it as a table.

        ``fate`` picks some of them: ``visible``, ``overwritten`` (by somebody who knew of it), ``superseded`` (by a
        write that knew nothing of it), ``lost`` (with a region that was given up) or ``unaccounted``.

        Keys: ``key``, ``region`` (that took it), ``number`` (which of its writes), ``taken_ms`` (virtual time),
        ``write`` (in words), ``confirmed``, ``fate``, ``by_region`` and ``by`` (which took its place), ``why``.

        Fails when there is no such fate.

        Example:
        | ${lost} = | `Get Divergence Report` | fate=lost |
        | Length Should Be | ${lost} | 2 |
        """
        from PhantomLibrary.checking.divergence import FATES
        from PhantomLibrary.errors import InvalidInput, nearest
        from PhantomLibrary.reporting.divergence_table import COLUMNS, divergence_rows
        from PhantomLibrary.testbed.divergence_judge import divergence_report

        cluster = self._cluster
        if fate not in ("any", *FATES):
            raise InvalidInput(f"fate={fate} is none: there are any, {', '.join(FATES)}{nearest(fate, FATES)}")
        fates = [each for each in divergence_report(cluster.run) if fate in ("any", each.fate)]
        _log(cluster, fates)
        return [dict(zip(COLUMNS, row, strict=True)) for row in divergence_rows(fates)]


def _log(cluster: Cluster, fates: Sequence[WriteFate]) -> None:
    """Log writes as a table; of many the first ones, with a link to a file that has all."""
    from urllib.parse import quote

    from PhantomLibrary.reporting.divergence_table import COLUMNS, TYPES, divergence_rows
    from PhantomLibrary.reporting.row_table import ROWS_SHOWN, csv_lines, render_rows

    rows = divergence_rows(fates)
    link = cluster.folder.keep("writes-{}.csv", csv_lines(COLUMNS, rows)) if len(rows) > ROWS_SHOWN else ""
    logger.info(render_rows(COLUMNS, TYPES, rows, quote(link)), html=True)
