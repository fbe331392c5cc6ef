"""A signed note is kept from whomever the facts that it names are kept from."""

from __future__ import annotations

import pytest

from data_contracts.api.access import RolePolicyInfo
from data_contracts.api.notes import PlanItem, SignNote
from ehr_core.kernel.errors import NotFound
from tests.integration.chart_records import body_of, of, put
from tests.integration.fhir.conftest import client_of
from tests.integration.notes.conftest import KEY, ready

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
DEPRESSION = PlanItem(item_id="p1", code="F32.1", name="Depression", words="Talk.")


def put_problem(api, code: str) -> None:
    active = {"coding": [{"code": "active"}]}
    coded = {"coding": [{"system": ICD, "code": code}], "text": "A problem"}
    put(api, "Condition", "known", clinicalStatus=active, code=coded, subject=of("ana"))


def sign(clinician, draft) -> str:
    """The id of the document."""
    return clinician.notes.sign(draft.note_id, SignNote(version=draft.version, key=KEY)).document_id


@pytest.mark.parametrize("told_in", ["problems", "plan"])
def test_a_note_carries_the_labels_of_what_it_tells(api, clinician, nurse, told_in):
    if told_in == "problems":
        put_problem(api, "B20")
    more = {"plan": [DEPRESSION]} if told_in == "plan" else {}
    document = sign(clinician, ready(clinician, **more))
    label = "HIV" if told_in == "problems" else "PSY"
    assert body_of(api, "DocumentReference", document)["meta"]["security"] == [
        {"system": ACT_CODE, "code": label}
    ]
    admin = api.signed_in("root", "admin")
    admin.access.set_role(RolePolicyInfo(role="nurse", reach="all", labels=[]))
    with pytest.raises(NotFound):
        nurse.fhir.read("DocumentReference", document)
    assert client_of(api, "patient", patient_id="ana").found("/DocumentReference") == []


def test_a_note_of_ordinary_facts_is_the_patients_to_read(api, clinician):
    document = sign(clinician, ready(clinician))
    assert "security" not in body_of(api, "DocumentReference", document)["meta"]
    ana = client_of(api, "patient", patient_id="ana")
    assert ana.found("/DocumentReference") == [f"DocumentReference/{document}"]
