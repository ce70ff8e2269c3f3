"""The page of failure codes."""

from pathlib import Path

from PhantomLibrary.checking.code_entry import CodeEntry
from PhantomLibrary.reporting.catalogue import render_catalogue
from PhantomLibrary.reporting.codes import CATALOGUE

PAGE = Path(__file__).resolve().parents[3] / "docs" / "failure-codes.md"


def test_committed_page_is_what_the_catalogue_says() -> None:
    expected = render_catalogue(CATALOGUE.values())
    hint = "run: python -m PhantomLibrary.reporting.catalogue docs/failure-codes.md"
    assert PAGE.read_text(encoding="utf-8") == expected, hint


def test_every_code_stands_on_the_page_once() -> None:
    page = render_catalogue(CATALOGUE.values())
    assert all(page.count(f"| `{code}` |") == 1 for code in CATALOGUE)


def test_text_cannot_break_its_table() -> None:
    page = render_catalogue([CodeEntry("XYZ-001", "a|b", "two\nlines <= x")])
    assert "## XYZ\n" in page
    assert "| `XYZ-001` | a\\|b | two lines &lt;= x |\n" in page
