"""Defects of how queries are run. Each class is laid over what leaders do for plans, or over what runs their parts."""

from __future__ import annotations

from typing import Any

from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.sql.hosting import Cursor, FragmentHost
from PhantomLibrary.database.sql.messages import Row, RunFragment
from PhantomLibrary.database.sql.part_run import PartRun
from PhantomLibrary.database.transactions.script import RolledBackError, Script
from PhantomLibrary.sql.image import Image


class SkipsWhereAChunkBegins(FragmentHost):
    """Leaves out the first row of each chunk but the first."""

    def _rows(self, cursor: Cursor, number: int) -> tuple[Row, ...]:
        rows = super()._rows(cursor, number)
        return rows[1:] if number else rows


class AnswersForWhatIsElsewhere(FragmentHost):
    """Runs a fragment on what is here, also where some of what was asked for has been split off since."""

    def _holds(self, spans: Any) -> bool:
        return True


class CountsWhatWasNotAskedFor(FragmentHost):
    """Runs a fragment on all that is here, also where only some of that was asked for."""

    def _bounds(self, spans: Any) -> list[tuple[str, str]]:
        return []


class KeepsItsImage(FragmentHost):
    """Answers from the image that it has, though the replica was restored since."""

    def _is_image_of(self, image: Image, machine: ShardMachine) -> bool:
        return True


class IsNeverUncertain(FragmentHost):
    """Takes what was written by a clock ahead of the gateway's for later than the query."""

    def written_between(self, work: RunFragment, until_ns: int, promised_ns: int) -> int:
        return 0


class LeavesOutWhoDoesNotAnswer(PartRun):
    """Answers with the rows of those shards that have answered."""

    def run(self, *arguments: Any) -> Script:
        try:
            return (yield from super().run(*arguments))
        except RolledBackError:
            return []


class RestartsAtANewTime(PartRun):
    """Runs a part again as of now, not as of the snapshot of the statement."""

    def _question(self, fragment: Any, *arguments: Any) -> RunFragment:
        if self._account.measured[fragment.number].restarts:
            self._at_ns = self._transaction.limit_ns = self._host.clock.now_ns()
        return super()._question(fragment, *arguments)
