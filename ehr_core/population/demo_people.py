"""Who gets a demo sign-in. Passwords are not decided here."""

from __future__ import annotations

from typing import NamedTuple

from ehr_core.population.assumptions import assumptions
from ehr_core.population.site import site_id
from ehr_core.population.stories import story_patient_id


class DemoPerson(NamedTuple):
    """`role` as in the access roles; ids are set where the person is a practitioner or a patient of the panel."""

    username: str
    name: str
    role: str
    practitioner_id: str | None
    patient_id: str | None


def demo_people() -> list[DemoPerson]:
    return [
        DemoPerson(
            username=row["username"],
            name=row["name"],
            role=row["role"],
            practitioner_id=site_id("Practitioner", row["practitioner"]) if "practitioner" in row else None,
            patient_id=story_patient_id(row["story"]) if "story" in row else None,
        )
        for row in assumptions("site")["demo"]
    ]
