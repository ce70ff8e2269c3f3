"""Sets, counters and appends, and the one question that serves every kind of workload."""

import pytest
from msgspec.structs import replace

from PhantomLibrary.checking.appends import check_appends
from PhantomLibrary.checking.counters import check_counter
from PhantomLibrary.checking.dispatch import check_history
from PhantomLibrary.checking.history import pair
from PhantomLibrary.checking.sets import check_set
from PhantomLibrary.checking.verdict import Budget
from PhantomLibrary.errors import InvalidInput

ADDED = "1 invoke add 5\n1 ok add 5\n"

SETS = {
    "all there, in any order": (f"{ADDED}1 invoke add 6\n1 ok add 6\n2 invoke read\n2 ok read [6,5]", ""),
    "an add under way may be missing": ("1 invoke add 5\n2 invoke read\n2 ok read []\n1 ok add 5", ""),
    "an add under way may be there": ("1 invoke add 5\n2 invoke read\n2 ok read [5]\n1 ok add 5", ""),
    "confirmed while the read ran": ("2 invoke read\n1 invoke add 5\n1 ok add 5\n2 ok read []", ""),
    "unknown outcome, there": ("1 invoke add 5\n1 info add\n2 invoke read\n2 ok read [5]", ""),
    "unknown outcome, missing": ("1 invoke add 5\n1 info add\n2 invoke read\n2 ok read []", ""),
    "read meanwhile by another": (
        "1 invoke add 5\n2 invoke read\n3 invoke read\n3 ok read [5]\n2 ok read []\n1 ok add 5",
        "",
    ),
    "keys apart": (f"{ADDED}2 invoke read - key=b\n2 ok read [] key=b", ""),
    "lost": (f"{ADDED}2 invoke read\n2 ok read []", "SET-001"),
    "lost in an interim read only": (f"{ADDED}2 invoke read\n2 ok read []\n2 invoke read\n2 ok read [5]", "SET-001"),
    "lost, but not the last read of none": (f"{ADDED}2 invoke read\n2 ok read", "SET-001"),
    "never added": (f"{ADDED}2 invoke read\n2 ok read [5,6]", "SET-002"),
    "added only later": ("2 invoke read\n2 ok read [5]\n1 invoke add 5\n1 ok add 5", "SET-002"),
    "failed": ("1 invoke add 5\n1 fail add 5\n2 invoke read\n2 ok read [5]", "SET-003"),
    "twice": (f"{ADDED}2 invoke read\n2 ok read [5,5]", "SET-004"),
    "added twice, there twice": (f"{ADDED}{ADDED}2 invoke read\n2 ok read [5,5]", ""),
    "vanished": ("1 invoke add 5\n1 info add\n2 invoke read\n2 ok read [5]\n2 invoke read\n2 ok read []", "SET-005"),
}


@pytest.mark.parametrize(("script", "code"), SETS.values(), ids=SETS)
def test_set_is_judged(history, script, code):
    verdict = check_set(pair(history(script)))
    assert (verdict.code, verdict.outcome) == (code, "invalid" if code else "valid")


def test_lost_element_is_said_in_plain_words(history):
    verdict = check_set(pair(history(SETS["lost"][0])))
    assert verdict.headline == (
        "SET-001: set k1: the read of process 2 at 0.004 s lacks 5, whose add had been confirmed at 0.002 s"
    )
    assert verdict.evidence == (
        "0.001 s to 0.002 s  process 1  add 5  ok",
        "0.003 s to 0.004 s  process 2  read  ok ''",
    )


def test_the_element_that_is_named_is_one_that_is_lacking(history):
    verdict = check_set(pair(history(f"{ADDED}1 invoke add 6\n1 ok add 6\n2 invoke read\n2 ok read [5]")))
    assert "lacks 6, whose add" in verdict.headline


