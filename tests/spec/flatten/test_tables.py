"""Every flat table, drawn: a resource as it stands in the lake, and the row that it becomes."""

from __future__ import annotations

from datetime import date

import pytest

from data_contracts.sensitivity import ACT_CODE, ADOLESCENT_CONFIDENTIAL, CONFIDENTIALITY
from data_contracts.tables.flat import FLAT_TABLES
from tests.spec.flatten.drawn import ICD10, LOINC, coding, flat, observation, reference, rows

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
HL7 = "http://hl7.org/fhir/StructureDefinition"


def omb(name, *codes):
    parts = [{"url": "ombCategory", "valueCoding": {"system": "urn:oid:x", "code": code}} for code in codes]
    return {"url": f"{US_CORE}/{name}", "extension": parts}


ANA = {
    "resourceType": "Patient",
    "id": "ana",
    "extension": [
        omb("us-core-race", "2106-3", "2028-9"),
        omb("us-core-ethnicity", "2135-2"),
        {"url": f"{US_CORE}/us-core-birthsex", "valueCode": "F"},
        {
            "url": f"{US_CORE}/us-core-genderIdentity",
            "valueCodeableConcept": coding("urn:x", "female-identity"),
        },
    ],
    "active": True,
    "gender": "female",
    "birthDate": "1974-07-05",
    "deceasedDateTime": "2026-01-01T02:00:00Z",
    "address": [{"state": "NY", "postalCode": "12901"}],
    "communication": [
        {"language": coding("urn:ietf:bcp:47", "en")},
        {"language": coding("urn:ietf:bcp:47", "es"), "preferred": True},
    ],
    "generalPractitioner": [reference("Organization", "x"), reference("Practitioner", "okafor")],
    "managingOrganization": reference("Organization", "riverside"),
    "link": [
        {"type": "seealso", "other": reference("Patient", "a2")},
        {"type": "replaced-by", "other": reference("Patient", "a1")},
    ],
}
NOBODY = {"resourceType": "Patient", "id": "nobody"}


def test_a_patient_and_one_of_whom_nothing_is_known():
    flat(ANA, NOBODY)
    told = {
        "key_id": ("test-1", "test-1"),
        "patient_key": ("ana", "nobody"),
        "birth_low": (date(1974, 7, 5), None),
        "birth_precision": ("day", None),
        "sex": ("female", None),
        "birth_sex": ("F", None),
        "gender_identity": ("female-identity", None),
        "race": ("2106-3", None),
        "ethnicity": ("2135-2", None),
        "language": ("es", None),
        "zip5": ("12901", None),
        "zip3": ("129", None),
        "state": ("NY", None),
        "active": (True, None),
        "deceased": (True, None),
        "deceased_low": (date(2025, 12, 31), None),
        "replaced_by_key": ("a1", None),
        "clinic_key": ("riverside", None),
        "clinician_key": ("okafor", None),
    }
    assert dict(zip(told, zip(*rows("patient", *told), strict=True), strict=True)) == told


@pytest.mark.parametrize(
    ("recorded", "deceased"),
    [
        ({"deceasedBoolean": True}, True),
        ({"deceasedBoolean": False}, False),
        ({"deceasedDateTime": "2024"}, True),
        ({}, None),
    ],
)
def test_death_is_told_by_either_element(recorded, deceased):
    flat({**NOBODY, **recorded})
    assert rows("patient", "deceased") == [(deceased,)]


@pytest.mark.parametrize(
    ("zip_code", "five", "three"),
    [("05901", "05901", "059"), ("000", None, "000"), ("12", None, None), ("K1A 0B1", None, None)],
)
def test_a_zip_code_of_three_digits_is_no_zip_code_of_five(zip_code, five, three):
    flat({**NOBODY, "address": [{"postalCode": zip_code}]})
    assert rows("patient", "zip5", "zip3") == [(five, three)]


LABELS = [
    ([], None),
    ([(CONFIDENTIALITY, "N")], None),
    ([(ACT_CODE, "PSY")], "PSY"),
    ([(ACT_CODE, "PSY"), (CONFIDENTIALITY, "R")], "R"),
    ([(CONFIDENTIALITY, "R"), (ACT_CODE, "HIV"), (CONFIDENTIALITY, "V")], "V"),
    ([ADOLESCENT_CONFIDENTIAL], "adolescent-confidential"),
    ([ADOLESCENT_CONFIDENTIAL, (CONFIDENTIALITY, "R")], "R"),
    ([("urn:x", "V")], "R"),
    ([("http://terminology.hl7.org/CodeSystem/v3-ActReason", "HTEST"), (CONFIDENTIALITY, "M")], None),
]


