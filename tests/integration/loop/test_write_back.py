"""Write-back: only what changed is touched, people's decisions stay, and nothing newer is overwritten."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text

from data_contracts.tables.results import CARE_GAPS, MEASURE_RESULTS, PATIENT_STRATA
from ehr_core.db.outbox import announce
from ehr_core.kernel.errors import BadRequest, Conflict, NotFound
from ehr_core.quality.cells import COUNTS, NOT_RECORDED, STRATUM_KINDS, recount_cells
from ehr_core.workflows.set_aside import count_failures
from ehr_core.workflows.write_back import take as taking
from ehr_core.workflows.write_back.scope import WriteBackScope
from ehr_core.workflows.write_back.take import take_care_gaps, take_measure_results
from ehr_core.workflows.write_back.take_strata import take_strata
from tests.integration.loop.records import (
    AS_OF,
    as_body,
    closed_by,
    flag_row,
    gap_row,
    put_observation,
    stratum_row,
)


@pytest.fixture
def take(work_as, key, secrets):
    """Writes rows back; the watermark lies after everything that is committed now, unless told otherwise."""

    def taking(rows, *, contract=CARE_GAPS, key_id=key.key_id, **scope):
        act = {CARE_GAPS: take_care_gaps, MEASURE_RESULTS: take_measure_results, PATIENT_STRATA: take_strata}
        with work_as() as work:
            scope.setdefault("outbox_transaction", transaction_now(work))
            asked = WriteBackScope(run_id="run-1", key_id=key_id, as_of=AS_OF, **scope)
            return act[contract](work, asked, as_body(contract, rows), secrets.pseudonym_master_key)

    return taking


def transaction_now(work) -> int:
    return int(
        work.connection.execute(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")).scalar_one()
    )


@pytest.fixture
def stored(work_as):
    def read(patient_id: str, source_id: str = "glycemic_control"):
        with work_as() as work:
            return (
                work.connection.execute(
                    text("SELECT * FROM care_gaps.gap WHERE patient_id = :p AND source_id = :s"),
                    {"p": patient_id, "s": source_id},
                )
                .mappings()
                .one()
            )

    return read


def test_a_second_write_back_of_the_same_answers_touches_nothing(take, key, stored):
    rows = [gap_row(key, "ana"), gap_row(key, "ben")]
    assert take(rows).inserted == 2
    before = stored("ana")
    again = take([{**row, "as_of": date(2026, 11, 21)} for row in rows])
    assert (again.received, again.unchanged, again.changed, again.inserted) == (2, 2, 0, 0)
    assert stored("ana") == before


def test_only_the_changed_row_is_touched_and_its_evidence_is_resolved_to_the_chart_s_own_id(
    take, key, stored, work_as
):
    with work_as() as work:
        put_observation(work.connection, "a1c-7", "ana")
        put_observation(work.connection, "a1c-of-ben", "ben")
    take([gap_row(key, "ana"), gap_row(key, "ben")])
    ben = stored("ben")
    receipt = take([closed_by(key, "ana", "a1c-7"), gap_row(key, "ben")])
    assert (receipt.changed, receipt.unchanged) == (1, 1)
    assert stored("ana")["evidence_id"] == "a1c-7"
    assert stored("ana")["computed_status"] == "closed"
    assert stored("ben") == ben


def test_an_answer_takes_the_label_that_the_chart_gives_its_evidence_by_its_codes_and_a_second_run_changes_nothing(
    take, key, stored, work_as
):
    """An HIV test that nobody labelled: the lake knows no label of it, and yet the gap is not everybody's."""
    with work_as() as work:
        put_observation(work.connection, "hiv-1", "ana")
        work.connection.execute(
            text("UPDATE fhir.observation SET sensitivity = '{ETH,HIV}' WHERE id = 'hiv-1'")
        )
        put_observation(work.connection, "a1c-1", "ana")
    rows = [closed_by(key, "ana", "hiv-1"), {**closed_by(key, "ana", "a1c-1"), "source_id": "colorectal"}]
    assert take(rows).inserted == 2
    assert stored("ana")["evidence_sensitivity"] == "ETH HIV"
    assert stored("ana", "colorectal")["evidence_sensitivity"] is None
    assert take(rows).unchanged == 2
    with work_as() as work:
        work.connection.execute(text("UPDATE fhir.observation SET sensitivity = NULL WHERE id = 'hiv-1'"))
    assert take(rows).changed == 1
    assert stored("ana")["evidence_sensitivity"] is None


