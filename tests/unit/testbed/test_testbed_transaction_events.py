"""Events of transactions: what they are told for, in which order, and faults that strike there."""

import pytest

from PhantomLibrary.domain import MILLISECOND_NS
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.testbed.judge import judge_faults
from PhantomLibrary.testbed.message_kinds import check_kind
from PhantomLibrary.testbed.replay import replay
from PhantomLibrary.testbed.schedule import read_schedule, write_schedule
from PhantomLibrary.testbed.transaction_events import STEP, TRANSACTION_EVENTS
from PhantomLibrary.testbed.transactions import await_outcome, transaction_state


class Transfer:
    """A transfer over two shards through n1."""

    def __init__(self, drive, seed=1):
        self.it = drive(seed=seed, shards=2).elect()
        self.run = self.it.run
        self.told = []

    def listen(self):
        self.run.events.listen(lambda event, phase, node, number: self.told.append((event, phase, node)))

    def write(self, *keys):
        self.it.give("begin transaction", "n1", transaction="t", isolation="serializable")
        self.wait()
        for key in keys:
            self.it.give("write key", transaction="t", key=key, value="1")
            self.wait()

    def commit(self):
        self.it.give("commit transaction", transaction="t")
        return self.wait()

    def wait(self):
        def advance(duration_ns, condition):
            return self.run.advance(self.run.now_ns + duration_ns, condition)

        return await_outcome(advance, self.run.transactions["t"], may_block=False).word

    def arm(self, event, fault="crash node", **arguments):
        self.it.give("arm fault", event=event, fault=fault, **arguments)


@pytest.fixture
def transfer(drive):
    return Transfer(drive)


def test_two_phases_are_told_in_their_order(transfer):
    transfer.write("k1", "k6")
    transfer.listen()
    assert transfer.commit() == "done"
    transfer.it.go(1)
    told = [(event, phase) for event, phase, _ in transfer.told if event in TRANSACTION_EVENTS and event != STEP]
    sent = [("prepare sent", "before"), ("prepare sent", "after")]
    assert told[:4] == sent * 2
    assert told[4:8] == [("transaction prepared", "before"), ("transaction prepared", "after")] * 2
    assert told[8:10] == [("commit sent", "before"), ("commit sent", "after")]
    assert told[10] == ("transaction decided", "before")
    assert sorted(told[11:]) == sorted(
        [("transaction decided", "after"), ("decision sent", "before"), ("decision sent", "after")]
    )
    assert {node for event, _, node in transfer.told if event in ("prepare sent", "commit sent")} == {"n1"}


def test_one_shard_is_decided_in_one_phase(transfer):
    transfer.write("k1")
    transfer.listen()
    assert transfer.commit() == "done"
    told = [event for event, phase, _ in transfer.told if phase == "after"]
    assert "transaction decided" in told
    assert not {"transaction prepared", "commit sent", "decision sent"} & set(told)


def test_steps_are_told_in_pairs_and_on_every_node(transfer):
    transfer.listen()
    transfer.write("k1", "k6")
    transfer.commit()
    transfer.it.go(1)
    steps = [(phase, node) for event, phase, node in transfer.told if event == STEP]
    assert len(steps) > 60
    for node in ("n1", "n2", "n3"):
        assert steps.count(("before", node)) == steps.count(("after", node)) > 0, node


def test_what_has_nothing_to_do_with_transactions_is_no_step(transfer):
    transfer.listen()
    transfer.it.load(kind="register")
    transfer.it.go(1)
    assert transfer.told
    assert not [event for event, _, _ in transfer.told if event in TRANSACTION_EVENTS]


def test_nobody_is_told_when_nobody_listens_any_more(transfer):
    def listener(event, phase, node, number):
        transfer.told.append(event)

    transfer.run.events.listen(listener)
    transfer.run.events.leave(listener)
    transfer.write("k1", "k6")
    transfer.commit()
    assert transfer.told == []
    assert not any("reply" in vars(process) for process in transfer.run.processes.values())


@pytest.mark.parametrize(
    ("event", "phase", "state"),
    [
        ("prepare sent", "before", "aborted"),
        ("transaction prepared", "after", "aborted"),
        ("commit sent", "before", "aborted"),
        ("transaction decided", "after", "committed"),
    ],
)
def test_a_coordinator_that_crashes_leaves_what_it_has_decided_and_replays(transfer, event, phase, state):
    transfer.write("k1", "k6")
    transfer.it.give("arm fault", "n1", event=event, fault="crash node", phase=phase)
    assert transfer.commit() == "unknown"
    transfer.it.go(10)
    assert transaction_state(transfer.run, transfer.run.transactions["t"]) == state
    assert judge_faults(transfer.run) is None
    schedule = transfer.run.finish()
    assert replay(read_schedule(write_schedule(schedule), "here")).finish().digest == schedule.digest


def test_messages_of_transactions_have_names_to_lose_them_by(transfer):
    for kind in (
        "prepare",
        "prepared",
        "commit",
        "abort",
        "resolve",
        "inquire",
        "lock keys",
        "lock granted",
        "shard request",
    ):
        check_kind(kind)
    with pytest.raises(InvalidInput, match=r"no message 'prepair': .*\(did you mean prepare\?\)"):
        check_kind("prepair")


@pytest.mark.parametrize(("kind", "ending"), [("prepare", "aborted"), ("commit", "unknown"), ("abort", "done")])
def test_messages_are_lost_by_what_they_carry(drive, kind, ending):
    transfer = Transfer(drive)
    transfer.write("k1", "k6")
    transfer.it.give("drop messages", kind=kind, probability_ppm=1_000_000)
    assert transfer.commit() == ending
    assert (transfer.run.faults.all[0].fault._count() > 0) == (kind != "abort")
    transfer.run.advance(transfer.run.now_ns + MILLISECOND_NS)
