"""One person's chart under construction: resources with stable ids, in the order that they are written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson

from ehr_core.kernel.ids import stable_id
from ehr_core.population.decisions.decision import Decision
from ehr_core.population.draws import Draws
from ehr_core.population.person import Person
from ehr_core.population.site_calendar import SiteCalendar

NAMESPACE = "https://almoner.dev/population"


class Chart:
    """Collects lines. Decimals are written digit for digit: wrap them with `digits`."""

    def __init__(
        self, person: Person, decisions: Mapping[str, Decision], calendar: SiteCalendar, draws: Draws
    ):
        self.person = person
        self.decisions = decisions
        self.calendar = calendar
        self.draws = draws
        self.lines: list[tuple[str, bytes]] = []
        self.subject = {"reference": f"Patient/{person.patient_id}"}
        self.last_visit: date | None = None
        self.encounter_on: dict[date, str] = {}
        self.condition_ids: dict[str, str] = {}
        self.problem_codes: dict[str, tuple[str, str]] = {}
        self.yearly_visits: list[date] = []
        self.body_mass: dict[date, float] = {}
        self.mammograms: list[date] = []

    def add(self, resource_type: str, body: dict[str, Any], *, resource_id: str | None = None) -> str:
        """Adds a resource and returns its id, which follows from the person's key and its place in the chart."""
        made_id = resource_id or stable_id(NAMESPACE, f"{self.person.key}/{len(self.lines)}")
        line = orjson.dumps({"resourceType": resource_type, "id": made_id, **body})
        self.lines.append((resource_type, line))
        return made_id

    def encounter_reference(self, day: date) -> dict[str, str] | None:
        """The visit of that day, when there was one."""
        encounter = self.encounter_on.get(day)
        return {"reference": f"Encounter/{encounter}"} if encounter else None


def digits(text: str) -> orjson.Fragment:
    """A decimal exactly as written: '7.10' stays 7.10 in the resource."""
    return orjson.Fragment(text.encode())
