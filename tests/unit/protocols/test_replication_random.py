"""Regions that write, tell each other, get old batches again, restart from snapshots and forget one of them.

Whatever they have applied, they show what the model says of it, so nothing that was deleted returns, whatever was
collected meanwhile; and once all have heard of all, all show the same, and hold nothing but that.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.domain.region_policy import covers, vector_of
from PhantomLibrary.protocols.replication.table import RegionTable
from tests.unit.protocols.replication_harness import REGIONS, STRATEGIES, policy_of, reloaded
from tests.unit.protocols.replication_model import CheckedRegions

REGION = st.sampled_from(REGIONS)
TEXTS = ("put k 1", "put k 2", "put k 3", "put j 1", "delete k", "delete k", "delete j")
SETS = ("append k x", "append s x", "append s y", "remove s x", "delete s")
COUNTERS = ("increment c 1", "increment c -1", "increment k 1")
WORDS = st.sampled_from(TEXTS + SETS + COUNTERS)
WRITE = st.tuples(st.just("write"), REGION, WORDS, st.integers(0, 40), st.sampled_from(["read", "own", "old", "blind"]))
SEND = st.tuples(
    st.just("send"), REGION, REGION, st.sampled_from([(), REGIONS]), st.sampled_from([1, 150, 10_000]), st.booleans()
)
AGAIN = st.tuples(st.just("again"), st.integers(0, 6), REGION)
RELOAD = st.tuples(st.just("reload"), REGION)
FORGET = st.tuples(st.just("forget"), REGION, st.integers(0, 9))
SCRIPT = st.lists(st.one_of(WRITE, WRITE, SEND, SEND, SEND, AGAIN, RELOAD, FORGET), min_size=15, max_size=40)


class Play:
    """A script of random steps, checked after each."""

    def __init__(self, conflicts, kind=RegionTable):
        self.it = CheckedRegions(conflicts, kind=kind)
        self.batches = []
        self.contexts = {}
        self.gone = ""

    def do(self, step):
        verb, *arguments = step
        last_ns = {region: self.it[region].last_ns for region in REGIONS}
        count = len(self.it.changes)
        getattr(self, verb)(*arguments)
        for region in REGIONS:
            assert self.it.why_wrong(region) == ""
        for change in self.it.changes[count:]:
            assert change.at_ns > last_ns[change.dot.region]

    def write(self, region, words, at, knowledge):
        key = words.split()[1]
        contexts = self.contexts.setdefault(key, [()])
        context = {"read": self.it.read(region, key).context, "own": contexts[-1], "old": contexts[0], "blind": ()}
        if self.it.why_not(region, words, context=context[knowledge]) == "":
            change = self.it.write(region, words, at=at, context=context[knowledge])
            contexts.append(self.it[region].context_after(change))

    def send(self, sender, receiver, relayed, bytes_max, from_the_beginning):
        """One region tells another what that lacks, or, having heard nothing of it, all that is kept."""
        if sender != receiver:
            kept = vector_of({log.origin: log.base for log in self.it[sender].head().logs})
            acked = kept if from_the_beginning else None
            at = len(self.batches)
            batch = self.it.batch(sender, receiver, at=at, relayed=relayed, bytes_max=bytes_max, acked=acked)
            self.batches.append((batch, receiver))
            self._deliver(batch, receiver)

    def again(self, number, region):
        """A batch comes once more, to whomever."""
        if number < len(self.batches):
            batch, _ = self.batches[-1 - number]
            if batch.sender != region:
                self._deliver(batch, region)

    def _deliver(self, batch, region):
        table = self.it[region]
        before = table.applied
        table.receive(batch)
        assert covers(table.applied, before)

    def reload(self, region):
        table = self.it[region]
        self.it.tables[region] = other = reloaded(table)
        other.news += table.news
        assert (other.digest(), other.bytes, other.visible()) == (table.digest(), table.bytes, table.visible())

    def forget(self, region, chance):
        """One region is lost, in some plays; another one knows that first."""
        if not self.gone and chance == 0:
            self.gone = region
            self.members = [each for each in REGIONS if each != region]
            self.it[self.members[0]].adopt(policy_of(self.it.conflicts, epoch=2, members=self.members))

    def end(self):
        """Have all that are left hear of everything, and of each other that they have."""
        members = [each for each in REGIONS if each != self.gone]
        for _ in range(5):
            for sender in members:
                for receiver in members:
                    self.do(("send", sender, receiver, REGIONS, 10_000, False))
        first, *others = (self.it[region] for region in members)
        for other in others:
            assert (other.visible(), other.applied) == (first.visible(), first.applied)
        for table in (first, *others):
            shown = first.visible()
            assert [key for key, _ in table.items()] == list(shown)
            assert sum(map(len, (log.changes for log in table.head().logs))) == 0


@pytest.mark.parametrize("conflicts", STRATEGIES)
def test_random_regions_show_what_the_model_says(conflicts):
    @settings(max_examples=30 if conflicts == "custom" else 100)
    @given(SCRIPT)
    def check(script):
        play = Play(conflicts)
        for step in script:
            play.do(step)
        play.end()

    check()
