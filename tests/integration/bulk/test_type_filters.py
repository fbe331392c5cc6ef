"""_typeFilter: an export holds what searches of its types find; a filter that is none is told before it starts."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from ehr_core.kernel.errors import BadRequest
from ehr_core.store.repository import Store
from tests.integration.bulk.exports import finished, ids, kicked_off, manifest_of, run

FILTERS = [
    ["Observation?category=laboratory"],
    ["Observation?code=http://loinc.org|4548-4,http://loinc.org|2339-0", "Observation?value-quantity=gt150"],
    ["Observation?date=ge2026-01-01&status=final"],
    ["Observation?patient.gender=female&code:not=http://loinc.org|4548-4"],
    ["Condition?code=http://hl7.org/fhir/sid/icd-10-cm|I10", "Observation?subject:missing=true"],
    ["Patient?_has:Condition:patient:code=I10", "Patient?name:contains=o'"],
    ["Patient?address-city=%25,Boston"],
]


def found_by(api, search: str) -> set[str]:
    type_name, _, query = search.partition("?")
    with api.work() as work:
        return {
            one.reference.partition("/")[2]
            for one in Store(work).search(type_name, query, limit=100_000).resources
        }


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("filters", FILTERS, ids=lambda filters: filters[0][:40])
def test_it_holds_what_the_searches_find_and_all_of_other_types(api, pipeline, filters):
    asked = [{"name": "_typeFilter", "valueString": one} for one in filters]
    types = {"name": "_type", "valueString": "Patient,Observation,Condition"}
    manifest = manifest_of(api, pipeline, kicked_off(pipeline, "/fhir/$export", types, *asked))
    for kind in ("Patient", "Observation", "Condition"):
        of_kind = [one for one in filters if one.startswith(f"{kind}?")] or [
            f"{kind}?_lastUpdated=gt2000-01-01"
        ]
        expected = set().union(*(found_by(api, one) for one in of_kind))
        assert ids(pipeline, manifest, kind) == expected, kind


@pytest.mark.parametrize(
    "wrong",
    [
        "Observation",
        "Observation?",
        "Encounter?status=finished",
        "Observation?colour=red",
        "Observation?_sort=date",
        "Observation?_include=Observation:patient",
        "Observation?date=yesterday",
        "Nonsense?x=y",
    ],
)
def test_a_filter_that_is_none_is_told_at_once_and_no_export_starts(api, pipeline, wrong):
    with pytest.raises(BadRequest):
        pipeline.transport.request(
            "GET",
            f"/fhir/$export?_type=Observation&_typeFilter={quote(wrong, safe='')}",
            headers={"Prefer": "respond-async"},
        )
    with api.work() as work:
        assert work.connection.exec_driver_sql("SELECT count(*) FROM bulk.job").scalar_one() == 0


@pytest.mark.usefixtures("three_people")
def test_words_of_sql_in_a_filter_are_words(api, pipeline):
    for text in ("x') OR true --", "%s %(a)s %%", "\\'; DROP TABLE fhir.patient; --"):
        asked = {"name": "_typeFilter", "valueString": f"Patient?name={quote(text)}"}
        types = {"name": "_type", "valueString": "Patient"}
        manifest = manifest_of(api, pipeline, kicked_off(pipeline, "/fhir/$export", types, asked))
        assert manifest.output == []
    assert finished(api, pipeline, resource_types=["Patient"]).output
    run(api)
