"""A clinic with two clinicians and a nurse, Ana with a booking, a problem and an allergy."""

from __future__ import annotations

import pytest

from data_contracts.api.notes import Finding, NoteContent, PlanItem, ServiceCode, SignNote, StartVisit
from tests.integration.chart_records import of, put, put_appointment, put_patient, put_site
from tests.lib.api import running_api

KEY = "a-key-of-this-screen-0001"


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put_patient(running, "ben", "Young", "Ben")
        put(
            running,
            "Condition",
            "dm2",
            clinicalStatus={"coding": [{"code": "active"}]},
            code={
                "coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "E11.9"}],
                "text": "Type 2 diabetes",
            },
            subject=of("ana"),
        )
        put(running, "AllergyIntolerance", "pen", patient=of("ana"), code={"text": "Penicillin"})
        put_appointment(running, "a1", "ana", "2026-11-20T14:00:00Z")
        yield running


@pytest.fixture
def clinician(api):
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


@pytest.fixture
def colleague(api):
    return api.signed_in("chen", "clinician", practitioner_id="chen")


@pytest.fixture
def nurse(api):
    return api.signed_in("nina", "nurse")


def started(client, patient="ana", **given):
    given = {"kind": "office", "appointment_id": "a1"} | given
    return client.notes.start_visit(patient, StartVisit(**given))


def written(draft, **more) -> NoteContent:
    """A note that may be signed: a complaint, one finding, one linked problem, one service."""
    return draft.content.model_copy(
        update={
            "texts": {"subjective": "Sugars high in the morning."},
            "findings": {"exam.general": Finding(state="normal")},
            "plan": [
                PlanItem(
                    item_id="p1",
                    condition_id="dm2",
                    code="E11.9",
                    name="Type 2 diabetes",
                    words="Start walking.",
                )
            ],
            "services": [ServiceCode(system="cpt", code="99213", modifiers=["25"])],
        }
        | more
    )


def ready(client, **more):
    """A draft with all that a signature needs, at its newest version."""
    draft = client.notes.draft(started(client).note_id)
    return client.notes.save(draft.note_id, draft.version, written(draft, **more))


def signed(client, key=KEY, **more):
    draft = ready(client)
    return client.notes.sign(draft.note_id, SignNote(version=draft.version, key=key, **more))
