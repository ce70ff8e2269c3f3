"""Single operations of whoever writes a test: they are asked where somebody listens."""

from PhantomLibrary.domain import Ok, Refused


def test_where_nobody_listens_the_next_gateway_is_asked(drive):
    it = drive(nodes=5, replicas=5).elect()
    assert isinstance(it.put("k1", "1"), Ok)
    asked = it.run.recorder.events[-1].node
    it.give("crash node", asked)
    it.go(2)
    assert it.get("k1") == Ok("1")
    assert it.run.recorder.events[-1].node not in ("", asked)


def test_where_no_gateway_is_left_that_is_told(drive):
    it = drive().elect()
    it.give("crash node", "all")
    answer = it.get("k1")
    assert isinstance(answer, Refused) and "is down: nothing listens there" in answer.reason