def test_evidence_of_another_patient_is_not_resolved(take, key, stored, work_as):
    with work_as() as work:
        put_observation(work.connection, "a1c-of-ben", "ben")
    take([closed_by(key, "ana", "a1c-of-ben")])
    assert stored("ana")["evidence_id"] is None


def test_evidence_of_a_type_that_no_definition_uses_is_refused(take, key):
    row = {**closed_by(key, "ana", "x"), "evidence_type": 'Patient"; DROP TABLE care_gaps.gap; --'}
    with pytest.raises(BadRequest):
        take([row])


def test_a_patient_changed_since_the_snapshot_is_skipped(take, key, stored, work_as):
    take([gap_row(key, "ana"), gap_row(key, "ben")])
    with work_as() as work:
        watermark = transaction_now(work)
    with work_as() as work:
        announce(
            work.connection,
            act="update",
            resource_type="Observation",
            resource_id="x",
            version_id=1,
            patient_ids=["ana"],
            code_tokens=[],
        )
    changed = {"computed_status": "excluded", "gap_kind": "none", "reason_code": "hospice"}
    receipt = take(
        [gap_row(key, "ana", **changed), gap_row(key, "ben", **changed)], outbox_transaction=watermark
    )
    assert (receipt.skipped_changed_since, receipt.changed) == (1, 1)
    assert stored("ana")["computed_status"] == "open"
    assert stored("ben")["computed_status"] == "excluded"


def test_a_patient_changed_since_is_not_removed_either(take, key, stored, work_as):
    take([gap_row(key, "ana"), gap_row(key, "ben")])
    with work_as() as work:
        watermark = transaction_now(work)
    with work_as() as work:
        announce(
            work.connection,
            act="update",
            resource_type="Patient",
            resource_id="ana",
            version_id=2,
            patient_ids=["ana"],
            code_tokens=[],
        )
    assert take([gap_row(key, "ben")], outbox_transaction=watermark).removed == 0
    assert stored("ana")["present"]


def test_a_snapshot_that_saw_the_change_does_not_skip_it(take, key, stored, work_as):
    take([gap_row(key, "ana")])
    with work_as() as work:
        announce(
            work.connection,
            act="update",
            resource_type="Observation",
            resource_id="x",
            version_id=1,
            patient_ids=["ana"],
            code_tokens=[],
        )
    with work_as() as work:
        seen = work.connection.execute(text("SELECT pg_current_snapshot()::text")).scalar_one()
    changed = gap_row(key, "ana", due_on=AS_OF)
    scope = {"snapshot": seen, "outbox_transaction": 0, "patient_keys": (changed["patient_key"],)}
    assert take([changed], **scope).changed == 1


@pytest.mark.parametrize(
    ("contract", "row_of", "table"),
    [(CARE_GAPS, gap_row, "care_gaps.gap"), (MEASURE_RESULTS, flag_row, "quality.measure_flag")],
    ids=["gaps", "flags"],
)
def test_a_patient_first_measured_while_the_night_compares_has_one_row_and_the_night_goes_on(
    take, key, work_as, monkeypatch, contract, row_of, table
):
    """On two connections: the worker's answer about a new patient is committed between look and lock."""
    compare = taking.resolve_evidence

    def measure_meanwhile(connection, delta, pseudonym_key):
        monkeypatch.setattr(taking, "resolve_evidence", compare)
        who = key.pseudonym("Patient", "ana")
        assert take([row_of(key, "ana")], contract=contract, patient_keys=(who,)).inserted == 1
        return compare(connection, delta, pseudonym_key)

    monkeypatch.setattr(taking, "resolve_evidence", measure_meanwhile)
    receipt = take([row_of(key, "ana"), row_of(key, "ben")], contract=contract)
    assert (receipt.inserted, receipt.unchanged) == (1, 1)
    with work_as() as work:
        assert work.connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 2
        assert recount_cells(work.connection) == 0


