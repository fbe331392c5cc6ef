"""A score in words: value and tier, each fact that counts with a link to it in the chart, and what is missing."""

from __future__ import annotations

from dashboards.shared.fact_link import fact_link
from dashboards.shared.markup import lines, tag, text
from dashboards.shared.site_time import show_date
from data_contracts.api.risk import TIER_WORDS, PatientRisk, RiskDriver, RiskScore

PURPOSE_WORDS = {
    "payment": "What a Medicare plan is paid. It says nothing of the care that is needed and makes no tier.",
    "comorbidity": "By the diagnoses that stand, coded in ICD-10-CM.",
    "cardiovascular": "A first event within ten years, for people without known cardiovascular disease.",
}


def score_html(score: RiskScore, patient_id: str) -> str:
    """Value and tier, the facts that count with day and code, what is missing, and what it was computed by."""
    return (
        f'<div class="card"><h4>{text(score.title)} {_value(score)}</h4><p>{_explained(score)}</p>'
        f'{facts_html(score, patient_id)}<p class="quiet">{text(PURPOSE_WORDS[score.purpose])} '
        f"{text(score.version)} · as of {text(show_date(score.as_of))}</p></div>"
    )


def deciding_html(risk: PatientRisk) -> str:
    """What gives the tier: of each clinical score that has one or is restricted, the facts."""
    return "".join(
        f'<div class="card"><h4>{text(score.title)} {_value(score)}</h4><p>{_explained(score)}</p>'
        f"{facts_html(score, risk.patient_id)}</div>"
        for score in risk.scores
        if score.purpose != "payment"
    )


def facts_html(score: RiskScore, patient_id: str) -> str:
    """A line for each fact; of what is withheld only the number."""
    told = [_fact(driver, patient_id) for driver in score.drivers]
    if score.withheld:
        facts = "1 fact" if score.withheld == 1 else f"{score.withheld} facts"
        told.append(f'<span class="quiet">{facts} not shown: restricted, or no longer in the record</span>')
    return lines(told, "") if told else ""


def _value(score: RiskScore) -> str:
    if score.masked:
        return tag("Restricted", "apart")
    if score.value is None:
        return tag("Unknown", "apart")
    words = f"{score.value:.1f} %" if score.unit == "%" else f"{score.value:g}"
    tier = f" · {TIER_WORDS[score.tier]}" if score.tier else ""
    return f"<b>{text(words + tier)}</b>"


def _explained(score: RiskScore) -> str:
    if score.masked:
        return "A restricted part of the record counts here. You may not see it."
    if score.unknown:
        return text(score.unknown if score.purpose == "payment" else f"{score.unknown} Unknown is not low.")
    return "" if score.drivers or score.withheld else "No recorded condition counts."


def _fact(driver: RiskDriver, patient_id: str) -> str:
    """Part, name as a link, value with its unit, code, day."""
    when = show_date(driver.on) if driver.on else "day not recorded"
    more = " · ".join(text(part) for part in (driver.code, when) if part)
    value = f" <b>{text(driver.value)}</b>" if driver.value else ""
    link = fact_link(driver.what or driver.code, patient_id, driver.resource_type, driver.resource_id)
    return f"{text(driver.part)}: {link}{value} <span class='quiet'>{more}</span>"
