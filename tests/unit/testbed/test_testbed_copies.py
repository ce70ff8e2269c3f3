"""What every shard has a copy of, in whole clusters: all have it or none, whatever crashes, splits and merges."""

import pytest

from PhantomLibrary.database.config import SYSTEM_SHARD
from PhantomLibrary.domain.rows import global_key
from PhantomLibrary.testbed import reshaping
from tests.unit.testbed.two_accounts import Bank

COPY = global_key(9, "[1]")


@pytest.fixture(params=["range", "hash"])
def bank(request, drive):
    return Bank(drive, seed=3, nodes=5, shards=3, knobs={"placement": request.param})


def copies(bank, key=COPY):
    """Return what each shard's leader has under a key."""
    shards = [each for each in bank.run.shard_ids if each != SYSTEM_SHARD]
    machines = [bank.run.processes[bank.run.leader(shard)].replicas[shard].machine for shard in shards]
    return {machine.descriptor.shard: machine._value(key.encode()) for machine in machines}


def write(bank, name, value):
    bank.begin(name)
    assert bank.write(name, COPY, value).word == "done"
    return name


def done(bank, verb, **arguments):
    wish = bank.it.give(verb, **arguments)
    assert bank.it.go(10, lambda: reshaping.ended(bank.run, wish) is not None)
    assert bank.it.go(5, lambda: all(bank.run.leader(shard) for shard in bank.run.shard_ids))


def test_it_is_written_on_all_shards_and_read_at_one(bank):
    assert bank.commit(write(bank, "t1", "1")) == "done"
    bank.it.go(1)
    assert copies(bank) == {1: "1", 2: "1", 3: "1"}
    bank.begin("t2")
    assert bank.do("read key", "t2", key=COPY).value == "1"
    bank.write("t2", "k6", "11")
    assert bank.commit("t2") == "done"


def test_new_shards_have_copies_and_shards_that_end_leave_one_behind(bank):
    bank.commit(write(bank, "t1", "1"))
    key = next(f"k{number}" for number in range(1, 99) if bank.run.directory().shard(1).holds(f"k{number}"))
    done(bank, "split shard", shard=1, key=key)
    assert set(copies(bank).values()) == {"1"} and len(copies(bank)) == 4
    bank.commit(write(bank, "t2", "2"))
    bank.it.go(1)
    assert set(copies(bank).values()) == {"2"}
    done(bank, "merge shards", left=2, right=3)
    bank.commit(write(bank, "t3", "3"))
    bank.it.go(1)
    assert list(copies(bank).values()) == ["3"] * 3


def test_a_reader_that_writes_elsewhere_sees_whether_it_was_changed(bank):
    bank.commit(write(bank, "t1", "1"))
    bank.begin("reader")
    assert bank.do("read key", "reader", key=COPY).value == "1"
    bank.write("reader", "k6", "11")
    assert bank.commit(write(bank, "writer", "2")) == "done"
    assert bank.commit("reader") == "aborted"
    assert "was read" in bank.run.transactions["reader"].reason


@pytest.mark.parametrize("moment", range(6))
def test_all_shards_have_it_or_none_when_its_gateway_crashes_at_any_message(bank, moment):
    """The coordinator is lost after some of its messages: the decision that stands is every shard's."""
    bank.commit(write(bank, "t1", "1"))
    write(bank, "t2", "2")
    gateway = bank.run.transactions["t2"].gateway
    bank.it.give("commit transaction", transaction="t2")
    bank.it.go(moment * 0.001)
    bank.it.give("crash node", gateway)
    bank.it.go(8, lambda: False)
    assert bank.it.go(5, lambda: all(bank.run.leader(shard) for shard in bank.run.shard_ids))
    found = copies(bank)
    assert len(set(found.values())) == 1 and set(found.values()) <= {"1", "2"}, found
