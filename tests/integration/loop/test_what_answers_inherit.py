"""A gap and a measure's answer carry every label of all facts that they rest on, as the chart says.

Labels that codes call for are in the chart's own column; the lake does not know them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest
from sqlalchemy import text

from data_contracts.tables.official import OFFICIAL_EVIDENCE, OFFICIAL_GAPS, OFFICIAL_RESULTS
from data_contracts.tables.results import CARE_GAPS, MEASURE_RESULTS
from ehr_core.kernel.errors import BadRequest
from ehr_core.workflows.write_back import take as taking
from ehr_core.workflows.write_back.scope import WriteBackScope
from tests.integration.loop.records import AS_OF, as_body, closed_by, flag_row, put_observation
from tests.lib.weakened import assert_guarded

OFFICIAL = "CMS122FHIRDiabetesAssessGT9Pct"
ACTS = {
    CARE_GAPS: taking.take_care_gaps,
    MEASURE_RESULTS: taking.take_measure_results,
    OFFICIAL_EVIDENCE: taking.take_facts,
    OFFICIAL_RESULTS: taking.take_official_results,
    OFFICIAL_GAPS: taking.take_official_gaps,
}
PLACES = {CARE_GAPS: "care_gaps.gap", MEASURE_RESULTS: "quality.measure_flag"}


@pytest.fixture
def take(work_as, key, secrets):
    """Writes the rows of a table back, of everybody (a night) or of these people (a minute)."""

    def write(contract, rows, people: Sequence[str] | None = None):
        keys = None if people is None else tuple(key.pseudonym("Patient", one) for one in people)
        scope = WriteBackScope(
            run_id="run-1", key_id=key.key_id, as_of=AS_OF, outbox_transaction=2**40, patient_keys=keys
        )
        with work_as() as work:
            return ACTS[contract](work, scope, as_body(contract, rows), secrets.pseudonym_master_key)

    return write


@pytest.fixture
def chart(work_as):
    """Puts results of Ana there, and the labels that one has."""

    class Chart:
        def put(self, *names: str, patient: str = "ana") -> None:
            with work_as() as work:
                for name in names:
                    put_observation(work.connection, name, patient)

        def label(self, name: str, labels: str | None) -> None:
            with work_as() as work:
                statement = "UPDATE fhir.observation SET sensitivity = CAST(:labels AS text[]) WHERE id = :id"
                work.connection.execute(text(statement), {"labels": labels, "id": name})

    return Chart()


@pytest.fixture
def read(work_as):
    def rows(statement: str) -> list[tuple]:
        with work_as() as work:
            return [tuple(row) for row in work.connection.execute(text(statement))]

    return rows


def resting(key, contract, *others: str, day: object = AS_OF, **changes: object) -> dict:
    """An answer whose deciding fact is `a1c`, and that rests on these results too."""
    named = ",".join(f"Observation/{key.pseudonym('Observation', other)}/{day}" for other in others)
    row = closed_by(key, "ana", "a1c", rests_also_on=named or None)
    if contract is MEASURE_RESULTS:
        same = ("evidence_type", "evidence_key", "evidence_on", "evidence_value", "rests_also_on")
        row = flag_row(key, "ana", numerator=True, **{name: row[name] for name in same})
    return {**row, **changes}


@pytest.mark.parametrize("people", [None, ("ana",)], ids=["night", "minute"])
@pytest.mark.parametrize("contract", PLACES, ids=lambda contract: contract.name)
def test_a_label_that_codes_call_for_counts_for_every_fact_that_the_answer_rests_on(
    take, key, chart, read, contract, people
):
    chart.put("a1c", "hiv", "plain")
    chart.label("hiv", "{ETH,HIV}")
    label = f"SELECT evidence_sensitivity, rests_also_on_ids FROM {PLACES[contract]}"
    rows = [resting(key, contract, "hiv", "plain")]
    take(contract, rows, people)
    assert read(label) == [("ETH HIV", ["Observation/hiv", "Observation/plain"])]
    assert take(contract, rows, people).unchanged == 1
    chart.label("hiv", None)
    assert read(label)[0][0] == "ETH HIV", "a label goes with the run that looks at the record again"
    assert take(contract, rows, people).changed == 1
    assert read(label)[0][0] is None


@pytest.mark.parametrize("contract", PLACES, ids=lambda contract: contract.name)
def test_a_label_that_is_put_on_any_of_them_restricts_the_answer_at_once(take, key, chart, read, contract):
    chart.put("a1c", "smoking", "unused")
    take(contract, [resting(key, contract, "smoking")])
    label = f"SELECT evidence_sensitivity FROM {PLACES[contract]}"
    chart.label("unused", "{V}")
    assert read(label) == [(None,)]
    chart.label("smoking", "{SUD}")
    assert read(label) == [("SUD",)]
    chart.label("a1c", "{R}")
    assert read(label) == [("R SUD",)], "neither stands in front of the other"
    assert take(contract, [resting(key, contract, "smoking")]).changed == 0
    assert read(label) == [("R SUD",)]


def test_without_the_other_facts_the_answer_would_be_everybodys(take, key, chart, read, monkeypatch):
    chart.put("a1c", "hiv")
    chart.label("hiv", "{HIV}")

    def told() -> bool:
        take(CARE_GAPS, [resting(key, CARE_GAPS, "hiv")])
        return read("SELECT evidence_sensitivity FROM care_gaps.gap") == [(None,)]

    assert_guarded(told, lambda patch: patch.setattr(taking, "take_labels", lambda *_: 0))


def test_a_fact_of_somebody_else_is_not_one_of_them(take, key, chart, read):
    chart.put("a1c")
    chart.put("of-ben", patient="ben")
    chart.label("of-ben", "{HIV}")
    take(CARE_GAPS, [resting(key, CARE_GAPS, "of-ben")])
    assert read("SELECT evidence_sensitivity, rests_also_on_ids FROM care_gaps.gap") == [(None, None)]


def test_a_fact_is_found_whatever_day_is_said_of_it(take, key, chart, read):
    chart.put("a1c", "undated")
    take(CARE_GAPS, [resting(key, CARE_GAPS, "undated", day="")])
    assert read("SELECT rests_also_on_ids FROM care_gaps.gap") == [(["Observation/undated"],)]


@pytest.mark.parametrize(
    "named", ["Observation", "Observation/x", "Observation/x/2026-02-30", "Observation/x/y/z", "Observation//",
              "Patient'; DROP TABLE care_gaps.gap; --/x/2026-02-01"],
)  # fmt: skip
def test_what_is_named_wrongly_is_refused_whole(take, key, chart, read, named):
    chart.put("a1c")
    with pytest.raises(BadRequest):
        take(CARE_GAPS, [{**resting(key, CARE_GAPS), "rests_also_on": named}])
    assert read("SELECT count(*) FROM care_gaps.gap") == [(0,)]


def official_rows(key, *older: str) -> dict:
    """An official answer decided by `a1c`; a second fact is kept beside it, and it names the `older` ones."""
    result = {
        **dict.fromkeys(OFFICIAL_RESULTS.column_names),
        **resting(key, MEASURE_RESULTS, *older, measure_id=OFFICIAL),
    }
    gap = {**resting(key, CARE_GAPS, *older, source_kind="measure", source_id=OFFICIAL)}
    facts = [
        {
            **dict.fromkeys(OFFICIAL_EVIDENCE.column_names),
            "key_id": key.key_id,
            "patient_key": key.pseudonym("Patient", "ana"),
            "measure_id": OFFICIAL,
            "period_begin": date(2026, 1, 1),
            "population": "initial-population",
            "definition": "Visits",
            "holds": True,
            "facts_found": 2,
            "evidence_type": "Observation",
            "evidence_key": key.pseudonym("Observation", name),
            "evidence_on": AS_OF,
            "as_of": AS_OF,
        }
        for name in ("a1c", "hiv")
    ]
    return {OFFICIAL_EVIDENCE: facts, OFFICIAL_RESULTS: [result], OFFICIAL_GAPS: [gap]}


OFFICIAL_LABELS = (
    "SELECT 'flag', evidence_sensitivity FROM quality.measure_flag "
    "UNION ALL SELECT 'gap', evidence_sensitivity FROM care_gaps.gap ORDER BY 1"
)


@pytest.mark.parametrize("people", [None, ("ana",)], ids=["night", "minute"])
def test_an_official_answer_inherits_from_every_fact_that_is_kept_of_it(take, key, chart, read, people):
    chart.put("a1c", "hiv")
    chart.label("hiv", "{HIV}")
    for contract, rows in official_rows(key).items():
        take(contract, rows, people)
    assert read(OFFICIAL_LABELS) == [("flag", "HIV"), ("gap", "HIV")]
    assert [take(contract, rows, people).changed for contract, rows in official_rows(key).items()] == [
        0,
        0,
        0,
    ]


def test_a_new_fact_with_a_label_restricts_an_official_answer_that_stays_the_same(take, key, chart, read):
    chart.put("a1c", "hiv")
    chart.label("hiv", "{HIV}")
    rows = official_rows(key)
    for contract in rows:
        take(contract, rows[contract][:1])
    assert read(OFFICIAL_LABELS) == [("flag", None), ("gap", None)]
    take(OFFICIAL_EVIDENCE, rows[OFFICIAL_EVIDENCE])
    assert read(OFFICIAL_LABELS) == [("flag", "HIV"), ("gap", "HIV")], "before the answers are sent again"
    take(OFFICIAL_EVIDENCE, rows[OFFICIAL_EVIDENCE][:1])
    for contract in (OFFICIAL_RESULTS, OFFICIAL_GAPS):
        take(contract, rows[contract])
    assert read(OFFICIAL_LABELS) == [("flag", None), ("gap", None)]


def test_a_label_put_on_any_kept_fact_restricts_the_official_answer_at_once(take, key, chart, read):
    chart.put("a1c", "hiv")
    for contract, rows in official_rows(key).items():
        take(contract, rows)
    chart.label("hiv", "{HIV}")
    assert read(OFFICIAL_LABELS) == [("flag", "HIV"), ("gap", "HIV")]


@pytest.mark.parametrize("people", [None, ("ana",)], ids=["night", "minute"])
def test_an_official_answer_inherits_from_older_facts_that_have_no_row(take, key, chart, read, people):
    chart.put("a1c", "hiv", "old")
    chart.label("old", "{SUD}")
    for contract, rows in official_rows(key, "old").items():
        take(contract, rows, people)
    assert read(OFFICIAL_LABELS) == [("flag", "SUD"), ("gap", "SUD")]
    chart.label("old", "{R,SUD}")
    assert read(OFFICIAL_LABELS) == [("flag", "R SUD"), ("gap", "R SUD")], "at once"
    chart.label("old", "{R}")
    changed = [take(contract, rows, people).changed for contract, rows in official_rows(key, "old").items()]
    assert (changed, read(OFFICIAL_LABELS)) == ([0, 1, 1], [("flag", "R"), ("gap", "R")])
