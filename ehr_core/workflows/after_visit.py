"""Puts the after-visit summary together: who (registration), what was said (charting), what comes next (scheduling)."""

from __future__ import annotations

import tomllib
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import text

from data_contracts.api.after_visit import AfterVisitSummary, SummaryLanguage, SummaryPart
from data_contracts.api.chart import ChartSummary, Medication
from data_contracts.api.notes import NoteContent
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.encounters import VISIT_TYPE
from ehr_core.charting.moments import day_of
from ehr_core.charting.notes.model import content_of, find_note
from ehr_core.charting.notes.reading import read_note
from ehr_core.charting.notes.templates import template_of
from ehr_core.charting.plans import read_plans
from ehr_core.display import show_time
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.fhir_json import codings, decode
from ehr_core.scheduling.queries import next_appointments
from ehr_core.store.repository import Store
from ehr_core.workflows.open_chart import open_chart

NOTE_FOR_PATIENT = "patient"
NO_SUCH_VISIT = "There is no note of such a visit. Open the summary from the note of the visit."

OF_VISIT = text("""
SELECT note_id FROM charting.note
WHERE encounter_id = :encounter_id AND kind IN ('note', 'amendment') AND state IN ('draft', 'signed')
ORDER BY (state = 'signed') DESC, created_at DESC LIMIT 1
""")


@cache
def wording() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("after_visit.toml").read_text(encoding="utf-8"))


def after_visit_summary(
    work: UnitOfWork, *, encounter_id: str, language: SummaryLanguage | None = None
) -> AfterVisitSummary:
    """In the language asked for, else the patient's own where the summary speaks it, else English.

    Raises NotFound for a visit without a note.
    """
    work.actor.require("chart.read")
    row = work.connection.execute(OF_VISIT, {"encounter_id": encounter_id}).scalars().first()
    if row is None:
        raise NotFound(NO_SUCH_VISIT)
    note = find_note(work, str(row))
    content = _content(work, note)
    chart = open_chart(work, patient_id=note.patient_id)
    spoken: SummaryLanguage = language or ("es" if chart.banner.language == "Spanish" else "en")
    said = wording()[spoken]
    encounter = decode(Store(work).read("Encounter", encounter_id).body)
    parts = [
        SummaryPart(heading=said["reasons"], lines=_reasons(content, spoken)),
        SummaryPart(heading=said["instructions"], lines=_instructions(content)),
        SummaryPart(heading=said["medicines"], lines=_medicines(chart.medications, said)),
        SummaryPart(heading=said["allergies"], lines=_allergies(chart, said)),
        SummaryPart(heading=said["vitals"], lines=_vitals(work, chart, said)),
        SummaryPart(heading=said["goals"], lines=_goals(work, note.patient_id)),
        SummaryPart(heading=said["next"], lines=_next(work, note.patient_id, encounter, said)),
    ]
    return AfterVisitSummary(
        patient=chart.banner,
        encounter_id=encounter_id,
        language=spoken,
        title=said["title"],
        about=_about(work, encounter, said),
        parts=[part for part in parts if part.lines],
        closing=said["closing"],
        signed=note.state == "signed",
        missing=_missing(note.template_id, content, chart),
    )


def plain_name(code: str | None, name: str, language: SummaryLanguage) -> str:
    """A diagnosis in plain words where there are some, else as the clinician called it."""
    plain = wording()["plain"]
    fits = [start for start in plain if code and code.startswith(start)]
    return plain[max(fits, key=len)][language] if fits else name


def _content(work: UnitOfWork, note: Any) -> NoteContent:
    if note.state == "draft":
        return content_of(note)
    return read_note(work, note_id=str(note.note_id)).content or NoteContent()