def test_people_whom_a_run_could_not_check_keep_what_was_said_of_them(take, key, stored):
    take([gap_row(key, "ana"), gap_row(key, "ben")])
    before = stored("ana")
    receipt = take([gap_row(key, "ben")], not_checked=(key.pseudonym("Patient", "ana"),))
    assert (receipt.removed, receipt.unchanged) == (0, 1)
    assert stored("ana") == before


def test_rows_that_a_complete_run_no_longer_says_are_set_aside_and_come_back_with_what_people_decided(
    take, key, stored, work_as
):
    take([gap_row(key, "ana"), gap_row(key, "ben")])
    with work_as() as work:
        work.connection.execute(
            text(
                "UPDATE care_gaps.gap SET human_state = 'snoozed', human_until = '2027-01-01' "
                "WHERE patient_id = 'ana'"
            )
        )
    assert take([gap_row(key, "ben")]).removed == 1
    assert not stored("ana")["present"]
    assert take([gap_row(key, "ana"), gap_row(key, "ben")]).changed == 1
    back = stored("ana")
    assert back["present"]
    assert back["human_state"] == "snoozed"
    with work_as() as work:
        acts = work.connection.execute(
            text("SELECT act FROM care_gaps.event WHERE patient_id = 'ana' ORDER BY event_id")
        ).scalars()
        assert acts.all() == ["removed", "returned"]


def test_a_write_back_for_some_patients_and_definitions_leaves_the_others_alone(take, key, stored):
    take([gap_row(key, "ana"), gap_row(key, "ana", "tobacco_screening"), gap_row(key, "ben")])
    receipt = take(
        [], patient_keys=(key.pseudonym("Patient", "ana"),), source_ids=("glycemic_control",), snapshot=None
    )
    assert receipt.removed == 1
    assert not stored("ana")["present"]
    assert stored("ana", "tobacco_screening")["present"]
    assert stored("ben")["present"]


def test_a_part_of_a_run_speaks_for_its_range_of_pseudonyms_only(take, key, stored):
    take([gap_row(key, person) for person in ("ana", "ben", "cleo")])
    ordered = sorted(("ana", "ben", "cleo"), key=lambda person: key.pseudonym("Patient", person))
    middle = key.pseudonym("Patient", ordered[1])
    receipt = take([gap_row(key, ordered[0])], patient_to=middle)
    assert (receipt.unchanged, receipt.removed) == (1, 0)
    assert take([gap_row(key, ordered[1])], patient_from=middle).removed == 1
    assert not stored(ordered[2])["present"]


def test_a_complete_run_that_says_nothing_is_refused_and_removes_nothing(take, key, stored):
    take([gap_row(key, "ana")])
    with pytest.raises(Conflict):
        take([])
    assert stored("ana")["present"]


def test_evidence_ends_a_workflow_state_but_never_a_manual_one(take, key, stored, work_as):
    take([gap_row(key, "ana")])
    with work_as() as work:
        put_observation(work.connection, "a1c-7", "ana")
        work.connection.execute(
            text(
                "UPDATE care_gaps.gap SET workflow_state = 'outreach_sent', workflow_until = '2026-12-01', "
                "human_state = 'excluded', human_until = '2027-06-01', human_reason = 'moved_away'"
            )
        )
    take([closed_by(key, "ana", "a1c-7")])
    row = stored("ana")
    assert row["workflow_state"] is None
    assert (row["human_state"], row["human_reason"]) == ("excluded", "moved_away")


