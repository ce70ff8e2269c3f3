"""One bit of each record of a replica rots, one record after the other; each has to be noticed and repaired."""

from __future__ import annotations

from PhantomLibrary.domain import MILLISECOND_NS, SECOND_NS, NodeId
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.testbed.disks import check_file, disk_gap, records_of
from PhantomLibrary.testbed.run import Run
from PhantomLibrary.testbed.schedule import Command

_DOWN_NS = 150 * MILLISECOND_NS


def rot_each_record(run: Run, node: NodeId, file: str, *, every: int, within_ns: int) -> tuple[int, str]:
    """Let each n-th record of a file rot while its node is down, one after the other, and see it noticed and repaired.

    Returns how many records rotted, and what was wrong with the last one, "" when nothing was. Raises InvalidInput.
    """
    check_file(run, node, file)
    run.advance(run.now_ns + 2 * _DOWN_NS)  # So that a mark follows what was written last.
    records = range(1, len(records_of(run, node, file)) + 1, every)
    if not records:
        raise InvalidInput(f"{file} on {node} has no record that could rot")
    for number, record in enumerate(records, 1):
        findings = len(run.watch.damage)
        run.perform(Command("crash node", run.now_ns, run.now_ns, node, None, run.now_ns + _DOWN_NS))
        rot = {"fault": "bit rot", "file": file, "record": min(record, len(records_of(run, node, file)))}
        run.perform(Command("fail disk", run.now_ns, run.now_ns, node, arguments=rot))
        run.advance(run.now_ns + 2 * _DOWN_NS)
        if len(run.watch.damage) == findings:
            return number, "nobody noticed"
        if not run.advance(run.now_ns + within_ns, lambda: not disk_gap(run)):
            return number, f"not repaired within {within_ns / SECOND_NS:g} s: {disk_gap(run)}"
    return len(records), ""
