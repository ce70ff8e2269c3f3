"""The planted defects of resources: what each one is, where it was seen, and which failures give it away."""

from __future__ import annotations

from PhantomLibrary.zoo import resource_defects
from PhantomLibrary.zoo.defect import Defect, laid_over

RESOURCE_DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (
        Defect(
            "work-not-charged",
            "Replication costs no processor time, so nodes seem to have room that they do not have.",
            "general: kernel and background work left out of a tenant's bill",
            ("EXP-001",),
            resource_defects.replicates_for_nothing,
        ),
        Defect(
            "waiting-is-usage",
            "Time in which the processor waits for a disk counts as its work.",
            "general: load averages and `100 - idle` that take in iowait",
            ("EXP-001",),
            resource_defects.takes_waiting_for_work,
        ),
        Defect(
            "sheds-after-applying",
            "An overloaded node tells clients that it refuses what they ask for, and does it all the same.",
            "Jepsen Redis-Raft (2020): an operation is called failed and happens later",
            ("LIN-004", "APP-004"),
            laid_over("admission", resource_defects.RefusesWhatItDoes),
        ),
        Defect(
            "no-admission-control",
            "A node lets all wait in its queue, for longer than anybody waits for an answer.",
            "Jacobson and Nichols (2012); AWS, Using load shedding to avoid overload (Builders' Library)",
            ("EXP-001",),
            laid_over("admission", resource_defects.LetsAllIn),
        ),
        Defect(
            "retry-without-back-off",
            "A gateway that is turned away asks again at once, until its time is up: an overload outlives its cause.",
            "Bronson et al., Metastable Failures in Distributed Systems (HotOS 2021); AWS Kinesis (2020)",
            ("EXP-001",),
            laid_over("gateway", resource_defects.InsistsAtOnce),
        ),
    )
}
