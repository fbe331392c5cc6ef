"""The form and the record: what a form does not know stays as it was, and what cannot be right is said by its field."""

from __future__ import annotations

import base64
import io
from datetime import date

import pytest
from PIL import Image

from data_contracts.api.demographics import (
    AddressEntry,
    ContactEntry,
    Demographics,
    Heritage,
    NameEntry,
    TelecomEntry,
)
from ehr_core.kernel.errors import InvalidResource
from ehr_core.registration.combining import combine, compare_fields
from ehr_core.registration.demographics import read_facts, write_facts
from ehr_core.registration.fact_checks import check_facts
from ehr_core.registration.fact_words import changes_between
from ehr_core.registration.images import clean_image

TODAY = date(2026, 11, 20)
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
CDC = "urn:oid:2.16.840.1.113883.6.238"
OURS = "https://example.org/StructureDefinition/eye-color"

FULL = {
    "resourceType": "Patient",
    "id": "ana",
    "extension": [
        {"url": OURS, "valueString": "brown"},
        {
            "url": f"{US_CORE}/us-core-race",
            "extension": [
                {"url": "ombCategory", "valueCoding": {"system": CDC, "code": "2028-9", "display": "Asian"}},
                {"url": "detailed", "valueCoding": {"system": CDC, "code": "2034-7"}},
                {"url": "text", "valueString": "Asian, Chinese"},
            ],
        },
    ],
    "identifier": [{"system": "urn:x", "value": "1"}],
    "active": True,
    "name": [
        {
            "use": "official",
            "family": "Reyes",
            "given": ["Ana", "Lucía"],
            "text": "Ana Lucía Reyes",
            "id": "n1",
        },
        {"use": "maiden", "family": "Soto", "given": ["Ana"], "period": {"end": "1999-05"}},
    ],
    "telecom": [{"system": "phone", "value": "716-555-0142", "use": "mobile", "extension": [{"url": OURS}]}],
    "gender": "female",
    "birthDate": "1972-03-14",
    "address": [{"use": "home", "line": ["12 Elm St", "Apt 3"], "city": "Buffalo", "district": "Erie"}],
    "contact": [
        {
            "relationship": [
                {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0131", "code": "C"}]}
            ],
            "name": {"family": "Reyes", "given": ["Luis"]},
            "telecom": [{"system": "phone", "value": "716-555-0190"}],
            "organization": {"display": "Acme"},
        }
    ],
    "communication": [
        {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "es"}]}, "preferred": True},
        {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}]}},
    ],
    "generalPractitioner": [{"reference": "Practitioner/okafor"}, {"reference": "Organization/north"}],
}


def saved(patient=FULL, **changes):
    facts = read_facts(patient).model_copy(update=changes)
    return write_facts(patient, facts, clinician={"reference": f"Practitioner/{facts.clinician_id}"})


def test_a_form_that_was_not_touched_changes_nothing():
    assert saved() == FULL
    assert write_facts({"resourceType": "Patient", "id": "x", "active": True}, Demographics(), clinician=None) == {
        "resourceType": "Patient", "id": "x", "active": True,
    }  # fmt: skip


def test_an_entry_keeps_what_the_form_does_not_know():
    facts = read_facts(FULL)
    made = saved(
        names=[facts.names[0].model_copy(update={"family": "Reyes Soto"}), facts.names[1]],
        telecom=[facts.telecom[0].model_copy(update={"rank": 1})],
        addresses=[facts.addresses[0].model_copy(update={"postal_code": "14201"})],
        contacts=[facts.contacts[0].model_copy(update={"phone": "716-555-0191"})],
    )
    assert (made["name"][0]["id"], made["name"][0]["family"]) == ("n1", "Reyes Soto")
    assert "text" not in made["name"][0], "the written-out name would still say the old one"
    assert made["name"][1] == FULL["name"][1]
    assert made["telecom"][0] == FULL["telecom"][0] | {"rank": 1}
    assert (made["address"][0]["district"], made["address"][0]["postalCode"]) == ("Erie", "14201")
    assert made["contact"][0]["organization"] == {"display": "Acme"}
    assert {"url": OURS, "valueString": "brown"} in made["extension"]


