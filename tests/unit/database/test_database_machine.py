import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.database.config import DatabaseConfig, make_layout
from PhantomLibrary.database.machine import ShardMachine
from PhantomLibrary.database.messages import Done, Execute, OpenSession, SessionExpired, StaleRoute
from PhantomLibrary.database.sessions import SessionTable
from PhantomLibrary.domain import SECOND_NS, Append, Cas, Get, Increment, Put
from PhantomLibrary.protocols.mvcc.versions import VersionedStore


def make_machine(sessions_max=3, shard=1, retention_ns=50):
    config = DatabaseConfig(sessions_max=sessions_max, version_retention_ns=retention_ns)
    layout = make_layout(["n1", "n2", "n3"], shards=2, replicas=3, config=config)
    return ShardMachine(layout, layout.shards[shard], SessionTable(sessions_max))


class Script:
    """Applies commands one after the other."""

    def __init__(self, machine=None):
        self.machine = machine or make_machine()

    def apply(self, command):
        return self.machine.apply(self.machine.applied_index + 1, command)

    def open(self):
        return int(self.apply(OpenSession("n1", 1)).value)

    def do(self, session, sequence, operation, *, at_ns=0, epoch=1):
        return self.apply(Execute("n1", 1, epoch, session, sequence, at_ns, operation))

    def read(self, key):
        return self.machine.read(Get(key), 1).value


@pytest.fixture
def script():
    return Script()


_KEYS = st.sampled_from(["k0", "k1", "k2"])
_OPERATIONS = st.one_of(
    st.builds(Put, _KEYS, st.text(max_size=3)),
    st.builds(Append, _KEYS, st.sampled_from("abc")),
    st.builds(Increment, st.just("n"), st.integers(-5, 5)),
    st.builds(Cas, _KEYS, st.none() | st.text(max_size=2), st.text(max_size=2)),
)
_COMMANDS = st.lists(
    st.one_of(
        st.none(),
        st.just(OpenSession("n1", 1)),
        st.builds(
            Execute, st.just("n1"), st.just(1), st.sampled_from([1, 1, 1, 2]), st.integers(1, 12), st.integers(1, 4),
            st.integers(0, 200), _OPERATIONS,
        ),
    ),
    max_size=40,
)  # fmt: skip


def _apply_all(machine, commands):
    return [machine.apply(machine.applied_index + 1, command) for command in commands]


@settings(max_examples=150)
@given(_COMMANDS, _COMMANDS)
def test_a_restored_machine_is_the_one_that_was_saved_and_stays_so(before, after):
    original, restored = make_machine(), make_machine()
    _apply_all(original, [OpenSession("n1", 1), *before])
    _apply_all(restored, [None, None])  # Whatever it was before is gone.
    restored.restore(original.snapshot())

    assert restored.digest() == original.digest()
    assert restored.snapshot() == original.snapshot()
    assert _apply_all(restored, after) == _apply_all(original, after)
    assert (restored.digest(), restored.applied_index) == (original.digest(), original.applied_index)


@given(_COMMANDS)
def test_the_digest_depends_on_the_commands_and_not_on_when_it_is_asked_for(commands):
    watched, plain = make_machine(), make_machine()
    for command in commands:
        _apply_all(watched, [command])
        watched.digest()
    _apply_all(plain, commands)

    assert watched.digest() == plain.digest()


def test_the_digest_tells_values_sessions_and_timestamps_apart(script):
    session = script.open()
    digests = {script.machine.digest()}
    script.do(session, 1, Put("k1", "a"))
    digests.add(script.machine.digest())
    script.do(session, 2, Put("k1", "a"))
    digests.add(script.machine.digest())
    script.do(session, 3, Cas("k1", "x", "y"))  # Changes nothing but what its session remembers.
    digests.add(script.machine.digest())
    script.open()
    digests.add(script.machine.digest())

    assert len(digests) == 5


def test_the_snapshot_of_many_keys_has_several_chunks_and_all_keys(script):
    session = script.open()
    for number in range(1, 1203):
        script.do(session, number, Put(f"k{number}", str(number)))
    copy = make_machine()
    chunks = script.machine.snapshot()
    copy.restore(chunks)

    assert len(chunks) == 1 + 3
    assert max(map(len, chunks)) < 20_000
    assert all(copy.read(Get(f"k{number}"), 1) == Done(str(number)) for number in range(1, 1203))


def test_each_operation_does_what_it_says(script):
    session = script.open()
    results = [
        script.do(session, 1, Put("k1", "a")),
        script.do(session, 2, Cas("k1", "b", "c")),
        script.do(session, 3, Cas("k1", "a", "c")),
        script.do(session, 4, Cas("k2", None, "new")),
        script.do(session, 5, Append("k3", "1")),
        script.do(session, 6, Append("k3", "2")),
        script.do(session, 7, Increment("n", 5)),
        script.do(session, 8, Increment("n", -7)),
    ]

    assert [each.value for each in results] == [None, "0", "1", "1", None, None, None, None]
    assert [script.read(key) for key in ("k1", "k2", "k3", "n", "k9")] == ["c", "new", "1 2", "-2", None]