COUNTERS = {
    "exact": (f"{ADDED}2 invoke read\n2 ok read 5", ""),
    "never written": ("2 invoke read\n2 ok read -", ""),
    "under way, not yet": ("1 invoke add 5\n2 invoke read\n2 ok read 0\n1 ok add 5", ""),
    "under way, already": ("1 invoke add 5\n2 invoke read\n2 ok read 5\n1 ok add 5", ""),
    "unknown outcome": (
        "1 invoke increment 5\n1 info increment\n2 invoke read\n2 ok read 5\n2 invoke read\n2 ok read 5",
        "",
    ),
    "taken away while reading": (f"{ADDED}2 invoke read\n1 invoke add -3\n2 ok read 2\n1 ok add -3", ""),
    "taken away": (f"{ADDED}1 invoke add -3\n1 ok add -3\n2 invoke read\n2 ok read 2", ""),
    "taken away between reads": (
        f"{ADDED}2 invoke read\n2 ok read 5\n1 invoke add -3\n1 ok add -3\n2 invoke read\n2 ok read 2",
        "",
    ),
    "text": (f"{ADDED}2 invoke read\n2 ok read +5", ""),
    "lost": (f"{ADDED}2 invoke read\n2 ok read 4", "CNT-001"),
    "lost in an interim read only": (f"{ADDED}2 invoke read\n2 ok read 0\n2 invoke read\n2 ok read 5", "CNT-001"),
    "twice": (f"{ADDED}2 invoke read\n2 ok read 10", "CNT-002"),
    "failed one counts": ("1 invoke add 5\n1 fail add 5\n2 invoke read\n2 ok read 5", "CNT-002"),
    "not taken away": (f"{ADDED}1 invoke add -3\n1 ok add -3\n2 invoke read\n2 ok read 5", "CNT-002"),
    "taken away unasked": (f"{ADDED}2 invoke read\n2 ok read 2\n1 invoke add -3\n1 ok add -3", "CNT-001"),
    "backwards": (
        "1 invoke add 5\n1 info add\n2 invoke read\n2 ok read 5\n2 invoke read\n2 ok read 0",
        "CNT-003",
    ),
    "no number": (f"{ADDED}2 invoke read\n2 ok read five", "CNT-004"),
}


@pytest.mark.parametrize(("script", "code"), COUNTERS.values(), ids=COUNTERS)
def test_counter_is_judged(history, script, code):
    verdict = check_counter(pair(history(script)))
    assert (verdict.code, verdict.outcome) == (code, "invalid" if code else "valid")


def test_counter_that_lost_an_increment_says_what_it_should_be(history):
    verdict = check_counter(pair(history(COUNTERS["lost"][0])))
    assert verdict.message == (
        "counter k1: process 2 read 4 at 0.004 s, though it cannot be less than 5 by what had been confirmed"
    )


def test_counter_takes_whole_numbers_and_known_words_only(history):
    with pytest.raises(InvalidInput, match="a counter takes whole numbers, not 'x'"):
        check_counter(pair(history("1 invoke add x")))
    with pytest.raises(InvalidInput, match="did you mean add"):
        check_counter(pair(history("1 invoke ad 5")))


APPENDED = "1 invoke append 5\n1 ok append 5\n"
TWO = f"{APPENDED}1 invoke append 6\n1 ok append 6\n"

APPENDS = {
    "in order": (f"{TWO}2 invoke read\n2 ok read [5,6]", ""),
    "concurrent, either order": (
        "1 invoke append 5\n2 invoke append 6\n1 ok append 5\n2 ok append 6\n2 invoke read\n2 ok read [6,5]",
        "",
    ),
    "reads grow": (f"{APPENDED}2 invoke read\n2 ok read [5]\n{TWO[len(APPENDED) :]}2 invoke read\n2 ok read [5,6]", ""),
    "unknown outcome": ("1 invoke append 5\n1 info append\n2 invoke read\n2 ok read []", ""),
    "lost": (f"{TWO}2 invoke read\n2 ok read [6]", "APP-001"),
    "vanished": (
        "1 invoke append 5\n1 info append\n2 invoke read\n2 ok read [5]\n2 invoke read\n2 ok read []",
        "APP-001",
    ),
    "twice": (f"{APPENDED}2 invoke read\n2 ok read [5,5]", "APP-002"),
    "nobody": ("2 invoke read\n2 ok read [7]", "APP-003"),
    "failed": ("1 invoke append 5\n1 fail append 5\n2 invoke read\n2 ok read [5]", "APP-004"),
    "reads disagree": (
        "1 invoke append 5\n2 invoke append 6\n3 invoke read\n3 ok read [5,6]\n3 invoke read\n3 ok read [6,5]",
        "APP-005",
    ),
    "out of order": (f"{TWO}2 invoke read\n2 ok read [6,5]", "APP-006"),
}