@pytest.mark.parametrize(("labels", "strictest"), LABELS)
def test_the_strictest_sensitivity_label_is_kept(labels, strictest):
    security = [{"system": system, "code": code} for system, code in labels]
    flat(observation("o1", meta={"security": security} if security else {}), observation("o2"))
    assert rows("observation", "sensitivity") == [(strictest,), (None,)]


def of_patient(kind, key, element="subject", **elements):
    return {"resourceType": kind, "id": key, element: reference("Patient", "p1"), **elements}


CONDITION = of_patient(
    "Condition",
    "c1",
    clinicalStatus=coding("urn:x", "resolved"),
    verificationStatus=coding("urn:x", "confirmed"),
    code=coding(ICD10, "E11.9"),
    category=[coding("urn:c", "problem-list-item")],
    encounter=reference("Encounter", "e1"),
    onsetDateTime="2020",
    abatementPeriod={"start": "2021-01-01", "end": "2021-06-30"},
    recordedDate="2020-03-01T09:00:00-05:00",
)
SINGLES = [
    # table, resource, columns, row, and the row of a resource that says nothing
    (
        "condition",
        CONDITION,
        {
            "clinical_status": "resolved",
            "verification_status": "confirmed",
            "encounter_key": "e1",
            "onset_low": date(2020, 1, 1),
            "onset_high": date(2020, 12, 31),
            "abatement_low": date(2021, 6, 30),
            "recorded_low": date(2020, 3, 1),
            "recorded_offset_minutes": -300,
        },
    ),
    (
        "encounter",
        of_patient(
            "Encounter",
            "e1",
            status="finished",
            **{"class": {"system": ACT_CODE, "code": "IMP"}},
            period={"start": "2025-03-01T22:00:00Z", "end": "2025-03-04"},
            participant=[
                {"individual": reference("RelatedPerson", "r1")},
                {"individual": reference("Practitioner", "d1")},
            ],
            serviceProvider=reference("Organization", "clinic"),
        ),
        {
            "status": "finished",
            "class_code": "IMP",
            "clinician_key": "d1",
            "clinic_key": "clinic",
            "start_low": date(2025, 3, 1),
            "end_high": date(2025, 3, 4),
        },
    ),
    (
        "observation",
        observation("o1", status="entered-in-error", encounter=reference("Encounter", "e1")),
        {"status": "entered-in-error", "encounter_key": "e1", "patient_key": "p1"},
    ),
    (
        "medication_request",
        of_patient(
            "MedicationRequest",
            "m1",
            status="active",
            intent="order",
            doNotPerform=True,
            authoredOn="2025-05-01",
            dispenseRequest={"validityPeriod": {"end": "2026-05-01"}},
        ),
        {
            "status": "active",
            "intent": "order",
            "do_not_perform": True,
            "authored_low": date(2025, 5, 1),
            "dispense_end_high": date(2026, 5, 1),
        },
    ),
    (
        "immunization",
        of_patient("Immunization", "i1", "patient", status="not-done", occurrenceDateTime="2025-10"),
        {"status": "not-done", "occurrence_low": date(2025, 10, 1), "occurrence_high": date(2025, 10, 31)},
    ),
    (
        "procedure",
        of_patient("Procedure", "x1", status="not-done", performedDateTime="2019-02"),
        {"status": "not-done", "performed_high": date(2019, 2, 28), "performed_precision": "month"},
    ),
    (
        "service_request",
        of_patient(
            "ServiceRequest",
            "s1",
            status="active",
            intent="order",
            doNotPerform=False,
            authoredOn="2025-05-01",
        ),
        {"status": "active", "intent": "order", "do_not_perform": False, "authored_low": date(2025, 5, 1)},
    ),
    (
        "diagnostic_report",
        of_patient("DiagnosticReport", "r1", status="preliminary", effectiveDateTime="2025-05-01"),
        {"status": "preliminary", "effective_low": date(2025, 5, 1), "issued_at": None},
    ),
    (
        "allergy",
        of_patient(
            "AllergyIntolerance",
            "a1",
            "patient",
            clinicalStatus=coding("urn:x", "active"),
            verificationStatus=coding("urn:x", "refuted"),
            type="intolerance",
            criticality="high",
            recordedDate="2018",
        ),
        {
            "clinical_status": "active",
            "verification_status": "refuted",
            "type": "intolerance",
            "criticality": "high",
            "recorded_low": date(2018, 1, 1),
        },
    ),
    (
        "coverage",
        of_patient(
            "Coverage",
            "v1",
            "beneficiary",
            status="active",
            type=coding("urn:x", "1"),
            order=2,
            period={"start": "2025-01-01"},
        ),
        {
            "status": "active",
            "payer_type": "1",
            "coverage_order": 2,
            "start_low": date(2025, 1, 1),
            "end_high": None,
        },
    ),
    (
        "flag",
        of_patient("Flag", "f1", status="active", period={"start": "2025-01-01"}),
        {"status": "active", "start_low": date(2025, 1, 1), "end_low": None},
    ),
]


