"""The exact checker: legal histories pass, each recognisable cause is named."""

import pytest

from PhantomLibrary.checking.history import pair
from PhantomLibrary.checking.linearizability import check_linearizable
from PhantomLibrary.checking.models import LIST_APPEND, REGISTER, TEXT_MAP
from PhantomLibrary.checking.verdict import Budget
from PhantomLibrary.errors import InvalidInput


def judge(events, model=REGISTER, **budget):
    return (
        check_linearizable(pair(events), model, Budget(**budget)) if budget else check_linearizable(pair(events), model)
    )


def test_empty_history_has_an_order():
    assert judge([]).outcome == "valid"


LEGAL = {
    "reads of what is written meanwhile": """
        1 invoke write 1
        2 invoke read
        2 ok read -
        2 invoke read
        2 ok read 1
        1 ok write 1""",
    "a write of unknown outcome that shows late": """
        1 invoke write 1
        1 info write 1
        2 invoke write 2
        2 ok write 2
        2 invoke read
        2 ok read 2
        2 invoke read
        2 ok read 1""",
    "a write of unknown outcome that never shows": """
        1 invoke write 1
        1 info write 1
        2 invoke read
        2 ok read -""",
    "concurrent writes in the order opposite to their returns": """
        1 invoke write 1
        2 invoke write 2
        1 ok write 1
        2 ok write 2
        3 invoke read
        3 ok read 1""",
    "a failed write that is not seen": """
        1 invoke write 1
        1 fail write 1
        3 invoke read
        3 ok read -""",
    "a failed cas without a reason": """
        1 invoke cas [-,1]
        1 fail cas [-,1] refused
        3 invoke read
        3 ok read -""",
    "a cas that did not match because of an unseen write": """
        1 invoke write 1
        1 info write 1
        2 invoke cas [-,2]
        2 fail cas [-,2] not equal""",
    "a cas of unknown outcome that happened": """
        1 invoke cas [-,1]
        1 info cas [-,1]
        3 invoke read
        3 ok read 1""",
    "the one write of unknown outcome that later reads do not need": """
        1 invoke write 1
        1 info write 1
        2 invoke write 2
        2 info write 2
        3 invoke write 3
        3 info write 3
        4 invoke cas [-,9]
        4 fail cas [-,9] not equal
        4 invoke write 5
        4 ok write 5
        4 invoke read
        4 ok read 1
        4 invoke read
        4 ok read 2""",
    "a write still running at the end": """
        1 invoke write 1
        3 invoke read
        3 ok read 1""",
    "keys apart": """
        1 invoke write 1 key=a
        1 ok write 1 key=a
        1 invoke read - key=b
        1 ok read - key=b""",
}


@pytest.mark.parametrize("script", LEGAL.values(), ids=LEGAL)
def test_legal_history_raises_no_alarm(history, script):
    assert judge(history(script)).headline.startswith("valid")