def _about(work: UnitOfWork, encounter: dict[str, Any], said: dict[str, Any]) -> str:
    coded = (pair for concept in encounter.get("type") or () for pair in codings(concept))
    kinds = {code for system, code in coded if system == VISIT_TYPE}
    kind = next((said["kinds"][code] for code in kinds if code in said["kinds"]), said["kinds"]["other"])
    day = _long_day(day_of((encounter.get("period") or {}).get("start"), work.site_time_zone), said)
    people = ((part.get("individual") or {}).get("display") for part in encounter.get("participant") or ())
    whom = next(filter(None, people), None)
    return said["about" if whom else "about_nobody"].format(kind=kind, day=day, whom=whom)


def _reasons(content: NoteContent, language: SummaryLanguage) -> list[str]:
    return list(dict.fromkeys(plain_name(item.code, item.name, language) for item in content.plan))


def _instructions(content: NoteContent) -> list[str]:
    """What the clinician wrote for the patient, line by line; never the words that are meant for colleagues."""
    written = content.texts.get(NOTE_FOR_PATIENT, "")
    return [line.strip() for line in written.splitlines() if line.strip()]


def _medicines(medications: list[Medication], said: dict[str, Any]) -> list[str]:
    if not medications:
        return [said["medicines_none"]]
    lines = []
    for medication in medications:
        line = said["medicine"].format(
            name=medication.name, dose=_without_stop(medication.dose or said["no_dose"])
        )
        lines.append(f"{line} {said['on_hold']}" if medication.status == "on-hold" else line)
    return lines


def _without_stop(sentence: str) -> str:
    """A written dose may be a whole sentence; ours adds the full stop."""
    return sentence.rstrip().removesuffix(".")


def _allergies(chart: ChartSummary, said: dict[str, Any]) -> list[str]:
    if chart.allergy_state == "known":
        return [allergy.substance for allergy in chart.allergies]
    words = {
        "none_known": "no_allergies",
        "not_recorded": "allergies_unknown",
        "unavailable": "allergies_unavailable",
    }
    return [said[words[chart.allergy_state]]]


def _long_day(day: date | None, said: dict[str, Any]) -> str:
    """A day as the patient's language writes it; '—' when the record does not say."""
    if day is None:
        return "—"
    return said["day"].format(month=said["months"][day.month - 1], day=day.day, year=day.year)


def _vitals(work: UnitOfWork, chart: ChartSummary, said: dict[str, Any]) -> list[str]:
    """Only those of today: an old value is not today's measurement."""
    return [
        f"{said['measures'].get(series.code, series.name)}: {series.points[0].text}"
        for series in chart.latest_vitals
        if series.points and day_of(series.points[0].at, work.site_time_zone) == work.today()
    ]


def _goals(work: UnitOfWork, patient_id: str) -> list[str]:
    return [
        goal.description for goal in read_plans(work, patient_id=patient_id).goals if goal.status == "active"
    ]


def _next(work: UnitOfWork, patient_id: str, encounter: dict[str, Any], said: dict[str, Any]) -> list[str]:
    """The booking after this visit; the booking of the visit itself may still lie ahead when it began early."""
    own = [entry.get("reference", "").partition("/")[2] for entry in encounter.get("appointment") or ()]
    found = next_appointments(work, [patient_id], besides=own).get(patient_id)
    if found is None:
        return [said["next_none"]]
    time = show_time(found.starts_at, work.site_time_zone)
    return [said["next_line"].format(day=_long_day(found.on, said), time=time, whom=found.with_whom or "—")]


def _missing(template_id: str, content: NoteContent, chart: ChartSummary) -> list[str]:
    asks = any(section.section_id == NOTE_FOR_PATIENT for section in template_of(template_id).sections)
    found = []
    if asks and not content.texts.get(NOTE_FOR_PATIENT, "").strip():
        found.append(
            "Nothing is written under 'For the patient', so the summary says nothing about what to do."
        )
    if not content.plan:
        found.append("No problem of this visit is chosen.")
    if chart.unavailable:
        found.append("A part of the chart could not be read and is not in the summary.")
    if any(medication.dose is None for medication in chart.medications):
        found.append("A medicine has no dose; the patient is told to ask.")
    return found
