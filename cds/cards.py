"""What decision support answers: cards, with the rule they come from, its source, and why this patient.

A rule fires, does not fire, or could not be checked; the last is never silence. Tier 1 interrupts and needs a coded
reason to go on, tier 2 stands inline, tier 3 is passive. Nothing here is written to a record.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum, IntEnum
from typing import Literal

SourceUse = Literal[
    "race",
    "ethnicity",
    "language",
    "sexual_orientation",
    "gender_identity",
    "sex",
    "birth_date",
    "social_determinants",
    "health_status_assessments",
]
SuggestionKind = Literal["order", "replace", "stop", "lab", "dose", "record", "refer", "read"]

NOT_REVIEWED = "No pharmacist has reviewed this."
DEVELOPER = "The Almoner maintainers"
FUNDING = "None: written by volunteers, no outside funding."


class Outcome(Enum):
    FIRES = "fires"
    DOES_NOT_FIRE = "does_not_fire"
    COULD_NOT_CHECK = "could_not_check"


class Tier(IntEnum):
    """How loudly a card speaks."""

    INTERRUPTS = 1
    INLINE = 2
    PASSIVE = 3


class Severity(IntEnum):
    """How bad it is; lower sorts first."""

    CONTRAINDICATED = 1
    SERIOUS = 2
    MONITOR = 3
    INFORMATION = 4

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule comes from: the source attributes of a decision-support intervention as data.

    `published_on` and `revised_on` are dates of the citation as far as known ("2022", "2022-11"); `written_on` is the
    day our own words were written. `basis` is 'seen' where the source was read, 'memory' where it must be checked.
    `review` says who checked our words. `uses` names the patient attributes that change the answer.
    """

    citation: str
    url: str | None = None
    published_on: str | None = None
    revised_on: str | None = None
    written_on: date | None = None
    basis: Literal["seen", "memory"] = "memory"
    developer: str = DEVELOPER
    funding: str = FUNDING
    population: str = "Everybody"
    review: str = NOT_REVIEWED
    uses: frozenset[SourceUse] = frozenset()

    @property
    def is_unreviewed(self) -> bool:
        return self.review == NOT_REVIEWED


@dataclass(frozen=True, slots=True)
class OverrideReason:
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a site can retire or re-tier, and that the reference page lists. `id` is `topic.entry`.

    `anaphylaxis` warns of one. `retirable` is False for rules that only say that something could not be checked.
    `about_care` marks prevention and care that is due: such a rule never interrupts.
    """

    id: str
    title: str
    severity: Severity
    tier: Tier
    source: Source
    anaphylaxis: bool = False
    retirable: bool = True
    about_care: bool = False
    override_reasons: tuple[OverrideReason, ...] = ()

    def __post_init__(self) -> None:
        if self.about_care and self.tier is Tier.INTERRUPTS:
            raise ValueError(f"'{self.id}' is about care that is due and must not interrupt.")

    @property
    def topic(self) -> str:
        return self.id.partition(".")[0]

    @property
    def needs_two_to_retire(self) -> bool:
        return self.severity is Severity.CONTRAINDICATED or self.anaphylaxis

    @property
    def is_safety(self) -> bool:
        """Safety rules are never held back for an interruption budget."""
        return self.severity <= Severity.SERIOUS or self.anaphylaxis


@dataclass(frozen=True, slots=True)
class Reason:
    """One fact of this patient that made the rule fire: words, value with unit, day, and the resource if known."""

    words: str
    value: str | None = None
    on: date | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the reader could do instead, as data.

    `code` is `uri|code` of what to order or change to, where there is one; `reference` the resource to stop or replace.
    """

    kind: SuggestionKind
    words: str
    code: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """One answer. `sentence` is the summary (at most about 140 characters), `detail` mechanism, effect and management.

    `about` tells what the card is about (ingredient RxCUIs, resource references): with the rule it makes `key`, by
    which a show, an accept and an override of the same card are counted as one.
    """

    rule: Rule
    outcome: Outcome
    title: str
    sentence: str
    detail: str = ""
    because: tuple[Reason, ...] = ()
    missing: tuple[str, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    about: tuple[str, ...] = ()
    tier: Tier = field(default=Tier.PASSIVE)
    severity: Severity = field(default=Severity.INFORMATION)

    @property
    def key(self) -> str:
        return ":".join((self.rule.id, *self.about))

    @property
    def interrupts(self) -> bool:
        return self.outcome is Outcome.FIRES and self.tier is Tier.INTERRUPTS

    @property
    def override_reasons(self) -> tuple[OverrideReason, ...]:
        return self.rule.override_reasons

    def on_tier(self, tier: Tier) -> Card:
        return replace(self, tier=tier)


def fires(
    rule: Rule,
    sentence: str,
    *,
    detail: str = "",
    title: str | None = None,
    because: tuple[Reason, ...] = (),
    suggestions: tuple[Suggestion, ...] = (),
    about: tuple[str, ...] = (),
    tier: Tier | None = None,
    severity: Severity | None = None,
) -> Card:
    """A card of a rule that fires, on the rule's own tier and severity unless told otherwise."""
    return Card(
        rule=rule,
        outcome=Outcome.FIRES,
        title=title or rule.title,
        sentence=sentence,
        detail=detail,
        because=because,
        suggestions=suggestions,
        about=about,
        tier=rule.tier if tier is None else tier,
        severity=rule.severity if severity is None else severity,
    )


def could_not_check(
    rule: Rule, *missing: str, about: tuple[str, ...] = (), suggestions: tuple[Suggestion, ...] = ()
) -> Card:
    """A card that says what is missing, inline whatever the rule's tier: it never interrupts and is never silence."""
    return Card(
        rule=rule,
        outcome=Outcome.COULD_NOT_CHECK,
        title=rule.title,
        sentence=f"Could not be checked: {'; '.join(missing)}.",
        missing=missing,
        suggestions=suggestions,
        about=about,
        tier=Tier.INLINE,
        severity=rule.severity,
    )
