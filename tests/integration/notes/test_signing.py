"""From a booking to a sealed note: begun once, saved by version, signed once or not at all, never changed after."""

from __future__ import annotations

import base64
import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from data_contracts.api.chart import MarkInError
from data_contracts.api.notes import KeepPhrase, NoteContent, PlanItem, SignNote, StartVisit
from ehr_core.charting.notes import signing
from ehr_core.kernel.errors import (
    AlmonerError,
    BadRequest,
    Conflict,
    Forbidden,
    InvalidResource,
    NotFound,
    StaleVersion,
)
from ehr_core.kernel.fhir_json import encode
from ehr_core.store.repository import Store
from tests.integration.chart_records import body_of
from tests.integration.notes.conftest import KEY, ready, signed, started, written


def rows(api, sql, **values):
    with api.work() as work:
        return work.connection.execute(text(sql), values).all()


def test_a_booking_gives_one_visit_with_one_note_however_often_it_is_started(api, clinician, nurse):
    first = started(clinician)
    again = started(nurse)
    assert (first.resumed, again.resumed) == (False, True)
    assert (first.encounter_id, first.note_id) == (again.encounter_id, again.note_id)
    visit = body_of(api, "Encounter", first.encounter_id)
    assert (visit["status"], visit["class"]["code"], visit["reasonCode"][0]["text"]) == (
        "in-progress",
        "AMB",
        "Follow-up",
    )
    pulled = {block.kind: block.lines for block in clinician.notes.draft(first.note_id).content.pulled}
    assert pulled["allergies"] == ["Penicillin: reaction not recorded"]
    assert pulled["vitals"] == ["Vital signs: none recorded"]


