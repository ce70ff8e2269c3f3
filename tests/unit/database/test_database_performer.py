import pytest

from PhantomLibrary.database.performer import Performer
from PhantomLibrary.protocols.raft.effects import (
    Apply,
    InstallSnapshot,
    Persist,
    ReadReady,
    Refuse,
    RefuseChange,
    Send,
    SendEarly,
    SetDeadline,
    TransferFailed,
)
from PhantomLibrary.protocols.raft.messages import Snapshot


class FakeHost:
    """Notes what was carried out, in order."""

    node, shard = "n1", 1

    def __init__(self):
        self.done = []
        note = self.done.append
        self.send = self.persist = self.apply = self.install_snapshot = note
        self.read_ready = self.refuse = self.transfer_failed = self.refuse_change = note
        self.gone_quiet = self.woken = self.set_deadline = note


WAITING = [
    Send("n2", None),
    Apply(()),
    InstallSnapshot(Snapshot(1, 1, ())),
    ReadReady(("read",)),
    Refuse(("read",), "n2"),
    TransferFailed("n2", "why"),
    RefuseChange("token", "why"),
]
PROMPT = [SendEarly("n2", None), SetDeadline("election", 1, 1)]


@pytest.fixture
def host():
    return FakeHost()


def persist(token):
    return Persist((), token)


def test_with_nothing_pending_everything_is_done_at_once_in_order(host):
    Performer(host).perform([*WAITING, *PROMPT])

    assert host.done == [*WAITING, *PROMPT]


@pytest.mark.parametrize("effect", WAITING, ids=lambda effect: type(effect).__name__)
def test_what_stands_behind_a_persist_waits_until_it_is_durable(host, effect):
    performer = Performer(host)
    performer.perform([persist(1), effect])
    assert host.done == [persist(1)]

    performer.persisted(1)
    assert host.done == [persist(1), effect]


@pytest.mark.parametrize("effect", PROMPT, ids=lambda effect: type(effect).__name__)
def test_what_needs_no_disk_never_waits(host, effect):
    Performer(host).perform([persist(1), effect])

    assert host.done == [persist(1), effect]


def test_what_stands_before_a_persist_does_not_wait(host):
    Performer(host).perform([WAITING[0], persist(1), WAITING[1]])

    assert host.done == [WAITING[0], persist(1)]


def test_a_later_step_waits_behind_an_earlier_one(host):
    performer = Performer(host)
    performer.perform([persist(1), WAITING[0]])
    performer.perform([WAITING[1]])
    performer.perform([persist(2), WAITING[2]])
    assert host.done == [persist(1), persist(2)]  # Both at once: one sync may serve them.

    performer.persisted(1)
    assert host.done[2:] == [WAITING[0], WAITING[1]]
    performer.persisted(2)
    assert host.done[4:] == [WAITING[2]]


def test_a_sync_that_served_several_lets_all_of_them_go(host):
    performer = Performer(host)
    performer.perform([persist(1), WAITING[0], persist(2), WAITING[1], persist(3), WAITING[2]])
    performer.persisted(2)

    assert host.done[3:] == [WAITING[0], WAITING[1]]


def test_after_all_is_durable_nothing_waits_any_more(host):
    performer = Performer(host)
    performer.perform([persist(1)])
    performer.persisted(1)
    performer.perform([WAITING[0]])

    assert host.done == [persist(1), WAITING[0]]


def test_what_an_effect_brings_about_comes_after_what_waited_already(host):
    performer = Performer(host)
    host.apply = host.done.append

    def apply(effect):
        host.done.append(effect)
        performer.perform([persist(2), WAITING[3]])

    performer._handlers[Apply] = apply
    performer.perform([persist(1), WAITING[1], WAITING[0]])
    performer.persisted(1)
    assert host.done == [persist(1), WAITING[1], persist(2), WAITING[0]]

    performer.persisted(2)
    assert host.done[4:] == [WAITING[3]]
