"""docs/reference/attacks.md says which attack is tried where and without which guard it succeeds; held to the tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.lib.attack_tests import TESTS, FileOfTests, attacks, exists, files_with_attacks, short

PAGE = TESTS.parent / "docs" / "reference" / "attacks.md"
ROW = re.compile(r"\| (?P<attack>[^|]+) \| `(?P<test>[^`]+)` \| (?P<guards>[^|]+) \|")
PROMISED = (
    "Body-id and URL-id reference swaps",
    "Other people's messages, documents, prints and export files",
    "Compartment escape",
    "Search oracles",
    "Explicit deny and role removal mid-session",
    "SQL injection",
    "Stored and reflected script",
    "XML entity and zip bombs, zip slip, path traversal",
    "Server-side request forgery",
    "OAuth",
    "MFA bypass and brute force",
    "Session fixation, timeouts",
    "Tampered audit",
    "Patient data in logs, errors, URLs, notifications",
    "User enumeration",
    "The site's own identity provider",
    "Floods",
    "Within the clinic, and a copy of the database",
)
"""The sections: every word of what was promised, and what was added to it."""


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def rows() -> dict[str, set[str]]:
    """Test by what the page says that it takes away."""
    found = {}
    for row in ROW.finditer(page()):
        assert row["test"] not in found, f"{row['test']} stands twice"
        found[row["test"]] = set(re.findall(r"`([^`]+)`", row["guards"]))
    return found


def test_every_attack_against_a_weakened_build_stands_on_the_page_with_its_guards():
    in_code = {test: {short(guard) for guard in guards} for test, guards in attacks().items()}
    assert rows() == in_code


def test_every_guard_that_is_taken_away_is_there():
    gone = [(test, guard) for test, guards in attacks().items() for guard in guards if not exists(guard)]
    assert gone == []
    assert all(attacks().values()), "an attack that takes nothing away shows nothing"


def test_every_weakening_of_the_library_is_used():
    library = FileOfTests(TESTS / "lib" / "weakened.py")
    used = set()
    for path in files_with_attacks():
        used |= {one.id for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.Name)}
    assert set(library.functions) - used == set()


def test_every_promised_kind_of_attack_has_a_row():
    sections = re.split(r"^## ", page(), flags=re.MULTILINE)[1:]
    assert [section.partition("\n")[0] for section in sections] == list(PROMISED)
    assert [name for name, section in zip(PROMISED, sections, strict=True) if not ROW.search(section)] == []


@pytest.mark.parametrize("source", ["def test_a():\n    assert_guarded(lambda: True, lambda patch: None)\n"])
def test_an_attack_that_takes_nothing_away_would_be_noticed(tmp_path: Path, source, monkeypatch):
    monkeypatch.setattr("tests.lib.attack_tests.TESTS", tmp_path / "tests")
    (tmp_path / "tests").mkdir()
    written = tmp_path / "tests" / "test_x.py"
    written.write_text(source)
    assert FileOfTests(written).attacks() == {"test_a": frozenset()}
