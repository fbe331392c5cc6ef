"""Every resource validates, refers only to what exists, and has an id of its own."""

from __future__ import annotations

import importlib
import itertools
import re
from collections import defaultdict
from datetime import date

import orjson
import pytest

from ehr_core.kernel.ids import FHIR_ID
from ehr_core.population import generate

AS_OF = date(2026, 11, 22)
ZONE = "America/New_York"
REFERENCE = re.compile(rb'"reference":"([^"]+)"')


@pytest.fixture(scope="module")
def lines() -> list[tuple[str, bytes]]:
    return list(generate(260, seed=7, as_of=AS_OF, time_zone=ZONE))


def test_every_resource_of_a_sample_validates_structurally(lines):
    by_type = defaultdict(list)
    for resource_type, line in lines:
        by_type[resource_type].append(line)
    for resource_type, found in by_type.items():
        model = getattr(importlib.import_module(f"fhir.resources.R4B.{resource_type.lower()}"), resource_type)
        for line in found[:: max(1, len(found) // 150)]:
            model.model_validate_json(line)


def test_every_reference_resolves_and_every_id_is_unique(lines):
    ids = [f"{resource_type}/{orjson.loads(line)['id']}" for resource_type, line in lines]
    assert len(ids) == len(set(ids))
    assert all(FHIR_ID.match(key.split("/")[1]) for key in ids)
    known = {key.encode() for key in ids}
    wanted = {match for _, line in lines for match in REFERENCE.findall(line)}
    assert wanted - known == set()


def test_a_line_holds_one_resource_of_the_type_it_is_handed_out_as(lines):
    for resource_type, line in lines:
        assert orjson.loads(line)["resourceType"] == resource_type
        assert b"\n" not in line


def test_the_site_comes_before_the_first_patient_and_a_patient_before_their_facts(lines):
    types = [resource_type for resource_type, _ in lines]
    first_patient = types.index("Patient")
    assert set(types[:first_patient]) == {
        "Organization",
        "Location",
        "Practitioner",
        "PractitionerRole",
        "CareTeam",
    }
    assert not set(types[first_patient:]) & set(types[:first_patient])


def test_decimals_keep_their_digits(lines):
    values = [
        match
        for _, line in lines
        for match in re.findall(rb'"4548-4".{0,700}?"valueQuantity":\{"value":([\d.]+)', line)
    ]
    assert any(re.fullmatch(rb"\d+\.\d0", value) or re.fullmatch(rb"\d+\.0", value) for value in values)


def test_telephone_numbers_and_mail_addresses_are_fiction(lines):
    for resource_type, line in lines:
        if resource_type == "Patient":
            for contact in orjson.loads(line)["telecom"]:
                if contact["system"] == "phone":
                    assert re.fullmatch(r"\d{3}-555-01\d\d", contact["value"])
                else:
                    assert re.search(r"@example\.(org|com|net)$", contact["value"])


def test_visits_of_one_clinician_never_overlap(lines):
    booked = defaultdict(list)
    for resource_type, line in lines:
        if resource_type == "Appointment":
            resource = orjson.loads(line)
            clinician = resource["participant"][1]["actor"]["reference"]
            booked[clinician].append((resource["start"], resource["end"]))
    for times in booked.values():
        times.sort()
        for (_, ends), (starts, _) in itertools.pairwise(times):
            assert starts >= ends


def test_nothing_is_dated_after_today_except_bookings(lines):
    tomorrow = "2026-11-23"
    dated = (
        "effectiveDateTime",
        "onsetDateTime",
        "authoredOn",
        "performedDateTime",
        "occurrenceDateTime",
        "recordedDate",
    )
    for resource_type, line in lines:
        if resource_type != "Appointment":
            resource = orjson.loads(line)
            for element in dated:
                assert resource.get(element, "")[:10] < tomorrow, (resource_type, element)


def test_nothing_happens_before_birth_or_after_death(lines):
    born: dict[str, str] = {}
    died: dict[str, str] = {}
    for resource_type, line in lines:
        resource = orjson.loads(line)
        if resource_type == "Patient":
            key = f"Patient/{resource['id']}"
            born[key] = resource.get("birthDate", "")
            died[key] = resource.get("deceasedDateTime", "9999")
            continue
        subject = resource.get("subject", resource.get("patient", {})).get("reference")
        for element in ("effectiveDateTime", "onsetDateTime", "authoredOn", "occurrenceDateTime"):
            if subject and element in resource:
                assert born[subject] <= resource[element][:10] <= died[subject], (resource_type, element)
