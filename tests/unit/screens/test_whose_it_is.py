"""Whose it is stands everywhere: a banner on every page of one patient, name, birth and number in every dialog.

Read from the source of the screens, so that a new dialog that forgets it is found.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SCREENS = Path(__file__).parents[3] / "dashboards"
NAMES_WHO = re.compile(
    r"\b(?:about|_about|_names|who_words|who_html|identity_html|show_visit_identity|_both_sides|sent_html)\(|named=True"
    r"|show_name\(reply\.name\)"
)
ABOUT_NOBODY = {"phrases_dialog", "_place_dialog", "_block_dialog", "_choose"}
"""A clinician's own phrases, a free or blocked time of a calendar, a rule of decision support."""
OF_ONE_PATIENT = {"chart_page", "note.py", "medications_page", "reconcile_page", "profile_page"}
OF_MANY = {"today_page", "patients_page", "inbox_page", "worklist_page", "to_sign_page", "refills_page",
           "overdue_page", "flow_board_page", "schedule_page"}  # fmt: skip


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in sorted(SCREENS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield path.name, node


def dialogs() -> list[tuple[str, str]]:
    return [
        (f"{file}:{node.name}", ast.unparse(node))
        for file, node in functions()
        if any("dialog" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]


@pytest.mark.parametrize(("place", "body"), dialogs(), ids=[place for place, _ in dialogs()])
def test_every_dialog_says_whose_it_is(place, body):
    is_about_nobody = place.partition(":")[2] in ABOUT_NOBODY
    assert bool(NAMES_WHO.search(body)) is not is_about_nobody


def test_there_are_dialogs_to_look_at():
    assert len(dialogs()) > 60


def test_every_page_of_one_patient_has_the_banner_and_no_list_has_one():
    bodies = {node.name: ast.unparse(node) for _, node in functions()}
    bodies["note.py"] = (SCREENS / "clinician" / "note.py").read_text(encoding="utf-8")
    assert {
        name for name in OF_ONE_PATIENT if not re.search(r"show_banner\(|profile_banner", bodies[name])
    } == set()
    assert {name for name in OF_MANY if "show_banner(" in bodies[name]} == set()
