"""What a visit is billed as, where CMS has a code of its own for it (HCPCS Level II)."""

from __future__ import annotations

from datetime import date
from typing import Any

from ehr_core.population.assumptions import assumptions
from ehr_core.population.facts.chart import Chart
from ehr_core.population.person import age_on
from ehr_core.population.vocabulary import HCPCS, concept


def billed_as(chart: Chart, day: date, kind: str, *, acute: bool) -> dict[str, Any] | None:
    """The code of a visit; nothing where only CPT has one. Nothing is drawn: it follows from person and day.

    Medicare pays one wellness visit a year: the first planned office visit of a calendar year is that.
    """
    name = _name(chart, day, kind, acute=acute)
    return concept(HCPCS, *assumptions("visits")["billed"][name]) if name else None


def _name(chart: Chart, day: date, kind: str, *, acute: bool) -> str | None:
    billed, person = assumptions("visits")["billed"], chart.person
    if kind == "VR":
        return "check_in"
    if kind != "AMB" or person.birth_date is None:
        return None
    age = age_on(person.birth_date, day)
    first = not acute and day.year not in {seen.year for seen in chart.yearly_visits}
    if first and person.payer == "medicare" and age >= billed["medicare_age"]:
        chart.yearly_visits.append(day)
        return _wellness(age)
    if (
        first
        and person.diabetic
        and 18 <= age < billed["medicare_age"]
        and not person.index % billed["every_other"]
    ):
        chart.yearly_visits.append(day)
        return "nutrition"
    return "clinic" if person.payer in billed["clinic_payers"] else None


def _wellness(age: int) -> str:
    """The welcome in the first year of Medicare, the first wellness visit in the second, then one each year."""
    return {0: "welcome", 1: "wellness_first"}.get(
        age - assumptions("visits")["billed"]["medicare_age"], "wellness"
    )
