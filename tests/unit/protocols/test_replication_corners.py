"""What hardly ever happens to a region's table: changes that overtake others, snapshots at bad moments."""

from tests.unit.protocols.replication_harness import Regions, policy_of, reloaded


def _left(it, region, key):
    return dict(it[region].items()).get(key)


# --- changes that overtake what they know -----------------------------------------------------------------------------


def test_text_stays_away_though_somebody_who_did_not_know_it_wrote_meanwhile():
    it = Regions("multi value")
    it.write("eu", "put k 1")
    it.send("eu", "us")
    it.write("us", "put k 2", context=it.read("us", "k").context)
    it.write("us", "put k 3")
    it.send("us", "ap")
    it.send("eu", "ap")
    assert it["ap"].visible() == {"k": ("2", "3")}


def test_elements_stay_away_though_somebody_who_did_not_know_them_changed_the_set():
    it = Regions()
    for key in ("removed", "deleted"):
        it.write("eu", f"append {key} x")
    it.send("eu", "us")
    it.write("us", "remove removed x")
    it.write("us", "delete deleted")
    it.send("us", "ap")
    it.write("ap", "remove removed x")
    it.write("ap", "delete deleted")
    it.send("eu", "ap")
    assert it["ap"].visible() == {}


def test_text_that_was_known_is_not_told_as_superseded_by_a_third():
    it = Regions()
    it.write("eu", "put k 1", at=1)
    it.send("eu", "us")
    it.write("us", "put k 2", at=2)
    it.write("ap", "put k 3", at=9)
    it.send("us", "ap")
    it.send("eu", "ap")
    assert [told.loser.operation.value for told in it["ap"].news] == ["2"]


# --- collecting -------------------------------------------------------------------------------------------------------


def test_set_whose_elements_were_removed_one_by_one_leaves_nothing_behind():
    it = Regions()
    it.write("eu", "append s x")
    it.write("eu", "remove s x")
    it.meet(rounds=3)
    assert [table.bytes for table in it.tables.values()] == [0, 0, 0]


def test_tombstone_beside_a_text_goes_too_also_after_a_snapshot():
    it = Regions("multi value")
    it.write("eu", "put k 1")
    it.write("us", "delete k")
    it.send("us", "eu")
    assert len(_left(it, "eu", "k").versions) == 2
    it.tables["eu"] = reloaded(it["eu"])
    it.meet(rounds=3)
    for region in it.tables:
        assert len(_left(it, region, "k").versions) == 1


def test_delete_of_a_key_that_its_client_has_not_read_removes_whatever_is_there():
    it = Regions("multi value")
    it.write("eu", "put k 1")
    it.write("us", "put k 2")
    it.meet()
    it.write("ap", "put k 3")
    it.write("us", "delete k")
    it.meet()
    assert {region: it.read(region, "k").values for region in it.tables} == dict.fromkeys(it.tables, ("3",))


def test_delete_of_a_key_that_its_client_has_read_leaves_what_came_since():
    it = Regions("multi value")
    it.write("eu", "put k 1")
    context = it.read("eu", "k").context
    it.write("eu", "put k 2")
    it.write("eu", "delete k", context=context)
    assert it.read("eu", "k").values == ("2",)


def test_digest_and_size_follow_what_is_forgotten():
    it = Regions()
    for words in ("put k 1", "delete k", "append s x", "remove s x"):
        it.write("eu", words)
    for _ in range(4):
        it.meet(rounds=1)
        for table in it.tables.values():
            other = reloaded(table)
            assert (other.digest(), other.bytes, other.stable) == (table.digest(), table.bytes, table.stable)
    assert it["eu"].bytes == 0


def test_what_is_stable_stays_so_when_a_region_is_forgotten():
    it = Regions()
    it.write("eu", "put k 1")
    it.meet(rounds=3)
    it["eu"].adopt(policy_of(epoch=2, members=("eu", "us")))
    assert it["eu"].stable == {"eu": 1}
    assert it["eu"].known == {}


def test_what_a_lost_region_wrote_is_awaited_until_all_have_said_what_they_have_of_it():
    it = Regions("multi value")
    context = it["ap"].context_after(it.write("ap", "put k 1"))
    it.send("ap", "us")  # And ap is lost.
    it.write("eu", "delete k", context=context)
    it["eu"].adopt(policy_of("multi value", epoch=2, members=("eu", "us")))
    it.send("us", "eu", relayed=("ap",))  # By the older policy, so it is not heard.
    it.send("eu", "us")
    it.send("us", "eu", relayed=("ap",))
    assert it["eu"].has((("ap", 1),))
    assert it["eu"].visible() == {}


# --- logs -------------------------------------------------------------------------------------------------------------


def test_what_was_cut_is_not_sent_and_what_was_not_is_also_after_a_snapshot():
    it = Regions()
    it.write("eu", "put k 1")
    it.meet(rounds=3)
    it.write("eu", "put k 2")
    it.tables["eu"] = reloaded(it["eu"])
    assert it.batch("eu", "us", acked=()).changes == ()
    assert [change.dot.count for change in it.send("eu", "us").changes] == [2]
    assert it["us"].visible() == {"k": ("2",)}


def test_bound_of_a_batch_is_for_all_origins_together():
    it = Regions()
    for region in ("eu", "us"):
        for number in range(2):
            it.write(region, f"put k{number} {'x' * 100}")
    it.send("eu", "us")
    assert len(it.batch("us", "ap", relayed=("eu",)).changes) == 4
    assert [change.dot.region for change in it.batch("us", "ap", relayed=("eu",), bytes_max=400).changes] == [
        "us",
        "us",
        "eu",
    ]
    assert len(it.batch("us", "ap", relayed=("eu",), bytes_max=250).changes) == 2


def test_counter_keeps_its_range_downwards_too():
    it = Regions()
    it.write("eu", f"increment c -{1 << 60}")
    assert "leave its range" in it.why_not("eu", "increment c -1")
