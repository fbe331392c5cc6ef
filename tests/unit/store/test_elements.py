"""An import that knows elements again judges as the one that reads every resource as a whole: same words, same rows."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, date, datetime
from functools import cache
from random import Random
from typing import Any

import pytest

from ehr_core.kernel.sealed_body import MARK_BYTES, opened
from ehr_core.population import generate
from ehr_core.store.elements import NO_ELEMENTS, REMEMBERED, Reader
from ehr_core.store.import_prepare import Preparation, Preparer
from ehr_core.store.import_sources import Part
from ehr_core.store.validation import validate

ZONE = "America/New_York"
AT = datetime(2026, 11, 28, tzinfo=UTC)
RESULT = (
    '{"resourceType":"Observation","id":"o-1","meta":{"profile":'
    '["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]},"status":"final",'
    '"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category",'
    '"code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},'
    '"subject":{"reference":"Patient/p-1"},"effectiveDateTime":"2026-03-01T09:00:00Z",'
    '"valueQuantity":{"value":7.10,"unit":"%","system":"http://unitsofmeasure.org","code":"%"}}'
)
PERSON = (
    '{"resourceType":"Patient","id":"p-1","identifier":[{"system":"urn:mrn","value":"1"}],'
    '"name":[{"family":"Okafor","given":["Ada"]}],"gender":"female","birthDate":"1970-02-01"}'
)


def changed(body: str, old: str, new: str) -> str:
    assert old in body
    return body.replace(old, new, 1)


def nested(levels: int) -> str:
    return '[{"url":"u","extension":' * levels + '[{"url":"u","valueBoolean":true}]' + "}]" * levels


BAD_AND_ODD = {
    "a name given twice": changed(RESULT, '"status":"final"', '"status":"final","status":"final"'),
    "a name given twice inside": changed(RESULT, '"code":"%"', '"code":"%","code":"%"'),
    "a name written with an escape": changed(RESULT, '"status"', '"st\\u0061tus"'),
    "a type given twice": changed(RESULT, '"id":"o-1"', '"id":"o-1","resourceType":"Observation"'),
    "another type inside": changed(RESULT, '"resourceType":"Observation"', '"resourceType":"Patient"'),
    "a type that is not kept": changed(RESULT, '"resourceType":"Observation"', '"resourceType":"Nothing"'),
    "no type": changed(RESULT, '"resourceType":"Observation",', ""),
    "an unknown element": changed(RESULT, '"status"', '"state":"x","status"'),
    "an unknown element inside": changed(RESULT, '"unit"', '"unity":"x","unit"'),
    "two values": changed(RESULT, '"valueQuantity"', '"valueString":"x","valueQuantity"'),
    "two dates": changed(RESULT, '"valueQuantity"', '"effectiveInstant":"2026-03-01T09:00:00Z","valueQuantity"'),
    "no status": changed(RESULT, '"status":"final",', ""),
    "no code": changed(RESULT, '"code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},', ""),
    "a status that is none": changed(RESULT, '"final"', '"bogus"'),
    "a number for a status": changed(RESULT, '"final"', "7"),
    "a text for a number": changed(RESULT, "7.10", '"7.10"'),
    "a day that is in no calendar": changed(RESULT, "2026-03-01", "2026-02-30"),
    "a list for one": changed(RESULT, '{"reference":"Patient/p-1"}', '[{"reference":"Patient/p-1"}]'),
    "one for a list": changed(RESULT, '"category":[', '"category":').replace("}]}],", "}]},", 1),
    "null": changed(RESULT, '"final"', "null"),
    "null among words": changed(RESULT, '"unit":"%"', '"unit":"null"'),
    "an empty object": changed(RESULT, '{"reference":"Patient/p-1"}', "{}"),
    "an empty list": changed(RESULT, '"status":"final"', '"status":"final","note":[]'),
    "an empty text": changed(RESULT, '"unit":"%"', '"unit":""'),
    "something beside a primitive": changed(RESULT, '"status"', '"_status":{"id":"x"},"status"'),
    "nothing but something beside": changed(RESULT, '"status":"final"', '"_status":{"id":"x"}'),
    "a value and why there is none": changed(
        RESULT, '"valueQuantity"', '"dataAbsentReason":{"text":"x"},"valueQuantity"'
    ),
    "a component with the same code": changed(
        RESULT,
        '"valueQuantity"',
        '"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]}}],"valueQuantity"',
    ),
    "a reference to a wrong type": changed(RESULT, "Patient/p-1", "Condition/p-1"),
    "a reference that names a wrong type": changed(
        RESULT, '{"reference":"Patient/p-1"}', '{"type":"Condition","display":"x"}'
    ),
    "a patient of another server": changed(RESULT, "Patient/p-1", "https://there/fhir/Patient/p-1"),
    "a patient in words": changed(RESULT, '{"reference":"Patient/p-1"}', '{"display":"somebody"}'),
    "a patient by a mark": changed(RESULT, "Patient/p-1", "urn:uuid:0b9a7f8e-7c58-4bd1-9d5e-000000000001"),
    "a contained resource": changed(
        RESULT,
        '"status"',
        '"contained":[{"resourceType":"Patient","id":"c"}],"status"',
    ),
    "what is contained is not there": changed(RESULT, "Patient/p-1", "#c"),
    "no id": changed(RESULT, '"id":"o-1",', ""),
    "an id that is none": changed(RESULT, '"o-1"', '"o 1"'),
    "a number for an id": changed(RESULT, '"o-1"', "1"),
    "no meta": RESULT.replace(RESULT[RESULT.index('"meta"') : RESULT.index('"status"')], ""),
    "a version of its own": changed(
        RESULT, '"meta":{', '"meta":{"versionId":"7","lastUpdated":"2020-01-01T00:00:00Z",'
    ),
    "a profile of another type": changed(RESULT, "us-core-observation-lab", "us-core-patient"),
    "a profile that nobody knows": changed(RESULT, "us-core-observation-lab", "of-our-own"),
    "a profile broken by a code": changed(RESULT, '"code":"laboratory"', '"code":"vital-signs"'),
    "a profile broken by what is missing": RESULT[: RESULT.index(',"valueQuantity"')] + "}",
    "a profile broken by a short date": changed(RESULT, "2026-03-01T09:00:00Z", "2026-03"),
    "a profile broken by a unit": changed(RESULT, "http://unitsofmeasure.org", "http://elsewhere"),
    "no subject": changed(RESULT, '"subject":{"reference":"Patient/p-1"},', ""),
    "what looks sealed": changed(RESULT, '"unit":"%"', '"unit":"\\u001b"'),
    "a control character": changed(RESULT, '"unit":"%"', '"unit":"\\u0007"'),
    "a long narrative with a script": changed(
        RESULT, '"status"', '"text":{"status":"generated","div":"<div><script>x</script></div>"},"status"'
    ),
    "spaces everywhere": json.dumps(json.loads(RESULT)),
    "lines": json.dumps(json.loads(RESULT), indent=2),
    "tabs and spaces around": f"\t {RESULT} \r",
    "cut short": RESULT[:-5],
    "a comma too many": RESULT[:-1] + ",}",
    "something behind it": RESULT + "{}",
    "no JSON": "final",
    "a list": f"[{RESULT}]",
    "not a number": changed(RESULT, "7.10", "NaN"),
    "deep": changed(RESULT, '"status"', f'"extension":{nested(120)},"status"'),
    "deeper than anybody reads": changed(RESULT, '"status"', f'"extension":{nested(3000)},"status"'),
    "a person linked to itself": changed(
        PERSON, '"gender"', '"link":[{"other":{"reference":"Patient/p-1"},"type":"refer"}],"gender"'
    ),
    "a person with a number to be sealed": changed(PERSON, "urn:mrn", "http://hl7.org/fhir/sid/us-ssn"),
    "a person with a label": changed(
        PERSON,
        '"identifier"',
        '"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"}]},"identifier"',
    ),
    "a document's words": '{"resourceType":"Binary","id":"b-1","contentType":"text/plain","data":"QQ=="}',
    "a document that belongs to another resource": (
        '{"resourceType":"Binary","id":"b-1","contentType":"text/plain","data":"QQ==",'
        '"securityContext":{"reference":"Observation/o-1"}}'
    ),
}  # fmt: skip


class ReadsTheWhole(Preparer):
    """The path of single writes: nothing is remembered."""

    def _validated(self, type_name: str, body: bytes) -> tuple[Any, Any]:
        return validate(type_name, body), NO_ELEMENTS


def prepare(preparer: Preparer, bodies: list[bytes]) -> Preparation:
    preparer.checks_claims = True
    return preparer.prepare(Part(0, "f", lines=list(enumerate(bodies, start=1))))


def told(done: Preparation) -> dict[str, Any]:
    """All that becomes of a part: rows as they are stored, problems, references, counts."""
    return {
        "rows": [
            (
                one.type_name,
                one.resource_id,
                one.order,
                one.content.content_hash,
                one.content.sent_id,
                *as_stored(one.content.at_version(3, AT)),
                columns(asdict(one.promoted)),
            )
            for one in done.prepared
        ],
        "problems": done.problems,
        "referred": done.referred,
        "counts": (done.read, done.rejected),
    }


def as_stored(body: bytes) -> tuple[bytes, bool]:
    """What is sealed has another text each time: the words, and whether any are sealed."""
    return opened(body), MARK_BYTES in body


def columns(found: dict[str, Any]) -> dict[str, Any]:
    """The order of tokens says nothing."""
    return {name: sorted(value) if type(value) is list else value for name, value in found.items()}


@pytest.mark.parametrize("body", BAD_AND_ODD.values(), ids=BAD_AND_ODD)
def test_a_bad_or_odd_record_is_judged_as_if_it_were_read_as_a_whole(body: str) -> None:
    good = [RESULT.encode(), PERSON.encode()]
    bodies = [*good, body.encode(), *good, body.encode()]

    assert told(prepare(Preparer(ZONE, nobody), bodies)) == told(prepare(ReadsTheWhole(ZONE, nobody), bodies))


def test_the_table_has_records_that_are_refused_and_records_that_are_told_of_and_kept() -> None:
    done = prepare(Preparer(ZONE, nobody), [body.encode() for body in BAD_AND_ODD.values()])

    assert done.rejected > 30
    assert sum(problem.kept for problem in done.problems) >= 5
    assert len(done.prepared) > 10


def test_a_good_record_is_read_by_elements_that_are_known_again() -> None:
    reader = Reader("Observation")
    first = reader.read(RESULT.encode())
    second = reader.read(changed(RESULT, '"o-1"', '"o-2"').encode())

    assert first is not None
    assert second is not None
    assert second.elements["code"] is first.elements["code"]
    assert second.elements["id"] is not first.elements["id"]
    assert reader.read(BAD_AND_ODD["two values"].encode()) is None


def test_what_is_hardly_ever_the_same_is_not_remembered_for_ever() -> None:
    reader = Reader("Observation")
    for number in range(REMEMBERED * 2):
        assert reader.read(changed(RESULT, '"o-1"', f'"o-{number}"').encode())

    assert len(reader.known_by_name()["id"]) < REMEMBERED
    assert len(reader.known_by_name()["code"]) == 1


def nobody(_: str) -> None:
    return None


@cache
def population() -> tuple[bytes, ...]:
    return tuple(body for _, body in generate(12, seed=7, as_of=date(2026, 11, 22), time_zone=ZONE))


def damaged(body: bytes, dice: Random) -> bytes:
    """The record with one thing about it changed, as senders get things wrong."""
    text = body.decode()
    spot, end = dice.randrange(len(text)), dice.randrange(1, 12)
    words = (
        "null",
        "{}",
        "[]",
        '"x"',
        "7",
        "-1",
        "true",
        '"2026-02-30"',
        '"Patient/p"',
        '"#a"',
        ",",
        " ",
        "\\u00e9",
    )
    match dice.randrange(6):
        case 0:
            return (text[:spot] + text[spot + end :]).encode()
        case 1:
            return (text[:spot] + dice.choice(words) + text[spot:]).encode()
        case 2:
            return (text[:spot] + text[spot : spot + end] + text[spot:]).encode()
    tree = json.loads(text)
    holder = tree
    while isinstance(holder, dict) and holder and dice.random() < 0.6:
        inner = dice.choice(list(holder.values()))
        inner = inner[0] if isinstance(inner, list) and inner else inner
        if not isinstance(inner, dict) or not inner:
            break
        holder = inner
    name = dice.choice(list(holder))
    match dice.randrange(4):
        case 0:
            del holder[name]
        case 1:
            holder[name] = dice.choice((None, {}, [], "", "x", 7, True, "2026-02-30", [holder[name]]))
        case 2:
            holder[f"_{name}"] = {"id": "x"}
        case 3:
            holder[dice.choice(("valueString", "dataAbsentReason", "contained", "nothing"))] = holder[name]
    return json.dumps(tree, separators=dice.choice(((",", ":"), (", ", ": ")))).encode()


def compare_damaged(rounds: int, seed: int) -> int:
    """Both paths over damaged records, the one with a memory that stays from round to round."""
    dice, kept = Random(seed), Preparer(ZONE, nobody)
    refused = 0
    for _ in range(rounds):
        bodies = [dice.choice(population()) for _ in range(10)]
        bodies += [damaged(dice.choice(population()), dice) for _ in range(20)]
        found, expected = prepare(kept, bodies), prepare(ReadsTheWhole(ZONE, nobody), bodies)
        assert told(found) == told(expected)
        refused += found.rejected
    return refused


def test_damaged_records_are_judged_as_if_they_were_read_as_a_whole() -> None:
    assert compare_damaged(rounds=12, seed=1) > 30


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 10))
def test_very_many_damaged_records_are_judged_as_if_they_were_read_as_a_whole(seed: int) -> None:
    assert compare_damaged(rounds=300, seed=seed) > 1000
