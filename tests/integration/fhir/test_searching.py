"""Search as FHIR says it: modifiers, chains, _has, includes, composites, and what is not understood."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.fhir.conftest import LOINC, FhirHttp, client_of, clinic, link, observation, patient

SNOMED = "http://snomed.info/sct"
CDC_RACE = "urn:oid:2.16.840.1.113883.6.238"
RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
ASSERTED = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"


def concept(system: str, code: str, display: str | None = None) -> dict:
    return {"coding": [{"system": system, "code": code} | ({"display": display} if display else {})]}


def quantity(value: float, code: str = "%", unit: str = "percent", **more: str) -> dict:
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": code, **more}


def of_ana(resource_type: str, resource_id: str, **more: object) -> dict:
    return {"resourceType": resource_type, "id": resource_id, "subject": {"reference": "Patient/ana"}, **more}


CLINIC = [
    {"resourceType": "Organization", "id": "clinic", "name": "North Clinic",
     "address": [{"city": "Albany", "state": "NY", "postalCode": "12207", "line": ["1 Main St"]}]},
    {"resourceType": "Organization", "id": "branch", "name": "Branch", "partOf": {"reference": "Organization/clinic"}},
    {"resourceType": "Practitioner", "id": "chen",
     "name": [{"family": "Chen", "prefix": ["Dr."], "suffix": ["MD", "MPH"]}],
     "identifier": [{"system": "urn:npi", "value": "77"}]},
    {"resourceType": "PractitionerRole", "id": "role", "practitioner": {"reference": "Practitioner/chen"},
     "organization": {"reference": "Organization/branch"},
     "specialty": [concept(SNOMED, "394814009", "General practice")]},
    patient("ana", "Rivera", gender="female", managingOrganization={"reference": "Organization/branch"},
            generalPractitioner=[{"reference": "Practitioner/chen"}],
            identifier=[{"system": "urn:mrn", "value": "1", "type": concept("urn:types", "MR")}],
            address=[{"city": "Troy", "state": "NY", "postalCode": "12180"}],
            telecom=[{"system": "email", "value": "ana@example.org"}],
            extension=[{"url": RACE, "extension": [
                {"url": "ombCategory", "valueCoding": {"system": CDC_RACE, "code": "2106-3"}}]}]),
    patient("ben", "Riverton", gender="male", deceasedDateTime="2025-05-05"),
    {"resourceType": "Location", "id": "desk", "name": "Desk", "address": {"city": "Albany", "state": "NY"}},
    of_ana("Encounter", "visit", status="finished", **{"class": {"system": "urn:class", "code": "AMB"}},
           type=[concept(SNOMED, "185349003", "Check up")], period={"start": "2026-10-01", "end": "2026-10-02"},
           location=[{"location": {"reference": "Location/desk"}}],
           hospitalization={"dischargeDisposition": concept("urn:dd", "home")}),
    observation("a1c", valueQuantity=quantity(7.1), encounter={"reference": "Encounter/visit"},
                performer=[{"reference": "Practitioner/chen"}]),
    observation("a1c-high", valueQuantity=quantity(9.4), effectiveDateTime="2026-11-10"),
    observation("trace", code="2571-8", valueQuantity=quantity(5, "mg/dL", "mg/dL", comparator="<")),
    observation("bp", code="85354-9", component=[
        {"code": concept(LOINC, "8480-6"), "valueQuantity": quantity(150, "mm[Hg]", "mmHg")},
        {"code": concept(LOINC, "8462-4"), "valueQuantity": quantity(80, "mm[Hg]", "mmHg")}]),
    observation("smoking", code="72166-2", valueCodeableConcept=concept(SNOMED, "266919005", "Never smoked")),
    observation("of-ben", "ben"),
    {"resourceType": "Observation", "id": "of-group", "status": "final", "code": concept(LOINC, "4548-4"),
     "subject": {"reference": "Group/g1"}},
    {"resourceType": "Group", "id": "g1", "type": "person", "actual": True},
    of_ana("Condition", "diabetes", code=concept("http://hl7.org/fhir/sid/icd-10-cm", "E11.9", "Type 2 diabetes"),
           clinicalStatus=concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
           category=[concept("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")],
           recordedDate="2024-03-01", encounter={"reference": "Encounter/visit"},
           extension=[{"url": ASSERTED, "valueDateTime": "2024-02-01"}]),
    of_ana("Condition", "gone", code=concept("http://hl7.org/fhir/sid/icd-10-cm", "J10"),
           clinicalStatus=concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "resolved"),
           abatementDateTime="2025-01-15"),
    of_ana("MedicationRequest", "rx", status="active", intent="order", authoredOn="2026-10-01",
           medicationReference={"reference": "Medication/met"}, encounter={"reference": "Encounter/visit"},
           requester={"reference": "Practitioner/chen"}),
    {"resourceType": "Medication", "id": "met", "code": concept("http://www.nlm.nih.gov/research/umls/rxnorm", "6809")},
    of_ana("Goal", "goal", lifecycleStatus="active", description={"text": "Lower A1c"},
           target=[{"dueDate": "2027-01-31"}]),
    of_ana("CareTeam", "team", status="active", participant=[
        {"role": [concept(SNOMED, "17561000", "Cardiologist")], "member": {"reference": "Practitioner/chen"}}]),
    of_ana("DocumentReference", "doc", status="current", type=concept(LOINC, "34133-9"),
           category=[concept("urn:c", "clinical-note")], date="2026-10-03T10:00:00Z",
           content=[{"attachment": {"contentType": "text/plain", "data": "aGk="}}],
           context={"period": {"start": "2026-10-01", "end": "2026-10-02"}}),
    {"resourceType": "QuestionnaireResponse", "id": "qr", "status": "completed", "authored": "2026-10-05",
     "subject": {"reference": "Patient/ana"}, "questionnaire": "http://example.org/Questionnaire/phq9|2"},
    {"resourceType": "Provenance", "id": "prov", "target": [{"reference": "Observation/a1c"}],
     "recorded": "2026-11-01T10:00:00Z", "agent": [{"who": {"reference": "Practitioner/chen"}}]},
    of_ana("ServiceRequest", "sr", status="active", intent="order", code=concept(LOINC, "4548-4"),
           requester={"identifier": {"system": "urn:npi", "value": "99"}}),
]  # fmt: skip


@pytest.fixture(scope="module")
def chen(postgres_server, template_database, tmp_path_factory) -> Iterator[FhirHttp]:
    """A clinician in a clinic that no test changes."""
    with clinic(postgres_server, template_database, tmp_path_factory.mktemp("clinic")) as api:
        client = client_of(api, "clinician")
        entries = [
            {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
            for each in CLINIC
        ]
        loaded = client.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        assert loaded.status_code == 200, loaded.text
        yield client


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        # modifiers
        ("Patient?family:exact=Rivera", ["ana"]),
        ("Patient?family:exact=rivera", []),
        ("Patient?family:contains=vert", ["ben"]),
        ("Patient?family=river", ["ana", "ben"]),
        ("Patient?deceased:missing=false&gender:not=female", ["ben"]),
        ("Patient?general-practitioner:missing=true", ["ben"]),
        ("Observation?value-quantity:missing=true&patient=ana", ["bp", "smoking"]),
        ("Observation?code:text=hemoglobin&patient=ana&_sort=_id", ["a1c", "a1c-high", "bp", "smoking", "trace"]),
        ("Observation?value-concept:text=never", ["smoking"]),
        ("Observation?code:in=hba1c&patient=ana&_sort=_id", ["a1c", "a1c-high"]),
        ("Observation?code:not-in=hba1c&patient=ana&_sort=_id", ["bp", "smoking", "trace"]),
        ("Patient?identifier:of-type=urn:types|MR|1", ["ana"]),
        ("Patient?identifier:of-type=urn:types|MR|2", []),
        ("ServiceRequest?requester:identifier=urn:npi|99", ["sr"]),
        ("ServiceRequest?requester:identifier=99", ["sr"]),
        ("Observation?subject:Patient=ben", ["of-ben"]),
        ("Observation?subject:Group=g1", ["of-group"]),
        ("Observation?subject=Group/g1", ["of-group"]),
        ("Observation?subject:Patient=Group/g1", []),
        # numbers and units
        ("Observation?value-quantity=7.1", ["a1c"]),
        ("Observation?value-quantity=7", ["a1c"]),
        ("Observation?value-quantity=7.10", ["a1c"]),
        ("Observation?value-quantity=7.12", []),
        ("Observation?value-quantity=gt7.1||percent", ["a1c-high"]),
        ("Observation?value-quantity=ge7.1|http://unitsofmeasure.org|%25&_sort=_id", ["a1c", "a1c-high"]),
        ("Observation?value-quantity=ap7.5", ["a1c"]),
        ("Observation?value-quantity=lt3", ["trace"]),
        ("Observation?value-quantity=gt3|http://unitsofmeasure.org|mg/dL", ["trace"]),
        ("Observation?value-quantity=gt5|http://unitsofmeasure.org|mg/dL", []),
        # composites meet in one element
        ("Observation?code-value-quantity=4548-4$gt8", ["a1c-high"]),
        ("Observation?code-value-quantity=http://loinc.org|4548-4$lt8", ["a1c"]),
        ("Observation?component-code-value-quantity=8480-6$gt140", ["bp"]),
        ("Observation?component-code-value-quantity=8462-4$gt140", []),
        ("Observation?combo-code-value-quantity=8480-6$gt140,4548-4$gt9&_sort=_id", ["a1c-high", "bp"]),
        ("Observation?code-value-concept=72166-2$266919005", ["smoking"]),
        ("Observation?combo-code=8480-6", ["bp"]),
        # dates
        ("Condition?recorded-date=2024-03", ["diabetes"]),
        ("Condition?asserted-date=lt2024-02-15", ["diabetes"]),
        ("Condition?abatement-date=ge2025", ["gone"]),
        ("Patient?death-date=2025-05-05", ["ben"]),
        ("Goal?target-date=le2027-02-01", ["goal"]),
        ("DocumentReference?period=2026-10-01", []),
        ("DocumentReference?period=ge2026-10-02", ["doc"]),
        ("Observation?date=ap2026-11-02&patient=ana&code=4548-4", ["a1c"]),
        ("DocumentReference?date=2026-10-03T10:00:00+00:00", ["doc"]),
        ("DocumentReference?date=2026-10-03T06:00", ["doc"]),
        ("DocumentReference?date=2026-10-03T06:00:00", ["doc"]),
        ("DocumentReference?date=gt2026-10-03T06:00:00", []),
        ("Observation?date=0001", []),
        # codes of one system
        ("Condition?clinical-status=http://terminology.hl7.org/CodeSystem/condition-clinical|active", ["diabetes"]),
        ("Condition?clinical-status=http://terminology.hl7.org/CodeSystem/condition-clinical|&_sort=_id",
         ["diabetes", "gone"]),
        ("Condition?clinical-status=http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical|active", []),
        ("Condition?clinical-status=|active", []),
        ("MedicationRequest?status=http://hl7.org/fhir/CodeSystem/medicationrequest-status|", ["rx"]),
        ("MedicationRequest?status=http://hl7.org/fhir/CodeSystem/medicationrequest-status|active", ["rx"]),
        ("MedicationRequest?status=http://hl7.org/fhir/request-status|active", []),
        ("MedicationRequest?status=urn:other|", []),
        ("MedicationRequest?intent=http://hl7.org/fhir/CodeSystem/medicationrequest-intent|order", ["rx"]),
        ("MedicationRequest?intent=http://hl7.org/fhir/CodeSystem/medicationrequest-intent|", ["rx"]),
        ("MedicationRequest?intent=http://hl7.org/fhir/CodeSystem/medicationrequest-intent|plan", []),
        ("MedicationRequest?intent=http://hl7.org/fhir/request-intent|order", []),
        ("MedicationRequest?intent=http://hl7.org/fhir/request-intent|", []),
        ("MedicationRequest?intent:not=http://hl7.org/fhir/request-intent|order", ["rx"]),
        ("Patient?gender=http://hl7.org/fhir/administrative-gender|male", ["ben"]),
        ("Patient?gender=urn:other|male", []),
        # US Core by patient
        ("CareTeam?patient=ana&role=17561000", ["team"]),
        ("CareTeam?patient=ana&status=active", ["team"]),
        ("Condition?patient=ana&category=problem-list-item&clinical-status=active", ["diabetes"]),
        ("Condition?patient=ana&category=problem-list-item&encounter=Encounter/visit", ["diabetes"]),
        ("Encounter?patient=ana&discharge-disposition=home&class=AMB", ["visit"]),
        ("Encounter?patient=ana&location=Location/desk&date=2026-10", ["visit"]),
        ("MedicationRequest?patient=ana&intent=order&status=active,completed", ["rx"]),
        ("MedicationRequest?patient=ana&intent=proposal", []),
        ("QuestionnaireResponse?patient=ana&questionnaire=http://example.org/Questionnaire/phq9", ["qr"]),
        ("Location?address=albany", ["desk"]),
        ("Location?address-city=albany&address-state=NY", ["desk"]),
        ("Organization?address=12207", ["clinic"]),
        ("PractitionerRole?specialty=394814009", ["role"]),
        ("Patient?race=2106-3", ["ana"]),
        ("Patient?email=ana@example.org", ["ana"]),
        # chains
        ("Observation?patient.name=riverton", ["of-ben"]),
        ("Observation?subject:Patient.name=riverton", ["of-ben"]),
        ("Observation?patient.general-practitioner.identifier=urn:npi|77&code=4548-4&_sort=_id", ["a1c", "a1c-high"]),
        ("Observation?patient.organization.partof.name=north&code=4548-4&_sort=_id", ["a1c", "a1c-high"]),
        ("PractitionerRole?practitioner.identifier=urn:npi|77", ["role"]),
        ("PractitionerRole?practitioner.name=chen", ["role"]),
        ("Practitioner?name=dr", ["chen"]),
        ("Practitioner?name=chen mph", ["chen"]),
        ("Practitioner?name:exact=MD", ["chen"]),
        ("Practitioner?name:exact=md", []),
        ("Patient?given:exact=Ana&family:exact=Rivera", ["ana"]),
        ("Practitioner?family=md", []),
        ("MedicationRequest?medication.code=6809", ["rx"]),
        ("Observation?encounter.type=185349003", ["a1c"]),
        ("Organization?partof.name=north", ["branch"]),
        # _has
        ("Patient?_has:Observation:patient:code-value-quantity=4548-4$gt8", ["ana"]),
        ("Patient?_has:Observation:patient:code=4548-4&_sort=_id", ["ana", "ben"]),
        ("Practitioner?_has:PractitionerRole:practitioner:specialty=394814009", ["chen"]),
        ("Organization?_has:Patient:organization:_has:Condition:patient:code=E11.9", ["branch"]),
        ("Patient?_has:Condition:subject:encounter.type=185349003", ["ana"]),
        # and is intersection, or is union
        ("Patient?gender=male,female&_sort=_id", ["ana", "ben"]),
        ("Patient?gender=male&gender=female", []),
        ("Patient?_id=ana,ben&_id=ben,carl", ["ben"]),
        ("Observation?date=ge2026-11-01&date=lt2026-11-05&code=4548-4&patient=ana", ["a1c"]),
        # order
        ("Observation?patient=ana&code=4548-4&_sort=-value-quantity", ["a1c-high", "a1c"]),
        ("Observation?patient=ana&code=4548-4&_sort=value-quantity", ["a1c", "a1c-high"]),
        ("Condition?patient=ana&_sort=-recorded-date", ["diabetes", "gone"]),
        ("Patient/ana/Observation?code=2571-8", ["trace"]),
    ],
)  # fmt: skip
def test_a_search_finds(chen, query, ids):
    found = chen.found(f"/{query}", Prefer="handling=strict")
    assert [each.partition("/")[2] for each in found] == ids


@pytest.mark.parametrize(
    ("query", "included"),
    [
        ("Observation?_id=a1c&_include=Observation:patient", ["Patient/ana"]),
        ("Observation?_id=a1c&_include=Observation:subject", ["Patient/ana"]),
        ("Observation?_id=of-group&_include=Observation:subject", ["Group/g1"]),
        ("Observation?_id=of-group&_include=Observation:subject:Patient", []),
        ("Observation?_id=a1c&_include=Observation:performer&_include=Observation:encounter",
         ["Encounter/visit", "Practitioner/chen"]),
        ("Observation?_id=a1c&_include=*", ["Encounter/visit", "Patient/ana", "Practitioner/chen"]),
        ("Observation?_id=a1c&_include=Observation:patient&_include=Patient:organization", ["Patient/ana"]),
        ("Observation?_id=a1c&_include=Observation:patient&_include:iterate=Patient:organization"
         "&_include:iterate=Organization:partof", ["Organization/branch", "Organization/clinic", "Patient/ana"]),
        ("Observation?patient=ana&code=4548-4&_revinclude=Provenance:target", ["Provenance/prov"]),
        ("Medication?_id=met&_revinclude=MedicationRequest:medication", ["MedicationRequest/rx"]),
        ("MedicationRequest?_id=rx&_include=MedicationRequest:medication", ["Medication/met"]),
        ("Patient?_id=ben&_revinclude=Observation:patient", ["Observation/of-ben"]),
        ("CareTeam?_id=team&_include=CareTeam:participant:Practitioner", ["Practitioner/chen"]),
    ],
)  # fmt: skip
def test_what_is_asked_for_comes_along_once(chen, query, included):
    entries = chen.bundle(f"/{query}", Prefer="handling=strict")["entry"]
    found = [
        e["resource"]["resourceType"] + "/" + e["resource"]["id"]
        for e in entries
        if e["search"]["mode"] == "include"
    ]
    assert sorted(found) == included


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("Patient?colour=blue", "colour"),
        ("Patient?name:nonsense=a", "nonsense"),
        ("Patient?nonsense.name=a", "nonsense"),
        ("Observation?patient:Group.code=a", "Group"),
        ("Patient?_has:Nonsense:patient:code=a", "Nonsense"),
        ("Patient?_has:Observation:encounter:code=a", "encounter"),
        ("Observation?_include=Observation:nonsense", "nonsense"),
        ("Observation?_include=Nonsense:patient", "Nonsense"),
        ("Observation?patient.colour=blue", "colour"),
    ],
)
def test_what_is_not_understood_is_refused_or_warned_of_and_never_silent(chen, query, named):
    refused = chen.get(f"/{query}", Prefer="handling=strict")
    assert refused.status_code == 400
    assert named in refused.json()["issue"][0]["diagnostics"]
    bundle = chen.bundle(f"/{query}", Prefer="handling=lenient")
    warned = [entry["resource"] for entry in bundle["entry"] if entry["search"]["mode"] == "outcome"]
    assert named in warned[0]["issue"][0]["diagnostics"]
    assert warned[0]["issue"][0]["severity"] == "warning"
    assert "=" not in link(bundle, "self")


@pytest.mark.parametrize(
    "query",
    [
        "Observation?value-quantity=many",
        "Observation?value-quantity=NaN",
        "Observation?value-quantity=1e999",
        "Observation?value-quantity=7.1|%25",
        "DocumentReference?date=2026-10-03T24:00",
        "DocumentReference?date=2026-10-03T06",
        "Observation?code-value-quantity=4548-4",
        "Observation?date=2026-02-30",
        "Observation?code:missing=perhaps",
        "Observation?code:in=http://nowhere",
        "Patient?identifier:of-type=MR|1",
        "Observation?patient.general-practitioner._has:PractitionerRole:practitioner:organization.partof.partof.name=a",
        "Patient?_id=" + ",".join(["a"] * 501),
        "Patient?_offset=1",
        "Patient?_summary=true&_elements=name",
    ],
)
def test_a_value_that_means_nothing_is_refused(chen, query):
    assert chen.get(f"/{query}").status_code == 400


def test_total_and_self_link_say_what_was_searched(chen):
    bundle = chen.bundle("/Observation?patient=ana&code=4548-4")
    assert bundle["total"] == 2
    assert link(bundle, "self").endswith("/Observation?patient=ana&code=4548-4")
    assert "total" not in chen.bundle("/Observation?patient=ana&_total=none")
    posted = chen.send(
        "POST",
        "/Observation/_search",
        b"patient=ana&code=4548-4",
        Content_Type="application/x-www-form-urlencoded",
    ).json()
    assert posted["total"] == 2
    assert "ana" not in link(posted, "self")


SEARCHES_OF_US_CORE = {
    "AllergyIntolerance": ["patient", "clinical-status"],
    "CarePlan": ["patient", "category", "status", "date"],
    "CareTeam": ["patient", "status", "role"],
    "Condition": ["patient", "category", "clinical-status", "onset-date", "asserted-date", "recorded-date",
                  "abatement-date", "code", "encounter"],
    "Coverage": ["patient"],
    "Device": ["patient", "type", "status"],
    "DiagnosticReport": ["status", "patient", "category", "code", "date"],
    "DocumentReference": ["_id", "status", "patient", "category", "type", "date", "period"],
    "Encounter": ["_id", "class", "date", "identifier", "patient", "location", "status", "type",
                  "discharge-disposition"],
    "Goal": ["lifecycle-status", "patient", "target-date", "description"],
    "Immunization": ["patient", "status", "date"],
    "Location": ["name", "address", "address-city", "address-state", "address-postalcode"],
    "MedicationDispense": ["status", "type", "patient"],
    "MedicationRequest": ["status", "intent", "patient", "encounter", "authoredon"],
    "Observation": ["status", "category", "code", "date", "patient"],
    "Organization": ["name", "address"],
    "Patient": ["_id", "birthdate", "death-date", "family", "gender", "given", "identifier", "name", "race",
                "ethnicity", "gender-identity"],
    "Practitioner": ["_id", "name", "identifier"],
    "PractitionerRole": ["specialty", "practitioner"],
    "Procedure": ["status", "patient", "date", "code"],
    "QuestionnaireResponse": ["_id", "patient", "status", "authored", "questionnaire"],
    "RelatedPerson": ["_id", "patient", "name"],
    "ServiceRequest": ["status", "patient", "category", "code", "authored", "_id"],
    "Specimen": ["_id", "patient"],
}  # fmt: skip
"""US Core 6.1.0's server requirements: every parameter by itself and in the combinations that it names."""