@pytest.mark.parametrize(("table", "resource", "row"), SINGLES, ids=[table for table, _, _ in SINGLES])
def test_a_resource_becomes_its_row_and_an_empty_one_a_row_of_nulls(table, resource, row):
    patient = next(name for name in ("subject", "patient", "beneficiary") if name in resource)
    empty = {"resourceType": resource["resourceType"], "id": "zz", patient: reference("Patient", "p2")}
    report = flat(resource, empty)
    kept = dict.fromkeys(row)
    if "patient_key" in kept:
        kept["patient_key"] = "p2"
    assert rows(table, *row) == [tuple(row.values()), tuple(kept.values())]
    assert (report.types[resource["resourceType"]].rows, report.rows[table]) == (2, 2)


def test_an_appointment_is_of_the_participant_who_is_a_patient():
    def appointment(key, *actors):
        return {
            "resourceType": "Appointment",
            "id": key,
            "status": "booked",
            "start": "2026-12-31T23:30:00-05:00",
            "participant": [{"actor": actor} if actor else {} for actor in actors],
        }

    booked = appointment("b1", reference("Practitioner", "d1"), None, reference("Patient", "p1"))
    report = flat(booked, appointment("b2", reference("Practitioner", "d1")), appointment("b3"))
    assert rows("appointment", "patient_key", "resource_key", "status", "start_low") == [
        ("p1", "b1", "booked", date(2026, 12, 31))
    ]
    assert report.types["Appointment"].without_keys == 2


CODINGS = [
    (
        "encounter_coding",
        of_patient(
            "Encounter",
            "k",
            type=[coding("s", "a")],
            reasonCode=[coding("s", "b")],
            hospitalization={
                "dischargeDisposition": {
                    "coding": [{"system": "s", "code": "c"}, {"system": "s", "code": "d"}]
                }
            },
        ),
        ["type", "reason", "discharge", "discharge"],
    ),
    (
        "condition_coding",
        of_patient("Condition", "k", code=coding("s", "a"), category=[coding("s", "b")]),
        ["code", "category"],
    ),
    (
        "observation_coding",
        observation(
            "k",
            code=coding("s", "a"),
            category=[coding("s", "b")],
            interpretation=[coding("s", "c")],
            valueCodeableConcept=coding("s", "d"),
        ),
        ["code", "category", "interpretation", "value"],
    ),
    (
        "medication_request_coding",
        of_patient("MedicationRequest", "k", medicationCodeableConcept=coding("s", "a")),
        ["medication"],
    ),
    (
        "immunization_coding",
        of_patient("Immunization", "k", "patient", vaccineCode=coding("s", "a")),
        ["vaccine"],
    ),
    (
        "procedure_coding",
        of_patient("Procedure", "k", code=coding("s", "a"), bodySite=[coding("s", "b")]),
        ["code", "body_site"],
    ),
    (
        "service_request_coding",
        of_patient("ServiceRequest", "k", code=coding("s", "a"), reasonCode=[coding("s", "b")]),
        ["code", "reason"],
    ),
    (
        "diagnostic_report_coding",
        of_patient(
            "DiagnosticReport",
            "k",
            code=coding("s", "a"),
            category=[coding("s", "b")],
            conclusionCode=[coding("s", "c")],
        ),
        ["code", "category", "conclusion"],
    ),
    (
        "allergy_coding",
        of_patient(
            "AllergyIntolerance",
            "k",
            "patient",
            code=coding("s", "a"),
            reaction=[{"manifestation": [coding("s", "b")]}],
        ),
        ["code", "reaction"],
    ),
    ("flag_coding", of_patient("Flag", "k", code=coding("s", "a")), ["code"]),
]


