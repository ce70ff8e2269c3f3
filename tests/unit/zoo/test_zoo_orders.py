"""Defects that show in other orders of messages, and hardly ever in the default one."""

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.kernel.orders import Order
from PhantomLibrary.testbed.judge import judge_history
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.zoo.defects import DEFECTS, plant

ORDERS = 20
SEED = 1
SCENARIOS = ("commit-before-a-promise",)


def _audited(defect, order):
    """Return the code of what audits find while money moves between accounts on two shards."""
    names = (defect,) if defect else ()
    run = Run(RunSpec(seed=SEED, shards=2, defects=names, order=order), parts=plant(names))

    def give(verb, **arguments):
        run.perform(Command(verb, run.now_ns, run.now_ns, arguments=arguments))

    assert run.advance(3 * SECOND_NS, lambda: all(run.leader(shard) for shard in run.shard_ids))
    give("start workload", kind="bank", clients=12, rate=300_000, keys=10)
    run.advance(run.now_ns + 150 * MILLISECOND_NS)
    give("stop workload", drain_ns=4 * SECOND_NS)
    run.advance(run.now_ns + SECOND_NS)
    return judge_history(run, "serializable").code


def _first_found(defect, strategy):
    orders = (Order(strategy, number, steps=1_200) for number in range(1, ORDERS + 1))
    return next(((order.number, code) for order in orders if (code := _audited(defect, order))), None)


def test_a_commit_before_a_promise_shows_in_another_order_only():
    assert _audited("commit-before-a-promise", None) == ""

    found = _first_found("commit-before-a-promise", "random")
    assert found is not None
    number, code = found
    assert code in DEFECTS["commit-before-a-promise"].codes
    assert _audited("", Order("random", number, steps=1_200)) == ""
