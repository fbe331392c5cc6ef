"""Acts of reading the chart: the summary, the results. Each checks who asks, and is audited."""

from __future__ import annotations

from data_contracts.api.chart import ChartSummary, ResultsView
from data_contracts.api.patients import PatientBanner
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.allergies import judge_allergies
from ehr_core.charting.queries import ChartFacts, all_observations, chart_facts, subject_of
from ehr_core.charting.series import Reading, result_series
from ehr_core.charting.summary import (
    NEWEST_ENCOUNTERS,
    active_medications,
    active_problems,
    immunization_lines,
    newest_encounters,
)
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.fhir_json import words

NO_SUCH_PATIENT = "There is no such patient. Search again; the record may have been deleted."


def require_reading(work: UnitOfWork, patient_id: str) -> None:
    """Staff need chart.read; a patient reads their own record, and is told of no other."""
    if work.actor.kind == "patient":
        work.actor.require("own.read")
        if work.actor.patient_id != patient_id:
            raise NotFound(NO_SUCH_PATIENT)
        return
    work.actor.require("chart.read")


def read_summary(work: UnitOfWork, *, banner: PatientBanner) -> ChartSummary:
    """The chart at a glance, below a banner that the caller has read (registration knows who this is)."""
    patient_id = banner.patient_id
    require_reading(work, patient_id)
    facts = chart_facts(work, patient_id, encounters=NEWEST_ENCOUNTERS)
    state, allergies = judge_allergies(
        facts.by_type["AllergyIntolerance"], some_are_hidden=bool(facts.hidden["AllergyIntolerance"])
    )
    summary = ChartSummary(
        banner=banner,
        allergy_state=state,
        allergies=allergies,
        problems=active_problems(facts.by_type["Condition"]),
        medications=active_medications(facts.by_type["MedicationRequest"], _medication_names(facts)),
        latest_vitals=result_series(facts.observations, reading_of(work)),
        encounters=newest_encounters(facts.by_type["Encounter"]),
        immunizations=immunization_lines(facts.by_type["Immunization"]),
        hidden_items=facts.hidden_items,
    )
    work.audit("chart_summary_read", patient_id=patient_id, detail={"hidden_items": facts.hidden_items})
    return summary


def _medication_names(facts: ChartFacts) -> dict[str, str]:
    named = ((item["id"], words(item.get("code"))) for item in facts.by_type["Medication"])
    return {identity: name for identity, name in named if name}


def read_results(work: UnitOfWork, *, patient_id: str) -> ResultsView:
    """Every result of one patient that the actor may see, one series a test."""
    require_reading(work, patient_id)
    facts = all_observations(work, patient_id)
    if not facts.observations and not facts.hidden_items and subject_of(work, patient_id) is None:
        raise NotFound(NO_SUCH_PATIENT)
    series = result_series(facts.observations, reading_of(work))
    work.audit(
        "results_read",
        patient_id=patient_id,
        detail={"series": len(series), "hidden_items": facts.hidden_items},
    )
    return ResultsView(patient_id=patient_id, series=series, hidden_items=facts.hidden_items)


def reading_of(work: UnitOfWork) -> Reading:
    return Reading(work.today(), work.site_time_zone, may_write=work.actor.may("chart.write"))
