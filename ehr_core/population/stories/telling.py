"""Turns a story's file into a person, their decisions, and the facts that only this story has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from ehr_core.population.decisions.decision import Wish
from ehr_core.population.facts.care import (
    write_allergy,
    write_condition,
    write_medication,
    write_order,
    write_prescription,
    write_vaccine,
)
from ehr_core.population.facts.chart import Chart
from ehr_core.population.facts.habits import write_confidential_visit
from ehr_core.population.facts.identity import write_directive, write_proxy
from ehr_core.population.facts.long_term import write_discharge_to_hospice
from ehr_core.population.facts.results import write_lab
from ehr_core.population.person import Person, age_on, years_before
from ehr_core.population.stories import story_patient_id

Story = Mapping[str, Any]


def tell_person(story: Story, index: int, as_of: date) -> Person:
    """The person of a story as of a day: their age is told, so the birth date follows the day."""
    birth = _birth_date(story["birth"], as_of)
    return Person(
        key=f"story/{story['key']}",
        index=index,
        patient_id=story_patient_id(story["key"]),
        story=story["key"],
        heritage=story.get("heritage", "white"),
        family=story["family"],
        given=list(story["given"]),
        used=story.get("used"),
        birth_date=birth,
        age=age_on(birth, as_of) if birth else None,
        gender=story.get("gender"),
        birth_sex=story.get("birth_sex"),
        gender_identity=story.get("gender_identity"),
        pronouns=story.get("pronouns"),
        language=story.get("language", "en"),
        interpreter=story.get("interpreter"),
        payer=story.get("payer", "commercial"),
        smoking=story.get("smoking", "never"),
        standing=story.get("standing", "active"),
        deceased_on=as_of - timedelta(days=story["deceased_days_ago"])
        if "deceased_days_ago" in story
        else None,
        replaced_by=_other(story, "replaced_by"),
        replaces=_other(story, "replaces"),
        states=set(story.get("states", [])),
        conditions={
            key: as_of - timedelta(days=years * 365) for key, years in story.get("conditions", {}).items()
        },
        allergies=story.get("allergies"),
        organs=tuple(story.get("organs", [])),
        address=story.get("address"),
    )


def _birth_date(told: Mapping[str, Any], as_of: date) -> date | None:
    """`age` with `days_since_birthday`; `leap_age` for 29 February; nothing when it is missing."""
    if "leap_age" in told:
        year = as_of.year - told["leap_age"]
        while year % 4 or (year % 100 == 0 and year % 400):
            year -= 1
        return date(year, 2, 29)
    if "age" not in told:
        return None
    return years_before(as_of, told["age"]) - timedelta(days=told.get("days_since_birthday", 100))


def _other(story: Story, link: str) -> str | None:
    return story_patient_id(story[link]) if link in story else None


def wishes_of(story: Story) -> dict[str, Wish]:
    return {key: Wish(**row) for key, row in story.get("decisions", {}).items()}


def tell_facts(story: Story, chart: Chart) -> None:
    """The story's own facts, after the chart that everybody has."""
    for fact in story.get("fact", []):
        FACTS[fact["kind"]](chart, chart.calendar.days_ago(fact["days_ago"]), fact)


def _lab(chart: Chart, day: date, fact: Story) -> None:
    write_lab(
        chart, fact["test"], day, fact["value"], status=fact.get("status", "final"), unit=fact.get("unit")
    )


def _condition(chart: Chart, day: date, fact: Story) -> None:
    write_condition(
        chart,
        fact["code"],
        fact["name"],
        day,
        verification=fact.get("verification", "confirmed"),
        label=fact.get("label"),
    )


def _medication(chart: Chart, day: date, fact: Story) -> None:
    write_medication(chart, fact["drug"], day, label=fact.get("label"))


def _prescription(chart: Chart, day: date, fact: Story) -> None:
    ago = chart.calendar.days_ago
    write_prescription(
        chart,
        fact["drug"],
        day,
        unit=fact["unit"],
        per_day=fact["per_day"],
        dispensed=ago(fact["dispensed_days_ago"]) if "dispensed_days_ago" in fact else None,
        refill=ago(fact["refill_days_ago"]) if "refill_days_ago" in fact else None,
    )


def _allergy(chart: Chart, day: date, fact: Story) -> None:
    write_allergy(
        chart, fact["rxcui"], fact["substance"], fact["reaction"], day, kind=fact.get("type", "allergy")
    )


def _order(chart: Chart, day: date, fact: Story) -> None:
    write_order(chart, fact["code"], fact["name"], day)


def _vaccine(chart: Chart, day: date, fact: Story) -> None:
    write_vaccine(chart, fact["vaccine"], day)


def _confidential(chart: Chart, day: date, fact: Story) -> None:
    write_confidential_visit(chart, day)


def _hospice_discharge(chart: Chart, day: date, fact: Story) -> None:
    write_discharge_to_hospice(chart, day)


def _proxy(chart: Chart, day: date, fact: Story) -> None:
    write_proxy(
        chart,
        day,
        given=fact["given"],
        family=fact["family"],
        relationship=fact["relationship"],
        scopes=fact["scopes"],
    )


def _directive(chart: Chart, day: date, fact: Story) -> None:
    write_directive(chart, day, kind=fact["directive"], note=fact["note"])


FACTS = {
    "lab": _lab,
    "condition": _condition,
    "medication": _medication,
    "prescription": _prescription,
    "allergy": _allergy,
    "order": _order,
    "vaccine": _vaccine,
    "confidential_visit": _confidential,
    "hospice_discharge": _hospice_discharge,
    "proxy": _proxy,
    "directive": _directive,
}
