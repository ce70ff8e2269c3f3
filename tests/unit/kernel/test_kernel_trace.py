from hashlib import blake2b

import pytest

from PhantomLibrary.kernel.trace import Trace


@pytest.mark.parametrize("number", [0, 1, 1023, 1024, 1025, 5000])
def test_the_digest_covers_each_record_and_its_end_wherever_a_batch_ends(number):
    trace = Trace()
    for index in range(number):
        trace.add((index, b',"record":', b"%d" % index))

    expected = blake2b(
        b"".join(b'{"t":%d,"record":%d}\n' % (index, index) for index in range(number)), digest_size=16
    ).hexdigest()
    assert (trace.digest(), trace.records) == (expected, number)


def test_looking_at_the_digest_changes_nothing():
    watched, plain = Trace(), Trace()
    for index in range(3000):
        for trace in (watched, plain):
            trace.add((index, b',"record":', b"%d" % index))
        if index % 700 == 0:
            watched.digest()

    assert watched.digest() == plain.digest()


def test_one_record_is_not_two():
    one, two = Trace(), Trace()
    one.add((1, b"a", b"b"))
    two.add((1, b"a", b""))
    two.add((1, b"b", b""))

    assert one.digest() != two.digest()


def test_the_sink_gets_every_record_once_in_order():
    kept = []
    trace = Trace(kept.extend)
    for index in range(2500):
        trace.add((index, b"", b""))
        trace.flush_batch()
    trace.flush()
    trace.flush()

    assert kept == [b'{"t":%d}' % index for index in range(2500)]
