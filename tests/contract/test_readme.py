"""The README tells a newcomer what is there: every sign-in with its role's screen, and what each test command runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ehr_core.population import demo_people
from ehr_core.seeding import DEMO_PASSWORD

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def row_of(what: str) -> str:
    return next(line for line in README.splitlines() if line.startswith("| <http") and what in line)


@pytest.mark.parametrize("person", demo_people(), ids=lambda person: person.role)
def test_every_demonstration_sign_in_stands_in_the_table_beside_its_application(person):
    application = "portal" if person.role == "patient" else "staff workspace"
    role = {"admin": "administrator"}.get(person.role, person.role.replace("_", " "))
    assert f"{role} `{person.username}`" in row_of(application)
    assert DEMO_PASSWORD in README


@pytest.mark.long
def test_the_browser_stories_that_make_test_runs_are_those_that_the_readme_says():
    """One: a second one that joins the short suite costs its minute and has to be named."""
    listed = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-q",
            "-m",
            "browser and not long",
            "tests/system",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    stories = {line.split("::")[0] for line in listed.stdout.splitlines() if "::" in line}
    assert stories == {"tests/system/test_the_loop.py"}
    assert "one browser story: the loop" in README
