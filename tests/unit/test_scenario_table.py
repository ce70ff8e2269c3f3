"""The table of scenarios names tests that exist and are tagged as its rows say."""

import re
from pathlib import Path

import pytest
from robot import api

DOCS = Path(__file__).resolve().parents[2] / "docs"
TABLE = (DOCS / "scenarios.md").read_text(encoding="utf-8")
SECTIONS = {
    "## Node failure and recovery": "node-failure",
    "## Network partition": "partition",
    "## Distributed transactions with failures": "transaction",
    "## Elastic scaling under load": "scaling",
    "## Cross-shard queries with joins": "query",
    "## Concurrent operations": "concurrency",
}
PRIORITIES = {"priority-1", "priority-2", "priority-3"}


def rows():
    """Return (the tag of its section, the row) of all rows."""
    tag, found = "", []
    for line in TABLE.splitlines():
        if line.startswith("## "):
            tag = SECTIONS[line]
        elif line.startswith("| ") and not line.startswith(("| Property", "| Shape |")):
            found.append((tag, line))
    return found


@pytest.fixture(scope="module")
def tags_of():
    """Return the tags of each test by file and name."""
    found = {}

    def collect(suite):
        for test in suite.tests:
            found[Path(suite.source).resolve(), test.name] = set(test.tags)
        for child in suite.suites:
            collect(child)

    collect(api.TestSuite.from_file_system(DOCS.parent / "suites"))
    return found


def test_tests_of_the_table_exist_and_carry_its_tags(tags_of):
    links = [(tag, *link) for tag, row in rows() for link in re.findall(r"\[([^]]+)]\(([^)]+robot)\)", row)]
    assert len(links) > 40
    missing = [(name, path) for _, name, path in links if ((DOCS / path).resolve(), name) not in tags_of]
    assert missing == []
    for tag, name, path in links:
        tags = tags_of[(DOCS / path).resolve(), name]
        assert tag in tags and len(tags & PRIORITIES) == 1, name


def test_every_row_names_a_test_or_says_what_it_waits_for():
    assert len(rows()) > 35
    assert [row for _, row in rows() if "](" not in row and "waits for" not in row] == []


@pytest.mark.parametrize(("page", "tag", "links_min"), [("rebalancing", "rebalancing", 25), ("scaling", "scaling", 12)])
def test_tests_on_a_scenario_s_own_page_exist_and_carry_its_tag(tags_of, page, tag, links_min):
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    links = [((DOCS / path).resolve(), name) for name, path in re.findall(r"\[([^]]+)]\(([^)]+robot)\)", text)]
    assert len(links) > links_min
    assert [link for link in links if tag not in tags_of.get(link, ())] == []


def test_each_case_of_hermitage_has_a_test_at_each_level(tags_of):
    page = (DOCS / "isolation.md").read_text(encoding="utf-8")
    table = [line for line in page.splitlines() if re.match(r"\| \d", line)]
    links = [re.findall(r"[✓—] \[([^]]+)]\(([^)]+)\)", row) for row in table]
    assert [len(row) for row in links] == [3] * 15
    levels = [[((DOCS / path).resolve(), name) for name, path in row] for row in links]
    assert all({"transaction", "priority-1"} <= tags_of.get(link, set()) for row in levels for link in row)
    for level in zip(*levels, strict=True):
        assert len(set(level)) == 15 and len({path for path, _ in level}) == 1


def test_each_suite_knows_its_test_timeout_without_a_mode():
    """Plain `robot suites` has no variable file: the default stands in workloads.resource."""
    known = (
        "workloads.resource",
        "transactions.resource",
        "concurrency.resource",
        "tables.resource",
        "queries.resource",
    )
    suites = [path for path in (DOCS.parent / "suites").rglob("*.robot") if path.name != "__init__.robot"]
    assert len(suites) > 20
    assert [path.name for path in suites if not any(each in path.read_text(encoding="utf-8") for each in known)] == []
