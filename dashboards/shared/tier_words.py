"""A care tier in words: which one counts, what was computed, who adjusted it until when. Both always stand."""

from __future__ import annotations

from dashboards.shared.markup import tag, text
from dashboards.shared.site_time import show_date, show_instant
from data_contracts.api.risk import ADJUSTMENT_REASON_WORDS, TIER_WORDS, CareTier, TierEvent

KINDS = {"very_high": "critical", "high": "open", "moderate": "waiting", "low": "closed"}
"""Colour beside the word, never instead of it."""
ACT_WORDS = {
    "adjusted": "adjusted",
    "taken_back": "adjustment taken back",
    "carried_over": "adjustment carried over at a merge",
    "computed": "computed anew",
}


def tier_tag(tier: CareTier) -> str:
    words = "Care tier restricted" if tier.masked else f"Care tier: {TIER_WORDS[tier.shown]}"
    return tag(words, KINDS.get(tier.shown, "apart"))


def computed_words(tier: CareTier) -> str:
    """Where the tier comes from, in a sentence."""
    if tier.masked:
        return "A restricted part of the record decides this tier. You may not see it."
    if not tier.basis:
        return "Computed: unknown. No clinical score has what it asks for; that does not mean low."
    return f"Computed: {TIER_WORDS[tier.computed or 'unknown']}, by {' and '.join(tier.basis)}."


def adjustment_words(tier: CareTier) -> str | None:
    said = tier.adjustment
    if said is None:
        return None
    note = f" “{said.note}”" if said.note else ""
    return (
        f"Adjusted to {TIER_WORDS[said.tier]} by {said.by} on {show_instant(said.at)}: "
        f"{ADJUSTMENT_REASON_WORDS[said.reason]}.{note} Holds until {show_date(said.until)}."
    )


def changed_words(tier: CareTier) -> str | None:
    """That the computed tier moved under an adjustment."""
    said = tier.adjustment
    if said is None or not said.computed_has_changed:
        return None
    now = TIER_WORDS[tier.computed or "unknown"]
    return f"It was computed as {TIER_WORDS[said.computed_then]} then and is {now} now: look again."


def row_html(tier: CareTier) -> str:
    """A line of a list: the tier, and when it was adjusted both values."""
    parts = [tier_tag(tier)]
    if tier.adjustment:
        computed = TIER_WORDS[tier.computed or "unknown"]
        parts.append(
            f'<span class="quiet">computed {text(computed)} · adjusted by {text(tier.adjustment.by)}</span>'
        )
    if changed_words(tier):
        parts.append(tag("Computed tier changed", "open"))
    return f"<p>{' '.join(parts)}</p>"


def event_words(event: TierEvent) -> str:
    """One line of the history."""
    change = " to ".join(TIER_WORDS[one] for one in (event.from_tier, event.to_tier) if one)
    reason = ADJUSTMENT_REASON_WORDS.get(event.reason or "", "")
    more = " · ".join(part for part in (change, reason, event.note) if part)
    return f"{show_instant(event.at)} · {event.by}: {ACT_WORDS[event.act]}" + (f" · {more}" if more else "")
