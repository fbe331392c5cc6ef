"""The how-to pages name commands, files and pages that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ehr_core.cli import app
from ehr_core.reference import commands_page

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "how-to").glob("*.md"))
FOLDERS = ("data_contracts/", "ehr_core/", "pipelines/", "portal/", "dashboards/", "tests/", "docs/")
EXAMPLES = {"portal/text/fr.toml"}
"""Files that a page asks its reader to make."""


def test_there_are_pages():
    assert len(PAGES) >= 5


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_command_exists(page):
    known = {
        " ".join(line.split()[2:])
        for line in commands_page(app).splitlines()
        if line.startswith("## almoner")
    }
    groups = "|".join(sorted({f"{name.split()[0]} " for name in known if " " in name}))
    named = re.findall(
        rf"(?:\.venv/bin/|`)almoner ((?:{groups})?[a-z-]+)",
        page.read_text(encoding="utf-8"),
    )
    assert [command for command in named if command not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_link_and_file_exists(page):
    text = page.read_text(encoding="utf-8")
    links = [page.parent / target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    files = [name for name in re.findall(r"`([\w./*-]+)`", text) if name.startswith(FOLDERS)]
    assert [link for link in links if not link.exists()] == []
    assert [name for name in files if name not in EXAMPLES and not list(ROOT.glob(name))] == []


def test_every_make_target_that_a_page_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        target
        for page in PAGES
        for target in re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8"))
    }
    assert named
    assert named <= targets