def test_a_command_that_is_repeated_is_answered_and_not_done_again(script):
    session = script.open()
    first = script.do(session, 1, Increment("n", 5))
    cas = script.do(session, 2, Cas("k", None, "x"))

    assert script.do(session, 2, Cas("k", None, "x")) == cas == Done("1")
    assert first == Done(None)
    assert script.read("n") == "5"


def test_a_command_older_than_the_last_of_its_session_is_not_done(script):
    session = script.open()
    script.do(session, 2, Increment("n", 5))

    assert script.do(session, 1, Increment("n", 5)) == SessionExpired()
    assert script.read("n") == "5"


def test_a_command_in_no_session_is_not_done(script):
    assert script.do(0, 1, Increment("n", 5)) == SessionExpired()
    assert script.do(4, 1, Increment("n", 5)) == SessionExpired()
    assert script.read("n") is None


def test_the_session_that_was_unused_for_longest_is_evicted(script):
    first, second, third = script.open(), script.open(), script.open()
    script.do(first, 1, Increment("n", 1))  # So the second one is now the oldest.
    fourth = script.open()

    assert script.do(second, 1, Increment("n", 10)) == SessionExpired()
    assert [script.do(each, 2, Increment("n", 1)) for each in (first, third, fourth)] == [Done(None)] * 3
    assert script.read("n") == "4"


def test_sessions_and_their_order_of_eviction_are_in_the_snapshot(script):
    first, second, third = script.open(), script.open(), script.open()
    script.do(first, 1, Increment("n", 1))
    copy = Script(make_machine())
    copy.machine.restore(script.machine.snapshot())

    assert copy.do(first, 1, Increment("n", 1)) == Done(None)
    assert copy.read("n") == "1"
    copy.open()
    assert copy.do(second, 1, Increment("n", 1)) == SessionExpired()
    assert copy.do(third, 1, Increment("n", 1)) == Done(None)


def test_a_table_never_holds_more_sessions_than_it_may():
    table = SessionTable(5)
    for number in range(1, 100):
        table.open(number)
        assert len(table) <= 5

    assert [number for number, _, _ in table.dump()] == [95, 96, 97, 98, 99]


def test_a_command_for_another_epoch_is_not_done_and_may_be_repeated_with_the_right_one(script):
    session = script.open()

    assert script.do(session, 1, Put("k1", "a"), epoch=2) == StaleRoute(script.machine.descriptor)
    assert script.do(session, 1, Put("k1", "a")) == Done(None)
    assert script.machine.read(Get("k1"), 2) == StaleRoute(script.machine.descriptor)


def test_entries_are_applied_one_after_the_other(script):
    with pytest.raises(AssertionError):
        script.machine.apply(2, None)


def test_shard_0_holds_the_shard_map():
    machine = make_machine(shard=0)

    assert '"k5"' in machine.read(Get("directory"), 1).value


# --- versions ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b"]), st.integers(0, 100)), max_size=30), st.integers(0, 60))
def test_no_reader_since_the_horizon_misses_a_version(writes, retention_ns):
    store, everything, clock_ns = VersionedStore(), {b"a": [], b"b": []}, 0
    for number, (key, at_ns) in enumerate(writes):
        store.put(key, b"%d" % number, at_ns=at_ns, horizon_ns=at_ns - retention_ns)
        assert store.last_timestamp_ns > clock_ns or number == 0
        clock_ns = store.last_timestamp_ns
        everything[key].append((clock_ns, b"%d" % number))

    horizon_ns = max((at_ns for _, at_ns in writes), default=0) - retention_ns
    for key, versions in everything.items():
        assert store.latest(key) == (versions[-1][1] if versions else None)
        for at_ns in range(max(0, horizon_ns), clock_ns + 2):
            seen = [value for written_ns, value in versions if written_ns <= at_ns]
            assert store.at(key, at_ns) == (seen[-1] if seen else None)


def test_versions_that_nobody_can_read_any_more_are_dropped():
    store = VersionedStore()
    for number in range(1000):
        store.put(b"k", b"%d" % number, at_ns=number * SECOND_NS, horizon_ns=(number - 5) * SECOND_NS)

    assert len(dict(store.items())[b"k"]) == 6


def test_timestamps_grow_although_the_clock_went_back():
    store = VersionedStore()
    store.put(b"k", b"first", at_ns=100, horizon_ns=0)
    store.put(b"k", b"second", at_ns=50, horizon_ns=0)

    assert store.latest(b"k") == b"second"
    assert (store.at(b"k", 100), store.at(b"k", 101), store.at(b"k", 99)) == (b"first", b"second", None)


def test_digest_covers_what_the_keys_hold():
    scripts = [Script(), Script()]
    for script, value in zip(scripts, ("on call", "at home"), strict=True):
        session = script.open()
        script.do(session, 1, Put("alice", value), at_ns=5)

    assert scripts[0].machine.applied_index == scripts[1].machine.applied_index
    assert scripts[0].machine.digest() != scripts[1].machine.digest()
