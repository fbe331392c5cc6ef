"""The summary's sections as HTML: allergies, problems, medications, vitals, visits."""

from __future__ import annotations

from dashboards.shared.markup import lines, tag, text
from dashboards.shared.site_time import show_date
from data_contracts.api.chart import (
    Allergy,
    ChartSummary,
    Medication,
    Problem,
    ResultSeries,
    SummarySection,
)

MEDICATION_STATUS_WORDS = {
    "active": "",
    "on-hold": "On hold: not being taken",
    "intended": "Not begun yet",
    "unknown": "Not known whether it is taken",
}


def section_html(summary: ChartSummary, section: SummarySection, html: str) -> str:
    """The section, unless it could not be read: then its emptiness would be a lie."""
    if section in summary.unavailable:
        return (
            '<p class="warn">This part of the record could not be read. Do not rely on its being empty.</p>'
        )
    return html


def allergies_html(summary: ChartSummary) -> str:
    """The list belongs to the state 'known' only; the other three states say what they mean."""
    if summary.allergy_state == "known":
        return lines((_allergy(allergy) for allergy in summary.allergies), "")
    explained = {
        "none_known": "The patient was asked: no known allergies.",
        "not_recorded": "Nobody has recorded an answer. This does not mean that there are none.",
        "unavailable": "The allergy list could not be read. Do not prescribe on the strength of this page.",
    }
    kind = "quiet" if summary.allergy_state == "none_known" else "warn"
    return f'<p class="{kind}">{explained[summary.allergy_state]}</p>'


def _allergy(allergy: Allergy) -> str:
    reactions = ", ".join(allergy.reactions) or "reaction not recorded"
    severity = allergy.severity or (
        f"criticality {allergy.criticality}" if allergy.criticality else "severity not recorded"
    )
    return f"<b>{text(allergy.substance)}</b> {text(reactions)} <span class='quiet'>({text(severity)})</span>"


def problems_html(summary: ChartSummary) -> str:
    return lines((problem_html(problem) for problem in summary.problems), "No active problems recorded")


def problem_html(problem: Problem) -> str:
    since = f"since {show_date(problem.onset)}" if problem.onset else "onset not recorded"
    return f"<b>{text(problem.name)}</b> <span class='quiet'>{text(problem.code, '')} · {text(since)}</span>"


def medications_html(summary: ChartSummary) -> str:
    return lines(
        (medication_html(medication) for medication in summary.medications),
        "No current medications recorded, neither prescribed nor reported",
    )


def medication_html(medication: Medication) -> str:
    """Name, standing, dose. Whatever is not plainly being taken says so beside its name."""
    since = f" · since {show_date(medication.since)}" if medication.since else ""
    marks = [
        tag(words, "open" if medication.status == "on-hold" else "apart") for words in _standing(medication)
    ]
    return (
        f"<b>{text(medication.name)}</b> {' '.join(marks)}<br><span class='quiet'>DOSE</span> "
        f"<b>{text(medication.dose, 'not recorded')}</b><span class='quiet'>{text(since, '')}</span>"
    )


def _standing(medication: Medication) -> list[str]:
    standing = [MEDICATION_STATUS_WORDS.get(medication.status, medication.status)]
    if medication.kind == "reported":
        standing.append("Reported, not prescribed here")
    return [words for words in standing if words]


def vitals_html(summary: ChartSummary) -> str:
    return lines(
        (_vital(series) for series in summary.latest_vitals if series.points), "No vital signs recorded"
    )


def _vital(series: ResultSeries) -> str:
    newest = series.points[0]
    flag = f' <span class="flag-{newest.flag}">{newest.flag}</span>' if newest.flag not in (None, "N") else ""
    when = f"<span class='quiet'>{text(show_date(newest.at))}</span>"
    return f"{text(series.name)} <b>{text(newest.text)}</b>{flag} {when}"


def history_html(summary: ChartSummary) -> str:
    visits = section_html(summary, "encounters", _visits_html(summary))
    shots = lines((text(line) for line in summary.immunizations), "No immunizations recorded")
    return f"{visits}<h4>Immunizations</h4>{section_html(summary, 'immunizations', shots)}"


def _visits_html(summary: ChartSummary) -> str:
    return lines(
        (
            f"{text(show_date(visit.on))} {text(visit.kind)} <span class='quiet'>{text(visit.reason, '')}</span>"
            for visit in summary.encounters
        ),
        "No visits recorded",
    )
