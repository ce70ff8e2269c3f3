"""Keywords that fill tables, and judge what queries answer by an oracle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robotlibcore import keyword

from PhantomLibrary.keywords.choices import NO_OPERATOR, Operator
from PhantomLibrary.keywords.comparison import fail_expectation, holds
from PhantomLibrary.keywords.component import Component
from PhantomLibrary.keywords.lifetime import Clusters
from PhantomLibrary.keywords.quantities import Count, Percent, to_percent
from PhantomLibrary.keywords.sql_parameters import in_one_line, require_query, to_parameters
from PhantomLibrary.keywords.times import NOW, VirtualTime

if TYPE_CHECKING:
    from PhantomLibrary.exploration.queries.clusters import ClusterDatabase
    from PhantomLibrary.kernel.tasks import Task
    from PhantomLibrary.keywords.cluster import Cluster
    from PhantomLibrary.testbed.loading import Loaded
    from PhantomLibrary.testbed.queries import AskedQuery, ExplainedPlan
    from PhantomLibrary.testbed.query_judge import QueryJudge

_THOUSAND = Count(1000)
_HUNDRED = Count(100)
_HALF = to_percent("50%")
_PATIENCE_NS = 60_000_000_000  # More than any client waits for an answer.
_LOADING_NS = 3_600_000_000_000
_Detail = Literal["shards_touched", "rows_moved", "bytes_moved", "gathers", "text"]


class QueryKeywords(Component):
    """Keywords of sample tables, of plans, and of the oracle."""

    def __init__(self, clusters: Clusters) -> None:
        super().__init__(clusters)
        self._judge: tuple[object, QueryJudge] | None = None
        self._database: tuple[object, ClusterDatabase] | None = None

    # --- tables -------------------------------------------------------------------------------------------------------

    @keyword(tags=("query",))
    def load_table(
        self, table: Literal["customers", "products", "orders", "items", "accounts"], *, rows: Count = _THOUSAND
    ) -> None:
        """Creates a sample table and fills it with that many rows, made from the cluster's seed.

        A few customers have most of the orders, prices are many and small with a few that are large, texts are those of
        people all over the world, and what need not be known is often NULL. Orders refer to the customers, and items to
        the orders and products, that are loaded already; else to as many as would be usual.

        Orders and items are sharded by the order, so that they stand together; customers by their number; accounts by
        ranges of it; products are on every shard. docs/sql.md lists the columns.

        Fails when the table is there already, and when the cluster does not take the rows.

        Example:
        | `Load Table` | customers | rows=200 |
        | `Load Table` | orders | rows=1000 |
        """
        cluster = _with_extra(self._cluster)
        task = cluster.perform("load table", table=table, rows=rows.number)
        _await_loaded(cluster, task, table, rows.number)

    @keyword(tags=("query",))
    def load_csv(self, table: str, file: str) -> int:
        """Inserts the rows of a CSV file into a table that was created before. Returns how many.

        The first line names the columns, in any order; columns that it does not name have their default. Values are
        read as what their column asks for. An empty field is NULL, and an empty text stands in quotes: ``""``.

        Fails when the file makes no sense, naming its line, and when a row breaks a rule of the table; then rows before
        it may be there already.

        Example:
        | `Execute Sql` | CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT) |
        | `Load Csv` | people | ${CURDIR}/people.csv |
        """
        from PhantomLibrary.testbed.csv_file import read_csv_file

        cluster = _with_extra(self._cluster)
        read = read_csv_file(file)
        task = cluster.perform("load rows", table=table, columns=read.columns, rows=read.rows)
        _await_loaded(cluster, task, table, len(read.rows))
        return len(read.rows)

    # --- the oracle ---------------------------------------------------------------------------------------------------

    @keyword(tags=("assertion", "check", "query"))
    def query_should_match_oracle(self, query: str, *parameters: Any) -> int:
        """Fails unless a query is answered as by a single SQLite that has the same rows. Returns how many rows.

        The rows of all tables are read from the replicas' disks and memory, at the snapshot of the query and not by
        a query, so a row that a scan loses is missed. Answers are compared as multisets, and in the order that
        ORDER BY asks for: rows that it holds for equal may come in any order, and where LIMIT cuts through such
        rows, or there is no ORDER BY, any of them will do. DECIMAL is compared at the scale of the answer, REAL to
        eleven digits.

        Within the query, LIMIT and numbering windows need a total order, for else it has several right answers.
        ``parameters`` are those of `Execute Sql`.

        Fails with the rows that are missing and those that are too many, and when the query is refused.

        Example:
        | `Query Should Match Oracle` | SELECT country, COUNT(*) FROM customers GROUP BY country ORDER BY 2 DESC |
        | `Query Should Match Oracle` | SELECT * FROM orders WHERE customer_id = ? | 7 |
        """
        cluster = _with_extra(self._cluster)
        require_query(query, "Query Should Match Oracle")
        given = to_parameters(parameters)
        asked = self._ask(cluster, query, given)
        judge = self._judge_of(cluster)
        from PhantomLibrary.testbed.queries import read_parameters

        verdict = cluster.do_unbroken(lambda: judge.judge(asked, query, read_parameters(given)))
        cluster.check_invariants()
        if verdict.outcome != "valid":
            evidence = [*verdict.evidence, *self._plan_lines(cluster, query, given)]
            cluster.folder.keep("wrong-answer.txt", [f"{line}\n".encode() for line in (query, str(given), *evidence)])
            cluster.fail(verdict.code, verdict.message, evidence)
        rows = verdict.operations
        cluster.tell(f"{in_one_line(query)}: {rows} row{'' if rows == 1 else 's'}, as a single node answers")
        return rows

    @keyword(tags=("assertion", "check", "query"))
    def random_queries_should_match_oracle(
        self, *, count: Count = _HUNDRED, answered: Percent = _HALF, pause: VirtualTime = NOW
    ) -> int:
        """Asks that many random queries over random tables, each judged by an oracle; returns how many were answered.

        Every 20 queries, tables of their own are made: small ones with many NULLs, sharded in all ways. Queries join,
        nest, group, number and unite rows in all ways that docs/sql.md promises. Three of four are compared with the
        answer of a single SQLite, as `Query Should Match Oracle` does; of the fourth, several queries have to fit
        together: the rows of which a condition is true, false and unknown are all rows (TLP), and as many rows meet it
        as there are for which it is true (NoREC). Virtual time goes on meanwhile, so faults, splits and moves that were
        begun before strike the queries; with a ``pause`` after each, over a longer time.

        A query that is not answered, because a shard cannot be reached for example, is no failure; but at least
        ``answered`` of all have to be.

        Fails with the first wrong answer, made as small as it still fails: few rows, a short query. The artifacts hold
        the statements that show it.

        Example:
        | `Split Shard` | 1 | wait=no |
        | `Random Queries Should Match Oracle` | count=200 |
        """
        cluster = _with_extra(self._cluster)
        database = self._database_of(cluster)
        outcomes = {"right": 0, "refused": 0}
        reason = ""
        for round_, finding in database.findings(cluster.run.spec.seed, count.number):
            if finding.outcome == "wrong":
                verdict = finding.verdict
                statements = database.shrunk(round_, finding)
                link = cluster.folder.keep("random-queries.sql", (f"{each};\n".encode() for each in statements))
                cluster.fail(verdict.code, verdict.message, [*verdict.evidence, statements[-1], f"Statements: {link}"])
            outcomes[finding.outcome] += 1
            cluster.advance(pause.or_none(NOW) or 0)
            reason = finding.verdict.message or reason
        if outcomes["right"] * 1_000_000 < count.number * (answered.ppm or 0):
            cluster.fail("QRY-006", f"{outcomes['right']} of {count} random queries were answered: {reason}")
        cluster.tell(f"{outcomes['right']} random queries were answered right, {outcomes['refused']} were not answered")
        return outcomes["right"]

    # --- plans --------------------------------------------------------------------------------------------------------

    @keyword(tags=("getter", "query"))
    def get_plan(
        self,
        query: str,
        detail: _Detail = "text",
        operator: Operator = NO_OPERATOR,
        expected: str = "",
    ) -> str:
        """Returns how a query is answered; with an operator, checks it first.

        ``text`` is the plan: what each shard computes, what is pushed down to it, how each join moves rows, what is
        done last. ``gathers`` counts the tables whose rows all come to one place because nothing better is known.
        For ``shards_touched``, ``rows_moved`` and ``bytes_moved`` the query is run, and what moved between nodes is
        counted. The log shows the plan as a tree.

        Fails when it is not as expected, and when the query is refused.

        Example:
        | `Get Plan` | SELECT * FROM orders WHERE id = 7 | shards_touched | == | 1 |
        | `Get Plan` | SELECT COUNT(*) FROM orders | text | contains | COUNT |
        """
        cluster = _with_extra(self._cluster)
        require_query(query, "Get Plan")
        is_run = detail in ("shards_touched", "rows_moved", "bytes_moved")
        asked = self._ask(cluster, f"EXPLAIN {'ANALYZE ' if is_run else ''}{query}", [])
        table = asked.table
        assert table is not None
        assert table.plan is not None
        _log_plan(table.plan)
        if detail == "text":
            found = "\n".join(row[0] for row in table.rows)
        else:
            found = str(getattr(table.plan, detail))
        if not holds(found, operator.word, expected):
            fail_expectation(cluster, f"{detail} of {in_one_line(query)}", found, operator.word, expected, 0)
        return found

    # --- what all of them do ------------------------------------------------------------------------------------------

    def _ask(self, cluster: Cluster, query: str, given: Sequence[Any]) -> AskedQuery:
        """Ask a query at a snapshot; fail where it is not answered."""
        task: Task[AskedQuery] = cluster.perform("query at snapshot", query=query, parameters=list(given))
        cluster.advance(_PATIENCE_NS, lambda: task.is_done)
        if not task.is_done:
            cluster.fail("OPR-001", f"{in_one_line(query)}: no answer came by {cluster.now}")
        if task.result.refusal:
            refuse(cluster, query, task.result)
        return task.result

    def _judge_of(self, cluster: Cluster) -> QueryJudge:
        from PhantomLibrary.testbed.query_judge import QueryJudge

        if self._judge is None or self._judge[0] is not cluster.run:
            self._judge = (cluster.run, QueryJudge(cluster.run))
        return self._judge[1]

    def _database_of(self, cluster: Cluster) -> ClusterDatabase:
        from PhantomLibrary.exploration.queries.clusters import ClusterDatabase

        if self._database is None or self._database[0] is not cluster.run:
            self._database = (cluster.run, ClusterDatabase(cluster.perform, cluster.advance))
        return self._database[1]

    def _plan_lines(self, cluster: Cluster, query: str, given: Sequence[Any]) -> list[str]:
        """Return the plan of a query that went wrong, where there is one still."""
        task: Task[AskedQuery] = cluster.perform("query at snapshot", query=f"EXPLAIN {query}", parameters=list(given))
        cluster.advance(_PATIENCE_NS, lambda: task.is_done)
        table = task.result.table if task.is_done else None
        if table is None or table.plan is None:
            return []
        _log_plan(table.plan)
        return ["plan:", *(f"  {row[0]}" for row in table.rows)]


def refuse(cluster: Cluster, query: str, asked: AskedQuery) -> None:
    """Fail with the reason for which a query has no answer: as databases say it, where SQL refuses it."""
    first, *rest = asked.refusal.split("\n")
    if asked.is_final:
        code, _, reason = first.partition(": ")
        cluster.fail(code, reason, rest)
    cluster.fail("OPR-001", f"{in_one_line(query)} was not answered at {cluster.now}: {first}", rest)


def _with_extra(cluster: Cluster) -> Cluster:
    from PhantomLibrary.sql.extra import require_extra

    require_extra()
    return cluster


def _await_loaded(cluster: Cluster, task: Task[Loaded], table: str, rows: int) -> None:
    cluster.advance(_LOADING_NS, lambda: task.is_done)
    if not task.is_done:
        cluster.fail("OPR-001", f"table {table} was not loaded by {cluster.now}")
    loaded = task.result
    if loaded.reason:
        first, *rest = loaded.reason.split("\n")
        code, mark, reason = first.partition(": ")
        if mark and code.startswith("SQL "):
            cluster.fail(code, f"{reason} (table {table}, after {loaded.rows} of {rows} rows)", rest)
        cluster.fail("OPR-001", f"table {table} took {loaded.rows} of {rows} rows by {cluster.now}: {first}", rest)
    cluster.tell(f"loaded {loaded.rows:,} rows into {table}")


def _log_plan(plan: ExplainedPlan) -> None:
    from PhantomLibrary.reporting.plan_picture import render_plan
    from PhantomLibrary.sql.planning.explain import measured_details

    details = {number: measured_details(each) for number, each in plan.measured.items()}
    logger.info(render_plan(plan.steps, details), html=True)
