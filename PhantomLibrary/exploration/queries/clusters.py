"""Random rounds against a running cluster, whatever happens to it meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from PhantomLibrary.checking.queries.values import FoundAnswer
from PhantomLibrary.domain import SECOND_NS, Ok, StatementFailed
from PhantomLibrary.errors import InvalidState
from PhantomLibrary.exploration.queries.rounds import Finding, Refusal, Round, reproduction, shrink
from PhantomLibrary.exploration.queries.schemas import RandomTable
from PhantomLibrary.testbed.query_judge import found_answer

QUERIES_A_ROUND = 20
_PATIENCE_NS = 60 * SECOND_NS
_TRIES_MAX = 30
_PAUSE_NS = SECOND_NS // 2


class ClusterDatabase:
    """Tables and queries of rounds on a cluster. `perform` gives a command, `advance` lets time go on until a condition
    holds, for so long at most.
    """

    def __init__(self, perform: Callable[..., Any], advance: Callable[[int, Callable[[], bool]], Any]) -> None:
        self._perform = perform
        self._advance = advance
        self._present: list[str] = []
        self._rounds = 0

    def load(self, tables: Sequence[RandomTable]) -> None:
        """Replace the tables of the round before. Raises InvalidState where the cluster does not take them."""
        for name in self._present:
            self._execute(f"DROP TABLE IF EXISTS {name}", [])
        self._present = [each.name for each in tables]
        for table in tables:
            self._execute(table.definition, [])
            if table.rows:
                self._execute(table.insertion, table.values)

    def _execute(self, statement: str, parameters: Sequence[Any]) -> None:
        """Execute a statement until it is done. One that was done already, by a try of which nobody knew, is done."""
        reason, was_unknown = "", False
        for _ in range(_TRIES_MAX):
            task = self._done("execute sql", statement=statement, parameters=list(parameters))
            answer = task.result if task.is_done else None
            if isinstance(answer, Ok):
                return
            reason = "no answer came" if answer is None else answer.reason
            is_there = any(state in reason for state in ("42P07", "23505"))
            if was_unknown and is_there:
                return
            if isinstance(answer, StatementFailed) or reason.startswith("SQL "):
                break
            was_unknown = True
            self._advance(_PAUSE_NS, lambda: False)
        raise InvalidState(f"the tables of random queries could not be made: {statement[:80]}: {reason}")

    def _done(self, verb: str, **arguments: Any) -> Any:
        """Give a command, and return its task when that has ended, or nobody waits any longer."""
        task = self._perform(verb, **arguments)
        self._advance(_PATIENCE_NS, lambda: task.is_done)
        return task

    def ask(self, query: str) -> FoundAnswer | Refusal:
        """Ask a query once."""
        task = self._done("query at snapshot", query=query)
        if not task.is_done:
            return Refusal("no answer came", is_final=False)
        table = task.result.table
        if table is None:
            return Refusal(task.result.refusal, is_final=task.result.is_final)
        return found_answer(table)

    def findings(self, seed: int, count: int) -> Iterator[tuple[Round, Finding]]:
        """Yield what comes of so many random queries, in rounds with tables of their own: other ones at each call."""
        while count > 0:
            self._rounds += 1
            round_ = Round(seed, self._rounds)
            self.load(round_.tables)
            for finding in round_.findings(self.ask, min(count, QUERIES_A_ROUND)):
                yield round_, finding
            count -= QUERIES_A_ROUND

    def shrunk(self, round_: Round, finding: Finding) -> list[str]:
        """Return the statements that show a failure in little, or, where it does not come again, all of its round."""
        try:
            small = shrink(finding, round_.tables, self.ask, self.load)
        except InvalidState:
            small = None
        if small is not None:
            return reproduction(*small)
        tables = reproduction(finding.queries[0], round_.tables)[:-1]
        return [*tables, *finding.queries]
