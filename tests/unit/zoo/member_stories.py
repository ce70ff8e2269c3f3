"""Stories in which members change while the network parts, for defects of configurations."""


def _parted_when(story, event):
    """Drain a follower; at this step of the change the leader is left with the new replica alone, under load."""
    story.elect()
    story.go_ms(500)
    story.load()
    story.go_ms(500)
    run = story.run
    leader = run.leader(1)
    story.give("decommission node", "follower of shard 1")
    with run.events.counted(event, [leader]) as count:
        story.go_ms(3000, lambda: count() > 0)
    story.give("partition network", f"{leader}, n4 | rest", duration_ms=3000)
    story.go_ms(4000)


def _parted_as_voters_change(story):
    _parted_when(story, "voters changing")


def _parted_with_a_learner(story):
    _parted_when(story, "learner added")


_FOUR = {"topology": "five-nodes", "nodes": 4}

SCENARIOS = {
    "leave-joint-early": (_parted_as_voters_change, _FOUR),
    "voters-switch-at-once": (_parted_as_voters_change, _FOUR),
    "learner-counts-in-quorum": (_parted_with_a_learner, _FOUR),
}
