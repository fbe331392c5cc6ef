"""A dose given in the clinic, or one that was not given and why."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import Field

from data_contracts.api.decision_support import Acknowledged, CheckedCards
from data_contracts.api.model import ApiModel


class Dose(ApiModel):
    """What is given. Without `rxcui` it is words only, and checks by ingredient cannot be done."""

    rxcui: str | None = Field(default=None, max_length=20)
    name: str = Field(min_length=2, max_length=300)
    amount: Decimal = Field(gt=0, le=100_000)
    unit: str = Field(min_length=1, max_length=30)
    route: str = Field(max_length=30)
    site: str | None = Field(default=None, max_length=100, description="Where on the body: left deltoid.")
    lot: str | None = Field(default=None, max_length=40, description="As printed on the vial.")
    prescription_id: str | None = Field(default=None, max_length=64)


class CheckDose(ApiModel):
    dose: Dose
    request_id: str | None = Field(default=None, min_length=8, max_length=64)


class RecordDose(ApiModel):
    """Records a dose. With `not_given_because` it was not given: then no warning asks for a reason."""

    request_id: str = Field(min_length=8, max_length=64)
    dose: Dose
    at: datetime
    not_given_because: str | None = Field(default=None, max_length=300)
    acknowledged: list[Acknowledged] = Field(default_factory=list, max_length=50)
    allergy_override: str | None = Field(default=None, max_length=50)


class DoseChecked(ApiModel):
    cards: CheckedCards
    blocked: str | None


class GivenDose(ApiModel):
    """A line of the administration record."""

    administration_id: str
    version_id: int
    name: str
    what: str = Field(description="Amount, route and site in words.")
    at: datetime | None
    by: str | None
    lot: str | None
    not_given_because: str | None


class GivenDoses(ApiModel):
    items: list[GivenDose]
