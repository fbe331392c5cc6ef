"""The audit log in sentences: every act that the code writes has its words, and every sentence has an end."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ehr_core.access.audit_words import WORDS, sentence

CORE = Path(__file__).resolve().parents[3] / "ehr_core"
WRITES = frozenset({"audit", "record", "audit_refusal", "_audit_read", "_audit_write"})


def acts_in_code() -> set[str]:
    """The acts that stand as words where a row is written."""
    found = set()
    for path in CORE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "attr", getattr(node.func, "id", "")) in WRITES
            ):
                words = [one.value for one in node.args if isinstance(one, ast.Constant)]
                found |= {one for one in words[:1] if isinstance(one, str) and one.replace(".", "").islower()}
    return found


def test_every_act_has_words():
    assert sorted(acts_in_code() - WORDS.keys()) == []


@pytest.mark.parametrize(
    ("act", "resource", "patients", "told"),
    [
        ("disclosed", None, None, "Lee recorded a disclosure of the record of a patient"),
        ("subscription_told", None, 2, "Lee was told by subscription of 2 patients"),
        ("patient_search", None, 1, "Lee looked for 1 patient"),
        ("mailbox_read", None, 0, "Lee read the mailbox (0 patients)"),
        ("banner_read", "Patient", None, "Lee saw the banner of Patient x"),
        ("teleported", None, None, "Lee did 'teleported'"),
    ],
)
def test_a_sentence_says_of_whom(act, resource, patients, told):
    said = sentence(
        actor="Lee",
        act=act,
        outcome="success",
        resource_type=resource,
        resource_id="x",
        patients=patients,
        detail=None,
    )
    assert said == told


@pytest.mark.parametrize(
    ("actor", "told"),
    [
        ("The pipeline", "The pipeline activated an official measure for lee at the command line"),
        ("lee", "lee activated an official measure"),
    ],
)
def test_whom_a_service_acts_for_is_told(actor, told):
    said = sentence(
        actor=actor,
        act="quality.official.activated",
        outcome="success",
        resource_type=None,
        resource_id=None,
        patients=None,
        detail={"operator": "lee"},
    )
    assert said == told
