"""The facts behind a measure's answers, as quality reporting hands them out: without those that a label hides."""

from __future__ import annotations

import json
from datetime import date

import pytest
from sqlalchemy import text

from data_contracts.api.access import NewChartRule, RolePolicyInfo
from data_contracts.tables.results import MEASURE_RESULTS
from ehr_core.access import chart_policy
from ehr_core.kernel.pseudonym import PseudonymKey
from ehr_core.quality import quality_data
from tests.integration.chart_records import put_patient
from tests.integration.loop.records import as_body, flag_row
from tests.lib.api import running_api
from tests.lib.statements import counted_statements
from tests.lib.weakened import assert_guarded

MEASURE = "glycemic_control"
PEOPLE = ["ana", "ben", *(f"p{number:02}" for number in range(12))]
FACT = text(
    "INSERT INTO quality.measure_evidence (patient_id, measure_id, period_begin, population, definition, holds, "
    "facts_found, key_id, evidence_type, evidence_key, evidence_id, evidence_sensitivity, as_of, computed_at, run_id) "
    "VALUES (:patient, :measure, '2026-01-01', 'numerator', 'Result', true, 1, 'k', 'Observation', :id, :id, :label, "
    "'2026-11-20', now(), 'run')"
)


@pytest.fixture
def api(database, tmp_path):
    """Everybody in the denominator; of everybody one plain fact, and of each a labelled one."""
    with running_api(database, tmp_path) as running:
        for name in PEOPLE:
            put_patient(running, name, name.title(), "Ann")
        grant = running.service("pipeline").pipeline.key()
        key = PseudonymKey(grant.key_id, bytes.fromhex(grant.secret_hex))
        stamp = {"run_id": "night", "key_id": key.key_id, "as_of": date(2026, 11, 20)}
        rows = as_body(MEASURE_RESULTS, [flag_row(key, name) for name in PEOPLE])
        running.service("pipeline").pipeline.write_back(
            "measure_results", rows, **stamp, outbox_transaction=2**40
        )
        yield running


def add_facts(api, people: list[str]) -> None:
    with api.work() as work:
        for name in people:
            for label in (None, "HIV", "N"):
                values = {"patient": name, "measure": MEASURE, "label": label, "id": f"{name}-{label}"}
                work.connection.execute(FACT, values)


def told(client) -> dict[str, set[str]]:
    """By person, the labels of the facts that the lines tell of."""
    lines = client.transport.request("GET", f"/api/measures/{MEASURE}/export/people.ndjson").content
    people = [json.loads(line) for line in lines.splitlines()]
    return {
        one["patient"]["patient_id"]: {fact["resource"].rpartition("-")[2] for fact in one["facts"]}
        for one in people
    }


def test_a_fact_is_left_out_where_the_role_or_a_rule_about_the_person_hides_its_label(api):
    add_facts(api, ["ana", "ben"])
    admin, doctor = api.signed_in("root", "admin"), api.signed_in("chen", "clinician")
    everything, ordinary = {"None", "HIV", "N"}, {"None", "N"}

    def told_of_both() -> tuple[set[str], set[str]]:
        found = told(doctor)
        return found["ana"], found["ben"]

    assert told_of_both() == (everything, everything)
    for label, left in (("SEX", everything), ("HIV", ordinary)):
        admin.access.make_rule(
            NewChartRule(
                patient_id="ana", effect="deny", subject_kind="everyone", label=label, asked_by="patient",
                reason="Asked for it",
            )
        )  # fmt: skip
        assert told_of_both() == (left, everything)
    admin.access.set_role(RolePolicyInfo(role="clinician", reach="all", labels=["SUD"]))
    assert told_of_both() == (ordinary, ordinary)
    assert_guarded(
        lambda: "HIV" in told(doctor)["ben"],
        lambda patch: patch.setattr(quality_data, "evidence_shown", lambda *_: "true"),
    )


def test_the_condition_of_a_query_says_what_is_said_of_one_answer(api):
    add_facts(api, ["ana"])
    admin = api.signed_in("root", "admin")
    admin.access.set_role(RolePolicyInfo(role="clinician", reach="all", labels=["SUD", "R"]))
    doctor = api.parts.identity.session_actor(api.session(api.account("chen", "clinician")))
    labels = [
        None,
        "",
        "N",
        "https://else.example|N",
        "SUD",
        "HIV",
        "R",
        "https://else.example|SUD",
        "HIV SUD",
        "N SUD",
    ]
    with api.work(doctor) as work:
        shown = chart_policy.evidence_shown(work.actor, "said.label", "'ana'")
        asked = text(f"SELECT label, {shown} FROM unnest(CAST(:labels AS text[])) AS said (label)")
        by_query = dict(work.connection.execute(asked, {"labels": labels}).all())
        assert by_query == {label: chart_policy.evidence_open(work, label, "ana") for label in labels}
    assert (by_query["SUD"], by_query["HIV"], by_query["HIV SUD"], by_query["N SUD"]) == (
        True,
        False,
        False,
        True,
    )


def test_more_people_cost_no_more_statements(api):
    admin, doctor = api.signed_in("root", "admin"), api.signed_in("chen", "clinician")
    admin.access.set_role(RolePolicyInfo(role="clinician", reach="all", labels=["SUD"]))
    counts = []
    for people in (PEOPLE[:2], PEOPLE[2:]):
        add_facts(api, people)
        told(doctor)
        with counted_statements(api.parts.database.engine) as sent:
            assert "HIV" not in set().union(*told(doctor).values())
        counts.append(len(sent))
    assert counts[0] == counts[1]
