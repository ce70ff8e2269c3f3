"""Defects that show in other orders of messages, and hardly ever in the default one."""

import pytest

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS
from PhantomLibrary.kernel.orders import Order
from PhantomLibrary.testbed.judge import judge_history
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command, RunSpec
from PhantomLibrary.zoo.defects import DEFECTS, plant

ORDERS = 20
_BANK = {"kind": "bank", "clients": 12, "rate": 300_000, "keys": 10}
_PAIRS = {"kind": "write-skew", "clients": 20, "rate": 600_000, "keys": 6}
# By defect: what is done, for how many milliseconds, and by which strategy it is found, and with which seed.
SCENARIOS = {
    "commit-before-a-promise": (_BANK, 150, "random", 1),
    "reads-not-held-while-prepared": (_PAIRS, 80, "delay-bounded", 1),
    "validates-against-committed-only": (_PAIRS, 80, "random", 2),
}


def _judged(defect, order, workload, for_ms, seed):
    """Return the code of what is found after transactions on two shards."""
    names = (defect,) if defect else ()
    run = Run(RunSpec(seed=seed, shards=2, defects=names, order=order), parts=plant(names))

    def give(verb, **arguments):
        run.perform(Command(verb, run.now_ns, run.now_ns, arguments=arguments))

    assert run.advance(3 * SECOND_NS, lambda: all(run.leader(shard) for shard in run.shard_ids))
    give("start workload", **workload)
    run.advance(run.now_ns + for_ms * MILLISECOND_NS)
    give("stop workload", drain_ns=4 * SECOND_NS)
    run.advance(run.now_ns + SECOND_NS)
    return judge_history(run, "serializable").code


@pytest.mark.parametrize("defect", SCENARIOS)
def test_it_shows_in_another_order_only(defect):
    workload, for_ms, strategy, seed = SCENARIOS[defect]

    def judged(name, order):
        return _judged(name, order, workload, for_ms, seed)

    assert judged(defect, None) == ""
    orders = [Order(strategy, number, steps=1_200) for number in range(1, ORDERS + 1)]
    found = ((order, judged(defect, order)) for order in orders)
    order, code = next((order, code) for order, code in found if code)
    assert code in DEFECTS[defect].codes
    assert judged("", order) == ""