def test_entries_are_added_removed_and_reordered():
    facts = read_facts(FULL)
    new = NameEntry(use="usual", given="Anita", family="Reyes")
    made = saved(names=[facts.names[1], new], addresses=[], contacts=[])
    assert [name["family"] for name in made["name"]] == ["Soto", "Reyes"]
    assert made["name"][1] == {"use": "usual", "family": "Reyes", "given": ["Anita"]}
    assert "address" not in made
    assert "contact" not in made


HERITAGES = [
    (Heritage(categories=["2106-3"], detailed=["2108-9"]), ["2106-3", "2108-9"], "White, European"),
    (Heritage(answer="declined"), ["ASKU"], "Declined to answer"),
    (Heritage(answer="unknown"), ["UNK"], "Unknown"),
]


@pytest.mark.parametrize(("heritage", "codes", "text"), HERITAGES)
def test_race_is_written_as_us_core_has_it_and_read_back(heritage, codes, text):
    made = saved(race=heritage)
    (race,) = [item for item in made["extension"] if item["url"].endswith("us-core-race")]
    assert [item["valueCoding"]["code"] for item in race["extension"] if "valueCoding" in item] == codes
    assert race["extension"][-1] == {"url": "text", "valueString": text}
    assert read_facts(made).race == heritage


def test_nobody_asked_is_no_answer():
    assert read_facts({"resourceType": "Patient"}).race == Heritage()
    made = saved(race=Heritage())
    assert [item["url"] for item in made["extension"]] == [OURS]


def test_gender_identity_pronouns_interpreter_and_pharmacy_are_written_and_read_back():
    said = {
        "gender_identity": "33791000087105",
        "pronouns": "LA29520-6",
        "birth_sex": "F",
        "interpreter_required": False,
        "pharmacy": "Elm Pharmacy",
        "pharmacy_phone": "716 555 0100",
        "language": "en",
        "clinician_id": "chen",
        "deceased": False,
    }
    made = saved(**said)
    read = read_facts(made)
    assert {name: getattr(read, name) for name in said} == said
    assert made["generalPractitioner"] == [
        {"reference": "Practitioner/chen"},
        {"reference": "Organization/north"},
    ]
    assert made["communication"] == [
        {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}]}, "preferred": True}
    ]
    words = read_facts(saved(gender_identity_text="two-spirit", pronouns_text="ze/zir"))
    assert (words.gender_identity, words.gender_identity_text) == (None, "two-spirit")
    assert (words.pronouns, words.pronouns_text) == (None, "ze/zir")


def test_death_is_a_date_or_a_yes():
    assert saved(deceased=True, deceased_on="2026-01-02")["deceasedDateTime"] == "2026-01-02"
    assert saved(deceased=True)["deceasedBoolean"] is True
    assert "deceasedBoolean" not in saved()


WRONG = {
    "birth_date": [{"birth_date": "2027-01-01"}, {"birth_date": "1890-01-01"}, {"birth_date": "1972-02-30"}],
    "deceased_on": [
        {"deceased": True, "deceased_on": "1971-12-31"},
        {"deceased": True, "deceased_on": "2026-12-31"},
        {"deceased_on": "2026-01-01"},
    ],
    "names": [
        {"names": []},
        {"names": [NameEntry(use="official", family="A"), NameEntry(use="official", family="B")]},
    ],
    "names[0]": [{"names": [NameEntry(use="usual", prefix="Dr")]}],
    "names[0].end": [{"names": [NameEntry(family="A", start="2020-01-01", end="2019-12-31")]}],
    "telecom[0].value": [
        {"telecom": [TelecomEntry(value="12")]},
        {"telecom": [TelecomEntry(system="email", value="x")]},
    ],
    "addresses[0].state": [{"addresses": [AddressEntry(state="ZZ")]}],
    "addresses[0].postal_code": [{"addresses": [AddressEntry(postal_code="142")]}],
    "contacts[0].name": [{"contacts": [ContactEntry(phone="716-555-0100")]}],
    "race": [
        {"race": Heritage(categories=["2106-3"], answer="declined")},
        {"race": Heritage(categories=["1-1"])},
    ],
    "pronouns": [{"pronouns": "he"}],
    "pharmacy_phone": [{"pharmacy_phone": "1"}],
}


