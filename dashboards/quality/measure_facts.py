"""Why one person stands where they stand in an official measure: each fact with the definition that found it."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.markup import table, text
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.quality import MeasureFact

POPULATION_WORDS = {
    "initial-population": "Initial population",
    "denominator": "Denominator",
    "denominator-exclusion": "Excluded",
    "denominator-exception": "Excepted",
    "numerator": "Numerator",
    "numerator-exclusion": "Excluded from the numerator",
    "measure-population": "Measure population",
    "measure-population-exclusion": "Excluded",
}
HIDDEN = "protected"


def facts_section(session: StaffSession, measure_id: str, patient_id: str) -> None:
    found = session.client.quality.facts(measure_id, patient_id)
    if found.decided_by:
        st.caption(f"Decided by '{found.decided_by}'")
    if not found.facts:
        st.caption("No fact was found: nothing in the record is what the measure looks for.")
        return
    st.html(
        table(
            ["Population", "Definition", "Fact", "On", "Value"],
            map(fact_row, found.facts),
            caption="Facts behind this answer",
        )
    )


def fact_row(fact: MeasureFact) -> list[str]:
    """One fact; one that was looked at in vain says so, and one that a label hides shows nothing of itself."""
    population = POPULATION_WORDS.get(fact.population, fact.population)
    place = population if fact.holds else f"{population}: not by this"
    more = f" (newest of {fact.facts_found})" if fact.facts_found > 1 else ""
    what = HIDDEN if fact.masked else (fact.what or f"{fact.resource_type} {fact.code or ''}".strip())
    return [
        text(place),
        text(fact.definition + more),
        text(what),
        text("" if fact.masked else show_date(fact.on), ""),
        text("" if fact.masked else fact.value, ""),
    ]
