"""The inbox in words: a card, a result on it, its history, and the counts."""

from __future__ import annotations

from dashboards.clinician.results import range_words, value_html
from dashboards.clinician.trend import spark_html
from dashboards.shared.markup import lines, table, tag, text
from dashboards.shared.site_time import show_date, show_instant
from dashboards.shared.who import who_html
from data_contracts.api.chart import ResultPoint
from data_contracts.api.results_inbox import (
    ACT_WORDS,
    GRADE_WORDS,
    NOTICE_WORDS,
    Grade,
    Inbox,
    InboxCard,
    InboxCounts,
    InboxEvent,
    InboxResult,
)
from ehr_core.display import show_unit

GRADE_KIND: dict[Grade, str] = {
    "critical": "critical",
    "not_checked": "open",
    "abnormal": "open",
    "normal": "closed",
    "not_flagged": "apart",
}


def grade_tag(grade: Grade) -> str:
    return tag(GRADE_WORDS[grade], GRADE_KIND[grade])


def patient_html(card: InboxCard) -> str:
    """Who it is, and in which language they read."""
    language = f"<br>{text(card.language, 'language not recorded')} · {text(card.phone, 'no phone recorded')}"
    return who_html(card, same_name=card.same_name, more=language)


def card_html(card: InboxCard) -> str:
    """The results as a table, then why the card is here and what happened to it."""
    marks = [grade_tag(card.grade)]
    if card.escalated_at:
        marks.append(tag(f"Passed on to {card.escalated_to}, {show_instant(card.escalated_at)}", "critical"))
    answers = f" · answers the order: {text(card.order_name)}" if card.order_name else ""
    return (
        f"<h4>{text(card.title)} {' '.join(marks)}</h4>{results_table(card)}{_details(card)}"
        f'<p class="quiet">{text(card.why_here)} · here since {text(show_instant(card.notified_at))}{answers}</p>'
    )


def results_table(card: InboxCard) -> str:
    """Value with unit, range, day and trend of each; the grade beside each one where there are several."""
    rows = [row for result in card.results for row in _rows(result, several=len(card.results) > 1)]
    return table(["Test", "Value", "Range", "Collected", "Trend"], rows, caption=f"Results: {card.title}")


def _rows(result: InboxResult, *, several: bool) -> list[list[str]]:
    marks = _marks(result, several=several)
    if not result.points:
        return [[text(result.name), f"{tag('could not be read', 'open')}{marks}", "", "", ""]]
    spark = spark_html([float(number) for number in result.trend])
    return [
        [
            text(name),
            value_html(point.model_copy(update={"awaits_review": False})) + marks,
            f'<span class="quiet">{text(_range(point))}</span>',
            text(show_date(point.at)),
            spark if place == 0 else "",
        ]
        for place, (name, point) in enumerate(result.points)
    ]


def _range(point: ResultPoint) -> str:
    """With its unit: a range without one could be read in another."""
    bounded = point.reference_low is not None or point.reference_high is not None
    unit = show_unit(point.unit) if bounded and not point.reference_text else ""
    return f"{range_words(point)} {unit}".strip()


def _marks(result: InboxResult, *, several: bool) -> str:
    """The grade of one of several; that it was corrected or cancelled, and what it had said."""
    marks = [grade_tag(result.grade)] if several and result.grade in ("critical", "not_checked") else []
    if NOTICE_WORDS[result.notice]:
        marks.append(tag(NOTICE_WORDS[result.notice], "open"))
    if result.was:
        marks.append(f'<span class="quiet">acknowledged before as {text(result.was)}</span>')
    return " ".join(["", *marks]) if marks else ""


def _details(card: InboxCard) -> str:
    """Why a grade is what it is, where that matters, and what the sender wrote."""
    reasons = [
        f"{one.name}: {one.grade_reason}" for one in card.results if one.grade in ("critical", "not_checked")
    ]
    comments = [f"{one.name}: {comment}" for one in card.results for comment in one.comments]
    seen = [
        f"Acknowledged by {one.acknowledged_by}, {show_instant(one.acknowledged_at)}; nothing done yet"
        for one in card.results[:1]
        if one.state == "acknowledged"
    ]
    return "".join(f"<p>{text(sentence)}</p>" for sentence in [*reasons, *comments, *seen])


def history_html(events: list[InboxEvent]) -> str:
    return lines(map(_event, events), "Nothing has happened to it yet")


def _event(event: InboxEvent) -> str:
    did = ACT_WORDS.get(event.act, event.act.replace("_", " "))
    note = f": {text(event.note)}" if event.note else ""
    return f"<b>{text(event.who)}</b> {text(did)}{note} <span class='quiet'>{text(show_instant(event.at))}</span>"


def count_words(counts: InboxCounts) -> str:
    """'2 critical · 1 could not be checked · 5 abnormal · 12 others'."""
    parts = [
        f"{counts.critical} critical" if counts.critical else "",
        f"{counts.not_checked} could not be checked" if counts.not_checked else "",
        f"{counts.abnormal} abnormal" if counts.abnormal else "",
        f"{counts.other} others" if counts.other else "",
        f"{counts.acknowledged} acknowledged, nothing done yet" if counts.acknowledged else "",
    ]
    return " · ".join(part for part in parts if part) or "Nothing to look at"


def sorting_words(number: int) -> str:
    """Results that the database has and the inbox has not sorted yet."""
    return (
        "1 result has come in and is being sorted."
        if number == 1
        else f"{number} results have come in and are being sorted."
    )


def title_of(counts: InboxCounts | None) -> str:
    """The page's name in the navigation, with what is most pressing; plain while the counts are not known."""
    if counts is None or not counts.to_look_at:
        return "Inbox"
    return f"Inbox ({counts.critical} critical)" if counts.critical else f"Inbox ({counts.to_look_at})"


def coverage_words(inbox: Inbox) -> list[str]:
    """Whose results come here as well, and who covers for this inbox."""
    told = [f"Covering for {', '.join(inbox.covering_for)}."] if inbox.covering_for else []
    return told + ([f"Covered today by {', '.join(inbox.covered_by)}."] if inbox.covered_by else [])
