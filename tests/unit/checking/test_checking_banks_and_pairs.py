"""Banks, pairs and counters of transactions: each thing that can be wrong is named, and nothing else."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.checking.bank import BankTerms, check_bank
from PhantomLibrary.checking.history import pair
from PhantomLibrary.checking.monotonic import check_monotonic
from PhantomLibrary.checking.pairs import check_pairs
from PhantomLibrary.domain import HistoryEvent
from PhantomLibrary.errors import InvalidInput
from tests.unit.checking.transactional import operations_of

INITIAL = {"a": 10, "b": 10}


def bank(*steps):
    """Return operations of (process, type, function, value)."""
    return pair(HistoryEvent(at, at * 1_000_000, *step[:3], None, step[3]) for at, step in enumerate(steps, start=1))


def read(process, balances, ending="ok"):
    return (process, "invoke", "read", None), (process, ending, "read", balances)


def move(process, source, target, amount, ending="ok"):
    value = {"from": source, "to": target, "amount": amount}
    return (process, "invoke", "transfer", value), (process, ending, "transfer", value)


def test_bank_whose_reads_add_up_is_valid():
    operations = bank(*read(1, {"a": 10, "b": 10}), *move(2, "a", "b", 3), *read(1, {"a": "7", "b": "13"}))
    assert check_bank(operations).outcome == "valid"
    assert check_bank(operations, BankTerms(20, INITIAL, in_real_time=True)).outcome == "valid"
    assert check_bank(bank()).outcome == "valid"


@pytest.mark.parametrize(
    ("balances", "code", "words"),
    [
        ({"a": 7, "b": 10}, "BNK-001", "adds up to 17, not to 20: a = 7, b = 10"),
        ({"a": 10, "b": 13}, "BNK-001", "adds up to 23, not to 20"),
        ({"a": -1, "b": 21}, "BNK-002", "shows -1 in account a"),
        ({"a": 20}, "BNK-003", "lacks account b"),
        ({"a": 10, "b": 10, "c": 0}, "BNK-003", "shows account c, which there is not"),
        ({"a": 9, "z": 1, "x": 1, "b": 9, "y": 1, "c": 0}, "BNK-003", "shows account c, x, y, z, which there is not"),
        ({"b": 10, "c": 10}, "BNK-003", "lacks account a and shows account c"),
        ({"a": None, "b": 20}, "BNK-004", "shows None in account a"),
        ({"a": "ten", "b": 10}, "BNK-004", "shows 'ten' in account a"),
        ({"a": True, "b": 19}, "BNK-004", "shows True in account a"),
    ],
)
def test_wrong_read_of_a_bank_is_named(balances, code, words):
    operations = bank(*read(1, {"a": 10, "b": 10}), *read(2, balances), *read(3, {"a": 0, "b": 0}))
    verdict = check_bank(operations)
    assert (verdict.outcome, verdict.code) == ("invalid", code)
    assert words in verdict.message
    assert verdict.message.startswith("bank: the read of process 2 at 0.004 s ")
    assert verdict.evidence


def test_total_is_that_of_the_read_that_ended_first():
    operations = bank(
        (1, "invoke", "read", None),
        (2, "invoke", "read", None),
        (2, "ok", "read", {"a": 10, "b": 10}),
        (1, "ok", "read", {"a": 7, "b": 10}),
    )
    assert "the read of process 1 at 0.004 s adds up to 17, not to 20" in check_bank(operations).message


def test_accounts_are_those_of_the_first_read():
    operations = bank(*read(1, {"a": 10, "b": 10}), *read(2, {"a": 20}))
    assert "the read of process 2 at 0.004 s lacks account b" in check_bank(operations).message


def test_a_read_of_many_accounts_is_told_in_short():
    for count, end in ((8, "k7 = 2"), (9, "k7 = 2, …")):
        balances = {f"k{number}": 2 for number in range(count)}
        assert check_bank(bank(*read(1, balances)), BankTerms(total=1)).message.endswith(end)


def test_terms_of_a_bank_count():
    first = bank(*read(1, {"a": 10, "b": 11}))
    assert check_bank(first).outcome == "valid"
    assert check_bank(first, BankTerms(total=20)).code == "BNK-001"
    assert check_bank(first, BankTerms(initial={"a": 1, "b": 1, "c": 1})).code == "BNK-003"
    overdrawn = bank(*read(1, {"a": -1, "b": 21}))
    assert check_bank(overdrawn, BankTerms(may_be_negative=True)).outcome == "valid"
    assert check_bank(bank(*read(1, {"a": 0, "b": 20}))).outcome == "valid"


def test_transfers_are_counted_where_reads_are_in_real_time():
    terms = BankTerms(20, INITIAL, in_real_time=True)
    lost = bank(*move(1, "a", "b", 3), *read(2, {"a": 10, "b": 10}))
    assert check_bank(lost, terms).code == "BNK-005"
    assert check_bank(lost, BankTerms(20, INITIAL)).outcome == "valid"
    twice = bank(*move(1, "a", "b", 3), *read(2, {"a": 4, "b": 16}))
    assert check_bank(twice, terms).code == "BNK-005"
    failed = bank(*move(1, "a", "b", 3, "fail"), *read(2, {"a": 7, "b": 13}))
    assert check_bank(failed, terms).code == "BNK-005"
    for balances in ({"a": 10, "b": 10}, {"a": 7, "b": 13}):
        unknown = bank(*move(1, "a", "b", 3, "info"), *read(2, balances))
        assert check_bank(unknown, terms).outcome == "valid"


def test_what_a_bank_does_not_know_is_refused():
    with pytest.raises(InvalidInput, match="did you mean transfer"):
        check_bank(bank((1, "invoke", "transfr", {}), (1, "ok", "transfr", {})))
    with pytest.raises(InvalidInput, match="a transfer is"):
        check_bank(bank((1, "invoke", "transfer", [1, 2, 3])))
    with pytest.raises(InvalidInput, match="a read of a bank shows"):
        check_bank(bank(*read(1, [10, 10])))


# --- pairs ------------------------------------------------------------------------------------------------------------

PAIRS = {
    "one": ("1 invoke insert 1\n2 invoke insert 2\n1 ok insert 1\n2 fail insert 2\n1 invoke read\n1 ok read [1]", ""),
    "unknown": ("1 invoke insert 1\n2 invoke insert 2\n1 ok insert 1\n2 info insert 2", ""),
    "both": ("1 invoke insert 1\n2 invoke insert 2\n1 ok insert 1\n2 ok insert 2", "SKW-001"),
    "both there": (
        "1 invoke insert 1\n2 invoke insert 2\n1 info insert\n2 info insert\n3 invoke read\n3 ok read [1,2]",
        "SKW-002",
    ),
    "strange": ("1 invoke insert 1\n1 ok insert 1\n3 invoke read\n3 ok read [7]", "SKW-003"),
    "failed": ("1 invoke insert 1\n1 fail insert 1\n3 invoke read\n3 ok read [1]", "SKW-004"),
    "other keys": (
        "1 invoke insert 1 key=k1\n1 ok insert 1 key=k1\n2 invoke insert 2 key=k2\n2 ok insert 2 key=k2",
        "",
    ),
}


@pytest.mark.parametrize(("script", "code"), PAIRS.values(), ids=PAIRS)
def test_pairs_are_judged(history, script, code):
    verdict = check_pairs(pair(history(script)))
    assert (verdict.code, verdict.outcome) == (code, "invalid" if code else "valid")


def test_a_snapshot_allows_both_of_a_pair_but_nothing_made_up(history):
    for name in ("both", "both there"):
        assert check_pairs(pair(history(PAIRS[name][0])), both_allowed=True).outcome == "valid"
    assert check_pairs(pair(history(PAIRS["strange"][0])), both_allowed=True).code == "SKW-003"


def test_both_of_a_pair_are_named(history):
    verdict = check_pairs(pair(history(PAIRS["both"][0])))
    assert verdict.message == (
        "pair k1: both 1 (process 1) and 2 (process 2) were confirmed by 0.004 s, though each had to find it empty"
    )


# --- counters that only grow ------------------------------------------------------------------------------------------

FORK = "1 ok: add x 1\n2 ok: add y 1\n3 ok: r x 1; r y 0\n4 ok: r x 0; r y 1"


def test_readers_who_agree_are_valid():
    operations = operations_of("1 ok: add x 1; add y 2\n2 ok: r x 0; r y 0\n3 ok: r x 1; r y 2\n4 ok: r x 1; r y 2")
    assert check_monotonic(operations, "strict serializable").outcome == "valid"


def test_readers_who_disagree_are_named():
    verdict = check_monotonic(operations_of(FORK), "snapshot")
    assert verdict.headline == (
        "MON-001: readers disagree about what came first: T3 read y = 1, T2 had read 0 (wr); "
        "T2 read x = 1, T3 had read 0 (wr)"
    )
    assert check_monotonic(operations_of(FORK), "read committed").outcome == "valid"
    beside = FORK.replace("r x 1;", "r a 0; r x 1;").replace("r x 0;", "r a 0; r x 0;")
    assert check_monotonic(operations_of(beside), "snapshot").message == verdict.message
    assert (verdict.operations, verdict.confirmed, verdict.cost) == (4, 4, 6)


def test_three_readers_can_disagree_in_a_circle():
    script = "1 ok: add x 1; add y 1; add z 1\n2 ok: r x 1; r y 0\n3 ok: r y 1; r z 0\n4 ok: r z 1; r x 0"
    assert check_monotonic(operations_of(script), "snapshot").code == "MON-001"


def test_counter_that_changes_within_a_transaction_is_named():
    changed = operations_of("1 ok: r x 0; r x 1\n2 ok: add x 1")
    assert check_monotonic(changed, "snapshot").code == "MON-002"
    assert check_monotonic(changed, "read committed").outcome == "valid"
    own = operations_of("1 ok: r x 0; add x 2; r x 2")
    assert check_monotonic(own, "strict serializable").outcome == "valid"
    more = check_monotonic(operations_of("1 ok: r x 0; add x 2; r x 3\n2 ok: add x 1"), "snapshot")
    assert more.headline == "MON-002: T0 read x = 0, and then 3, 2 of it added by itself"


def test_order_of_sessions_and_time_counts_for_counters():
    back = operations_of("1 ok: add x 1\n---\n2 ok: r x 1\n---\n2 ok: r x 0")
    assert check_monotonic(back, "serializable").outcome == "valid"
    for order in ("session", "per-key", "strict"):
        verdict = check_monotonic(back, f"{order} snapshot")
        assert verdict.code in ("MON-001", "MON-004"), order


def test_lost_and_repeated_additions_are_found_in_real_time():
    lost = operations_of("1 ok: add x 1\n---\n2 ok: r x 0")
    assert check_monotonic(lost, "strict serializable").code == "MON-004"
    assert check_monotonic(lost, "serializable").outcome == "valid"
    twice = operations_of("1 ok: add x 1\n---\n2 ok: r x 2")
    assert check_monotonic(twice, "per-key serializable").code == "MON-004"
    failed = operations_of("1 fail: add x 1\n---\n2 ok: r x 0")
    assert check_monotonic(failed, "strict serializable").outcome == "valid"


@pytest.mark.parametrize("script", ["1 ok: w x 1", "1 ok: add x 0", "1 ok: add x -1"])
def test_steps_that_no_counter_knows_are_refused(script):
    with pytest.raises(InvalidInput, match="a transaction"):
        check_monotonic(operations_of(script), "snapshot")


def test_number_that_is_none_is_named():
    verdict = check_monotonic(operations_of("1 ok: r x [1]"), "read committed")
    assert verdict.headline == "MON-003: T0 read x = [1], which is no whole number"


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_snapshots_of_growing_counters_raise_no_alarm(seed):
    chance = random.Random(seed)
    state, lines = {"x": 0, "y": 0, "z": 0}, []
    for process in range(20):
        keys = chance.sample("xyz", chance.randint(1, 3))
        if chance.randrange(2):
            amounts = {key: chance.randint(1, 3) for key in keys}
            lines.append(f"{process} ok: " + "; ".join(f"add {key} {amount}" for key, amount in amounts.items()))
            state.update({key: state[key] + amount for key, amount in amounts.items()})
        else:
            lines.append(f"{process} ok: " + "; ".join(f"r {key} {state[key]}" for key in keys))
    assert check_monotonic(operations_of("\n---\n".join(lines)), "strict serializable").outcome == "valid"
    chance.shuffle(lines)
    assert check_monotonic(operations_of("\n".join(lines)), "strict serializable").outcome == "valid"
