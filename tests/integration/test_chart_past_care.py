"""Past care over a real database: seen, opened, retracted and reinstated, and each of it audited."""

from __future__ import annotations

import base64
from datetime import date, timedelta

import pytest

from data_contracts.api.chart import MarkInError, RecordImmunization, RecordOutsideResult, Reinstate
from data_contracts.code_systems import CVX, HCPCS
from ehr_core.kernel.errors import BadRequest, Forbidden, InvalidResource, NotFound, StaleVersion
from tests.integration.chart_records import body_of, of, put, put_observation, put_patient, put_site
from tests.lib.api import MORNING, running_api

PDF = b"%PDF-1.7 colonoscopy report"
MARK, BACK = "wrong patient", "it was hers after all"


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put_patient(running, "ben", "Young", "Ben")
        yield running


@pytest.fixture
def clinician(api):
    return api.signed_in("okafor", "clinician", practitioner_id="okafor")


def colonoscopy(clinician, **given):
    given = {"document_base64": base64.b64encode(PDF).decode(), "document_type": "application/pdf"} | given
    record = RecordOutsideResult(
        code_system=HCPCS.uri,
        code="G0121",
        kind="procedure",
        on=date(2025, 3, 14),
        source="County Hospital",
        finding="normal",
        **given,
    )
    return clinician.charting.record_outside_result("ana", record)


def test_an_outside_procedure_and_its_document_are_in_the_chart_with_day_and_source(clinician):
    colonoscopy(clinician, document_name="letter.pdf")
    care = clinician.charting.past_care("ana")
    (procedure,), (document,) = care.procedures, care.documents
    assert (procedure.name, procedure.on, procedure.source) == (
        "Colonoscopy",
        "2025-03-14",
        "Outside record: County Hospital",
    )
    assert procedure.details == "Outcome as stated: normal."
    assert (document.name, document.about, document.on) == ("letter.pdf", "Colonoscopy", "2025-03-14")
    assert document.is_stored


@pytest.mark.parametrize(
    ("kind", "identity", "elements"),
    [
        ("Procedure", "p1", {"status": "completed", "subject": of("ana"), "code": {"text": "Colonoscopy"}}),
        (
            "Immunization",
            "i1",
            {
                "status": "completed",
                "patient": of("ana"),
                "vaccineCode": {"text": "Influenza"},
                "occurrenceDateTime": "2026-10-12",
            },
        ),
        (
            "DiagnosticReport",
            "r1",
            {
                "status": "final",
                "subject": of("ana"),
                "code": {"text": "Mammogram"},
                "conclusion": "BI-RADS 1",
            },
        ),
        (
            "DocumentReference",
            "d1",
            {
                "status": "current",
                "subject": of("ana"),
                "content": [{"attachment": {"title": "letter", "contentType": "text/plain"}}],
            },
        ),
        (
            "Observation",
            "o1",
            {"status": "amended", "subject": of("ana"), "code": {"text": "Smoking"}, "valueString": "never"},
        ),
    ],
)
def test_whatever_is_in_the_chart_can_be_retracted_and_reinstated_with_its_reasons(
    api, clinician, kind, identity, elements
):
    put(api, kind, identity, **elements)
    gone = clinician.charting.mark_in_error(identity, MarkInError(version_id=1, reason=MARK), kind)
    assert body_of(api, kind, identity)["status"] == "entered-in-error"
    assert body_of(api, *gone.resources[1][:2])["reason"] == [{"text": MARK}]
    with pytest.raises(BadRequest, match="already"):
        clinician.charting.mark_in_error(identity, MarkInError(version_id=2, reason=MARK), kind)
    with pytest.raises(StaleVersion):
        clinician.charting.reinstate(identity, Reinstate(version_id=1, reason=BACK), kind)
    back = clinician.charting.reinstate(identity, Reinstate(version_id=2, reason=BACK), kind)
    assert body_of(api, kind, identity)["status"] == elements["status"]
    assert body_of(api, *back.resources[1][:2])["reason"] == [{"text": BACK}]
    with pytest.raises(BadRequest, match="nothing to take back"):
        clinician.charting.reinstate(identity, Reinstate(version_id=3, reason=BACK), kind)


def test_a_retracted_entry_stays_in_the_list_and_says_so(clinician):
    (_, identity, version) = colonoscopy(clinician).resources[0]
    clinician.charting.mark_in_error(identity, MarkInError(version_id=version, reason=MARK), "Procedure")
    (line,) = clinician.charting.past_care("ana").procedures
    assert (line.status, line.version_id) == ("entered-in-error", 2)


def test_what_came_in_error_has_nothing_to_go_back_to(api, clinician):
    put_observation(api, "o1", "ana", status="entered-in-error", valueString="x")
    with pytest.raises(BadRequest, match="Record it anew"):
        clinician.charting.reinstate("o1", Reinstate(version_id=1, reason=BACK))


