"""Cards of decision support as the API sends them. Pure."""

from __future__ import annotations

from cds.cards import Card, OverrideReason, Reason, Source
from data_contracts.api.decision_support import CardReason, SupportCard, SupportReason


def support_card(card: Card) -> SupportCard:
    source = card.rule.source
    return SupportCard(
        key=card.key,
        rule_id=card.rule.id,
        outcome=card.outcome.value,
        tier=int(card.tier),
        severity=card.severity.word,
        title=card.title,
        sentence=card.sentence,
        detail=card.detail,
        because=[_because(reason) for reason in card.because],
        missing=list(card.missing),
        suggestions=[suggestion.words for suggestion in card.suggestions],
        citation=source.citation,
        url=source.url,
        source_date=_dated(source),
        review=source.review,
        override_reasons=[_reason(reason) for reason in card.override_reasons],
    )


def _because(reason: Reason) -> CardReason:
    return CardReason(words=reason.words, value=reason.value, on=reason.on)


def _reason(reason: OverrideReason) -> SupportReason:
    return SupportReason(code=reason.code, words=reason.words)


def _dated(source: Source) -> str | None:
    """The day or year of the citation: its revision where there was one."""
    return source.revised_on or source.published_on