def test_a_new_result_ends_result_pending_even_when_the_gap_stays_open(take, key, stored, work_as):
    take([gap_row(key, "ana")])
    with work_as() as work:
        put_observation(work.connection, "a1c-10", "ana")
        work.connection.execute(
            text("UPDATE care_gaps.gap SET workflow_state = 'result_pending', workflow_until = '2026-12-20'")
        )
    above = {"computed_status": "open", "gap_kind": "above_goal", "reason_code": "above_goal"}
    take([{**closed_by(key, "ana", "a1c-10"), **above}])
    assert stored("ana")["workflow_state"] is None


def test_unknown_patients_are_refused_and_counted(take, key):
    stranger = gap_row(key, "nobody")
    receipt = take([gap_row(key, "ana"), stranger])
    assert (receipt.received, receipt.inserted, receipt.refused_unknown_patient) == (2, 1, 1)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"computed_status": "perhaps"}, BadRequest),
        ({"reason_code": None}, BadRequest),
        ({"key_id": "other-key"}, BadRequest),
    ],
)
def test_rows_that_break_their_contract_are_refused_whole(take, key, change, error):
    with pytest.raises(error) as refused:
        take([gap_row(key, "ana"), {**gap_row(key, "ben"), **change}])
    assert key.pseudonym("Patient", "ben") not in refused.value.message


def test_a_key_that_was_never_given_out_is_refused(take, key):
    with pytest.raises(NotFound):
        take([], key_id="limited-99")


def test_cells_follow_flags_and_strata_exactly(take, key, work_as):
    take([stratum_row(key, "ana"), stratum_row(key, "ben", sex="male")], contract=PATIENT_STRATA)
    take([flag_row(key, "ana"), flag_row(key, "ben"), flag_row(key, "cleo")], contract=MEASURE_RESULTS)
    take(
        [flag_row(key, "ana", numerator=True), flag_row(key, "ben", denominator_exclusion=True)],
        contract=MEASURE_RESULTS,
    )
    take([stratum_row(key, "ana", sex="male"), stratum_row(key, "cleo")], contract=PATIENT_STRATA)
    with work_as() as work:
        cells = work.connection.execute(
            text(
                "SELECT stratum_value, initial_population, denominator, exclusions, numerator "
                "FROM quality.summary_cell "
                "WHERE stratum_kind IN ('all', 'sex') AND initial_population > 0 ORDER BY 1"
            )
        ).all()
        assert [tuple(cell) for cell in cells] == [
            ("all", 2, 1, 1, 1),
            ("male", 1, 1, 0, 1),
            ("not_recorded", 1, 0, 1, 0),
        ]
        assert recount_cells(work.connection) == 0


@pytest.fixture
def rates(take, key, work_as):
    """Counts by group: Ana met the measure, Ben is excluded, Cleo cannot be judged and has no strata."""
    ana = {"race": "2106-3", "payer": "Medicare", "age_band": "75+"}
    take([stratum_row(key, "ana", **ana), stratum_row(key, "ben", sex="male")], contract=PATIENT_STRATA)
    outside = {"evaluable": False, "initial_population": False, "denominator": False}
    flags = [
        flag_row(key, "ana", numerator=True),
        flag_row(key, "ben", denominator_exclusion=True, exclusion_reason="hospice"),
        flag_row(key, "cleo", not_evaluable_reason="missing_birth_date", **outside),
    ]
    take(flags, contract=MEASURE_RESULTS)
    with work_as() as work:
        found = work.connection.execute(
            text(f"SELECT stratum_kind, stratum_value, {', '.join(COUNTS)} FROM quality.summary_cell")
        ).all()
    return {(row[0], row[1]): list(row[2:]) for row in found if any(row[2:])}


