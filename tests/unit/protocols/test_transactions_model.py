"""What a shard replicates of transactions does what a model does that looks at everything which ever happened."""

from hypothesis import given, settings
from hypothesis import strategies as st

from PhantomLibrary.domain import Append, Delete, Put
from PhantomLibrary.protocols.transactions.values import (
    Conflict,
    Decide,
    Done,
    Ended,
    Forget,
    Inquire,
    Prepared,
    Resolve,
    Span,
    TransactionId,
    Undecided,
    span_of,
)
from tests.unit.protocols.transactions_harness import ABORTED, PATIENCE, Shard, prepare, restored


class Model:
    """The same, by looking at everything that ever happened. It forgets nothing."""

    def __init__(self):
        self.versions, self.parts, self.records, self.ends, self.last = {}, {}, {}, {}, 0

    def apply(self, command, at):
        return getattr(self, type(command).__name__.lower())(command, at)

    def newest(self, key):
        return max(self.versions.get(key, [(0, None)]))

    def prepare(self, command, at):
        who = command.transaction
        if who in self.ends:
            return self.ends[who]
        if who in self.parts:
            return Prepared(self.parts[who][0])
        if self.stands_against(command):
            if command.one_phase:
                self.ends[who] = ABORTED
            return "conflict"
        self.last = at_ns = max(at, command.snapshot_ns + 1, self.last + 1)
        values = {}
        for write in command.writes:
            before = values.get(write.key, self.newest(write.key)[1])
            values[write.key] = {
                Put: lambda w, b: w.value,
                Append: lambda w, b: f"{b} {w.element}" if b else w.element,
                Delete: lambda w, b: None,
            }[type(write)](write, before)
        if command.one_phase:
            return self.end(who, (at_ns, values, command.reads), Ended(True, at_ns))
        self.parts[who] = (at_ns, values, command.reads)
        if command.participants:
            self.records[who] = ("ACTIVE", at)
        return Prepared(at_ns)

    def stands_against(self, command):
        for other, (_, values, reads) in self.parts.items():
            assert other != command.transaction
            for write in command.writes:
                if write.key in values or any(span.contains(write.key) for span in reads):
                    return True
            if any(span.contains(key) for span in command.reads for key in values):
                return True
        changed = [key for key in self.versions if self.newest(key)[0] > command.snapshot_ns]
        if command.isolation != "read committed" and any(write.key in changed for write in command.writes):
            return True
        return any(span.contains(key) for span in command.reads for key in changed)

    def end(self, who, part, ended):
        self.parts.pop(who, None)
        self.ends[who] = ended
        if part is not None and ended.committed:
            for key, value in part[1].items():
                self.versions.setdefault(key, []).append((ended.commit_ns, value))
            self.last = max(self.last, ended.commit_ns)
        return ended

    def decide(self, command, at):
        who = command.transaction
        if who in self.ends:
            return self.ends[who]
        if command.commits and who not in self.records:
            return Undecided()
        self.records[who] = ("DECIDED", at)
        return self.end(who, self.parts.get(who), Ended(command.commits, command.commit_ns))

    def inquire(self, command, at):
        who = command.transaction
        state, since = self.records.get(who, ("", 0))
        if who not in self.ends and state == "ACTIVE" and at - since < PATIENCE:
            return Undecided()
        return self.decide(Decide(who, False, 0, ()), at)

    def resolve(self, command, at):
        self.end(command.transaction, self.parts.get(command.transaction), Ended(command.commits, command.commit_ns))
        return Done()

    def forget(self, command, at):
        for who in command.transactions:
            if who in self.ends:
                self.records.pop(who, None)
        return Done()


KEYS = st.sampled_from(["a", "b", "c"])
WRITES = st.one_of(st.builds(Put, KEYS, st.sampled_from("xyz")), st.builds(Append, KEYS, st.sampled_from("12")),
                   st.builds(Delete, KEYS))  # fmt: skip
SPANS = KEYS.map(span_of) | st.sampled_from([Span("a", "c"), Span("", "")])
IDS = st.integers(1, 5).map(lambda number: TransactionId(number, "n1", number))


@st.composite
def stories(draw):
    """Commands of a few transactions, in any order, any of them again: but a transaction asks for one thing, and is
    decided one way, when all have promised; a commit is above each promise.
    """
    asked = {}
    commands = []
    for _ in range(draw(st.integers(1, 25))):
        who = draw(IDS)
        if who not in asked:
            asked[who] = prepare(
                who,
                *draw(st.lists(WRITES, max_size=3)),
                reads=tuple(draw(st.lists(SPANS, max_size=2))),
                level=draw(st.sampled_from(["read committed", "snapshot", "serializable"])),
                snapshot=draw(st.integers(0, 60)),
                participants=draw(st.sampled_from([(), (1, 2)])),
                one_phase=draw(st.integers(0, 4)) == 0,
            )
        kind = draw(
            st.sampled_from(["prepare", "prepare", "commit", "abort", "resolve", "inquire", "forget", "restore"])
        )
        commands.append((kind, who, asked[who], draw(st.integers(0, 40))))
    return commands


@given(stories())
@settings(max_examples=150, deadline=None)
def test_the_table_does_what_a_naive_model_does(story):
    shard, model, now, verdicts = Shard(retention=1 << 40), Model(), 10, {}
    for kind, who, asked, pause in story:
        now += pause
        promised = shard.table.parts.get(who)
        if kind == "restore":
            shard = restored(shard)
            continue
        command = {
            "prepare": lambda who=who, asked=asked: asked,
            "inquire": lambda who=who, asked=asked: Inquire(who),
            "forget": lambda who=who, asked=asked: Forget((who,)),
        }.get(kind, lambda: None)()
        if command is None:
            commits = kind != "abort" and promised is not None and not asked.one_phase
            verdict = verdicts.setdefault(who, Ended(commits, promised.prepared_ns + pause if commits else 0))
            known = shard.table.ending(who)
            if known is not None and known != verdict:
                continue  # Somebody in doubt had it aborted, or it was over in one phase.
            if kind == "resolve":
                command = Resolve(who, verdict.committed, verdict.commit_ns)
            else:
                command = Decide(who, verdict.committed, verdict.commit_ns, (1, 2))
        answer, expected = shard.do(command, at=now), model.apply(command, now)
        assert ("conflict" if isinstance(answer, Conflict) else answer) == expected
        assert {key: part.prepared_ns for key, part in shard.table.parts.items()} == {
            key: part[0] for key, part in model.parts.items()
        }
        for key in "abc":
            assert (shard.store.latest_ns(key.encode()), shard.value(key)) == model.newest(key)
            holders = [who for who, part in model.parts.items()
                       if key in part[1] or any(span.contains(key) for span in part[2])]  # fmt: skip
            assert (shard.table.holder_of(key) in holders) if holders else shard.table.holder_of(key) is None
    assert set(shard.table.records) == set(model.records)
