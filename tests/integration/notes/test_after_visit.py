"""What the patient takes home: plain words, in their language, only what was written for them."""

from __future__ import annotations

import pytest

from data_contracts.api.chart import RecordVitals
from data_contracts.api.notes import SignNote
from ehr_core.kernel.errors import NotFound
from tests.integration.chart_records import put_appointment
from tests.integration.notes.conftest import KEY, ready
from tests.lib.api import MORNING


def lines_of(summary):
    return {part.heading: part.lines for part in summary.parts}


def test_the_summary_says_what_to_do_in_plain_words_and_nothing_meant_for_colleagues(api, clinician, nurse):
    put_appointment(api, "later", "ana", "2026-12-04T15:30:00Z")
    nurse.charting.record_vitals("ana", RecordVitals(at=MORNING, systolic_mmhg="128", diastolic_mmhg="76"))
    told = {
        "subjective": "Nonadherent, r/o DKA.",
        "patient": "Walk 30 minutes a day.\nTake metFORMIN with food.",
    }
    draft = ready(clinician, texts=told)
    summary = nurse.notes.after_visit(draft.encounter_id)
    lines = lines_of(summary)
    assert (summary.signed, summary.language) == (False, "en")
    assert summary.about == "You had a visit at the clinic on November 20, 2026 with Dr Ada Okafor."
    assert lines["What we talked about"] == ["Type 2 diabetes (high blood sugar)"]
    assert lines["What to do now"] == ["Walk 30 minutes a day.", "Take metFORMIN with food."]
    assert lines["Your measurements today"] == ["Blood pressure: 128/76 mmHg"]
    assert lines["Your next visit"][0].startswith("December 4, 2026 at 10:30")
    assert not any("DKA" in line for part in summary.parts for line in part.lines)
    assert "988" in " ".join(summary.closing)
    clinician.notes.sign(draft.note_id, SignNote(version=draft.version, key=KEY))
    assert clinician.notes.after_visit(draft.encounter_id).signed


def test_what_is_not_there_is_told_to_the_staff_and_never_printed_as_none(api, clinician):
    draft = ready(clinician)
    summary = clinician.notes.after_visit(draft.encounter_id, "es")
    assert summary.title == "Resumen de su visita"
    assert lines_of(summary)["Sus alergias"] == ["Penicillin"]
    assert any("For the patient" in gap for gap in summary.missing)
    with pytest.raises(NotFound):
        clinician.notes.after_visit("nowhere")
