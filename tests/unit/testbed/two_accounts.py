"""Two accounts on two shards, for tests of transactions that are held open by name."""

from PhantomLibrary.domain import Ok
from PhantomLibrary.testbed.client_transaction import WORKLOAD
from PhantomLibrary.testbed.transactions import await_outcome, transaction_state


class Bank:
    """Two accounts, each on a shard of its own, and words for what transactions do to them."""

    def __init__(self, drive, **fields):
        self.it = drive(**{"seed": 1, "shards": 2, **fields}).elect()
        self.run = self.it.run
        for key in ("k1", "k6"):
            assert isinstance(self.it.put(key, "10"), Ok)

    def begin(self, name, isolation="serializable", gateway=""):
        self.it.give("begin transaction", gateway, transaction=name, isolation=isolation)
        return self.wait(name)

    def do(self, verb, name, *, may_block=False, **arguments):
        self.it.give(verb, transaction=name, **arguments)
        return self.wait(name, may_block=may_block)

    def write(self, name, key, value, *, may_block=False):
        return self.do("write key", name, may_block=may_block, key=key, value=value)

    def commit(self, name):
        return self.do("commit transaction", name).word

    def wait(self, name, *, may_block=False):
        return await_outcome(self.advance, self.run.transactions[name], may_block=may_block)

    def advance(self, duration_ns, condition):
        return self.run.advance(self.run.now_ns + duration_ns, condition)

    def state(self, name):
        return transaction_state(self.run, self.run.transactions[name])

    def ended(self):
        """Return (how, micro-operations) of the transactions that have ended, in that order."""
        events = [each for each in self.run.recorder.events if each.workload == WORKLOAD and each.type != "invoke"]
        return [(each.type, each.value) for each in events]
