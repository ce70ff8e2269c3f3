from hashlib import blake2b

import pytest

from PhantomLibrary.kernel.trace import Trace


@pytest.mark.parametrize("number", [0, 1, 1023, 1024, 1025, 5000])
def test_the_digest_covers_each_record_and_its_end_wherever_a_batch_ends(number):
    trace = Trace()
    for index in range(number):
        trace.add(b"record %d" % index)

    expected = blake2b(b"".join(b"record %d\n" % index for index in range(number)), digest_size=16).hexdigest()
    assert (trace.digest(), trace.records) == (expected, number)


def test_looking_at_the_digest_changes_nothing():
    watched, plain = Trace(), Trace()
    for index in range(3000):
        for trace in (watched, plain):
            trace.add(b"record %d" % index)
        if index % 700 == 0:
            watched.digest()

    assert watched.digest() == plain.digest()


def test_one_record_is_not_two():
    one, two = Trace(), Trace()
    one.add(b"ab")
    two.add(b"a")
    two.add(b"b")

    assert one.digest() != two.digest()


def test_the_sink_gets_every_record_once_in_order():
    kept = []
    trace = Trace(kept.extend)
    for index in range(2500):
        trace.add(b"%d" % index)
    trace.flush()
    trace.flush()

    assert kept == [b"%d" % index for index in range(2500)]
