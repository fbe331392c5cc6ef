"""What decision support says of a chart that is looked at: passive cards, and which vaccinations come next."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from data_contracts.api.decision_support import CheckedCards
from data_contracts.api.model import ApiModel

VaccineStatus = Literal[
    "complete",
    "due",
    "due_later",
    "overdue",
    "individual_decision",
    "not_recommended",
    "contraindicated",
    "could_not_be_checked",
]

VACCINE_STATUS_WORDS: dict[str, str] = {
    "overdue": "Overdue",
    "due": "Due",
    "could_not_be_checked": "Could not be checked",
    "individual_decision": "To decide together",
    "contraindicated": "Not to be given",
    "due_later": "Later",
    "complete": "Complete",
    "not_recommended": "Not recommended",
}
"""In the order in which they are shown."""


class VaccineForecast(ApiModel):
    """One vaccine group. Dates are those of the next dose; null where there is none."""

    group: str
    title: str
    status: VaccineStatus
    in_gap: bool = Field(default=False, description="An open care gap speaks of it.")
    why: str
    dose_number: int | None
    earliest_on: date | None
    recommended_on: date | None
    past_due_on: date | None
    advice: str | None
    cautions: list[str]
    not_counted: list[str] = Field(
        description="Doses that were given and do not count, each with the reason."
    )


class ChartSupport(ApiModel):
    """`schedule` prints whose schedule it is and of which day."""

    cards: CheckedCards
    schedule: str
    unread: list[str] = Field(description="Doses whose vaccine is not known.")
    vaccines: list[VaccineForecast]
    as_of: date
