"""Acts of reading the chart: the summary, the results, past care. Each checks who asks, and is audited."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from data_contracts.api.chart import ChartSummary, PastCare, ResultSeries, ResultsView, SummarySection
from data_contracts.api.patients import PatientBanner
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.allergies import judge_allergies
from ehr_core.charting.past_care import document_lines, procedure_lines, vaccination_lines
from ehr_core.charting.queries import (
    ChartFacts,
    all_results,
    chart_facts,
    newest_results,
    past_care_facts,
    subject_of,
)
from ehr_core.charting.series import Reading, result_series
from ehr_core.charting.summary import (
    NEWEST_ENCOUNTERS,
    active_problems,
    current_medications,
    immunization_lines,
    newest_encounters,
)
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.fhir_json import codings, words
from ehr_core.kernel.logging import get_logger

Resource = dict[str, Any]
Shown = TypeVar("Shown")

log = get_logger("charting")

NO_SUCH_PATIENT = "There is no such patient. Search again; the record may have been deleted."


def require_chart(work: UnitOfWork, patient_id: str) -> None:
    """Raises NotFound for a chart that is not there or is shut: of such a one nobody reads that it is empty."""
    if subject_of(work, patient_id) is None:
        raise NotFound(NO_SUCH_PATIENT)


def require_reading(work: UnitOfWork, patient_id: str) -> None:
    """Staff need chart.read; a patient reads their own record, and is told of no other."""
    if work.actor.kind == "patient":
        work.actor.require("own.read")
        if work.actor.patient_id != patient_id:
            raise NotFound(NO_SUCH_PATIENT)
        return
    work.actor.require("chart.read")


def read_summary(work: UnitOfWork, *, banner: PatientBanner) -> ChartSummary:
    """The chart at a glance, below a banner that the caller has read (registration knows who this is).

    A section that cannot be read is named in `unavailable`, and leaves the others.
    """
    patient_id = banner.patient_id
    require_reading(work, patient_id)
    facts = chart_facts(work, patient_id, encounters=NEWEST_ENCOUNTERS)
    sections = Sections(facts)
    state, allergies = sections.read(
        "allergies",
        ("AllergyIntolerance",),
        lambda found: judge_allergies(found, some_are_hidden=bool(facts.hidden["AllergyIntolerance"])),
        judge_allergies(None),
    )
    summary = ChartSummary(
        banner=banner,
        allergy_state=state,
        allergies=allergies,
        problems=sections.read("problems", ("Condition",), active_problems, []),
        medications=sections.read(
            "medications",
            ("MedicationRequest", "MedicationStatement", "Medication"),
            lambda asked, taken, named: current_medications(asked, taken, medication_names(named)),
            [],
        ),
        latest_vitals=sections.read(
            "vitals", ("Observation",), lambda _: result_series(facts.results, reading_of(work)), []
        ),
        encounters=sections.read("encounters", ("Encounter",), newest_encounters, []),
        immunizations=sections.read("immunizations", ("Immunization",), immunization_lines, []),
        unavailable=sections.unavailable,
        hidden_items=facts.hidden_items,
    )
    work.audit("chart_summary_read", patient_id=patient_id, detail={"hidden_items": facts.hidden_items})
    return summary


class Sections:
    """Reads a summary section by section, and keeps which of them could not be read."""

    def __init__(self, facts: ChartFacts):
        self._facts = facts
        self.unavailable: list[SummarySection] = []

    def read(
        self, section: SummarySection, kinds: tuple[str, ...], present: Callable[..., Shown], unread: Shown
    ) -> Shown:
        """What `present` makes of the resources of these kinds; `unread` when they, or it, failed.

        Any failure counts: a record that nobody foresaw must cost its own section, not the whole chart.
        """
        if not any(self._facts.unreadable[kind] for kind in kinds):
            try:
                return present(*map(self._facts.of, kinds))
            except Exception as error:
                log.error("chart_section_failed", section=section, kind=type(error).__name__)
        self.unavailable.append(section)
        return unread


def medication_names(medications: list[Resource]) -> dict[str, str]:
    """What Medication resources are called, by their ids."""
    named = ((item["id"], words(item.get("code"))) for item in medications)
    return {identity: name for identity, name in named if name}


def read_results(
    work: UnitOfWork, *, patient_id: str, newest: int | None = None, code: str | None = None
) -> ResultsView:
    """Every result of one patient that the actor may see, observations and reports, one series a test.

    With `newest`, of each test only so many, and whatever waits for review; `older` counts the rest. With `code`
    (`system|code`) only that test.
    """
    require_reading(work, patient_id)
    totals: dict[str, int] = {}
    if newest is not None and code is None:
        facts, totals = newest_results(work, patient_id, newest)
    else:
        facts = all_results(work, patient_id, lambda result: code is None or _is_of(result, code))
    if not (facts.results or facts.hidden_items or facts.unreadable_items):
        _require_patient(work, patient_id)
    series = [_with_older(one, totals) for one in result_series(facts.results, reading_of(work))]
    work.audit(
        "results_read",
        patient_id=patient_id,
        detail={"series": len(series), "hidden_items": facts.hidden_items},
    )
    return ResultsView(
        patient_id=patient_id,
        series=series,
        hidden_items=facts.hidden_items,
        unreadable_items=facts.unreadable_items,
    )


def _is_of(result: Resource, code: str) -> bool:
    """Of that test, as its own code or as a part of a panel."""
    concepts = [result.get("code"), *(part.get("code") for part in result.get("component") or ())]
    return any(f"{system}|{found}" == code for concept in concepts for system, found in codings(concept))


def _with_older(series: ResultSeries, totals: dict[str, int]) -> ResultSeries:
    older = totals.get(f"{series.system}|{series.code}", 0) - len(series.points)
    return series.model_copy(update={"older": older}) if older > 0 else series


def read_past_care(work: UnitOfWork, *, patient_id: str) -> PastCare:
    """What was done and what came on paper: procedures, vaccinations, documents; retracted ones are marked."""
    work.actor.require("chart.read")
    facts = past_care_facts(work, patient_id)
    if not (facts.stored or facts.unreadable_items):
        _require_patient(work, patient_id)
    work.audit("past_care_read", patient_id=patient_id)
    return PastCare(
        patient_id=patient_id,
        procedures=procedure_lines(facts.stored["Procedure"]),
        immunizations=vaccination_lines(facts.stored["Immunization"]),
        documents=document_lines(facts.stored["DocumentReference"]),
        unreadable_items=facts.unreadable_items,
    )


def _require_patient(work: UnitOfWork, patient_id: str) -> None:
    if subject_of(work, patient_id) is None:
        raise NotFound(NO_SUCH_PATIENT)


def reading_of(work: UnitOfWork) -> Reading:
    return Reading(work.today(), work.site_time_zone, may_write=work.actor.may("chart.write"))
