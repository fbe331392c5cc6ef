"""What decision support says at the chart, what was done about it, and how often, for the site's owner of it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel

CardOutcome = Literal["fires", "could_not_check"]


class CardReason(ApiModel):
    """A fact of this patient that the card rests on."""

    words: str
    value: str | None = None
    on: date | None = None


class SupportCard(ApiModel):
    """One card. `tier` 1 interrupts and needs a coded reason, 2 stands inline, 3 is passive."""

    key: str
    rule_id: str
    outcome: CardOutcome
    tier: int
    severity: str
    title: str
    sentence: str
    detail: str
    because: list[CardReason]
    missing: list[str]
    suggestions: list[str]
    citation: str
    url: str | None
    source_date: str | None
    review: str
    override_reasons: list[SupportReason]


class SupportReason(ApiModel):
    code: str
    words: str


class CheckedCards(ApiModel):
    """The cards of one check, most pressing first, and in a sentence what was covered where nothing shows."""

    cards: list[SupportCard]
    coverage: str

    @property
    def interrupting(self) -> list[SupportCard]:
        return [card for card in self.cards if card.tier == 1 and card.outcome == "fires"]


class Acknowledged(ApiModel):
    """A card that was answered: why it is done all the same."""

    card_key: str = Field(max_length=300)
    reason_code: str = Field(max_length=60)
    words: str | None = Field(default=None, max_length=300)


class RuleFigures(ApiModel):
    """One rule over a period: how often it was shown, and what came of it."""

    rule_id: str
    title: str
    severity: str
    tier: int
    shown: int
    interrupted: int
    accepted: int
    overridden: int
    could_not_check: int
    choice: str | None = Field(description="What the site has decided, in words; null for nothing.")
    waits_for_agreement: bool = Field(description="Not followed before a second person agrees.")
    may_retire: str | None = Field(
        description="What retiring needs, as a sentence; null when nothing special."
    )


class SupportFigures(ApiModel):
    since: date
    checks: int
    interruptions: int
    budget: str = Field(description="The interruption rate against one in twenty, as a sentence.")
    rules: list[RuleFigures]
    as_of: datetime


class ChooseRule(ApiModel):
    """Retire a rule, put it on another tier, or take either back."""

    choice: Literal["retire", "tier_1", "tier_2", "tier_3", "as_written"]
    reason: str = Field(min_length=10, max_length=500)
    until: date | None = None


SupportCard.model_rebuild()
