"""What the demonstration shows of notes is made by the ordinary acts and stands in the ordinary places."""

from __future__ import annotations

from ehr_core.access.actor import Actor
from ehr_core.access.roles import permissions_of
from ehr_core.workflows.demonstration_notes import write_demonstration_notes
from tests.integration.chart_records import put_patient


def test_the_demonstration_has_a_signed_note_one_to_co_sign_a_draft_and_a_plan(api, colleague):
    put_patient(api, "cy", "Coy", "Cy")
    okafor = Actor(
        "a-okafor", "user", "Okafor", ("clinician",), permissions_of(["clinician"]), practitioner_id="okafor"
    )
    with api.work(okafor) as work:
        assert write_demonstration_notes(work, ["ana", "ben", "cy"], [("okafor", "Okafor")]) == 3
    states = {who: colleague.notes.of_patient(who).notes[0].state for who in ("ana", "ben", "cy")}
    assert states == {"ana": "signed", "ben": "signed", "cy": "draft"}
    assert [item.patient.mrn for item in colleague.notes.unfinished().notes] == ["M-BEN"]
    assert colleague.history.plans("ana").plans[0].goals == ["Walk 30 minutes on five days a week"]
    assert colleague.questionnaires.coverage().people[0].name == "Okafor"
