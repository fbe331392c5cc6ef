"""An imported row is the row that a single write makes: the text for COPY is built by hand, and has to say the same."""

from __future__ import annotations

import json

import pytest

from ehr_core.store.tables import CURRENT_COLUMNS, current_table

AWKWARD = (
    'a "quoted" word',
    "back\\slash and \\N and \\x41",
    "tab\tand line\nand return\r",
    "{curly,braces},NULL",
    "comma, 'apostrophe' and $1 %s",
    "Ünïcödé \u2028 🫀 \u200f",
    "NULL",
    "\\.",
    " spaces around ",
)


def records(text: str) -> list[dict]:
    system = "urn:of:" + text.split()[0].replace('"', "q").replace("\\", "b")
    return [
        {
            "resourceType": "Patient",
            "identifier": [{"system": system, "value": text}, {"value": f"{text}{text}"}],
            "active": True,
            "name": [{"family": text, "given": [text, "Ada"], "text": text}],
            "telecom": [
                {"system": "phone", "value": "+1 (518) 555-0110"},
                {"system": "email", "value": text},
            ],
            "gender": "female",
            "birthDate": "1970-02-01",
            "address": [{"line": [text], "city": text, "state": "NY"}],
        },
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": system, "code": "x"}], "text": text},
            "subject": {"reference": "Patient/somebody", "display": text},
            "effectivePeriod": {"start": "2026-02-28T23:30:00.123456789-05:00", "end": "2026-03"},
            "valueQuantity": {"value": 7.1, "comparator": "<", "unit": text},
            "note": [{"text": text}],
        },
        {
            "resourceType": "Organization",
            "active": False,
            "name": text,
            "alias": [text, "Other"],
            "identifier": [{"type": {"coding": [{"system": system, "code": "TAX"}]}, "value": text}],
        },
        {
            "resourceType": "Condition",
            "clinicalStatus": {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                        "code": "active",
                    }
                ]
            },
            "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "B20"}]},
            "subject": {"reference": "Patient/somebody"},
            "recordedDate": "2026",
        },
    ]


def row(work, type_name: str, resource_id: str) -> dict:
    table = current_table(type_name)
    found = work.connection.execute(table.select().where(table.c.id == resource_id)).one()._asdict()
    told = {name: sorted(value) if isinstance(value, list) else value for name, value in found.items()}
    body = json.loads(told.pop("body"))
    del body["id"], body["meta"]["lastUpdated"]
    told.pop("content_hash")
    return {name: value for name, value in told.items() if name not in OF_ITS_OWN} | {"body": body}


OF_ITS_OWN = ("id", "last_updated", "imported")


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_texts_make_the_same_row_by_import_as_by_a_single_write(run_import, opened, tmp_path, text):
    lines = [json.dumps(one | {"id": f"imported-{one['resourceType']}"}) for one in records(text)]
    (tmp_path / "in.ndjson").write_text("\n".join(lines))
    summary = run_import(tmp_path / "in.ndjson", processes=1)
    assert (summary.created.total(), summary.rejected) == (4, 0)
    with opened() as store:
        for one in records(text):
            name = one["resourceType"]
            store.create(name, one | {"id": f"imported-{name}"}, id=f"written-{name}")
            written, imported = (row(store.work, name, f"{how}-{name}") for how in ("written", "imported"))
            if name == "Patient":
                for each in (written, imported):
                    each.pop("patient_id")
            assert imported == written
            assert len(imported) > len(CURRENT_COLUMNS)
