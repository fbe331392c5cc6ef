"""Keyboard shortcuts: on the pages of a clinician one key means one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import dashboards.clinician

ON_EVERY_PAGE = {"Alt+S"}
"""Signs or saves what the page is about."""


def shortcuts() -> dict[str, set[str]]:
    """Which buttons of which file have a shortcut, by the shortcut."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in Path(dashboards.clinician.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for keyword in getattr(node, "keywords", ()):
                if keyword.arg == "shortcut":
                    found[keyword.value.value].add(f"{path.stem}:{node.lineno}")
    return found


def test_one_key_means_one_thing_on_the_pages_of_a_clinician():
    found = shortcuts()
    assert len(found) > 8, "the buttons were not found"
    twice = {key: places for key, places in found.items() if len(places) > 1 and key not in ON_EVERY_PAGE}
    assert twice == {}


def test_no_shortcut_is_a_single_letter():
    assert all(key.startswith(("Alt+", "Ctrl+")) for key in shortcuts())
