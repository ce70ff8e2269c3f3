"""The table of sessions of one shard: what is done once, who is evicted, and what comes along from another shard."""

from PhantomLibrary.database.messages import Done, Execute, SessionExpired
from PhantomLibrary.database.sessions import SessionTable, session_number
from PhantomLibrary.domain import Put


def command(session, sequence):
    return Execute("n1", 7, 1, session, sequence, 0, Put("k", f"v{sequence}"))


def test_no_two_shards_open_a_session_of_one_number():
    numbers = {session_number(shard, index) for shard in (0, 1, 2, 99_999) for index in (1, 2, 3, 10**9)}
    assert len(numbers) == 16 and all(number > 0 for number in numbers)


def test_the_least_recently_used_session_is_evicted_and_nobody_else():
    table = SessionTable(2)
    table.open(1)
    table.open(2)
    assert table.recall(command(1, 1)) is None
    table.remember(command(1, 1), "a")
    table.open(3)
    assert len(table) == 2
    assert table.recall(command(2, 1)) == SessionExpired()
    assert table.recall(command(1, 1)) == Done("a")
    assert table.recall(command(3, 1)) is None


def test_the_later_command_of_a_session_counts_that_two_shards_know():
    table = SessionTable(9)
    table.load([(1, 5, "mine"), (2, 5, "mine"), (3, 5, "mine")])
    table.absorb([(1, 4, "theirs"), (2, 6, "theirs"), (4, 1, "new")])
    assert table.dump() == [(1, 5, "mine"), (2, 6, "theirs"), (3, 5, "mine"), (4, 1, "new")]
