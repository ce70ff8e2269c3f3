"""Who takes leadership over, where it is wanted in one region."""

from PhantomLibrary.placement.preference import LedShard, preferred_leaders

EU = ("n1", "n4")


def heirs(*shards, well=EU, led=None):
    return preferred_leaders(shards, EU, well, [each.leader for each in shards] if led is None else led)


def test_a_shard_led_elsewhere_goes_to_its_replica_in_the_region():
    assert heirs(LedShard(1, "n2", ("n1", "n2", "n3"))) == {1: "n1"}


def test_a_shard_led_in_the_region_stays():
    assert heirs(LedShard(1, "n4", ("n1", "n4", "n3"))) == {}


def test_a_replica_that_is_not_well_is_given_nothing():
    assert heirs(LedShard(1, "n2", ("n1", "n2", "n3")), well=("n4",)) == {}
    assert heirs(LedShard(1, "n2", ("n1", "n2", "n4")), well=("n4",)) == {1: "n4"}


def test_a_shard_without_a_replica_there_is_left_alone():
    assert heirs(LedShard(1, "n2", ("n2", "n3", "n5"))) == {}


def test_of_two_replicas_that_one_leads_whose_node_leads_less():
    shard = LedShard(1, "n2", ("n1", "n2", "n4"))
    assert heirs(shard, led=["n1", "n2"]) == {1: "n4"}
    assert heirs(shard, LedShard(2, "n2", ("n1", "n2", "n4"))) == {1: "n1", 2: "n4"}, "those given now count, too"