def test_nothing_else_can_be_retracted_from_the_chart(api, clinician):
    put(api, "Flag", "f1", status="active", code={"text": "x"}, subject=of("ana"))
    with pytest.raises(BadRequest):
        clinician.charting.mark_in_error("f1", MarkInError(version_id=1, reason=MARK), "Flag")
    assert body_of(api, "Flag", "f1")["status"] == "active"


def test_a_document_is_opened_by_who_may_read_charts_and_that_is_audited(api, clinician):
    document_id = next(i for kind, i, _ in colonoscopy(clinician).resources if kind == "DocumentReference")
    assert clinician.charting.document(document_id) == (PDF, "application/pdf")
    for name, role, more in (("desk", "front_desk", {}), ("ana", "patient", {"patient_id": "ana"})):
        with pytest.raises(Forbidden):
            api.signed_in(name, role, **more).charting.document(document_id)
    events = api.signed_in("root", "admin").audit.events(patient_id="ana")
    opened = [event for event in events if event.act == "document_opened"]
    assert [(event.outcome, event.resource_id) for event in opened] == [("success", document_id)]


def put_document(api, patient, **attachment):
    put(
        api,
        "DocumentReference",
        "d1",
        status="current",
        subject=of(patient),
        content=[{"attachment": attachment}],
    )


def test_a_document_never_leads_into_another_patients_record(api, clinician):
    put(api, "Binary", "bens", contentType="text/plain", securityContext=of("ben"), data="YmVu")
    put_document(api, "ana", url="Binary/bens", contentType="text/plain")
    with pytest.raises(NotFound, match="not kept here"):
        clinician.charting.document("d1")


def test_a_document_on_another_server_is_not_taken_for_one_of_ours(api, clinician):
    put(api, "Binary", "b1", contentType="text/plain", securityContext=of("ana"), data="YW5h")
    put_document(api, "ana", url="https://elsewhere.example/Binary/b1", contentType="text/plain")
    assert not clinician.charting.past_care("ana").documents[0].is_stored
    with pytest.raises(NotFound, match="not kept here"):
        clinician.charting.document("d1")


@pytest.mark.parametrize(
    ("declared", "content", "handed_out"),
    [
        ("text/plain; charset=utf-8", b"a letter", "text/plain"),
        ("text/html", b"<script>", "application/octet-stream"),
        ("image/png", b"<script>", "application/octet-stream"),
        ("image/svg+xml", b"<svg/>", "application/octet-stream"),
    ],
)
def test_what_a_browser_would_run_is_handed_out_as_bytes(api, clinician, declared, content, handed_out):
    typed = {"contentType": declared} if declared else {}
    put_document(api, "ana", data=base64.b64encode(content).decode(), **typed)
    assert clinician.charting.document("d1") == (content, handed_out)
    headers = {"Authorization": f"Bearer {clinician.transport._token_source()}"}
    answer = api.http(headers=headers).get("/api/documents/d1/content")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "attachment"


def test_a_vaccination_given_here_says_by_whom_and_its_lot_where_it_is_known(api, clinician):
    for lot in ("FX 204", None):
        given = RecordImmunization(code="140", at=MORNING - timedelta(minutes=5), lot=lot)
        ((_, identity, _),) = clinician.charting.record_immunization("ana", given).resources
        stored = body_of(api, "Immunization", identity)
        assert (stored["status"], stored["primarySource"], stored.get("lotNumber")) == (
            "completed",
            True,
            lot,
        )
        assert stored["vaccineCode"]["coding"][0]["system"] == CVX.uri
    lines = clinician.charting.past_care("ana").immunizations
    assert {(line.source, line.details) for line in lines} == {("Okafor", "lot FX 204"), ("Okafor", None)}


@pytest.mark.parametrize(
    ("given", "field"),
    [({"code": "4548-4"}, "code"), ({"at": MORNING + timedelta(days=1)}, "at")],
)
def test_a_bad_vaccination_is_refused_with_its_field(clinician, given, field):
    with pytest.raises(InvalidResource) as refusal:
        clinician.charting.record_immunization(
            "ana", RecordImmunization(**{"code": "140", "at": MORNING, **given})
        )
    assert [issue.expression for issue in refusal.value.issues] == [field]


def test_past_care_is_for_who_may_read_charts_and_of_a_patient_that_is_there(api, clinician):
    with pytest.raises(NotFound):
        clinician.charting.past_care("nobody")
    assert clinician.charting.past_care("ben").procedures == []
    for name, role, more in (("desk", "front_desk", {}), ("ana", "patient", {"patient_id": "ana"})):
        with pytest.raises(Forbidden):
            api.signed_in(name, role, **more).charting.past_care("ana")