ILLEGAL = {
    "stale read": (
        """
        1 invoke write 41
        1 ok write 41
        1 invoke write 42
        1 ok write 42
        3 invoke read
        3 ok read 41
        3 invoke read
        3 ok read 42""",
        "LIN-001: register k1: process 3 read 41 at 0.006 s, after 42 had been confirmed at 0.004 s",
    ),
    "stale read of nothing": (
        """
        1 invoke write 42
        1 ok write 42
        2 invoke read
        2 ok read 42
        3 invoke read
        3 ok read -""",
        "LIN-001: register k1: process 3 read nothing at 0.006 s, after 42 had been confirmed at 0.002 s",
    ),
    "older than a value of unknown outcome that was read": (
        """
        1 invoke write 41
        1 ok write 41
        2 invoke write 42
        2 info write 42
        4 invoke read
        4 ok read 42
        3 invoke read
        3 ok read 41""",
        "LIN-001: register k1: process 3 read 41 at 0.008 s, after process 4 had read 42 at 0.006 s",
    ),
    "lost write": (
        """
        1 invoke write 41
        1 ok write 41
        1 invoke write 42
        1 ok write 42
        3 invoke read
        3 ok read 41""",
        "LIN-002: register k1: process 3 read 41 at 0.006 s, after 42 had been confirmed at 0.004 s,"
        " which no read ever showed",
    ),
    "value that nobody wrote": (
        """
        3 invoke read
        3 ok read 41""",
        "LIN-003: register k1: process 3 read 41 at 0.002 s, which nobody wrote",
    ),
    "value from the future": (
        """
        3 invoke read
        3 ok read 41
        1 invoke write 41
        1 ok write 41""",
        "LIN-003: register k1: process 3 read 41 at 0.002 s, which nobody wrote before 0.003 s",
    ),
    "value of a failed write": (
        """
        1 invoke write 41
        1 fail write 41
        3 invoke read
        3 ok read 41""",
        "LIN-004: register k1: process 3 read 41 at 0.004 s, which only an operation that failed wrote"
        " (process 1, failed at 0.002 s)",
    ),
    "stale after a cas": (
        """
        1 invoke write 41
        1 ok write 41
        2 invoke cas [41,42]
        2 ok cas [41,42]
        3 invoke read
        3 ok read 41""",
        "LIN-002: register k1: process 3 read 41 at 0.006 s, after 42 had been confirmed at 0.004 s, which no read"
        " ever showed",
    ),
    "only a cas that failed": (
        """
        1 invoke write 41
        1 ok write 41
        2 invoke cas [41,42]
        2 fail cas [41,42] refused
        3 invoke read
        3 ok read 42""",
        "LIN-004: register k1: process 3 read 42 at 0.006 s, which only an operation that failed wrote"
        " (process 2, failed at 0.004 s)",
    ),
    "impossible cas": (
        """
        1 invoke write 41
        1 ok write 41
        1 invoke write 42
        1 ok write 42
        3 invoke cas [41,43]
        3 ok cas [41,43]""",
        "LIN-006: register k1: process 3 had its cas from 41 to 43 confirmed at 0.006 s, after 42 had been confirmed"
        " at 0.004 s, which no read ever showed",
    ),
    "two of one expectation": (
        """
        1 invoke cas [-,1]
        2 invoke cas [-,2]
        1 ok cas [-,1]
        2 ok cas [-,2]""",
        "LIN-006: register k1: process 2 had its cas from nothing to 2 confirmed at 0.004 s,"
        " though it cannot have held nothing then",
    ),
    "mismatch that cannot be": (
        """
        1 invoke write 41
        1 ok write 41
        3 invoke cas [41,43]
        3 fail cas [41,43] not equal""",
        "LIN-006: register k1: process 3 was told that the register did not hold 41 at 0.004 s,"
        " though it must have held it then",
    ),
    "no plain cause": (
        """
        1 invoke write 1
        2 invoke write 2
        1 ok write 1
        2 ok write 2
        3 invoke read
        3 ok read 1
        3 invoke read
        3 ok read 2""",
        "LIN-009: register k1: process 3 read 2 at 0.008 s, which no order of the operations within real time explains",
    ),
}


@pytest.mark.parametrize(("script", "headline"), ILLEGAL.values(), ids=ILLEGAL)
def test_illegal_register_history_is_explained(history, script, headline):
    verdict = judge(history(script))
    assert (verdict.outcome, verdict.headline) == ("invalid", headline)
    assert 1 <= len(verdict.evidence) <= 10


LISTS = {
    "lost": ("1 invoke append 5\n1 ok append 5\n2 invoke read\n2 ok read []", "LIN-002"),
    "stale": ("1 invoke append 5\n1 ok append 5\n2 invoke read\n2 ok read []\n2 invoke read\n2 ok read [5]", "LIN-001"),
    "never appended": ("2 invoke read\n2 ok read [5]", "LIN-003"),
    "failed": ("1 invoke append 5\n1 fail append 5\n2 invoke read\n2 ok read [5]", "LIN-004"),
    "twice": ("1 invoke append 5\n1 ok append 5\n2 invoke read\n2 ok read [5,5]", "LIN-005"),
    "vanished": (
        "1 invoke append 5\n1 info append 5\n2 invoke read\n2 ok read [5]\n2 invoke read\n2 ok read []",
        "LIN-001",
    ),
    "order": (
        "1 invoke append 5\n1 ok append 5\n1 invoke append 6\n1 ok append 6\n2 invoke read\n2 ok read [6,5]",
        "LIN-009",
    ),
}


@pytest.mark.parametrize(("script", "code"), LISTS.values(), ids=LISTS)
def test_illegal_list_history_is_explained(history, script, code):
    assert judge(history(script), LIST_APPEND).code == code


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("1 invoke append <a>\n1 ok append <a>\n2 invoke get\n2 ok get -", "LIN-002"),
        ("1 invoke append <a>\n1 ok append <a>\n2 invoke get\n2 ok get -\n2 invoke get\n2 ok get <a>", "LIN-001"),
        ("1 invoke append <a>\n1 ok append <a>\n2 invoke get\n2 ok get <a><a>", "LIN-005"),
        (
            "1 invoke append <a>\n1 ok append <a>\n1 invoke append <b>\n1 ok append <b>\n1 invoke append <c>\n"
            "1 ok append <c>\n2 invoke get\n2 ok get <a><b><a><c>",
            "LIN-005",
        ),
        (  # Tried twice, seen twice: what is wrong is their place.
            "1 invoke append <a>\n1 info append <a>\n3 invoke append <a>\n3 ok append <a>\n3 invoke append <b>\n"
            "3 ok append <b>\n2 invoke get\n2 ok get <a><a><b>\n2 invoke get\n2 ok get <b><a><a>",
            "LIN-009",
        ),
        ("1 invoke put <a>\n1 ok put <a>\n2 invoke get\n2 ok get <b>", "LIN-009"),
    ],
)
def test_illegal_map_history_is_explained(history, script, code):
    assert judge(history(script), TEXT_MAP).code == code


