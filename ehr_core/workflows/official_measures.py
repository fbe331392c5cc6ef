"""Activates and deactivates an official measure: the night and the worker follow, and its gaps go with it."""

from __future__ import annotations

from sqlalchemy import text

from data_contracts.api.official_measures import Activation
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.computed import keep_source, withdraw_source
from ehr_core.quality.cells import moving_cells
from ehr_core.quality.official import official_measure, past_their_days, set_active


def activate(work: UnitOfWork, measure_id: str, asked: Activation) -> bool:
    """The next night measures everybody by it; until then the worker measures whoever changes."""
    changed = set_active(work, measure_id, True, asked)
    measure = official_measure(work, measure_id)
    if measure is not None:
        source = {
            "source_id": measure.measure_id,
            "name": measure.name,
            "title": measure.title,
            "source_name": f"{measure.source}, version {measure.version}",
            "why_it_matters": measure.why_it_matters,
            "lower_is_better": measure.improvement == "decrease",
        }
        keep_source(work.connection, source)
    return changed


def deactivate(work: UnitOfWork, measure_id: str, asked: Activation) -> bool:
    """Takes its gaps off every list at once, and its results of the present period; earlier periods stay."""
    changed = set_active(work, measure_id, False, asked)
    if changed:
        withdraw_source(work, "measure", measure_id)
        _forget_present(work, measure_id)
    return changed


def let_lapse(work: UnitOfWork) -> None:
    """Deactivates what was to be active up to a day that has passed: its gaps go, the results of its year stay."""
    for measure_id in past_their_days(work):
        ended = Activation(operator=work.actor.name, reason="its last day has passed")
        if set_active(work, measure_id, False, ended):
            withdraw_source(work, "measure", measure_id)


def _forget_present(work: UnitOfWork, measure_id: str) -> None:
    values = {"id": measure_id, "today": work.today()}
    present = "official AND measure_id = :id AND period_begin <= :today AND period_end >= :today"
    people = "forgotten_people"
    work.connection.execute(
        text(f"CREATE TEMP TABLE IF NOT EXISTS {people} (patient_id text) ON COMMIT DELETE ROWS")
    )
    work.connection.execute(text(f"DELETE FROM {people}"))
    work.connection.execute(
        text(f"INSERT INTO {people} SELECT patient_id FROM quality.measure_flag WHERE {present}"), values
    )
    with moving_cells(work.connection, people):
        work.connection.execute(text(f"DELETE FROM quality.measure_flag WHERE {present}"), values)
    work.connection.execute(
        text(
            "DELETE FROM quality.measure_evidence AS fact WHERE measure_id = :id AND NOT EXISTS ("
            "SELECT 1 FROM quality.measure_flag AS flag WHERE flag.measure_id = fact.measure_id "
            "AND flag.patient_id = fact.patient_id AND flag.period_begin = fact.period_begin)"
        ),
        values,
    )