@pytest.mark.parametrize(
    ("field", "wrong"), [(field, wrong) for field, listed in WRONG.items() for wrong in listed]
)
def test_what_cannot_be_right_is_said_by_its_field(field, wrong):
    was = read_facts(FULL)
    with pytest.raises(InvalidResource) as refused:
        check_facts(was.model_copy(update=wrong), was, today=TODAY)
    assert field in [issue.expression for issue in refused.value.issues]
    assert all(issue.message.endswith(".") for issue in refused.value.issues)


def test_what_came_odd_from_elsewhere_does_not_keep_a_clerk_from_saving():
    odd = FULL | {"telecom": [{"system": "phone", "value": "ext. 5"}], "address": [{"state": "New York"}]}
    was = read_facts(odd)
    check_facts(was.model_copy(update={"birth_date": "1972-03-15"}), was, today=TODAY)


def test_what_somebody_else_changed_is_told_field_by_field():
    was = read_facts(FULL)
    now = was.model_copy(
        update={
            "birth_date": "1972-03-15",
            "telecom": [TelecomEntry(value="7165550199", use="home", rank=1)],
            "race": Heritage(answer="declined"),
            "language": None,
        }
    )
    told = {change.label: (change.was, change.now) for change in changes_between(was, now)}
    assert told == {
        "Birth date": ("14-Mar-1972", "15-Mar-1972"),
        "Phone and e-mail": ("(716) 555-0142 (mobile)", "(716) 555-0199 (home, preference 1)"),
        "Race": ("Asian, Chinese", "Declined to answer"),
        "Language": ("Spanish", None),
    }


def test_two_patients_become_one_and_no_fact_is_lost():
    other = {
        "resourceType": "Patient", "id": "b", "name": [{"use": "official", "family": "Reyes", "given": ["Anna"]}],
        "birthDate": "1972-03-14", "maritalStatus": {"text": "Married"}, "gender": "unknown",
        "extension": [{"url": "https://example.org/religion", "valueString": "none"}],
        "telecom": [{"system": "email", "value": "a@x.org"}], "deceasedBoolean": False,
    }  # fmt: skip
    made = combine(FULL, other, {"sex": "other"}, today=TODAY)
    assert made["maritalStatus"] == {"text": "Married"}
    assert made["gender"] == "unknown"
    assert {item["url"] for item in made["extension"]} >= {OURS, "https://example.org/religion"}
    assert [item["value"] for item in made["telecom"]] == ["716-555-0142", "a@x.org"]
    assert made["name"][-1] == {"use": "old", "family": "Reyes", "given": ["Anna"]}
    fields = {field.key: field for field in compare_fields(FULL, other)}
    assert (fields["birth_date"].same, fields["sex"].same) == (True, False)
    assert fields["phone"].may_keep_both


def picture(size=(900, 600), kind="JPEG", **more):
    made = io.BytesIO()
    Image.new("RGB", size, "teal").save(made, kind, **more)
    return made.getvalue()


def sent(content):
    return base64.b64encode(content).decode()


def test_a_photo_is_made_small_and_loses_what_the_camera_wrote():
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "at home, 12 Elm St", 6
    stored = clean_image(sent(picture(exif=exif)), longest_side=512)
    read = Image.open(io.BytesIO(stored))
    assert (read.format, read.size) == ("JPEG", (341, 512)), "turned upright"
    assert b"Elm" not in stored
    assert not read.getexif()
    assert clean_image(sent(picture(kind="PNG")), longest_side=512)[:3] == b"\xff\xd8\xff"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"%PDF-1.7", "JPEG or PNG"),
        (b"<svg onload=alert(1)>", "JPEG or PNG"),
        (picture()[:400], "JPEG or PNG"),
        (picture((20, 20)), "smaller than"),
        (picture(kind="GIF"), "JPEG or PNG"),
        (picture((9000, 8000), "PNG"), "50 million pixels"),
    ],
)
def test_what_is_no_photo_is_refused(content, words):
    with pytest.raises(InvalidResource, match=words):
        clean_image(sent(content), longest_side=512)
    with pytest.raises(InvalidResource, match="base64"):
        clean_image("no base64!", longest_side=512)
