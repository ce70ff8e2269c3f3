"""Answers and plans of queries as the log shows them."""

import csv
import io
import re
from xml.etree import ElementTree

from PhantomLibrary.reporting.plan_picture import render_plan
from PhantomLibrary.reporting.row_table import csv_lines, render_rows
from PhantomLibrary.sql.plans import PlanStep

SCANS = tuple(PlanStep(f"scan t{n}", (("text", "SELECT a FROM t WHERE a < 'x'"),), fragment=n) for n in (1, 2))
PLAN = PlanStep("join", (("on", "a = b"),), SCANS)


def test_nulls_are_told_from_texts_and_numbers_stand_to_the_right():
    html = render_rows(["id", "name"], ["DECIMAL(4,2)", "TEXT"], [["1.50", None], [None, "<NULL>"], ["2.00", ""]])
    assert html.count("<i ") == 2 and "&lt;NULL&gt;" in html
    cells = re.findall(r'<td style="[^"]*text-align:(\w+)', html)
    assert cells == ["right", "left"] * 3


def test_long_answers_are_cut_with_a_link_and_long_texts_too():
    rows = [[number, "x" * 500] for number in range(25)]
    html = render_rows(["id", "text"], ["INTEGER", "TEXT"], rows, "phantom/a%20b/rows.csv")
    assert html.count("<tr>") == 22
    assert '<a href="phantom/a%20b/rows.csv">5 more rows</a>' in html
    assert "… (500 characters)" in html
    assert "no rows" in render_rows(["id"], ["INTEGER"], [])


def test_csv_keeps_all_rows_and_tells_nulls_from_empty_texts():
    rows = [[1, 'a,"b"\nc'], [2, None], [3, ""], [4, "ä"], [5, True], [6, 0.5]]
    text = b"".join(csv_lines(["id", "name"], rows)).decode()
    assert text.split("\r\n")[2:6] == ["2,", '3,""', "4,ä", "5,true"]
    assert list(csv.reader(io.StringIO(text, newline="")))[1] == ["1", 'a,"b"\nc']


def test_plan_is_a_static_picture_with_each_step_once():
    picture = render_plan(PLAN, {2: (("rows", "12"),)})
    root = ElementTree.fromstring(picture)
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert [each for each in texts if each in ("join", "scan t1", "scan t2")] == ["scan t1", "scan t2", "join"]
    assert "rows: 12" in texts and texts.count("on: a = b") == 1
    assert "script" not in picture and "href" not in picture


def test_boxes_of_a_plan_stand_side_by_side_within_the_picture():
    wide = PlanStep("union", (), tuple(PlanStep(f"step {n}", (("d", "y" * 200),), SCANS) for n in range(4)))
    root = ElementTree.fromstring(render_plan(wide))
    boxes = [
        tuple(float(each.get(name)) for name in ("x", "y", "width", "height"))
        for each in root.iter("{http://www.w3.org/2000/svg}rect")
    ]
    assert len(boxes) == 13
    for number, (x, y, width, height) in enumerate(boxes):
        assert x >= 0 and x + width <= float(root.get("width")) and y + height <= float(root.get("height"))
        for other_x, other_y, other_width, other_height in boxes[number + 1 :]:
            apart = x + width <= other_x or other_x + other_width <= x
            assert apart or y + height <= other_y or other_y + other_height <= y
