"""The audit page counts what it does not show, and tells a screen's refreshing on one line."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from dashboards.admin.audit import count_words, entries_html
from data_contracts.api.audit import AuditEvent, AuditPage
from data_contracts.api.model import Page

NINE = datetime(2026, 11, 20, 14, tzinfo=UTC)


def event(minutes: int = 0, **changes: object) -> AuditEvent:
    facts = {
        "event_id": "e",
        "at": NINE - timedelta(minutes=minutes),
        "actor_id": "a1",
        "actor_name": "Dr. Maya Okafor",
        "actor_kind": "staff",
        "act": "care_gaps.read",
        "sentence": "Dr. Maya Okafor looked at the care gaps",
        "outcome": "success",
        "resource_type": None,
        "resource_id": None,
        "patient_id": "ana",
    }
    return AuditEvent(**{**facts, **changes})


@pytest.mark.parametrize(
    ("total", "number", "shown", "all_counted", "words"),
    [
        (250, 1, 100, True, "250 entries from 14-Nov-2026 to 20-Nov-2026 · 1 to 100 are shown"),
        (250, 3, 50, True, "250 entries from 14-Nov-2026 to 20-Nov-2026 · 201 to 250 are shown"),
        (100_000, 1, 100, False, "more than 100,000 entries"),
        (0, 1, 0, True, "No entries from 14-Nov-2026 to 20-Nov-2026."),
    ],
)
def test_what_matches_is_counted_and_what_is_shown_is_said(total, number, shown, all_counted, words):
    page = Page(number=number, size=100, total=total)
    found = AuditPage(events=[event()] * shown, page=page, counted_all=all_counted)
    assert words in count_words(found, date(2026, 11, 14), date(2026, 11, 20))


def test_an_open_range_is_said_in_words():
    found = AuditPage(events=[event()], page=Page(number=1, size=100, total=1), counted_all=True)
    assert "from the beginning to now" in count_words(found, None, None)


def test_the_same_act_again_and_again_is_one_line_with_its_times():
    html = entries_html([event(0), event(1), event(2), event(3, patient_id="ben"), event(4)])
    assert html.count("<tr>") == 1 + 3
    assert '08:58 EST</span> to <span class="when">20-Nov-2026 09:00 EST' in html
    assert "3 times" in html


def test_acts_of_two_people_or_with_another_outcome_are_not_taken_together():
    html = entries_html([event(), event(actor_id="a2"), event(outcome="refused")])
    assert html.count("<tr>") == 1 + 3
    assert "times" not in html
