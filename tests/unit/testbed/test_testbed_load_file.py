"""Recorded loads in CSV: exact numbers, and mistakes that are refused with the file and the line."""

import pytest

from PhantomLibrary.domain import SECOND_NS
from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.testbed.load_file import parse_load, read_load


def test_rows_are_times_and_rates_to_the_last_digit():
    text = "time,rate\n0,400\n1.5,0.001\n\n 60 , 0 \n"
    assert parse_load(text, "x.csv") == [(0, 400_000), (1_500_000_000, 1), (60 * SECOND_NS, 0)]


def test_files_of_other_programs_are_read(tmp_path):
    path = tmp_path / "load.csv"
    path.write_bytes('\ufeff"Time","Rate"\r\n"0","5"\r\n10,7\r\n'.encode())
    assert read_load(str(path)) == [(0, 5_000), (10 * SECOND_NS, 7_000)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "l.csv, line 1: the header has to be 'time,rate', but there is nothing"),
        ("0,5\n", "l.csv, line 1: the header has to be 'time,rate', but there is '0,5'"),
        ("time,rte\n0,5\n", r"but there is 'time,rte' \(did you mean rate\?\)"),
        ("rate,time\n5,0\n", "l.csv, line 1: the header"),
        ("time,rate\n", "l.csv: there is no row below the header"),
        ("time,rate\n0,5,6\n", "l.csv, line 2: 3 cells, but a row has 2"),
        ("time,rate\n0\n", "l.csv, line 2: 1 cells"),
        ("time,rate\n1,5\n", "l.csv, line 2: the first time has to be 0, not 1 s"),
        ("time,rate\n0,5\n\n9,6\n9,7\n", "l.csv, line 5: time has to go on, but 9 s comes after 9 s"),
        ("time,rate\n0,5\n-1,6\n", "l.csv, line 3: time has to go on, but -1 s comes after 0 s"),
        ("time,rate\n0,-5\n", "l.csv, line 2: a rate of -5/s is not possible"),
        ("time,rate\n0,1000001\n", "line 2: a rate of 1e.06/s is not possible: it must be 0 to 1000000/s"),
        ("time,rate\n0,fast\n", "l.csv, line 2: rate: 'fast' is no number: write operations a second"),
        ("time,rate\n0,1e3\n", "l.csv, line 2: rate: '1e3' is no number"),
        ("time,rate\n0,nan\n", "l.csv, line 2: rate: 'nan' is no number"),
        ("time,rate\n0,5\n1 min,5\n", "l.csv, line 3: time: '1 min' is no number: write seconds"),
        ("time,rate\n0,0.0001\n", "l.csv, line 2: rate: '0.0001' is too fine"),
        ("time,rate\n0,5\n0.0000000001,5\n", "l.csv, line 3: time: '0.0000000001' is too fine"),
        ('time,rate\n0,"5\n', "l.csv, line 2: no CSV: "),
    ],
)
def test_mistake_is_refused_with_its_line(text, words):
    with pytest.raises(InvalidInput, match=words):
        parse_load(text, "l.csv")


def test_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"no file .*gone.csv.: give the path of a CSV file with the columns time"):
        read_load(str(tmp_path / "gone.csv"))
    with pytest.raises(InvalidInput, match="no file"):
        read_load(str(tmp_path))
    (tmp_path / "l.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="cannot be read as UTF-8"):
        read_load(str(tmp_path / "l.csv"))


def test_too_many_rows_are_refused():
    text = "time,rate\n" + "".join(f"{second},1\n" for second in range(100_001))
    with pytest.raises(InvalidInput, match="line 100002: a recorded load has at most 100000 rows"):
        parse_load(text, "l.csv")
