"""Importing the library loads nothing that simulates, and every keyword explains itself."""

import subprocess
import sys

import pytest
from robot.libdocpkg import LibraryDocumentation

from tests.acceptance.keyword_runs import ROOT

LOADED = """
import sys, robot.api
from PhantomLibrary import PhantomLibrary
PhantomLibrary(seed="7")
print(*(name for name in sys.modules if name.startswith("PhantomLibrary")))
"""


@pytest.fixture(scope="module")
def documentation():
    return LibraryDocumentation("PhantomLibrary")


def test_import_and_creation_load_keywords_alone():
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {name for name in loaded if "keywords" not in name} == {"PhantomLibrary", "PhantomLibrary.errors"}


def test_library_seed_that_is_no_number_fails_the_import():
    done = subprocess.run(
        [sys.executable, "-m", "robot.libdoc", "PhantomLibrary::lucky", "list"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert "'lucky' is no seed: write a whole number, such as 7, or auto" in done.stdout + done.stderr
    assert done.returncode != 0


def test_every_keyword_has_documentation_with_an_example(documentation):
    for each in documentation.keywords:
        assert len(each.name.split()) <= 5
        assert "Example:" in each.doc, each.name
        assert f"`{each.name}`" in each.doc, each.name


def test_named_arguments_only_behind_the_subject_and_no_free_ones(documentation):
    for each in documentation.keywords:
        kinds = [argument.kind for argument in each.args]
        assert "VAR_NAMED" not in kinds, each.name
        compares = any(argument.name == "operator" for argument in each.args)
        assert kinds.count("POSITIONAL_OR_NAMED") <= (4 if compares else 3), each.name


def test_every_value_type_is_documented(documentation):
    custom = {each.name: each.doc for each in documentation.type_docs if each.type == "Custom"}
    assert {"VirtualTime", "NodeRef", "Nodes", "Sides", "Count", "Percent", "Rate", "Seed", "Event"} <= set(custom)
    assert all(custom.values())
