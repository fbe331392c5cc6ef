"""The problem list: a problem put on it, and one that is over or was never so."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel

Ending = Literal["resolved", "refuted"]
ENDING_WORDS: dict[str, str] = {"resolved": "It is over", "refuted": "It was never so"}


class RecordProblem(ApiModel):
    """With a code of the site's list of diagnoses its name is the list's; without one, the words as typed."""

    code: str | None = Field(default=None, max_length=10, description="ICD-10-CM.")
    name: str = Field(min_length=2, max_length=300)
    since: date | None = Field(default=None, description="Null: not known.")


class EndProblem(ApiModel):
    """`version_id` is the one on the screen."""

    version_id: int
    ending: Ending
    on: date | None = Field(default=None, description="When it was over; null: not known.")
    reason: str = Field(min_length=3, max_length=500)