@pytest.mark.parametrize(("script", "code"), APPENDS.values(), ids=APPENDS)
def test_appends_are_judged(history, script, code):
    verdict = check_appends(pair(history(script)))
    assert (verdict.code, verdict.outcome) == (code, "invalid" if code else "valid")


def test_elements_come_by_the_workloads_own_word(history):
    with pytest.raises(InvalidInput, match="a set has no 'append': it knows read, add"):
        check_set(pair(history(APPENDED)))


@pytest.mark.parametrize("kind", ["register", "set", "counter", "append", "map"])
def test_empty_history_is_not_valid(kind):
    verdict = check_history([], kind)
    assert (verdict.outcome, verdict.code) == ("invalid", "HIS-001")


def test_thin_history_is_not_valid(history):
    events = history("1 invoke write 5\n1 ok write 5\n1 invoke read\n1 ok read 5")
    assert check_history(events, "register", confirmed=2).outcome == "valid"
    verdict = check_history(events, "register", confirmed=3)
    assert (verdict.outcome, verdict.code) == ("invalid", "HIS-002")
    assert verdict.message == "2 of 2 operations were confirmed, fewer than the 3 asked for"


def test_contradiction_counts_before_thinness(history):
    events = history("1 invoke read\n1 ok read 5")
    assert check_history(events, "register", confirmed=100).code == "LIN-003"


def test_malformed_history_is_not_valid(history):
    verdict = check_history(history("1 ok write 5"), "register")
    assert (verdict.outcome, verdict.code) == ("invalid", "HIS-003")


def test_history_without_a_read_is_unknown(history):
    verdict = check_history(history(ADDED), "set")
    assert (verdict.outcome, verdict.code) == ("unknown", "HIS-004")


def test_cas_reads_too(history):
    assert check_history(history("1 invoke cas [-,5]\n1 ok cas [-,5]"), "register").outcome == "valid"
    only_mismatch = "1 invoke write 3\n1 ok write 3\n1 invoke cas [4,5]\n1 fail cas [4,5] not equal"
    assert check_history(history(only_mismatch), "register").outcome == "valid"


def test_spent_budget_stays_unknown(history):
    events = history("1 invoke write 5\n1 ok write 5\n1 invoke read\n1 ok read 5")
    assert check_history(events, "register", budget=Budget(steps_max=1)).code == "LIN-010"


def test_append_history_is_explained_by_the_plain_check_and_proved_by_the_exact_one(history):
    assert check_history(history(APPENDS["twice"][0]), "append").code == "APP-002"
    split = history(
        "1 invoke append 5\n3 invoke append 6\n2 invoke read\n2 ok read [6]\n3 ok append 6\n"
        "4 invoke append 7\n1 ok append 5\n4 ok append 7\n2 invoke read\n2 ok read [6,5,7]"
    )
    assert check_history(split, "append").outcome == "valid"
    skips_one = history(
        "2 invoke read\n1 invoke append 5\n1 ok append 5\n1 invoke append 6\n1 ok append 6\n2 ok read [6]"
    )
    assert check_appends(pair(skips_one)).outcome == "valid"
    assert check_history(skips_one, "append").code == "LIN-009"


def test_kind_without_checker_is_refused_with_the_nearest_guess():
    with pytest.raises(InvalidInput, match="did you mean register"):
        check_history([], "registre")


@pytest.mark.parametrize("kind", ["register", "set", "counter", "append"])
def test_reads_of_failed_or_unknown_outcome_tell_nothing(history, kind):
    events = history("1 invoke read\n1 fail read 999\n2 invoke read\n2 info read 999\n3 invoke read\n3 ok read -")
    assert check_history(events, kind).outcome == "valid"
    assert check_history([replace(event, workload="w") for event in events], kind).confirmed == 1
