"""The worklist, the replies and the measure's people in words: what is counted, who is alike, what was said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dashboards.care_manager.replies import count_words, patient_html, reply_html
from dashboards.care_manager.worklist_rows import summary_words
from dashboards.quality.measure_patients import patient_html as measure_patient_html
from dashboards.shared.gap_words import reply_tag
from dashboards.shared.paging import pages_of
from data_contracts.api.care_gaps import PatientReply, WorklistPage, WorklistQuery
from data_contracts.api.model import Page
from data_contracts.api.patients import PatientName
from data_contracts.api.quality import MeasurePatient
from tests.unit.screens.test_gap_words import gap

MORNING = datetime(2026, 11, 20, 14, tzinfo=UTC)


def reply(**changes: object) -> PatientReply:
    facts = {
        "reply_id": "r1",
        "gap_id": "g1",
        "patient_id": "p1",
        "name": PatientName(family="Reyes", given="Ana"),
        "birth_date": "1974-05-02",
        "mrn": "A-1",
        "language": "Spanish",
        "title": "Colorectal cancer screening",
        "status": "open",
        "gap_kind": "due",
        "received_at": MORNING,
        "requested_at": None,
        "when": "last spring",
        "where": "<County> Hospital",
    }
    return PatientReply(**{**facts, **changes})


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({}, "3 patients · 4 open gaps · 1 overdue"),
        ({"status": "open"}, "3 patients · 4 open gaps · 1 overdue"),
        ({"status": "closed"}, "3 patients · 4 gaps, status Closed"),
        ({"status": "excluded"}, "3 patients · 4 gaps, status Excluded"),
        ({"reply_waiting": True}, "3 patients · 4 gaps with a patient's reply"),
    ],
)
def test_gaps_are_called_open_only_where_open_ones_were_asked_for(query, words):
    page = WorklistPage(
        rows=[],
        page=Page(number=1, size=25, total=3),
        gaps=4,
        overdue_gaps=1,
        replies_waiting=0,
        as_of=None,
    )
    assert summary_words(WorklistQuery(**query), page).startswith(words + " · never computed")


@pytest.mark.parametrize(("total", "pages"), [(0, 1), (1, 1), (25, 1), (26, 2)])
def test_a_list_has_as_many_pages_as_it_fills(total, pages):
    assert pages_of(Page(number=1, size=25, total=total)) == pages


def test_a_patients_word_stands_beside_the_status_until_it_is_reviewed():
    assert "Patient had this (told 20-Nov-2026)" in reply_tag(gap(reply_waiting_since=MORNING))
    assert reply_tag(gap()) == ""


def test_a_reply_says_who_said_what_and_where_the_gap_stands():
    who, what = patient_html(reply(same_name=True)), reply_html(reply())
    for words in ("REYES, Ana", "02-May-1974", "A-1", "Spanish", "Same or similar name"):
        assert words in who
    for words in ("Open · Due", "last spring", "&lt;County&gt; Hospital", "20-Nov-2026 09:00"):
        assert words in what
    assert "Record asked for" not in what


def test_what_was_not_said_is_said_to_be_so_and_a_request_carries_its_day():
    html = reply_html(reply(when=None, where=None, requested_at=MORNING))
    assert html.count("not said") == 2
    assert "Record asked for on 20-Nov-2026" in html


def test_more_replies_than_are_shown_are_counted():
    assert count_words(3, 3).startswith("3 waiting, the oldest first")
    assert count_words(250, 200).startswith("250 waiting, the oldest 200 are shown")


def test_a_name_like_anothers_is_marked_among_the_people_behind_a_rate():
    facts = {
        "patient_id": "p1",
        "name": PatientName(family="Reyes"),
        "birth_date": None,
        "mrn": None,
        "membership": "numerator",
        "reason": None,
        "evidence_on": None,
        "evidence_value": None,
    }
    assert "Same or similar name" in measure_patient_html(MeasurePatient(**facts, same_name=True))
    assert "Same or similar name" not in measure_patient_html(MeasurePatient(**facts))
