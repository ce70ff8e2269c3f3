"""Every code that a checker answers is explained, and every explanation is of a code that one answers."""

import re
from pathlib import Path

from PhantomLibrary import checking
from PhantomLibrary.checking.codes import CATALOGUE
from PhantomLibrary.checking.verdict import Verdict, Violation, seconds


def test_catalogue_has_the_codes_in_use_and_no_other():
    folder = Path(checking.__file__).parent
    sources = [path.read_text(encoding="utf-8") for path in folder.rglob("*.py") if not path.name.endswith("codes.py")]
    used = {code for source in sources for code in re.findall(r'"([A-Z]{3}-\d{3})"', source)}
    assert used == set(CATALOGUE)


def test_explanations_are_sentences():
    for entry in CATALOGUE.values():
        assert entry.explanation.endswith("."), entry.code
        assert entry.title and not entry.title.endswith("."), entry.code


def test_headline_begins_with_the_code():
    assert Verdict("invalid", "LIN-001", "it is stale").headline == "LIN-001: it is stale"
    assert Violation("INV-001", "two lead", 5).headline == "INV-001: two lead"
    assert Verdict("valid", operations=3, confirmed=2).headline == "valid: 3 operations, 2 confirmed"


def test_seconds_are_rounded_down():
    assert seconds(12_400_999_999) == "12.400 s"
