"""Importing: judged before it is kept, active only when made so, audited; a bad package changes nothing."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from fhir.resources.R4B.measurereport import MeasureReport

from data_contracts.api.official_measures import Activation, OfficialMeasure, PackageImport
from ehr_core.kernel.errors import BadRequest, Forbidden, NotFound
from ehr_core.quality.described import of_official
from pipelines.measures.official.kept import KeptPackages
from pipelines.run import official_packages
from pipelines.run.importing import activate, import_package, judge
from tests.integration.loop.panel import Panel, panel_of
from tests.integration.official.conftest import GLYCEMIC, KIDNEYS
from tests.lib.elm_package import MEASURE, broken, small_package, written
from tests.lib.shared_data import shared_data

ADULTS = "CMS999Adults"


@pytest.fixture
def panel(database, tmp_path):
    with panel_of(database, tmp_path, 6) as made:
        yield made


def acts(panel: Panel) -> list[tuple]:
    rows = panel.rows(
        "SELECT act, detail FROM audit.event WHERE act LIKE 'quality.official.%' ORDER BY at, id"
    )
    return [(row["act"].rpartition(".")[2], row["detail"]) for row in rows]


def test_a_package_of_measures_libraries_value_sets_and_code_systems_is_kept_and_nothing_of_it_is_active(
    panel, tmp_path
):
    judged = judge(written(small_package(), tmp_path / "package"))
    assert judged.problems == []
    kept = import_package(panel.pipeline, judged, "package")
    (one,) = kept.measures
    assert (one.measure.measure_id, one.active, one.source) == (ADULTS, False, "package")
    panel.night()
    assert panel.rows("SELECT 1 FROM quality.measure_flag WHERE official") == []
    ((act, detail),) = acts(panel)
    assert act == "imported"
    assert detail["measures"] == [ADULTS]
    assert detail["operator"]


def test_a_library_that_stands_in_for_another_version_is_told(tmp_path):
    package = small_package()
    assert not any("asks for" in note for note in judge(written(package, tmp_path / "right")).notes)
    package[0]["library"] = ["http://example.org/Library/Adults|9.9.9"]
    told = judge(written(package, tmp_path / "other"))
    assert told.problems == []
    assert f"{ADULTS}: asks for the library Adults 9.9.9, and 1.0.0 is used" in told.notes


def test_the_same_package_again_is_the_same_package(panel, tmp_path):
    folder = written(small_package(), tmp_path / "package")
    for _ in range(2):
        kept = import_package(panel.pipeline, judge(folder), "package")
    assert len(kept.measures) == 1


BROKEN = {
    "a library that is not there": "is not in the package",
    "a value set that is not there": "no value set http://example.org/ValueSet/gone, named at Adults.Pressures Taken",
    "an operator that nobody knows": "not supported: operator Fly at Adults.Numerator",
    "a definition that is not there": "defines no 'Nothing'",
    "a value set by a filter": "is chosen by a filter or another value set; add its expansion",
    "a code system that is not there": "which is not in the package; add the CodeSystem",
    "a name that is no name": "is no name for a measure",
    "the same measure twice": "is in the package 2 times",
    "no measure": "holds no Measure",
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_a_bad_package_lacks_is_told_with_its_place(what, tmp_path):
    judged = judge(written(broken(what), tmp_path / "package"))
    assert any(BROKEN[what] in problem for problem in judged.problems), judged.problems
    assert judged.measures == []


def test_a_bad_package_changes_nothing(panel, tmp_path):
    good = judge(written(small_package(), tmp_path / "good"))
    import_package(panel.pipeline, good, "good", activated=True)
    bad = judge(written(broken("a value set that is not there"), tmp_path / "bad"))
    before = panel.rows("SELECT * FROM quality.official_measure")
    with pytest.raises(BadRequest, match="was not imported"):
        import_package(panel.pipeline, bad, "bad", activated=True)
    assert panel.rows("SELECT * FROM quality.official_measure") == before
    assert len(panel.rows("SELECT 1 FROM quality.official_package")) == 1


def test_a_file_that_is_not_json_is_named(tmp_path):
    folder = written(small_package(), tmp_path / "package")
    (folder / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(BadRequest, match=r"broken\.json"):
        judge(folder)


def test_the_core_refuses_names_of_our_own_and_who_may_not(panel, tmp_path):
    judged = judge(written(small_package(), tmp_path / "package"))
    (measure,) = judged.measures
    ours = measure.model_copy(update={"measure_id": "glycemic_control"})
    odd = measure.model_copy(update={"title": "Adults\x00"})
    wanted = [measure, measure], [OfficialMeasure.model_validate(ours.model_dump())], [odd]
    for measures in wanted:
        package = PackageImport(
            source="x", operator="x", measures=measures, content=base64.b64encode(judged.content)
        )
        with pytest.raises(BadRequest):
            panel.pipeline.quality.import_official(package)
    clinician = panel.api.signed_in("okafor", "clinician")
    with pytest.raises(Forbidden):
        import_package(clinician, judged, "package")
    import_package(panel.pipeline, judged, "package")
    with pytest.raises(Forbidden):
        clinician.quality.activate(ADULTS)
    with pytest.raises(NotFound):
        panel.pipeline.quality.activate("CMS1Nothing")
    with pytest.raises(NotFound):
        panel.pipeline.quality.activate(ADULTS, Activation(version="0.0.1"))
    assert not any(one.active for one in clinician.quality.official().measures)


def test_what_is_made_active_counts_at_the_next_change_and_the_next_night_without_a_restart(panel, tmp_path):
    panel.night()
    panel.minutes()
    import_package(
        panel.pipeline, judge(written(small_package(), tmp_path / "package")), "package", activated=True
    )
    (someone,) = panel.rows("SELECT id FROM fhir.patient WHERE NOT deceased AND active ORDER BY id LIMIT 1")
    panel.change("Patient", someone["id"], birthDate="1960-05-05")
    panel.minutes()
    (flag,) = panel.rows("SELECT * FROM quality.measure_flag WHERE official")
    assert (flag["patient_id"], flag["initial_population"]) == (someone["id"], True)
    panel.night()
    assert len(panel.rows("SELECT 1 FROM quality.measure_flag WHERE official")) > 1
    assert panel.rows("SELECT 1 FROM care_gaps.gap WHERE present AND source_id = :m", m=ADULTS)


@pytest.mark.long
def test_strata_are_reported_over_fhir(panel, tmp_path):
    package = small_package()
    package[0]["group"][0]["stratifier"] = [{"id": "taken", "criteria": {"expression": "Numerator"}}]
    import_package(panel.pipeline, judge(written(package, tmp_path / "package")), "package", activated=True)
    panel.night()
    clinician = panel.api.signed_in("okafor", "clinician")
    answer = clinician.transport.request("GET", "/fhir/Measure/$evaluate-measure", params={"measure": ADULTS})
    (group,) = json.loads(answer.content)["group"]
    MeasureReport.model_validate(json.loads(answer.content))
    members = {one["id"]: one["count"] for one in group["population"]}
    (stratum,) = group["stratifier"][0]["stratum"]
    within = {one["id"]: one["count"] for one in stratum["population"]}
    assert within["denominator"] == within["numerator"] == members["numerator"]
    assert members["denominator"] >= members["numerator"]


@pytest.mark.long
def test_what_is_no_longer_active_leaves_every_list_at_once_and_stays_away(panel, tmp_path):
    judged = judge(written(small_package(), tmp_path / "package"))
    import_package(panel.pipeline, judged, "package", activated=True)
    panel.night()
    clinician = panel.api.signed_in("okafor", "clinician")
    assert ADULTS in {line.measure_id for line in clinician.quality.measures().measures}
    activate(panel.pipeline, [ADULTS], active=False)
    assert ADULTS not in {line.measure_id for line in clinician.quality.measures().measures}
    assert panel.rows("SELECT 1 FROM care_gaps.gap WHERE present AND source_kind = 'measure'") == []
    panel.night()
    panel.minutes()
    assert panel.rows("SELECT 1 FROM quality.measure_flag WHERE official") == []
    assert panel.rows("SELECT 1 FROM quality.measure_evidence") == []
    assert [act for act, _ in acts(panel)] == ["imported", "activated", "deactivated"]


@pytest.mark.long
def test_a_newer_version_takes_the_place_of_the_older_one(panel, tmp_path):
    first = judge(written(small_package(), tmp_path / "first"))
    second = judge(written(small_package(version="2.0.0"), tmp_path / "second"))
    import_package(panel.pipeline, first, "first", activated=True)
    panel.night()
    import_package(panel.pipeline, second, "second", activated=True)
    panel.night()
    versions = panel.rows("SELECT DISTINCT measure_version FROM quality.measure_flag WHERE official")
    assert [row["measure_version"] for row in versions] == ["2.0.0"]
    panel.pipeline.quality.activate(ADULTS, Activation(version=MEASURE["version"]))
    panel.night()
    versions = panel.rows("SELECT DISTINCT measure_version FROM quality.measure_flag WHERE official")
    assert [row["measure_version"] for row in versions] == [MEASURE["version"]]


@pytest.mark.long
def test_an_input_that_fails_stops_the_official_measures_only_and_the_screens_say_so(
    panel, tmp_path, monkeypatch
):
    judged = judge(written(small_package(), tmp_path / "package"))
    import_package(panel.pipeline, judged, "package", activated=True)
    panel.night()
    flags = (
        "SELECT patient_id, numerator, run_id FROM quality.measure_flag WHERE official ORDER BY patient_id"
    )
    before = panel.rows(flags)
    monkeypatch.setattr(official_packages, "PACKAGES", KeptPackages())
    monkeypatch.setattr(panel.pipeline.pipeline, "official_package", lambda _: judged.content[:-20])
    told = panel.night()
    assert told.failure is None, "our own measures went on"
    assert panel.rows(flags) == before
    clinician = panel.api.signed_in("okafor", "clinician")
    page = clinician.quality.measure(ADULTS)
    assert page.stale.startswith("The official measures were stopped last night")
    assert "not the one that was imported" in page.stale
    assert clinician.quality.measure("glycemic_control").stale is None
    (run,) = panel.rows("SELECT * FROM quality.run WHERE kind = 'official' AND failure IS NOT NULL")
    assert run["counts"]["people_not_checked"] == 0


@pytest.mark.long
def test_the_shared_package_is_judged_whole(tmp_path):
    judged = judge(shared_data("ecqm"))
    assert judged.problems == []
    assert len(judged.surveys) == 61
    ids = {one.measure_id for one in judged.measures}
    assert {GLYCEMIC, KIDNEYS} <= ids
    by_id = {one.measure_id: one for one in judged.measures}
    assert by_id[GLYCEMIC].improvement == "decrease"
    assert any("lower is taken for better" in note for note in judged.notes)
    rates = [of_official(one) for one in judged.measures if one.name.startswith("CMS138")]
    assert len({(one.of_several, one.definition.numerator) for one in rates}) == 3, (
        "told apart by what each counts"
    )
    assert not of_official(by_id[GLYCEMIC]).of_several


def test_a_bundle_is_a_package_too(tmp_path):
    place = tmp_path / "package.json"
    entries = [{"resource": one} for one in small_package()]
    place.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    judged = judge(Path(place))
    assert judged.problems == []
    assert [one.measure_id for one in judged.measures] == [ADULTS]
