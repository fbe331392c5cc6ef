"""A card of decision support, or a care gap, as CDS Hooks tells it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from cds.cards import Card, Outcome, Tier
from data_contracts.api.care_gaps import CareGap

LONGEST_SUMMARY = 140
REASONS = "https://almoner.dev/fhir/CodeSystem/override-reason"
TOPICS = "https://almoner.dev/fhir/CodeSystem/decision-support-rule"


def hook_card(card: Card, card_id: UUID) -> dict[str, Any]:
    """Summary, detail with what made it speak, the source, and the reasons to go on all the same."""
    told = {
        "uuid": str(card_id),
        "summary": shortened(card.sentence or card.title),
        "detail": _detail(card),
        "indicator": _indicator(card),
        "source": {
            "label": card.rule.source.citation[:200],
            "topic": {"system": TOPICS, "code": card.rule.id, "display": card.rule.title},
        },
    }
    if card.rule.source.url:
        told["source"]["url"] = card.rule.source.url
    if card.override_reasons:
        told["overrideReasons"] = [
            {"system": REASONS, "code": one.code, "display": one.words} for one in card.override_reasons
        ]
    return told


def gap_card(gap: CareGap, card_id: UUID) -> dict[str, Any]:
    """Care that is due: never more than information, as it interrupts nobody."""
    return {
        "uuid": str(card_id),
        "summary": shortened(f"Due: {gap.title}"),
        "detail": f"{gap.why}\n\n{gap.why_it_matters}".strip(),
        "indicator": "info",
        "source": {
            "label": "Almoner care gaps",
            "topic": {"system": TOPICS, "code": gap.source_id, "display": gap.title},
        },
    }


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST_SUMMARY else text[: LONGEST_SUMMARY - 1].rstrip() + "…"


def _indicator(card: Card) -> str:
    if card.outcome is not Outcome.FIRES:
        return "info"
    return {Tier.INTERRUPTS: "critical", Tier.INLINE: "warning"}.get(card.tier, "info")


def _detail(card: Card) -> str:
    facts = [
        f"- {one.words}"
        + (f": {one.value}" if one.value else "")
        + (f" ({one.on.isoformat()})" if one.on else "")
        for one in card.because
    ]
    missing = [f"- Not known: {one}" for one in card.missing]
    do = [f"- {one.words}" for one in card.suggestions]
    parts = [card.title, card.detail, "\n".join(facts + missing), "\n".join(do), card.rule.source.review]
    return "\n\n".join(part for part in parts if part)