def test_every_parameter_of_us_core_is_known(chen):
    statement = chen.get("/metadata").json()["rest"][0]["resource"]
    known = {entry["type"]: {each["name"] for each in entry.get("searchParam", ())} for entry in statement}
    missing = {
        name: sorted(set(parameters) - known[name])
        for name, parameters in SEARCHES_OF_US_CORE.items()
        if set(parameters) - known[name]
    }
    assert not missing


INJECTIONS = [
    "'; DROP TABLE fhir.patient; --",
    "' OR '1'='1",
    '") OR 1=1 --',
    "$$; SELECT pg_sleep(10) --",
    '"]} ? (true)',
    "\\",
    "a|b' OR 1=1",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_parameter_and_no_sort_lets_sql_through(chen, text):
    statement = chen.get("/metadata").json()["rest"][0]["resource"]
    for entry in statement:
        if entry["type"] not in ("Patient", "Observation"):
            continue
        for parameter in entry["searchParam"]:
            for name in (parameter["name"], f"{parameter['name']}{text}"):
                answer = chen.http.get(f"/fhir/{entry['type']}", params={name: text, "_total": "none"})
                assert answer.status_code in (200, 400), (name, answer.text)
        for control in ("_sort", "_count", "_include", "_has:Observation:patient:code", "_elements", "_page"):
            answer = chen.http.get(f"/fhir/{entry['type']}", params={control: text})
            assert answer.status_code in (200, 400), (control, answer.text)
    assert chen.bundle("/Patient")["total"] == 2
