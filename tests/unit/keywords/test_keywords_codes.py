"""Every code of a keyword is explained, and every explanation belongs to a code in use."""

import re
from pathlib import Path

from PhantomLibrary.checking.codes import CATALOGUE as CHECKED
from PhantomLibrary.keywords import codes


def test_catalogue_holds_just_the_codes_that_keywords_fail_with():
    folder = Path(codes.__file__).parent
    sources = [path.read_text(encoding="utf-8") for path in folder.glob("*.py") if path.name != "codes.py"]
    used = {code for source in sources for code in re.findall(r'"([A-Z]{3}-\d{3})"', source)}
    assert used == set(codes.CATALOGUE)


def test_no_code_means_two_things():
    assert set(codes.CATALOGUE).isdisjoint(CHECKED)
