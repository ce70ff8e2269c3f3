"""Rows of CSV files, and what is said of those that make no sense."""

import pytest

from PhantomLibrary.errors import InvalidInput
from PhantomLibrary.testbed.csv_file import read_csv, read_csv_file


def test_fields_are_texts_and_an_empty_one_is_null_unless_in_quotes():
    read = read_csv('id,name\r\n1,"a, ""b""\nc"\r\n2,\r\n3,""\n\n4,ä b')
    assert read.columns == ["id", "name"]
    assert read.rows == [["1", 'a, "b"\nc'], ["2", None], ["3", ""], ["4", "ä b"]]


def test_a_last_field_may_be_empty_and_a_file_without_rows_has_columns():
    assert read_csv("a,b,c\n1,,\n").rows == [["1", None, None]]
    assert read_csv("a,b").rows == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.csv is empty"),
        ("a,,b\n", "f.csv:1: column 2 has no name"),
        ("a,b,a\n", "f.csv:1: two columns are called a"),
        ('a,b\n"x\ny",1\n1,2,3\n', "f.csv:4: 3 values, and 2 columns are named"),
        ('a\n1\n"x', "f.csv:3: a quote is not closed"),
        ('a\n"x"y\n', "f.csv:2: a comma or the end of the line has to follow"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(text, said):
    with pytest.raises(InvalidInput, match=said):
        read_csv(text, "f.csv")


def test_files_that_cannot_be_read_are_refused_by_name(tmp_path):
    with pytest.raises(InvalidInput, match=r"none\.csv cannot be read: No such file"):
        read_csv_file(str(tmp_path / "none.csv"))
    (tmp_path / "latin.csv").write_bytes("a\nä".encode("latin-1"))
    with pytest.raises(InvalidInput, match=r"latin\.csv: no UTF-8 at byte 2"):
        read_csv_file(str(tmp_path / "latin.csv"))
    (tmp_path / "good.csv").write_text("﻿a\n1\n", encoding="utf-8")
    assert read_csv_file(str(tmp_path / "good.csv")).columns == ["a"]
