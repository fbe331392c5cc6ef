"""Who looked: one line for what is told by the same words, and days as the clinic's calendar has them."""

from __future__ import annotations

from datetime import UTC, date, datetime

from data_contracts.api.portal import RecordOpened
from portal.pages.who_looked import openings_html
from portal.site_day import site_day
from portal.text import Words


def test_acts_that_read_the_same_stand_on_one_line():
    day = date(2026, 11, 20)
    acts = ("patient_named", "chart_rules_read", "chart_summary_read")
    openings = [
        RecordOpened(day=day, who="Robin Ashby", roles=["admin"], what=act, refused=False, times=1)
        for act in acts
    ]
    told = openings_html(Words("en"), openings)
    assert told.count("<li>") == 2
    assert told.count("opened a part of your record") == 1


def test_an_evening_belongs_to_its_own_day():
    assert site_day(datetime(2026, 11, 21, 2, 30, tzinfo=UTC)) == date(2026, 11, 20)
