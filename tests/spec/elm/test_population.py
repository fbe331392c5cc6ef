"""A population from resource files: batches of whole patients, results in the contract's columns, reports."""

from datetime import date
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from data_contracts.tables.results import MEASURE_RESULTS
from ehr_core.kernel.errors import NotFound
from pipelines.measures.elm.cases import read_cases
from pipelines.measures.elm.engine import Engine
from pipelines.measures.elm.packages import read_package
from pipelines.measures.elm.population import batches
from pipelines.measures.elm.records import Records
from pipelines.measures.elm.texts import Texts
from pipelines.run.official_measures import Period, evaluate
from tests.lib.shared_data import shared_data

YEAR = Period(date(2026, 1, 1), date(2026, 12, 31))


def write(folder: Path, resources: list[dict]) -> Path:
    folder.mkdir(exist_ok=True)
    for one in resources:
        with (folder / f"{one['resourceType']}.ndjson").open("ab") as file:
            file.write(orjson.dumps(one) + b"\n")
    return folder


def files(folder: Path) -> dict[str, list[Path]]:
    return {path.stem: [path] for path in folder.glob("*.ndjson")}


def test_a_batch_holds_whole_patients_and_the_places_that_their_records_name(tmp_path):
    resources = [
        *({"resourceType": "Patient", "id": name} for name in "abc"),
        *({"resourceType": "Location", "id": name} for name in ("ward", "attic")),
        {
            "resourceType": "Encounter",
            "id": "e",
            "subject": {"reference": "Patient/b"},
            "location": [{"location": {"reference": "Location/ward"}}],
        },
        {"resourceType": "Encounter", "id": "nobody's", "subject": {"reference": "Patient/z"}},
    ]
    kinds = ("Patient", "Location", "Encounter")
    found = list(batches(files(write(tmp_path / "in", resources)), kinds, Texts(), size=2))
    assert [batch.keys for batch in found] == [["a", "b"], ["c"]]
    first = found[0].records
    assert first.table("Encounter")[1].tolist() == [1]
    assert [value["id"] for value in first.table("Location")[0].values] == ["ward"]


def test_results_are_in_the_contracts_columns_and_agree_with_the_cases(tmp_path):
    package = shared_data("ecqm")
    cases = [case for case in read_cases(package) if case.measure.startswith("CMS122")]
    folder = write(tmp_path / "in", [one for case in cases for one in case.resources])
    found = evaluate(package, folder, YEAR, tmp_path / "out", only=("CMS122",), individual=True)
    table = pq.read_table(tmp_path / "out" / "measure_results.parquet")
    assert table.column_names == MEASURE_RESULTS.column_names
    assert table.num_rows == len(cases)
    excluded = table.filter(table["denominator_exclusion"])
    assert None not in excluded["exclusion_reason"].to_pylist()
    assert not any(excluded["numerator"].to_pylist())
    report = orjson.loads((tmp_path / "out" / f"{found[0].measure.name}.MeasureReport.json").read_bytes())
    expected = sum(case.expected[0].populations["Numerator_1|numerator"] for case in cases)
    counts = {one["id"]: one["count"] for one in report["group"][0]["population"]}
    assert counts["Numerator_1"] == expected == sum(table["numerator"].to_pylist())
    reports = list(map(orjson.loads, (tmp_path / "out" / "MeasureReport.ndjson").read_bytes().splitlines()))
    assert len(reports) == counts["InitialPopulation_1"]
    assert all(one["group"][0]["population"][0]["count"] == 1 for one in reports)
    beside = {each["id"]: each["valueString"] for one in reports for each in one["contained"]}
    assert beside["sde-sex"] in ("female", "male") or orjson.loads(beside["sde-sex"])["code"]
    assert reports[0]["evaluatedResource"][0]["reference"].startswith("#sde-")


def test_measures_that_share_a_run_say_the_same_as_alone(tmp_path):
    package, names = shared_data("ecqm"), ("CMS122", "CMS165", "CMS951")
    cases = [case for case in read_cases(package) if case.measure.startswith(names)]
    folder = write(tmp_path / "in", [one for case in cases for one in case.resources])
    together = evaluate(package, folder, YEAR, tmp_path / "all", only=names)
    alone = [evaluate(package, folder, YEAR, tmp_path / name, only=(name,))[0] for name in names]
    assert [one.counts for one in together] == [one.counts for one in alone]
    assert all(one.counts["Group_1"]["Numerator_1"] for one in together)


def test_strata_of_a_summary_add_up(tmp_path):
    package = shared_data("ecqm")
    cases = [case for case in read_cases(package) if case.measure.startswith("CMS137")]
    folder = write(tmp_path / "in", [one for case in cases for one in case.resources])
    found = evaluate(package, folder, YEAR, tmp_path / "out", only=("CMS137",))[0]
    report = orjson.loads((tmp_path / "out" / f"{found.measure.name}.MeasureReport.json").read_bytes())
    for group in report["group"]:
        whole = group["population"][0]["count"]
        ages = [one["stratum"][0]["population"][0]["count"] for one in group["stratifier"]]
        assert whole == sum(ages)
        assert max(ages) > 0


def test_a_patient_alone_gets_the_same_answer_as_among_others():
    package = shared_data("ecqm")
    engine = Engine(read_package(package))
    cases = [case for case in read_cases(package) if case.measure.startswith("CMS1028")][::6]
    compiled = engine.compile(cases[0].measure)
    together = Records(engine.texts, declared_only=True)
    for case in cases:
        together.add_patient(case.resources)
    among = engine.evaluate(compiled, engine.run(together, cases[0].period))
    for row, case in enumerate(cases):
        alone = Records(engine.texts, declared_only=True)
        alone.add_patient(case.resources)
        result = engine.evaluate(compiled, engine.run(alone, case.period))
        for one, all_ in zip(result.groups, among.groups, strict=True):
            assert {name: one.count(name, 0) for name in one.members} == {
                name: all_.count(name, row) for name in all_.members
            }


def test_a_folder_without_patients_is_refused(tmp_path):
    with pytest.raises(NotFound, match=r"Patient\.ndjson"):
        evaluate(shared_data("ecqm"), tmp_path, YEAR, tmp_path / "out", only=("CMS122",))