@pytest.mark.parametrize(
    ("kind", "value", "counts"),
    [
        ("all", "all", [2, 1, 1, 0, 1, 1]),
        ("sex", "female", [1, 1, 0, 0, 1, 0]),
        ("sex", "male", [1, 0, 1, 0, 0, 0]),
        ("sex", NOT_RECORDED, [0, 0, 0, 0, 0, 1]),
        ("age_band", "75+", [1, 1, 0, 0, 1, 0]),
        ("race", NOT_RECORDED, [1, 0, 1, 0, 0, 1]),
        ("payer", "Medicare", [1, 1, 0, 0, 1, 0]),
    ],
)
def test_each_population_is_counted_beside_its_rate(rates, kind, value, counts):
    assert rates[kind, value] == counts


def test_every_group_adds_up_to_the_whole(rates):
    for kind in STRATUM_KINDS:
        counts = [row for (found, _), row in rates.items() if found == kind]
        assert [sum(column) for column in zip(*counts, strict=True)] == [2, 1, 1, 0, 1, 1], kind


def test_a_recount_mends_and_tells_cells_that_drifted(take, key, work_as):
    take([flag_row(key, "ana")], contract=MEASURE_RESULTS)
    with work_as() as work:
        work.connection.execute(
            text("UPDATE quality.summary_cell SET numerator = 5 WHERE stratum_kind = 'all'")
        )
        assert recount_cells(work.connection) == 1
        assert recount_cells(work.connection) == 0


def test_flags_of_last_year_are_not_removed_by_this_year_s_run(take, key, work_as):
    last_year = {"period_begin": date(2025, 1, 1), "period_end": date(2025, 12, 31)}
    take([flag_row(key, "ana", **last_year), flag_row(key, "ana")], contract=MEASURE_RESULTS)
    take([flag_row(key, "ana")], contract=MEASURE_RESULTS)
    with work_as() as work:
        kept = work.connection.execute(text("SELECT count(*) FROM quality.measure_flag")).scalar_one()
    assert kept == 2


def test_the_next_change_day_of_a_partial_answer_is_never_later_than_it_was(take, key, work_as):
    def next_change():
        with work_as() as work:
            return work.connection.execute(
                text("SELECT next_change_on FROM care_gaps.measured_patient WHERE patient_id = 'ana'")
            ).scalar_one()

    scope = {"patient_keys": (key.pseudonym("Patient", "ana"),)}
    january, march = date(2027, 1, 1), date(2027, 3, 1)
    take([stratum_row(key, "ana", next_change_on=january)], contract=PATIENT_STRATA, **scope)
    take(
        [stratum_row(key, "ana", next_change_on=march)],
        contract=PATIENT_STRATA,
        source_ids=("glycemic_control",),
        **scope,
    )
    assert next_change() == january
    take([stratum_row(key, "ana", next_change_on=march)], contract=PATIENT_STRATA, **scope)
    assert next_change() == march


def test_a_partial_answer_ends_no_quarantine_and_a_whole_one_does(take, key, work_as):
    def quarantined():
        with work_as() as work:
            return work.connection.execute(
                text("SELECT quarantined FROM care_gaps.measured_patient WHERE patient_id = 'ana'")
            ).scalar_one()

    with work_as() as work:
        count_failures(work, ["ana"], failures=3)
    scope = {"contract": PATIENT_STRATA, "patient_keys": (key.pseudonym("Patient", "ana"),)}
    take([stratum_row(key, "ana")], source_ids=("glycemic_control",), **scope)
    assert quarantined()
    take([stratum_row(key, "ana")], **scope)
    assert not quarantined()


def test_every_write_back_is_audited_with_the_patients_that_it_touched(take, key, work_as):
    take([gap_row(key, "ana"), gap_row(key, "ben")])
    take([gap_row(key, "ana", due_on=AS_OF), gap_row(key, "ben")])
    with work_as() as work:
        audited = work.connection.execute(
            text("SELECT patient_ids FROM audit.event WHERE act = 'pipeline.write_back' ORDER BY at, id")
        ).scalars()
        assert audited.all() == [["ana", "ben"], ["ana"]]