def test_two_who_start_at_the_same_moment_get_the_same_visit(api, clinician, nurse):
    found = []
    threads = [
        threading.Thread(target=lambda who=who: found.append(started(who))) for who in (clinician, nurse)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({(one.encounter_id, one.note_id) for one in found}) == 1


def test_another_patients_booking_and_a_stranger_role_are_refused(api, clinician):
    with pytest.raises(InvalidResource, match="another patient"):
        started(clinician, "ben")
    with pytest.raises(Forbidden):
        started(api.signed_in("desk", "front_desk"))
    with pytest.raises(Forbidden):
        started(api.signed_in("ana-herself", "patient", patient_id="ana"))


def test_the_second_window_is_told_and_what_it_wrote_stays_its_own(clinician, nurse):
    draft = clinician.notes.draft(started(clinician).note_id)
    mine = NoteContent(texts={"subjective": "From the first window."})
    saved = clinician.notes.save(draft.note_id, draft.version, mine)
    with pytest.raises(StaleVersion, match="still on your screen"):
        nurse.notes.save(draft.note_id, draft.version, NoteContent(texts={"subjective": "From the second."}))
    now = nurse.notes.draft(draft.note_id)
    assert (now.version, now.content.texts["subjective"]) == (saved.version, "From the first window.")
    assert now.updated_by_name == "Okafor"
    with pytest.raises(InvalidResource, match="no such part"):
        nurse.notes.save(draft.note_id, now.version, NoteContent(texts={"hidden": "lost"}))


def test_what_is_missing_is_named_with_its_place_and_blocks(clinician):
    draft = clinician.notes.draft(started(clinician).note_id)
    check = clinician.notes.check(draft.note_id)
    blocking = {issue.field for issue in check.issues if issue.blocks}
    assert blocking == {"texts.subjective", "plan"}
    assert {"services", "vitals"} <= {issue.field for issue in check.issues}
    with pytest.raises(InvalidResource) as refusal:
        clinician.notes.sign(draft.note_id, SignNote(version=draft.version, key=KEY))
    assert {issue.expression for issue in refusal.value.issues} == blocking


def test_a_signed_note_is_sealed_filed_and_ends_the_visit(api, clinician):
    draft = ready(clinician)
    receipt = clinician.notes.sign(draft.note_id, SignNote(version=draft.version, key=KEY))
    document = body_of(api, "DocumentReference", receipt.document_id)
    text = base64.b64decode(document["content"][0]["attachment"]["data"]).decode()
    for words in (
        "Sugars high in the morning.",
        "1. Type 2 diabetes (E11.9)",
        "General: Well appearing",
        "CPT 99213-25",
    ):
        assert words in text
    visit = body_of(api, "Encounter", draft.encounter_id)
    assert (visit["status"], visit["diagnosis"][0]["condition"]["reference"]) == ("finished", "Condition/dm2")
    assert body_of(api, "Appointment", "a1")["status"] == "fulfilled"
    (charge,) = rows(api, "SELECT body FROM fhir.charge_item WHERE encounter_id = :id", id=draft.encounter_id)
    assert '"99213"' in charge.body
    assert '"E11.9"' in charge.body
    read = clinician.notes.read(draft.note_id)
    assert (read.seal, read.sha256, read.note.state) == ("whole", receipt.sha256, "signed")
    assert rows(api, "SELECT content FROM charting.note")[0].content is None
    with pytest.raises(Conflict):
        clinician.notes.save(draft.note_id, draft.version + 1, draft.content)


def test_the_same_key_is_the_same_signature_and_another_is_refused(api, clinician, colleague):
    first = signed(clinician)
    again = clinician.notes.sign(first.note_id, SignNote(version=99, key=KEY))
    assert (again.document_id, again.sha256, again.already_signed) == (first.document_id, first.sha256, True)
    for client, key in ((clinician, KEY + "-other"), (colleague, KEY)):
        with pytest.raises(Conflict, match="signed already"):
            client.notes.sign(first.note_id, SignNote(version=99, key=key))
    assert len(rows(api, "SELECT 1 FROM fhir.document_reference")) == 1


def test_an_api_that_dies_in_the_middle_has_signed_nothing(api, clinician, monkeypatch):
    """The last write of the signature fails: every write before it is gone, and the same key signs once after it."""
    draft = ready(clinician)

    def dies(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(signing, "_charge", dies)
        with pytest.raises((AlmonerError, RuntimeError)):
            clinician.notes.sign(draft.note_id, SignNote(version=draft.version, key=KEY))
    for table in ("fhir.document_reference", "charting.note_seal", "fhir.provenance"):
        assert rows(api, f"SELECT 1 FROM {table}") == []
    assert body_of(api, "Encounter", draft.encounter_id)["status"] == "in-progress"
    assert clinician.notes.draft(draft.note_id).version == draft.version
    receipt = clinician.notes.sign(draft.note_id, SignNote(version=draft.version, key=KEY))
    assert not receipt.already_signed
    assert len(rows(api, "SELECT 1 FROM charting.note_seal")) == 1


def test_two_signatures_at_once_make_one_note(api, clinician, colleague):
    draft = ready(clinician)
    outcomes = []

    def sign(client, key):
        try:
            outcomes.append(client.notes.sign(draft.note_id, SignNote(version=draft.version, key=key)))
        except Conflict as refusal:
            outcomes.append(refusal)

    threads = [
        threading.Thread(target=sign, args=(who, f"{KEY}-{name}"))
        for who, name in ((clinician, "a"), (colleague, "b"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(isinstance(outcome, Conflict) for outcome in outcomes) == [False, True]
    assert len(rows(api, "SELECT 1 FROM fhir.document_reference")) == 1


def test_a_changed_document_shows_a_broken_seal_and_seals_cannot_be_rewritten(api, clinician):
    receipt = signed(clinician)
    document = body_of(api, "DocumentReference", receipt.document_id)
    forged = base64.b64decode(document["content"][0]["attachment"]["data"]).replace(b"high", b"fine")
    document["content"][0]["attachment"]["data"] = base64.b64encode(forged).decode()
    with api.work() as work:
        Store(work).update("DocumentReference", receipt.document_id, encode(document))
    assert clinician.notes.read(receipt.note_id).seal == "broken"
    with pytest.raises(Conflict, match="seal"):
        clinician.notes.unlock(receipt.note_id, "to correct the sugar values")
    for change in ("UPDATE charting.note_seal SET sha256 = sha256", "DELETE FROM charting.note_seal"):
        with pytest.raises(ProgrammingError), api.work() as work:
            work.connection.exec_driver_sql(change)


def test_an_amendment_needs_a_reason_and_replaces_the_note_when_it_is_signed(api, clinician):
    first = signed(clinician)
    opened = clinician.notes.unlock(first.note_id, "the wrong medicine was named")
    with pytest.raises(Conflict, match="open already"):
        clinician.notes.unlock(first.note_id, "once more, for another reason")
    assert clinician.notes.read(first.note_id).seal == "whole"
    draft = clinician.notes.draft(opened.note_id)
    assert draft.content.texts == {"subjective": "Sugars high in the morning."}
    saved = clinician.notes.save(draft.note_id, draft.version, written(draft, services=[]))
    second = clinician.notes.sign(saved.note_id, SignNote(version=saved.version, key=KEY + "-2"))
    old, new = (body_of(api, "DocumentReference", one.document_id) for one in (first, second))
    assert (old["status"], new["status"]) == ("superseded", "current")
    assert new["relatesTo"] == [
        {"code": "replaces", "target": {"reference": f"DocumentReference/{first.document_id}"}}
    ]
    assert clinician.notes.read(first.note_id).replaced_by == second.note_id
    (charge,) = rows(api, "SELECT status FROM fhir.charge_item")
    assert charge.status == "entered-in-error"


def test_a_note_entered_in_error_says_so_and_keeps_its_seal(clinician):
    first = signed(clinician)
    mark = MarkInError(version_id=first.document_version, reason="written in the wrong chart")
    clinician.charting.mark_in_error(first.document_id, mark, "DocumentReference")
    read = clinician.notes.read(first.note_id)
    assert (read.in_error, read.seal) == (True, "whole")


def test_an_addendum_stands_under_the_note_and_leaves_it_whole(clinician, nurse):
    first = signed(clinician)
    opened = nurse.notes.add(first.note_id)
    draft = nurse.notes.draft(opened.note_id)
    saved = nurse.notes.save(
        draft.note_id, draft.version, NoteContent(texts={"subjective": "Called back: feels well."})
    )
    with pytest.raises(Forbidden):
        nurse.notes.sign(saved.note_id, SignNote(version=saved.version, key=KEY + "-3"))
    clinician.notes.sign(saved.note_id, SignNote(version=saved.version, key=KEY + "-3"))
    read = clinician.notes.read(first.note_id)
    assert (read.seal, [line.author_name for line in read.addenda]) == ("whole", ["Nina"])


def test_only_somebody_else_co_signs(api, clinician, colleague, nurse):
    receipt = signed(clinician, cosign_wanted=True)
    assert body_of(api, "DocumentReference", receipt.document_id)["docStatus"] == "preliminary"
    (waiting,) = colleague.notes.unfinished().notes
    assert (waiting.note.note_id, waiting.patient.mrn) == (receipt.note_id, "M-ANA")
    for client in (clinician, nurse):
        with pytest.raises(Forbidden):
            client.notes.cosign(receipt.note_id, receipt.document_version)
    with pytest.raises(StaleVersion):
        colleague.notes.cosign(receipt.note_id, receipt.document_version + 1)
    colleague.notes.cosign(receipt.note_id, receipt.document_version)
    assert body_of(api, "DocumentReference", receipt.document_id)["docStatus"] == "final"
    read = clinician.notes.read(receipt.note_id)
    assert (read.seal, read.note.cosigned_by_name) == ("whole", "Chen")
    assert colleague.notes.unfinished().notes == []


def test_a_new_diagnosis_becomes_a_condition_of_the_visit(api, clinician):
    added = PlanItem(
        item_id="p2", code="I10", name="Essential hypertension", words="Recheck.", to_problem_list=True
    )
    draft = ready(clinician)
    saved = clinician.notes.save(
        draft.note_id, draft.version, draft.content.model_copy(update={"plan": [*draft.content.plan, added]})
    )
    clinician.notes.sign(saved.note_id, SignNote(version=saved.version, key=KEY))
    assert "Essential hypertension" in {
        problem.name for problem in clinician.charting.summary("ana").problems
    }
    structured = clinician.notes.read(saved.note_id).content
    assert structured.plan[1].condition_id is not None


def test_a_problem_of_another_patient_is_no_diagnosis_here(api, clinician):
    draft = clinician.notes.draft(started(clinician, "ben", appointment_id=None).note_id)
    saved = clinician.notes.save(draft.note_id, draft.version, written(draft))
    with pytest.raises(InvalidResource, match="another patient"):
        clinician.notes.sign(saved.note_id, SignNote(version=saved.version, key=KEY))


def test_phrases_are_ones_own_or_the_sites(clinician, colleague, nurse):
    clinician.notes.keep_phrase(KeepPhrase(name="knee", words="Knee examined: ***"))
    kept = clinician.notes.keep_phrase(KeepPhrase(name="diet", words="Diet discussed.", for_site=True))
    with pytest.raises(Conflict):
        clinician.notes.keep_phrase(KeepPhrase(name="knee", words="again"))
    with pytest.raises(Forbidden):
        nurse.notes.keep_phrase(KeepPhrase(name="ward", words="x", for_site=True))
    names = {phrase.name for phrase in colleague.notes.phrases()}
    assert {"diet", "return-precautions"} <= names
    assert "knee" not in names
    draft = ready(clinician, texts={"subjective": "Pain. .knee today"})
    assert "texts.subjective" in {i.field for i in clinician.notes.check(draft.note_id).issues if i.blocks}
    clinician.notes.drop_phrase(kept.phrase_id)
    assert "diet" not in {phrase.name for phrase in colleague.notes.phrases()}


def test_a_diagnosis_is_found_by_words_and_by_code(clinician):
    assert clinician.notes.diagnoses("I10")[0].name == "Essential (primary) hypertension"
    assert "E11.9" in {hit.code for hit in clinician.notes.diagnoses("type 2 diabetes without compl")}
    with pytest.raises(BadRequest):
        clinician.notes.diagnoses("e")


def test_another_template_finds_a_place_for_every_word(clinician):
    draft = ready(clinician, texts={"subjective": "Sugars high.", "objective": "Looks tired."})
    moved = clinician.notes.change_template(draft.note_id, draft.version, "phone")
    assert moved.content.texts == {
        "subjective": "Sugars high.\nObjective: Looks tired.\nGeneral: Well appearing, in no distress."
    }
    assert [block.kind for block in moved.content.pulled] == ["allergies", "medications"]
    with pytest.raises(StaleVersion):
        clinician.notes.change_template(draft.note_id, draft.version, "soap")


def test_a_note_that_is_not_there_is_not_found_and_a_discarded_one_leaves_the_list(clinician):
    with pytest.raises(NotFound):
        clinician.notes.draft("no-such-note")
    begun = clinician.notes.start_visit("ana", StartVisit(kind="phone"))
    draft = clinician.notes.draft(begun.note_id)
    clinician.notes.discard(draft.note_id, draft.version)
    assert clinician.notes.of_patient("ana").notes == []
