"""The notation of interleavings: what it means, and what is said of what means nothing."""

import pytest

from PhantomLibrary.domain import Where
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.testbed.interleaving_run import InterleavingRun
from PhantomLibrary.testbed.interleavings import parse_interleaving

WRITTEN = "k0.x was written by another transaction after this one began"


def meant(text):
    return [(step.transaction, step.act, step.rows, step.ending) for step in parse_interleaving(text)]


def test_steps_of_rows():
    assert meant(" r1(x) r2(x, y=20)  w1(x=11) w12(x=12 blocked) i3(z=30) d3(y) c1 a2 c3(aborted) w12(aborted)") == [
        (1, "read rows", (("x", None),), "done"),
        (2, "read rows", (("x", None), ("y", "20")), "done"),
        (1, "write", (("x", "11"),), "done"),
        (12, "write", (("x", "12"),), "blocked"),
        (3, "write", (("z", "30"),), "done"),
        (3, "delete", (("y", None),), "done"),
        (1, "commit", (), "done"),
        (2, "roll back", (), "done"),
        (3, "commit", (), "aborted"),
        (12, "await", (), "aborted"),
    ]


def test_steps_of_ranges():
    text = (
        "r1(all) r1(value=30)->{} r1(value % 3=0) -> {z=30, y=21} w1(all += -5) w1(value=10 := 12) d1(value=20 blocked)"
    )
    steps = parse_interleaving(text)
    assert [step.where for step in steps] == [
        Where(),
        Where("equals", 30),
        Where("multiple", 3),
        Where(),
        Where("equals", 10),
        Where("equals", 20),
    ]
    assert [step.found for step in steps[:3]] == [None, (), (("z", "30"), ("y", "21"))]
    assert [(step.act, step.change, step.value, step.ending) for step in steps[3:]] == [
        ("update", "add", "-5", "done"),
        ("update", "put", "12", "done"),
        ("update", "delete", "", "blocked"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an interleaving has steps, such as r1(x) w2(x=11) c1 c2"),
        ("r1(x) hello c1", "step 2, hello: no step is written so: write one such as r1(x), w1(x=11), i1(z=30), d1(x),"),
        ("r1(x", "step 1, r1(x: no step is written so"),
        ("c1c2", "step 1, c1c2: no step is written so"),
        (
            "q1(x)",
            "step 1, q1(x): no transaction does 'q': there are r reads, w writes, i inserts, d deletes, c commits",
        ),
        ("r1", "step 1, r1: say what transaction 1 reads, such as (x)"),
        ("r1()", "step 1, r1(): nothing stands between the brackets"),
        ("w1(x)", "step 1, w1(x): row x needs a value, such as x=10"),
        ("w1(x=1,y=2)", "step 1, w1(x=1,y=2): one row is written at a time, such as w1(x=11)"),
        ("w1(value=10)", "step 1, w1(value=10): 'value' is no row: rows are called x, y, z and so on"),
        ("w1(x += 1)", "step 1, w1(x += 1): 'x' is no range: write all, value=20 or value%3=0"),
        ("w1(all += ten)", "step 1, w1(all += ten): 'ten' cannot be added: write a whole number"),
        ("r1(value%0=0)", "step 1, r1(value%0=0): no number is a multiple of 0"),
        ("r1(X)", "step 1, r1(X): 'X' is no row"),
        ("r1(x=)", "step 1, r1(x=): 'x=' is no row: write x"),
        ("d1(x=10)", "step 1, d1(x=10): 'x=10' is no row: write x"),
        ("d1(x,y)", "step 1, d1(x,y): one row is deleted at a time, such as d1(x)"),
        ("r1(x) -> {x=10}", "step 1, r1(x) -> {x=10}: -> { } follows a range: for rows write r1(x=10)"),
        ("r1(all) -> {x}", "step 1, r1(all) -> {x}: row x needs a value, such as x=10"),
        ("w1(x=1) -> {x=1}", "step 1, w1(x=1) -> {x=1}: only what is read can be compared: leave out -> { }"),
        ("c1(x)", "step 1, c1(x): a commit or rollback has no rows: write c1, a1 or c1(aborted)"),
        ("w1(x=1 blocked) w1(blocked)", "step 2, w1(blocked): 'blocked' alone cannot be"),
        ("w1(done)", "step 1, w1(done): nothing of transaction 1 is blocked before it"),
        ("w2(x=1 blocked) w2(done) w2(done)", "step 3, w2(done): nothing of transaction 2 is blocked before it"),
        ("w1(x=1) c1 r1(x)", "step 3, r1(x): transaction 1 has ended with c1"),
        ("w1(x=1 aborted) c1", "step 2, c1: transaction 1 has ended with w1(x=1 aborted)"),
    ],
)
def test_what_means_nothing_is_refused_with_the_step(text, message):
    with pytest.raises(InvalidInput) as error:
        parse_interleaving(text)
    assert str(error.value).startswith(message)


# --- running them -----------------------------------------------------------------------------------------------------


@pytest.fixture
def table(drive):
    it = drive(seed=1, shards=2).elect()

    def run(steps, isolation="serializable", **shards):
        def advance(duration_ns, condition):
            return it.run.advance(it.run.now_ns + duration_ns, condition)

        return InterleavingRun(it.run, advance, parse_interleaving(steps), isolation, **shards).perform()

    run.it = it
    return run


@pytest.mark.parametrize("shards", [1, 2])
def test_what_goes_as_it_says_has_no_problem(table, shards):
    assert table("w1(x=11) w2(x=12 blocked) c1 w2(done) c2 r3(x=12,y=20)", "read committed", shards=shards) == ""
    assert table("i1(z=30) d1(y) c1 r2(all) -> {x=10, z=30} r2(y=none)", shards=shards) == ""
    assert table("r1(all) -> {x=10, y=20} w1(all += 5) r1(x=15) a1 r2(value%10=0) -> {x=10, y=20}", shards=shards) == ""


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ("r1(x=11)", "step 1, r1(x=11): it found x=10, expected x=11"),
        ("r1(z=1)", "step 1, r1(z=1): it found z=none, expected z=1"),
        ("r1(all) -> {x=10}", "step 1, r1(all) -> {x=10}: it found {x=10, y=20}, expected {x=10}"),
        ("w1(x=1) c1(aborted)", "step 2, c1(aborted): it was done, expected aborted"),
        ("w1(x=11 blocked) c1", "step 1, w1(x=11 blocked): it was done, expected blocked"),
        (
            "r2(y) w1(x=11) w2(x=12 blocked) c1 w2(done)",
            f"step 5, w2(done): it was aborted, expected done: {WRITTEN}",
        ),
        (
            "r2(y) w1(x=11) w2(x=12 blocked) c1 c2",
            f"step 5, c2: what was blocked before it was aborted: {WRITTEN}",
        ),
    ],
)
def test_what_goes_otherwise_is_told_with_the_step(table, steps, problem):
    assert table(steps) == problem
    assert not any(each.is_open for each in table.it.run.transactions.values())


def test_no_key_of_others_is_touched(table):
    table.it.put("k3", "mine")
    with pytest.raises(InvalidInput, match="key k3 lies among the rows"):
        table("r1(x)")
    assert table("r1(all) -> {x=10, y=20}", shards=1) == ""
    with pytest.raises(InvalidInput, match="shards=3 cannot be: this cluster has 2"):
        table("r1(x)", shards=3)