@pytest.mark.parametrize(("table", "resource", "elements"), CODINGS, ids=[table for table, _, _ in CODINGS])
def test_every_coded_element_gives_its_codings(table, resource, elements):
    flat(resource)
    assert sorted(rows(table, "code", "element", "system")) == [
        (code, element, "s") for code, element in zip("abcd", elements, strict=False)
    ]


def test_a_contained_medication_gives_its_codings_and_other_contained_resources_none():
    medication = {"resourceType": "Medication", "id": "m", "code": coding("rxnorm", "617311")}
    role = {"resourceType": "PractitionerRole", "id": "r", "code": [coding("s", "doctor")]}
    flat(
        of_patient(
            "MedicationRequest", "k", contained=[role, medication], medicationReference={"reference": "#m"}
        ),
        of_patient("MedicationRequest", "l", medicationReference={"reference": "Medication/m"}),
    )
    assert rows("medication_request_coding", "resource_key", "element", "code") == [
        ("k", "medication", "617311")
    ]


STATIN = {
    "coding": [
        {"system": "rxnorm", "code": "617311"},
        {"system": "http://hl7.org/fhir/sid/ndc", "code": "1-2"},
    ]
}


def test_a_prescription_takes_over_the_codings_of_the_medication_that_it_refers_to():
    report = flat(
        of_patient("MedicationRequest", "k", medicationReference=reference("Medication", "m")),
        of_patient("MedicationRequest", "l", medicationReference=reference("Medication", "not-there")),
        {"resourceType": "Medication", "id": "m", "code": STATIN},
        {"resourceType": "Medication", "id": "nobody-takes-it", "code": coding("rxnorm", "1")},
        {"resourceType": "Medication", "id": "without-a-code"},
    )
    assert sorted(rows("medication_request_coding", "resource_key", "element", "system", "code")) == [
        ("k", "medication", "http://hl7.org/fhir/sid/ndc", "1-2"),
        ("k", "medication", "rxnorm", "617311"),
    ]
    assert (report.kept_as_resource, report.types["MedicationRequest"].without_keys) == (["Medication"], 0)
    assert "Medication" not in report.types


def test_medications_of_an_earlier_call_are_forgotten():
    flat({"resourceType": "Medication", "id": "m", "code": STATIN})
    flat(of_patient("MedicationRequest", "k", medicationReference=reference("Medication", "m")))
    assert rows("medication_request_coding", "code") == []


def test_a_concept_with_several_codings_gives_a_row_each_and_one_without_none():
    two = {
        "coding": [
            {"system": ICD10, "code": "I10"},
            {"system": "http://snomed.info/sct", "code": "38341003"},
            {"code": "local"},
        ]
    }
    flat(
        of_patient("Condition", "c1", code=two),
        of_patient("Condition", "c2", code={"text": "x"}),
        of_patient("Condition", "c3"),
    )
    assert sorted(rows("condition_coding", "resource_key", "system", "code"), key=str) == [
        ("c1", "http://hl7.org/fhir/sid/icd-10-cm", "I10"),
        ("c1", "http://snomed.info/sct", "38341003"),
        ("c1", None, "local"),
    ]


@pytest.mark.parametrize(
    "subject", [None, {}, reference("Group", "g1"), {"reference": "#p1"}, {"reference": "urn:uuid:p1"}]
)
def test_a_resource_of_no_patient_is_left_out_and_counted(subject):
    report = flat(observation("o1", subject=subject), observation("o2"))
    assert rows("observation", "resource_key") == [("o2",)]
    assert (report.types["Observation"].lines, report.types["Observation"].without_keys) == (2, 1)
    assert rows("observation_coding", "resource_key") == [("o2",)]


def test_every_table_is_there_and_emptied_whatever_comes():
    flat(ANA, CONDITION, observation(code=coding(LOINC, "4548-4")))
    report = flat({"resourceType": "Practitioner", "id": "d1"})
    assert report.kept_as_resource == ["Practitioner"]
    assert set(report.rows) == {table.name for table in FLAT_TABLES}
    assert all(rows(table.name, "patient_key") == [] for table in FLAT_TABLES)
