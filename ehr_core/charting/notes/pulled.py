"""Live data of the chart as lines of a note: read now, and read again before signing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import text

from data_contracts.api.chart import ALLERGY_STATE_WORDS, ResultSeries
from data_contracts.api.notes import PulledBlock, PullKind
from ehr_core.access.sensitivity import labels, restricting
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.allergies import judge_allergies
from ehr_core.charting.parts import OBSERVATION_CATEGORY
from ehr_core.charting.queries import ChartFacts, chart_facts, sorted_facts
from ehr_core.charting.reading import medication_names, reading_of
from ehr_core.charting.reviews import DONE
from ehr_core.charting.series import result_series
from ehr_core.charting.summary import active_problems, current_medications
from ehr_core.display import show_date

HEADINGS: dict[PullKind, str] = {
    "allergies": "Allergies",
    "medications": "Medications",
    "problems": "Problems",
    "vitals": "Vital signs",
    "results": "Recent results",
}
TYPES_TOLD: dict[PullKind, tuple[str, ...]] = {
    "allergies": ("AllergyIntolerance",),
    "medications": ("MedicationRequest", "MedicationStatement"),
    "problems": ("Condition",),
    "vitals": ("Observation",),
    "results": (),
}
"""What each block is read from; results are read on their own."""
RESULT_DAYS = 365
"""Results older than this are found on the Results tab; a note shows the year."""
MOST_RESULTS = 15

RECENT = text("""
SELECT 'Observation' AS kind, version_id, body FROM (
  SELECT DISTINCT ON (code_tokens[1]) version_id, body, date_low FROM fhir.observation
  WHERE patient_id = :id AND NOT deleted AND category_tokens && :laboratory AND status = ANY(:done)
    AND date_low >= :since
  ORDER BY code_tokens[1], date_low DESC, id DESC) AS newest
ORDER BY date_low DESC LIMIT :most
""")


def pull(work: UnitOfWork, patient_id: str, kinds: Iterable[PullKind]) -> list[PulledBlock]:
    """The blocks asked for, as the chart stands now; what is not recorded says so, and is never an empty line."""
    wanted = list(dict.fromkeys(kinds))
    if not wanted:
        return []
    facts = chart_facts(work, patient_id, encounters=0)
    work.audit("note_data_pulled", patient_id=patient_id, detail={"kinds": wanted})
    return [_block(work, patient_id, kind, facts, work.now()) for kind in wanted]


def labels_of_pulled(work: UnitOfWork, patient_id: str, kinds: Iterable[PullKind]) -> set[tuple[str, str]]:
    """(system, code) of every label that restricts something that these blocks tell, as the chart stands now."""
    wanted = frozenset(kinds)
    if not wanted:
        return set()
    facts = chart_facts(work, patient_id, encounters=0)
    told = [resource for kind in wanted for name in TYPES_TOLD[kind] for resource in facts.of(name)]
    if "results" in wanted:
        told += [stored.resource for stored in _recent(work, patient_id).results]
    return {label for resource in told for label in restricting(labels(resource))}


def _block(work: UnitOfWork, patient_id: str, kind: PullKind, facts: ChartFacts, at: datetime) -> PulledBlock:
    read = {
        "allergies": lambda: _allergies(facts),
        "medications": lambda: _medications(facts),
        "problems": lambda: [problem.name for problem in active_problems(facts.of("Condition"))],
        "vitals": lambda: _series_lines(work, result_series(facts.results, reading_of(work))),
        "results": lambda: _results(work, patient_id),
    }
    lines = read[kind]() or [f"{HEADINGS[kind]}: none recorded"]
    return PulledBlock(kind=kind, heading=HEADINGS[kind], lines=lines, at=at.replace(microsecond=0))


def _allergies(facts: ChartFacts) -> list[str]:
    state, known = judge_allergies(
        facts.of("AllergyIntolerance"), some_are_hidden=bool(facts.hidden["AllergyIntolerance"])
    )
    if state != "known":
        return [ALLERGY_STATE_WORDS[state]]
    return [
        f"{allergy.substance}: {', '.join(allergy.reactions) or 'reaction not recorded'}" for allergy in known
    ]


def _medications(facts: ChartFacts) -> list[str]:
    listed = current_medications(
        facts.of("MedicationRequest"),
        facts.of("MedicationStatement"),
        medication_names(facts.of("Medication")),
    )
    held = {"on-hold": " (on hold)", "intended": " (not begun yet)", "unknown": " (not known whether taken)"}
    return [
        f"{line.name}, {line.dose or 'dose not recorded'}{held.get(line.status, '')}"
        + (" (reported, not prescribed here)" if line.kind == "reported" else "")
        for line in listed
    ]


def _results(work: UnitOfWork, patient_id: str) -> list[str]:
    return _series_lines(work, result_series(_recent(work, patient_id).results, reading_of(work)))


def _recent(work: UnitOfWork, patient_id: str) -> ChartFacts:
    rows = work.connection.execute(
        RECENT,
        {
            "id": patient_id,
            "laboratory": [f"{OBSERVATION_CATEGORY}|laboratory"],
            "done": sorted(DONE),
            "since": work.now() - timedelta(days=RESULT_DAYS),
            "most": MOST_RESULTS,
        },
    )
    return sorted_facts(work, ((row.kind, row.version_id, row.body) for row in rows))


def _series_lines(work: UnitOfWork, series: Iterable[ResultSeries]) -> list[str]:
    """The newest value of each, with its unit, flag and day."""
    lines = []
    for one in series:
        if one.points:
            newest = one.points[0]
            flag = f" {newest.flag}" if newest.flag not in (None, "N") else ""
            lines.append(f"{one.name} {newest.text}{flag} ({show_date(newest.at, work.site_time_zone)})")
    return lines
