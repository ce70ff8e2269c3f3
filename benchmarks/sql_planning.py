"""How long a query takes from its text to its plan, for queries such as those of sqllogictest."""

from __future__ import annotations

from statistics import median
from time import process_time

from PhantomLibrary.sql.bind import bind_query
from PhantomLibrary.sql.catalog import Catalog, Column, Sharding, SqlType, Table
from PhantomLibrary.sql.parser import parse
from PhantomLibrary.sql.planning.joins import PlanOptions
from PhantomLibrary.sql.planning.planner import plan

_ROUNDS = 7
_COLUMNS = "a b c d e"
_QUERIES = (
    "SELECT a + b * 2 + c * 3 + d * 4 + e * 5, (a + b + c + d + e) / 5 FROM t1 ORDER BY 1, 2",
    "SELECT CASE WHEN c > (SELECT avg(c) FROM t1) THEN a * 2 ELSE b * 10 END FROM t1 ORDER BY 1",
    "SELECT a + b * 2 + c * 3 + d * 4, abs(b - c), (SELECT count(*) FROM t1 AS x WHERE x.b < t1.b) FROM t1"
    " WHERE (e > c OR e < d) AND d > e AND EXISTS (SELECT 1 FROM t1 AS x WHERE x.b < t1.b) ORDER BY 2, 1, 3",
    "SELECT abs(a), a - b, c FROM t1 WHERE c BETWEEN b - 2 AND d + 2 OR d NOT BETWEEN 110 AND 150 ORDER BY 3, 2, 1",
    "SELECT a, c, d FROM t1 WHERE e > a AND e < b OR a > b AND d IN (1, 5, 17)",
    "SELECT DISTINCT c, d FROM t1 WHERE a > 90 AND b IS NOT NULL ORDER BY c, d",
    "SELECT count(*), count(DISTINCT b), sum(c), avg(d), min(e), max(a) FROM t1 WHERE a % 3 = 1",
    "SELECT b, count(*), avg(c) FROM t1 GROUP BY b HAVING count(*) > 1 ORDER BY 2 DESC, 1 LIMIT 10",
    "SELECT * FROM t1 WHERE a = 17",
    "SELECT * FROM t1 WHERE a IN (3, 5, 7) AND b > 2",
    "SELECT x.a, y.b, z.c FROM t1 AS x, t2 AS y, t3 AS z WHERE x.a = y.b AND y.c = z.d AND x.e > 4",
    "SELECT x.a, y.c FROM t1 AS x LEFT JOIN t2 AS y ON x.a = y.a WHERE x.b > 3",
    "SELECT ALL - x.a + 28 AS c FROM t1 AS x CROSS JOIN t2 AS y WHERE NOT (NULL) IS NOT NULL",
    "SELECT DISTINCT + 47 * - COUNT(*) AS c FROM t1 AS x WHERE - a NOT BETWEEN 4 AND + b",
    "SELECT a FROM t1 UNION SELECT b FROM t2 EXCEPT SELECT c FROM t3",
    "SELECT a, b FROM t1 WHERE b IN (SELECT c FROM t2 WHERE d > 5) ORDER BY a",
    "SELECT x.a FROM t1 AS x WHERE NOT EXISTS (SELECT 1 FROM t2 AS y WHERE y.a = x.a AND y.b > x.b)",
    "SELECT sum(x.b * y.c) FROM t1 AS x JOIN t2 AS y ON x.a = y.b GROUP BY x.c",
    "SELECT v.n, count(*) FROM (SELECT b, count(*) AS n FROM t1 GROUP BY b) AS v GROUP BY v.n",
    "SELECT a, row_number() OVER (PARTITION BY b ORDER BY c) FROM t1",
)


def measure_sql_planning() -> tuple[float, float]:
    """Return the median and the longest time of CPU in milliseconds from text to plan, at best of several rounds."""
    catalog = Catalog(
        1,
        tuple(
            Table(
                number,
                f"t{number}",
                tuple(Column(name, SqlType("INTEGER"), is_nullable=name != "a") for name in _COLUMNS.split()),
                ("a",),
                Sharding("hash", ("a",)),
            )
            for number in (1, 2, 3)
        ),
    )
    best = [_best_ms(query, catalog) for query in _QUERIES]
    return median(best), max(best)


def _best_ms(query: str, catalog: Catalog) -> float:
    best_s = float("inf")
    for _ in range(_ROUNDS):
        parse.cache_clear()
        started = process_time()
        plan(bind_query(parse(query), catalog), catalog, {}, options=PlanOptions())
        best_s = min(best_s, process_time() - started)
    return best_s * 1000


if __name__ == "__main__":
    usual_ms, longest_ms = measure_sql_planning()
    print(f"from text to plan: {usual_ms:.1f} ms at the median of {len(_QUERIES)} queries, {longest_ms:.1f} ms at most")
