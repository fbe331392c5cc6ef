"""An import says what leads nowhere and what a claimed profile is not; it keeps both, and asks in sets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.integration.store.conftest import observation, patient

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"


@pytest.fixture
def lines(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, *bodies: dict | bytes) -> Path:
        folder = tmp_path / "in"
        folder.mkdir(exist_ok=True)
        encoded = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]
        (folder / name).write_bytes(b"\n".join(encoded))
        return folder

    return write


def result(number: int, whose: str, **more: object) -> dict:
    return json.loads(observation(whose)) | {"id": f"o-{number}", **more}


def test_what_comes_later_in_the_input_is_there(run_import, lines):
    lines("a.ndjson", result(1, "ana", encounter={"reference": "Encounter/e"}))
    visit = {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"},
             "subject": {"reference": "Patient/ana"}}  # fmt: skip
    folder = lines("b.ndjson", visit, patient(id="ana"))
    assert run_import(folder, check_claims=True).problems == []


def test_what_was_stored_before_is_there(run_import, lines):
    run_import(lines("a.ndjson", patient(id="ana")))
    folder = lines("a.ndjson", result(1, "ana"))
    assert run_import(folder, check_claims=True).problems == []


@pytest.mark.parametrize("processes", [1, 2])
def test_what_leads_nowhere_is_told_once_with_its_place_and_kept(run_import, lines, processes, count):
    lab = [{"reference": "Organization/lab"}]
    folder = lines("a.ndjson", patient(id="ana"), *[result(n, "ana", performer=lab) for n in range(3)])
    summary = run_import(folder, check_claims=True, processes=processes)
    assert [(p.file, p.line, p.reason, p.kept) for p in summary.problems] == [
        ("a.ndjson", 2, "refers to an Organization that is not there", True)
    ]
    assert (summary.stored, summary.rejected, count("fhir.observation")) == (4, 0, 3)
    assert run_import(folder, check_claims=False).problems == []


def test_a_reference_to_what_was_rejected_leads_nowhere(run_import, lines):
    folder = lines("a.ndjson", patient(id="ana", gender="F"), result(1, "ana"))
    reasons = [problem.reason for problem in run_import(folder, check_claims=True).problems]
    assert "refers to a Patient that is not there" in reasons
    assert len(reasons) == 2


def test_a_claim_that_is_not_kept_is_told_and_the_resource_is_kept(run_import, lines, count):
    folder = lines("a.ndjson", patient(id="ana", meta={"profile": [US_CORE]}))
    told = run_import(folder, check_claims=True).problems
    assert [(problem.path, problem.kept) for problem in told] == [
        ("Patient.identifier", True),
        ("Patient.gender", True),
    ]
    assert count("fhir.patient") == 1


def test_references_are_asked_in_sets(run_import, lines, database):
    asked = []

    def note(connection, cursor, statement, *_: object) -> None:
        asked.append(statement)

    folder = lines(
        "a.ndjson", *[result(n, f"p-{n}", performer=[{"reference": f"Practitioner/{n}"}]) for n in range(500)]
    )
    event.listen(database.engine, "before_cursor_execute", note)
    summary = run_import(folder, check_claims=True)
    assert summary.problem_count == 1000
    assert len([statement for statement in asked if statement.startswith("SELECT 'Patient/'")]) == 1
    assert len(asked) < 40
