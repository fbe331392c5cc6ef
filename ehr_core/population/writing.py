"""Writes one person's whole chart from what was decided about them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from ehr_core.population.decisions.decision import Decision
from ehr_core.population.draws import Draws
from ehr_core.population.facts.care import write_allergies
from ehr_core.population.facts.chart import Chart
from ehr_core.population.facts.habits import (
    write_confidential_items,
    write_depression,
    write_mood_medicine,
    write_social_needs,
    write_tobacco,
    write_vaccines,
)
from ehr_core.population.facts.identity import (
    write_consents,
    write_coverage,
    write_family_history,
    write_flags,
    write_patient,
)
from ehr_core.population.facts.long_term import (
    write_general_labs,
    write_glycemia,
    write_kidney,
    write_plan,
    write_problems,
    write_states,
    write_statin,
)
from ehr_core.population.facts.results import write_organs
from ehr_core.population.facts.screening import write_cancer_screening
from ehr_core.population.facts.visits import write_bookings, write_visits
from ehr_core.population.person import Person, life_ends
from ehr_core.population.site_calendar import SiteCalendar

STEPS = (
    write_patient,
    write_coverage,
    write_consents,
    write_flags,
    write_visits,
    write_problems,
    write_states,
    write_organs,
    write_allergies,
    write_vaccines,
    write_cancer_screening,
    write_glycemia,
    write_kidney,
    write_statin,
    write_general_labs,
    write_depression,
    write_mood_medicine,
    write_tobacco,
    write_social_needs,
    write_confidential_items,
    write_plan,
    write_family_history,
    write_bookings,
)


def write_chart(
    person: Person, decisions: Mapping[str, Decision], as_of: date, time_zone: str, draws: Draws
) -> Chart:
    """A chart up to today, or up to a death."""
    chart = Chart(person, decisions, SiteCalendar(life_ends(person, as_of), time_zone), draws)
    for step in STEPS:
        step(chart)
    return chart
