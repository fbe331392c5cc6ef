"""The parts that every form at the chart has: who it is about, when it was, a number as typed, and the end of it."""

from __future__ import annotations

from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.clinician.gap_cards import watch_for_remeasure
from dashboards.shared.page import remember
from dashboards.shared.who import Identified, who_words
from data_contracts.api.chart import RecordableResult
from ehr_core.client.streamlit_app import app_settings


def about(person: Identified) -> None:
    """The first line of every dialog: whose it is."""
    st.write(who_words(person))


def now_at_site() -> datetime:
    return datetime.now(ZoneInfo(app_settings().site_time_zone)).replace(second=0, microsecond=0)


def moment(form: str) -> datetime:
    now = now_at_site()
    day, hour = st.columns(2)
    on = day.date_input(
        "Date", value=now.date(), max_value=now.date(), format="YYYY-MM-DD", key=f"{form}-day"
    )
    at = hour.time_input("Time", value=now.time(), step=60, key=f"{form}-time")
    return datetime.combine(on, at or time(12), tzinfo=now.tzinfo)


def answer_choice(item: RecordableResult, form: str) -> str | None:
    """The code of one of the answers that this item may have, chosen by its words; None while none is chosen."""
    return st.selectbox(
        "Answer",
        [code for code, _ in item.answers],
        index=None,
        format_func=dict(item.answers).get,
        key=f"{form}-answer-{item.code}",
    )


def parse_decimal(typed: str) -> Decimal | None:
    """What was typed, digit for digit ('7.10' stays 7.10); None when it is not a number.

    A comma is refused: 1,250 is a thousand to one reader and one and a quarter to another.
    """
    try:
        value = Decimal(typed.strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def done(message: str) -> None:
    """Closes the dialog with a sentence above the chart, and has the care gaps looked at again."""
    watch_for_remeasure()
    remember(message)
    st.rerun()
