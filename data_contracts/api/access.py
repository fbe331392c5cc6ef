"""Who may open whose chart: its state, broken glass and its review, rules about a patient, roles and proxies."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel
from data_contracts.api.patients import PatientName

GlassReason = Literal["emergency", "covering", "patient_asked", "safety_check"]
ReviewOutcome = Literal["justified", "not_justified", "follow_up"]

GLASS_REASONS: dict[str, str] = {
    "emergency": "Emergency treatment",
    "covering": "Covering for a colleague",
    "patient_asked": "The patient asks me to, now",
    "safety_check": "A safety check needs the whole record",
}
"""The words of each reason, in the order of the list on the screen."""


class ChartAccess(ApiModel):
    """Whether this actor may open this chart. Says the same of a patient that there is and of one that there is not."""

    open: bool
    may_break_glass: bool
    broken_until: datetime | None = Field(description="Until when the glass that this actor broke stays so.")


class BreakGlass(ApiModel):
    reason: GlassReason
    words: str = Field(min_length=10, max_length=500, repr=False)


class PatientNamed(ApiModel):
    """Whose record it is, for who keeps the rules about it without opening it."""

    patient_id: str
    name: PatientName | None = Field(repr=False)
    birth_date: str | None = Field(repr=False)
    mrn: str | None = Field(repr=False)
    replaced_by: str | None = Field(description="The record that this one was merged into.")


class GlassReview(ApiModel):
    """A broken glass that nobody has reviewed yet. `acts` counts what was done in the chart meanwhile."""

    review_id: str
    account_id: str
    account_name: str
    patient_id: str
    patient: PatientNamed | None = Field(default=None, repr=False)
    reason: str
    words: str = Field(repr=False)
    opened_at: datetime
    closed_at: datetime
    acts: int


class GlassReviews(ApiModel):
    reviews: list[GlassReview]


class ReviewGlass(ApiModel):
    outcome: ReviewOutcome
    words: str | None = Field(default=None, max_length=500, repr=False)


class WhichPatient(ApiModel):
    """The id or the record number (MRN) of one patient, as somebody typed it."""

    who: str = Field(min_length=1, max_length=64, repr=False)


class NewChartRule(ApiModel):
    """`label` null: the whole chart; else HIV, SEX, SUD, PSY, adolescent-confidential, R or V."""

    patient_id: str = Field(min_length=1, max_length=64)
    effect: Literal["allow", "deny"]
    subject_kind: Literal["account", "role", "everyone"]
    subject: str | None = Field(default=None, max_length=64)
    label: str | None = Field(default=None, max_length=200)
    asked_by: Literal["patient", "site", "law"]
    reason: str = Field(min_length=1, max_length=500, repr=False)
    even_in_emergency: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class ChartRule(ApiModel):
    rule_id: str
    effect: str
    subject_kind: str
    subject: str | None
    subject_name: str | None
    label: str | None
    asked_by: str
    reason: str = Field(repr=False)
    even_in_emergency: bool
    starts_at: datetime
    ends_at: datetime | None


class ChartRules(ApiModel):
    rules: list[ChartRule]


class RolePolicyInfo(ApiModel):
    """`said_here`: the site has replaced what the product says of the role. Labels `*`: all."""

    role: str
    reach: Literal["all", "site", "panel", "none"]
    labels: list[str]
    said_here: bool = False


class RolePolicies(ApiModel):
    roles: list[RolePolicyInfo]


class NewProxy(ApiModel):
    account_id: str = Field(min_length=1, max_length=64)
    patient_id: str = Field(min_length=1, max_length=64)
    relationship: Literal["parent", "guardian", "caregiver", "power_of_attorney"]
    scope: list[Literal["record", "replies", "appointments"]] = Field(min_length=1)
    ends_at: datetime | None = None
    legally_renewed: bool = False


class ProxyInfo(ApiModel):
    """Somebody who acts for a patient in the portal; `scope_today` is what age, law and expiry leave."""

    grant_id: str
    account_id: str
    account_name: str
    relationship: str
    scope: list[str]
    scope_today: list[str]
    legally_renewed: bool
    starts_at: datetime
    ends_at: datetime | None


class Proxies(ApiModel):
    proxies: list[ProxyInfo]


class RenewProxy(ApiModel):
    """`legally_renewed`: a court or the law keeps it past the age that would end it."""

    legally_renewed: bool
    ends_at: datetime | None = None


class Made(ApiModel):
    """The id of what was made."""

    made_id: str


class RecordChoice(ApiModel):
    """A record that a proxy may look at today, by its person's name and day of birth."""

    patient_id: str
    name: PatientName | None = Field(repr=False)
    birth_date: str | None = Field(default=None, repr=False)


class ActingFor(ApiModel):
    """Whose record this session looks at, and whose it could. Null: one's own."""

    patient_id: str | None
    choices: list[RecordChoice]
    has_own_record: bool = False


class ActFor(ApiModel):
    patient_id: str | None = Field(default=None, max_length=64)
