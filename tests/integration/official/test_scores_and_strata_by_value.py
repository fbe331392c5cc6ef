"""A continuous variable with strata by value, from import to page, CSV and report; small strata are hidden."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import pytest
from fhir.resources.R4B.measurereport import MeasureReport

from ehr_core.db.database import connect
from ehr_core.store.importer import load_resources
from ehr_core.store.validation import validate
from pipelines.run.importing import import_package, judge
from tests.integration.loop.panel import LOADER, ZONE, Panel
from tests.lib.api import MORNING
from tests.lib.app_pages import opened, session_of, shown
from tests.lib.made_measure import NAME, measure, population, written
from tests.lib.postgres import app_url_of, fresh_database
from tests.lib.served_api import served_api
from tests.spec.elm.test_scores import LOGIC, UNIT

pytestmark = pytest.mark.long
WOMEN, MEN, OTHERS = 20, 15, 2


def package() -> dict:
    made = measure(
        population("initial-population", "All", "ip"),
        population("measure-population", "All", "mp"),
        population("measure-observation", "Value", "o", criteriaReference="mp", aggregateMethod="Median"),
        scoring="continuous-variable",
        basis="Observation",
        stratifier=[{"id": "by-sex", "criteria": {"expression": "Sex"}}],
    )
    made["group"][0]["extension"].append(UNIT)
    return {**made, "version": "1.0.0", "title": "Minutes waited", "publisher": "Example"}


def people() -> Iterator[tuple[str, bytes]]:
    for gender, count in (("female", WOMEN), ("male", MEN), ("other", OTHERS)):
        for at in range(count):
            name = f"{gender}-{at}"
            person = {"resourceType": "Patient", "id": name, "gender": gender, "birthDate": "1980-05-01"}
            yield "Patient", json.dumps(person).encode()
            waited = {
                "resourceType": "Observation",
                "id": f"{name}-wait",
                "status": "final",
                "code": {"text": "Waiting time"},
                "subject": {"reference": f"Patient/{name}"},
                "effectiveDateTime": "2026-03-01",
                "valueQuantity": {"value": at + 1, "unit": "min"},
            }
            yield "Observation", json.dumps(waited).encode()


@pytest.fixture(scope="module")
def waited(postgres_server, template_database, tmp_path_factory) -> Iterator[Panel]:
    folder = written(
        tmp_path_factory.mktemp("made"), {"made.json": package(), "elm.json": {"library": LOGIC}}
    )
    with fresh_database(postgres_server, template=template_database) as url:
        database = connect(app_url_of(url))
        load_resources(database, LOADER, list(people()), processes=1, site_time_zone=ZONE)
        with served_api(database, tmp_path_factory.mktemp("site"), now=MORNING) as api:
            panel = Panel(api)
            judged = judge(folder)
            assert judged.problems == []
            import_package(panel.pipeline, judged, "made", activated=True)
            panel.night()
            yield panel
        database.dispose()


@pytest.fixture(scope="module")
def clinician(waited):
    return waited.api.signed_in("wanda", "clinician")


@pytest.fixture(scope="module")
def analyst(waited):
    return waited.api.signed_in("walt", "analyst")


def test_the_score_is_the_median_in_its_unit_and_there_is_no_rate(clinician):
    page = clinician.quality.measure(NAME)
    assert (page.line.score, page.line.unit, page.score.observations) == (9, "min", WOMEN + MEN + OTHERS)
    assert page.line.counts.rate is None
    assert {stratum.counts.rate for stratum in page.strata} == {None}
    (listed,) = [one for one in clinician.quality.measures().measures if one.measure_id == NAME]
    assert (listed.score, listed.change) == (9, None)


def test_the_page_shows_it_as_it_is_and_never_as_a_percentage(clinician):
    page = opened(session_of(clinician), "dashboards.quality.measures", "measures_page", measure=NAME)
    said = shown(page)
    assert [(one.label, one.value) for one in page.metric] == [("Score", "9.00 min")]
    assert "median of 37 observations, in min" in said
    assert "<b>9.00 min</b>" in said, "in the list too"
    assert "<td>female</td><td>10.50 min</td>" in said
    assert "Met (numerator)" not in said


def test_strata_by_value_have_scores_and_small_ones_are_hidden_without_their_values(clinician, analyst):
    strata = {one.value_words: one for one in clinician.quality.measure(NAME).published_strata}
    assert {name: one.value for name, one in strata.items()} == {"female": 10.5, "male": 8, "other": 1.5}
    hidden = {one.value_words: one for one in analyst.quality.measure(NAME).published_strata}
    assert hidden.keys() == {"female", "2 small groups"}
    assert hidden["2 small groups"].counts is None
    assert hidden["female"].counts["measure-population"] == WOMEN


def test_the_csv_holds_scores_and_strata_as_the_page_shows_them(clinician, analyst):
    rows = list(csv.DictReader(io.StringIO(clinician.quality.csv(NAME).decode())))
    everyone = next(row for row in rows if row["stratum_kind"] == "all")
    assert (everyone["score"], everyone["unit"], everyone["rate"]) == ("9.0", "min", "")
    published = {row["stratum_value"]: row for row in rows if row["stratum_kind"] == "published"}
    assert (published["male"]["score"], published["male"]["denominator"]) == ("8.0", str(MEN))
    body = analyst.quality.csv(NAME).decode()
    (small,) = [row for row in csv.DictReader(io.StringIO(body)) if row["stratum_value"] == "2 small groups"]
    assert (small["score"], small["initial_population"], small["suppressed"]) == ("", "", "True")


def test_the_report_has_the_score_its_unit_and_a_stratum_a_value(clinician, analyst):
    address = f"/fhir/Measure/{NAME}/$evaluate-measure"
    answer = clinician.transport.request("GET", address)
    validate("MeasureReport", answer.content)
    report = json.loads(answer.content)
    MeasureReport.model_validate(report)
    (group,) = report["group"]
    assert group["measureScore"] == {"value": 9, "unit": "min"}
    assert {one["code"]["coding"][0]["code"]: one["count"] for one in group["population"]}[
        "measure-observation"
    ] == 37
    strata = {one["value"]["text"]: one["measureScore"]["value"] for one in group["stratifier"][0]["stratum"]}
    assert strata == {"female": 10.5, "male": 8, "other": 1.5}
    (masked,) = json.loads(analyst.transport.request("GET", address).content)["group"]
    assert "measureScore" not in masked
    assert "stratifier" not in masked
