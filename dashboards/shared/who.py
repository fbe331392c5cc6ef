"""Who an act is about, in every confirm: name, birth date and record number together."""

from __future__ import annotations

from typing import Protocol

from dashboards.shared.site_time import show_date
from data_contracts.api.patients import PatientName
from ehr_core.display import show_name


class Somebody(Protocol):
    """A banner, a search hit, a row of a list."""

    name: PatientName
    birth_date: str | None
    mrn: str | None


def who(person: Somebody) -> str:
    """Markdown: **REYES, Ana**, born 14-Mar-1972, MRN M1000."""
    return f"**{show_name(person.name)}**, born {show_date(person.birth_date)}, MRN {person.mrn or 'not recorded'}"