def test_explanation_names_the_operation_that_ends_the_shortest_bad_prefix(history):
    verdict = judge(
        history("""
        1 invoke append 1
        1 ok append 1
        2 invoke read
        2 ok read []
        1 invoke append 2
        1 ok append 2
        2 invoke read
        2 ok read [2]"""),
        LIST_APPEND,
    )
    assert "at 0.004 s" in verdict.message


def test_the_key_whose_trouble_was_first_explains_the_history(history):
    verdict = judge(
        history("""
        1 invoke read - key=a
        2 invoke read - key=b
        2 ok read 7 key=b
        1 ok read 8 key=a""")
    )
    assert "register b" in verdict.message


def test_evidence_is_at_most_ten_lines_and_has_the_operations_concerned(history):
    lines = ["1 invoke write 41", "1 ok write 41"]
    lines += [f"{9} {type_} write {value}" for value in range(100, 120) for type_ in ("invoke", "ok")]
    lines += ["3 invoke read", "3 ok read 41", "3 invoke read", "3 ok read 119"]
    verdict = judge(history("\n".join(lines)))
    assert len(verdict.evidence) == 10
    assert any("write 41" in line for line in verdict.evidence)
    assert any("write 119" in line for line in verdict.evidence)
    assert "process 3  read  ok 41" in verdict.evidence[-1]


def test_search_ends_unknown_when_the_budget_is_spent(history):
    lines = [f"{process} invoke append {process}" for process in range(1, 9)]
    lines += [f"{process} ok append {process}" for process in range(1, 9)]
    lines += ["9 invoke put x", "9 ok put x", "9 invoke get", "9 ok get y"]
    events = history("\n".join(lines))
    spent = judge(events, TEXT_MAP, steps_max=1000)
    assert (spent.outcome, spent.code) == ("unknown", "LIN-010")
    assert spent.cost <= 1100
    assert judge(events, TEXT_MAP, entries_max=100).outcome == "unknown"


def test_an_invalid_key_outweighs_an_undecided_one(history):
    lines = [f"{process} invoke append {process} key=a" for process in range(1, 9)]
    lines += [f"{process} ok append {process} key=a" for process in range(1, 9)]
    lines += ["9 invoke put x key=a", "9 ok put x key=a", "9 invoke get - key=a", "9 ok get y key=a"]
    lines += ["9 invoke get - key=b", "9 ok get z key=b"]
    assert judge(history("\n".join(lines)), TEXT_MAP, steps_max=1000).outcome == "invalid"


def test_a_hundred_unseen_writes_of_unknown_outcome_cost_little(history):
    lines = []
    for number in range(100):
        lines += [f"{number} invoke write {number}", f"{number} info write {number}"]
    lines += ["900 invoke write 7000", "900 ok write 7000"]
    for _ in range(20):
        lines += ["901 invoke read", "901 ok read 7000"]
    lines += ["901 invoke cas [8000,1]", "901 fail cas [8000,1] not equal"]
    assert judge(history("\n".join(lines))).cost < 1000
    bad = judge(history("\n".join([*lines, "901 invoke read", "901 ok read -"])))
    assert bad.outcome == "invalid"
    assert bad.cost < 5000


def test_many_seen_writes_of_unknown_outcome_cost_little(history):
    lines = []
    for number in range(60):
        lines += [f"{number} invoke write {number}", f"{number} info write {number}"]
    for number in range(60):
        lines += ["901 invoke read", f"901 ok read {number}"]
    assert judge(history("\n".join(lines))).cost < 10_000
    bad = judge(history("\n".join([*lines, "901 invoke read", "901 ok read 5"])))
    assert bad.outcome == "invalid"
    assert bad.cost < 500_000


def test_unknown_function_is_refused_with_the_nearest_guess(history):
    with pytest.raises(InvalidInput, match=r"no 'wriet': it knows read, write, cas \(did you mean write\?\)"):
        judge(history("1 invoke wriet 3"))
    with pytest.raises(InvalidInput, match="a cas takes"):
        judge(history("1 invoke cas 3"))
