"""Pairing of events, the rules of a history, and its forms as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PhantomLibrary.checking.formats import (
    dump_history,
    parse_edn_history,
    parse_etcd_log,
    parse_history,
    read_history,
    write_history,
)
from PhantomLibrary.checking.history import MISMATCH, by_workload, count_endings, describe, pair
from PhantomLibrary.domain import HistoryEvent
from PhantomLibrary.errors import InvalidInput


def test_operations_pair_call_and_return(history):
    operations = pair(
        history("""
        1 invoke write 5
        2 invoke read
        1 ok write 5
        2 ok read 5
        3 invoke write 6
        3 info write 6
        4 invoke write 7
        4 fail write 7
        5 invoke read
        """)
    )
    assert [(each.process, each.ending, each.called, each.returned) for each in operations] == [
        (1, "ok", 0, 2),
        (2, "ok", 1, 3),
        (3, "info", 4, None),
        (4, "fail", 6, 7),
        (5, "open", 8, None),
    ]
    counts = count_endings(operations)
    assert (counts.ok, counts.fail, counts.info, counts.open, counts.total) == (2, 1, 1, 1, 5)
    assert describe(operations[1]) == "0.002 s to 0.004 s  process 2  read  ok 5"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("1 ok write 5", "process 1 has no operation that could end"),
        ("1 invoke write 5\n1 invoke write 6", "process 1 has not finished its write"),
        ("1 invoke write 5\n1 info write 5\n1 invoke read", "must go on as a new process"),
        ("1 invoke write 5\n1 ok read 5", "had asked for write of k1, not read of k1"),
        ("1 invoke write 5\n1 ok write 5 key=k2", "had asked for write of k1, not write of k2"),
    ],
)
def test_history_that_no_client_can_have_made_is_refused(history, script, reason):
    with pytest.raises(InvalidInput, match=reason):
        pair(history(script))


def test_time_that_runs_backwards_is_refused():
    events = [HistoryEvent(0, 5, 1, "invoke", "read"), HistoryEvent(1, 4, 1, "ok", "read")]
    with pytest.raises(InvalidInput, match="its time lies before"):
        pair(events)


def test_index_that_repeats_is_refused():
    events = [HistoryEvent(3, 5, 1, "invoke", "read"), HistoryEvent(3, 5, 1, "ok", "read")]
    with pytest.raises(InvalidInput, match="its index does not follow 3"):
        pair(events)


def test_workloads_part_by_name():
    events = [HistoryEvent(index, 0, index, "invoke", "read", workload=name) for index, name in enumerate("bab")]
    assert {name: [event.index for event in part] for name, part in by_workload(events).items()} == {
        "b": [0, 2],
        "a": [1],
    }


values = st.none() | st.integers() | st.text() | st.lists(st.integers())


@given(
    st.lists(
        st.builds(
            HistoryEvent,
            index=st.integers(0, 10**6),
            time_ns=st.integers(0, 10**15),
            process=st.integers(0, 100),
            type=st.sampled_from(("invoke", "ok", "fail", "info")),
            function=st.sampled_from(("read", "write", "cas")),
            key=st.none() | st.text(),
            value=values,
            workload=st.text(),
            node=st.text(),
            error=st.text(),
        ),
        max_size=5,
    )
)
def test_history_survives_being_written_and_read(events):
    assert parse_history(dump_history(events)) == events


def test_history_file_survives_and_names_the_line_of_an_error(tmp_path):
    path = tmp_path / "history.jsonl"
    events = [HistoryEvent(0, 5, 1, "invoke", "read"), HistoryEvent(1, 5, 1, "ok", "read", value=3)]
    write_history(path, events)
    assert read_history(path) == events
    path.write_bytes(path.read_bytes() + b'{"index": 2, "type": "maybe"}\n')
    with pytest.raises(InvalidInput, match=r"history\.jsonl, line 3: "):
        read_history(path)


ETCD = """\
INFO  jepsen.util - 0\t:invoke\t:read\tnil
INFO  jepsen.core - something else
INFO  jepsen.util - 0\t:ok\t:read\tnil
INFO  jepsen.util - 1\t:invoke\t:cas\t[2 4]
INFO  jepsen.util - 1\t:fail\t:cas\t[2 4]
INFO  jepsen.util - 0\t:invoke\t:read\tnil
INFO  jepsen.util - 0\t:fail\t:read\t:timed-out
INFO  jepsen.util - 2\t:invoke\t:write\t3
INFO  jepsen.util - 2\t:info\t:write\t:timed-out
"""


def test_etcd_log_tells_a_cas_that_did_not_match_from_a_failure():
    events = parse_etcd_log(ETCD)
    assert [(event.process, event.type, event.value, event.error) for event in events] == [
        (0, "invoke", None, ""),
        (0, "ok", None, ""),
        (1, "invoke", [2, 4], ""),
        (1, "fail", [2, 4], MISMATCH),
        (0, "invoke", None, ""),
        (0, "fail", None, ":timed-out"),
        (2, "invoke", 3, ""),
        (2, "info", None, ":timed-out"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "INFO  jepsen.util - 0\t:begin\t:read\tnil",
        "INFO  jepsen.util - x\t:invoke\t:read\tnil",
        "INFO  jepsen.util - 0\t:invoke\t:cas\t[2 4",
        "INFO  jepsen.util - 0\t:invoke\t:write\t1.5",
    ],
)
def test_etcd_log_names_the_line_that_makes_no_sense(line):
    with pytest.raises(InvalidInput, match="log, line 2: found"):
        parse_etcd_log(f"INFO  jepsen.util - 0\t:invoke\t:read\tnil\n{line}\n")


def test_edn_maps_are_read_alone_and_in_a_vector():
    lines = (
        '{:process 0, :type :invoke, :f :append, :key "7", :value "x 0 \\"0 y"}\n'
        '{:process 0, :type :ok, :f :append, :key "7", :value "x 0 \\"0 y"}\n'
    )
    (call, _) = parse_edn_history(lines)
    assert (call.process, call.type, call.function, call.key, call.value) == (0, "invoke", "append", "7", 'x 0 "0 y')
    vector = """; a comment
    [{:process 4, :type :invoke, :f :cas, :value [1 2]}
     {:process :nemesis, :type :info, :f :start, :value nil}
     {:process 4, :type :fail, :f :cas, :value [1 2]}]"""
    events = parse_edn_history(vector)
    assert [(event.index, event.value, event.error) for event in events] == [(0, [1, 2], ""), (1, [1, 2], MISMATCH)]


def test_edn_of_transactions_and_banks_is_read():
    lines = (
        "{:process 0, :type :invoke, :value [[:append 253 1] [:r :x nil]]}\n"
        "{:process 0, :type :ok, :f :txn, :value [[:append 253 1] [:r :x [2 3]]]}\n"
        "{:process 1, :type :ok, :f :read, :value {0 100, 1 -5}, :index 7}\n"
        "{:process 1, :type :invoke, :f :transfer, :value {:from 0, :to 1, :amount 5}}\n"
        '{:process 1, :type :info, :f :read, :exception {:via [{:type java.io.IOException, :at ["}" <init>]}]}}\n'
    )
    begun, done, read, transfer, failed = parse_edn_history(lines)
    assert (begun.function, begun.value) == ("txn", [["append", 253, 1], ["r", "x", None]])
    assert (done.function, done.value) == ("txn", [["append", 253, 1], ["r", "x", [2, 3]]])
    assert (read.function, read.value) == ("read", {0: 100, 1: -5})
    assert transfer.value == {"from": 0, "to": 1, "amount": 5}
    assert (failed.type, failed.value) == ("info", None)


def test_edn_map_may_go_on_over_lines_and_has_to_end():
    lines = "[{:process 0,\n  :type :invoke,\n :f :read, :value {:a\n {}}} {:process 1, :type :invoke, :f :read}]"
    assert [(event.process, event.value, event.time_ns) for event in parse_edn_history(lines)] == [
        (0, {"a": {}}, 4_000_000),
        (1, None, 4_000_000),
    ]
    with pytest.raises(InvalidInput, match=r"line 2: found '{:process 0, :type :ok'; expected a bracket for the end"):
        parse_edn_history("\n{:process 0, :type :ok")


def test_edn_keyword_in_place_of_a_value_is_why_it_ended_so():
    lines = "{:process 1, :type :info, :f :write, :value :timed-out}\n{:process 2, :type :fail, :f :read, :error :down}"
    events = parse_edn_history(lines)
    assert [(event.value, event.error) for event in events] == [(None, ":timed-out"), (None, ":down")]


def test_recorded_forms_without_times_count_a_line_as_a_millisecond():
    assert [event.time_ns for event in parse_etcd_log(ETCD)][:3] == [1_000_000, 3_000_000, 4_000_000]


@pytest.mark.parametrize(
    "line",
    [
        "process 0",
        '{:process 0, :type :ok, :f :get, :value "a}',
        '{:process 0, :type :ok, :f :get, :value "a} {:process 1}',
        "{:process 0, :type :ok}",
        "{:process zero, :type :ok, :f :get}",
        "{:process 0, :type :ok, :f :get, :value}",
        "{:process 0, :type :ok, :f :get, :value [1}",
    ],
)
def test_edn_line_that_makes_no_sense_is_named(line):
    with pytest.raises(InvalidInput, match="history, line 1: found"):
        parse_edn_history(line)
