"""`/metadata` by mode: what is said of codes is what the operations do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fhir.resources.R4B.terminologycapabilities import TerminologyCapabilities

from data_contracts.code_systems import ICD_10_CM, LOINC
from ehr_core.api.fhir.terminology_capabilities import EXPANDED_BY, VALUE_SET_URL
from tests.integration.fhir.conftest import FhirHttp, client_of, clinic
from tests.lib.api import RunningApi


@pytest.fixture(scope="module")
def api(postgres_server, template_database, tmp_path_factory) -> Iterator[RunningApi]:
    with clinic(postgres_server, template_database, tmp_path_factory.mktemp("clinic")) as running:
        yield running


@pytest.fixture(scope="module")
def chen(api) -> FhirHttp:
    return client_of(api, "clinician")


@pytest.fixture(scope="module")
def told(api) -> dict:
    """Asked without a sign-in."""
    answer = api.http().get("/fhir/metadata?mode=terminology")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/fhir+json")
    return answer.json()


def test_it_is_a_whole_terminology_capabilities(told):
    TerminologyCapabilities.model_validate(told)
    assert told["kind"] == "instance"
    uris = [each["uri"] for each in told["codeSystem"]]
    assert len(uris) == len(set(uris))
    assert {LOINC.uri, ICD_10_CM.uri} <= set(uris)


def test_every_value_set_that_is_named_is_held(chen, told):
    named = [
        each["valueCanonical"] for each in told["expansion"]["extension"] if each["url"] == VALUE_SET_URL
    ]
    assert len(named) > 50
    for canonical in named:
        asked = {"url": canonical, "count": "1"}
        answer = chen.http.get("/fhir/ValueSet/$expand", params=asked)
        assert answer.status_code in (200, 400, 422), canonical
        assert "is not kept here" not in answer.text, canonical


def test_what_is_said_of_an_expansion_is_so(chen, told):
    parameters = {each["name"] for each in told["expansion"]["parameter"]}
    assert parameters == set(EXPANDED_BY)
    url = next(each["valueCanonical"] for each in told["expansion"]["extension"])
    first, second = (
        chen.bundle(f"/ValueSet/$expand?url={url}&count=1&offset={offset}")["expansion"]["contains"]
        for offset in (0, 1)
    )
    assert first != second
    assert chen.get(f"/ValueSet/$expand?url={url}&activeOnly=true").status_code == 400


def test_subsumption_is_told_where_it_works(chen, told):
    for each in told["codeSystem"]:
        answer = chen.get(f"/CodeSystem/$subsumes?system={each['uri']}&codeA=A01&codeB=A02")
        assert ("The hierarchy of" in answer.text) is not each["subsumption"], each["uri"]


@pytest.mark.parametrize("mode", ["full", "normative"])
def test_the_other_modes_answer_with_the_capability_statement(api, mode):
    asked = api.http().get(f"/fhir/metadata?mode={mode}").json()
    assert asked == api.http().get("/fhir/metadata").json()
    assert asked["resourceType"] == "CapabilityStatement"


@pytest.mark.parametrize("query", ["mode=everything", "mode=", "mode=full&mode=terminology"])
def test_another_mode_is_refused_by_its_name(api, query):
    answer = api.http().get(f"/fhir/metadata?{query}")
    assert answer.status_code == 400
    assert "'mode' is one of: full, normative, terminology" in answer.json()["issue"][0]["diagnostics"]
