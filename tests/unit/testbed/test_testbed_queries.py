"""Sample tables on a cluster, queries at a snapshot, and what an oracle that reads the replicas says of them."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.domain import SECOND_NS, Ok
from PhantomLibrary.errors import InvalidInput, InvalidState
from PhantomLibrary.exploration.queries.clusters import ClusterDatabase
from PhantomLibrary.reporting.summary import summarise
from PhantomLibrary.testbed.metrics import metric_value
from PhantomLibrary.testbed.query_judge import QueryJudge, read_type
from PhantomLibrary.testbed.query_metrics import queries_of
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.testbed.stored_tables import stored_tables

pytest.importorskip("apsw")
JOIN = "SELECT c.country, COUNT(*) AS n, SUM(o.total) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY 1"


def perform(run, verb, **arguments):
    return run.perform(Command(verb, run.now_ns, run.now_ns, arguments=arguments))


def done(run, verb, **arguments):
    task = perform(run, verb, **arguments)
    run.advance(run.now_ns + 600 * SECOND_NS, lambda: task.is_done)
    return task.result


@pytest.fixture(scope="module")
def run():
    made = Run(RunSpec(3, shards=3))
    made.advance(2 * SECOND_NS)
    for table, rows in (("customers", 20), ("products", 10), ("orders", 60), ("items", 90), ("accounts", 16)):
        assert done(made, "load table", table=table, rows=rows).rows == rows
    return made


def test_sample_tables_are_there_whole_and_spread(run):
    asked = done(run, "query at snapshot", query="SELECT COUNT(*), COUNT(DISTINCT id) FROM orders")
    assert asked.table.rows == [[60, 60]]
    tables = {each.name: each for each in stored_tables(run, asked.at_ns).tables}
    assert [len(tables[name].rows) for name in ("customers", "products", "orders", "items", "accounts")] == [
        *(20, 10, 60, 90, 16)
    ]
    plan = done(run, "query at snapshot", query="EXPLAIN ANALYZE SELECT id FROM accounts").table.plan
    assert plan.shards_touched == 3 and plan.rows_moved == 16


def test_queries_are_measured(run):
    before = metric_value(run, "queries")
    done(run, "query at snapshot", query="SELECT id FROM accounts")
    asked = done(run, "query at snapshot", query="EXPLAIN ANALYZE SELECT id FROM accounts")
    assert metric_value(run, "queries") == before + 2
    assert 0 < metric_value(run, "query_latency_p50") <= metric_value(run, "query_latency_p99") < 100
    queries = queries_of(run)[-1]
    assert (queries.rows_moved, queries.bytes_moved) == (asked.table.plan.rows_moved, asked.table.plan.bytes_moved)
    assert summarise(run).queries.count == before + 2
    with pytest.raises(InvalidState, match="no query was answered there, so there is no query_latency_p99"):
        metric_value(run, "query_latency_p99", window_ns=0, nodes=["n9"])


def test_right_answers_are_valid_and_wrong_ones_are_not(run):
    judge, asked = QueryJudge(run), done(run, "query at snapshot", query=JOIN)
    assert judge.judge(asked, JOIN).outcome == "valid"
    table = asked.table
    for rows in (table.rows[1:], [*table.rows, table.rows[0]], [[*table.rows[0][:2], "0.01"], *table.rows[1:]]):
        answer = '{{"columns":["a","b","c"],"types":["TEXT","INTEGER","DECIMAL(18,2)"],"rows":{},"count":1}}'
        text = str(rows).replace("'", '"').replace("None", "null")
        wrong = replace(asked, answer=Ok(answer.format(text)))
        assert judge.judge(wrong, JOIN).code == "QRY-001"


def test_the_oracle_has_the_rows_of_the_snapshot_and_not_those_of_later():
    run = Run(RunSpec(4, shards=3))
    run.advance(2 * SECOND_NS)
    query = "SELECT id, v FROM t"
    assert isinstance(done(run, "execute sql", statement="CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)"), Ok)
    done(run, "execute sql", statement="INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    asked = done(run, "query at snapshot", query=query)
    done(run, "execute sql", statement="DELETE FROM t WHERE id = 1")
    done(run, "execute sql", statement="UPDATE t SET v = 'z' WHERE id = 2")
    done(run, "execute sql", statement="ALTER TABLE t ADD COLUMN w DECIMAL(4,2) DEFAULT 1.25")
    judge, after = QueryJudge(run), done(run, "query at snapshot", query="SELECT * FROM t")
    assert judge.judge(asked, query).outcome == "valid"
    assert judge.judge(after, "SELECT * FROM t").outcome == "valid"
    assert judge.judge(replace(asked, at_ns=after.at_ns), query).outcome == "invalid"
    assert after.table.rows[0][2] == "1.25"


def test_what_is_refused_by_sql_is_told_from_what_a_fault_prevents(run):
    refused = done(run, "query at snapshot", query="SELECT nope FROM orders")
    assert refused.is_final and refused.refusal.startswith("SQL 42703")
    assert QueryJudge(run).judge(refused, "SELECT nope FROM orders").code == "QRY-004"


def test_a_table_is_loaded_once_and_not_without_bounds(run):
    with pytest.raises(InvalidState, match="table orders is loaded already, with 60 rows"):
        perform(run, "load table", table="orders", rows=5)
    with pytest.raises(InvalidInput, match=r"no sample table 'order'.*did you mean orders"):
        perform(run, "load table", table="order", rows=5)
    with pytest.raises(InvalidInput, match="rows=1,000,001 cannot be"):
        perform(run, "load table", table="orders", rows=1_000_001)


def test_rows_of_files_go_in_by_the_names_of_columns(run):
    done(run, "execute sql", statement='CREATE TABLE people (id INTEGER PRIMARY KEY, "a b" TEXT, d DATE DEFAULT NULL)')
    rows = [["Zoë", "1"], [None, "2"], ["", "3"]]
    assert done(run, "load rows", table="people", columns=["a b", "id"], rows=rows).rows == 3
    asked = done(run, "query at snapshot", query='SELECT id, "a b", d FROM people ORDER BY id')
    assert asked.table.rows == [[1, "Zoë", None], [2, None, None], [3, "", None]]
    refused = done(run, "load rows", table="people", columns=["id", "d"], rows=[["4", "2024-02-30"]])
    assert refused.rows == 0 and refused.reason.startswith("SQL 22007")


@pytest.mark.parametrize(
    ("text", "name", "scale"), [("DECIMAL(18,2)", "DECIMAL", 2), ("VARCHAR(9)", "TEXT", 0), ("REAL", "REAL", 0)]
)
def test_types_are_read_as_answers_name_them(text, name, scale):
    assert (read_type(text).name, read_type(text).scale) == (name, scale)


def test_random_queries_on_a_cluster_that_splits_and_loses_a_leader_have_right_answers():
    run = Run(RunSpec(6, nodes=4, shards=2))
    run.advance(2 * SECOND_NS)
    database = ClusterDatabase(
        lambda verb, **arguments: perform(run, verb, **arguments),
        lambda duration_ns, condition: run.advance(run.now_ns + duration_ns, condition),
    )
    outcomes = []
    for number, (_, finding) in enumerate(database.findings(6, 24)):
        outcomes.append(finding.outcome)
        if number == 4:
            perform(run, "split shard", shard=1)
        if number == 12:
            run.perform(Command("crash node", run.now_ns, run.now_ns, "leader of shard 2"))
    assert "wrong" not in outcomes
    assert outcomes.count("right") > 20
    assert len(run.shard_ids) == 4
