"""One question for every workload and level: each kind of transactions gets its checker, and fails closed."""

import pytest

from PhantomLibrary.checking.bank import BankTerms
from PhantomLibrary.checking.dispatch import LEVELS, check_history
from PhantomLibrary.domain import HistoryEvent
from PhantomLibrary.errors import InvalidInput
from tests.unit.checking.transactional import read_script

APPEND_SKEW = "1 ok: r x []; r y []; append x 1\n2 ok: r x []; r y []; append y 1"
WRITE_SKEW = "1 ok: r x nil; r y nil; w x 1\n2 ok: r x nil; r y nil; w y 1"
LONG_FORK = "1 ok: w x 1\n2 ok: w y 1\n3 ok: r x 1; r y nil\n4 ok: r x nil; r y 1"
STALE_COUNT = "1 ok: add x 1\n---\n2 ok: r x 0"


@pytest.mark.parametrize(
    ("kind", "script", "level", "code"),
    [
        ("list-append", APPEND_SKEW, "snapshot", ""),
        ("list-append", APPEND_SKEW, "serializable", "TXN-008"),
        ("list-append", APPEND_SKEW, "linearizable", "TXN-008"),
        ("rw-register", WRITE_SKEW, "repeatable read", ""),
        ("rw-register", WRITE_SKEW, "serializable", "TXN-008"),
        ("long-fork", LONG_FORK, "read committed", ""),
        ("long-fork", LONG_FORK, "snapshot", "TXN-007"),
        ("monotonic", STALE_COUNT, "serializable", ""),
        ("monotonic", STALE_COUNT, "linearizable", "MON-004"),
    ],
)
def test_each_kind_of_transactions_is_judged_by_its_level(kind, script, level, code):
    verdict = check_history(read_script(script), kind, level=level)
    assert (verdict.outcome, verdict.code) == ("invalid" if code else "valid", code)


def test_pairs_are_judged_by_their_level(history):
    both = history("1 invoke insert 1\n2 invoke insert 2\n1 ok insert 1\n2 ok insert 2\n3 invoke read\n3 ok read [1,2]")
    assert check_history(both, "write-skew", level="serializable").code == "SKW-001"
    assert check_history(both, "write-skew", level="snapshot").outcome == "valid"


def test_banks_are_judged_by_their_level():
    move = {"from": "a", "to": "b", "amount": 1}
    steps = [("invoke", "transfer", move), ("ok", "transfer", move), ("invoke", "read", None)]
    steps.append(("ok", "read", {"a": 10, "b": 10}))
    events = [HistoryEvent(at, at, 1, type_, f, None, value) for at, (type_, f, value) in enumerate(steps)]
    terms = BankTerms(initial={"a": 10, "b": 10})
    assert check_history(events, "bank", level="serializable", terms=terms).outcome == "valid"
    assert check_history(events, "bank", level="strict serializable", terms=terms).code == "BNK-005"
    assert check_history(events, "bank", level="per-key snapshot", terms=terms).code == "BNK-005"
    assert check_history(events, "bank", terms=BankTerms(total=21)).code == "BNK-001"


@pytest.mark.parametrize("kind", ["list-append", "rw-register", "long-fork", "monotonic", "write-skew", "bank"])
def test_histories_of_transactions_that_prove_nothing_are_not_valid(kind):
    assert check_history([], kind, level="serializable").code == "HIS-001"
    events = read_script("1 ok: r x nil")
    if kind in ("list-append", "rw-register", "long-fork", "monotonic"):
        assert check_history(events, kind, confirmed=2).code == "HIS-002"
        assert check_history(events, kind).outcome == "valid"
    with pytest.raises(InvalidInput, match="no isolation level 'serialisable'"):
        check_history(events, kind, level="serialisable")


def test_transactions_that_read_nothing_are_unknown():
    verdict = check_history(read_script("1 ok: append x 1\n2 fail: r x []"), "list-append")
    assert (verdict.outcome, verdict.code) == ("unknown", "HIS-004")


def test_single_operations_are_linearizable_at_every_level_but_causal(history):
    stale = history("1 invoke write 5\n1 ok write 5\n1 invoke write 6\n1 ok write 6\n1 invoke read\n1 ok read 5")
    for level in LEVELS:
        wanted = "CAU-001" if level == "causal" else "LIN-002"
        assert check_history(stale, "register", level=level).code == wanted
