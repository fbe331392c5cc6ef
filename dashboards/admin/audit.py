"""Audit: who saw and did what, newest first, by days, by person and by patient; what repeats is told once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.admin.whose import forget_whose, named_html, patient_html, whose_if_any
from dashboards.shared.markup import table, text
from dashboards.shared.page import start_page, told_errors
from dashboards.shared.paging import show_paging, stay_within
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date, show_instant
from dashboards.shared.url_choice import url_choice
from data_contracts.api.access import PatientNamed
from data_contracts.api.audit import AuditEvent, AuditPage
from ehr_core.client.streamlit_app import app_settings

PAGE_SIZE = 100
SHOWN_DAYS = 7
"""A log of years opens with the last week."""


def audit_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Audit")
    st.caption("Looking here is audited too.")
    with told_errors():
        choices = session.client.audit.people()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            since, until = _days()
            actor_id = url_choice(
                "Person",
                "actor",
                dict(choices.people),
                placeholder="Everybody",
                on_change=_first_page,
                width=260,
            )
            act = url_choice(
                "What", "act", dict(choices.acts), placeholder="Everything", on_change=_first_page, width=260
            )
            patient = whose_if_any(session)
            refused = st.checkbox("Refusals only", key="refused", bind="query-params", on_change=_first_page)
        if patient:
            _tell_patient(patient)
        asked = {
            "patient_id": patient.patient_id if patient else None,
            "actor_id": actor_id,
            "act": act,
            "since": since,
            "until": until,
            "outcome": "refused" if refused else None,
        }
        found = session.client.audit.page(
            **asked,
            page=st.session_state.get("audit_page") or 1,
            size=PAGE_SIZE,
        )
        stay_within(found.page, "audit_page")
        st.caption(count_words(found, since, until))
        if found.events:
            st.html(entries_html(found.events))
        show_paging(found.page, "audit_page")
        _export(session, asked)


def _tell_patient(patient: PatientNamed) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f"<p>{named_html(patient)}</p>", width="content")
        st.button("All patients again", on_click=forget_whose)


def _export(session: StaffSession, asked: dict[str, Any]) -> None:
    """Fetched when it is asked for: an export is an act of its own in the log."""
    if st.button("Prepare an export of what matches (CSV)"):
        st.download_button(
            "Download the export",
            session.client.audit.export(**asked),
            file_name="audit.csv",
            mime="text/csv",
            on_click="ignore",
        )


def _days() -> tuple[date | None, date | None]:
    """The first and the last day; an emptied one is open."""
    today = datetime.now(ZoneInfo(app_settings().site_time_zone)).date()
    begin = today - timedelta(days=SHOWN_DAYS - 1)
    return tuple(
        st.date_input(
            label,
            value=day,
            max_value=today,
            format="YYYY-MM-DD",
            key=key,
            bind="query-params",
            width=150,
            on_change=_first_page,
        )
        for label, key, day in (("From", "since", begin), ("To", "until", today))
    )


def _first_page() -> None:
    st.session_state["audit_page"] = 1


def count_words(found: AuditPage, since: date | None, until: date | None) -> str:
    """How many entries match, of which days, and which of them are on this page."""
    days = f"from {show_date(since) if since else 'the beginning'} to {show_date(until) if until else 'now'}"
    if not found.page.total:
        return f"No entries {days}. Choose other days, or clear a field."
    first = (found.page.number - 1) * found.page.size + 1
    many = f"{found.page.total:,}" if found.counted_all else f"more than {found.page.total:,}"
    return f"{many} entries {days} · {first:,} to {first + len(found.events) - 1:,} are shown"


def entries_html(events: Sequence[AuditEvent]) -> str:
    """One line an entry; the same act again and again, as of a screen that refreshes itself, on one line."""
    runs = [list(run) for _, run in groupby(events, key=_same)]
    return table(
        ["When", "Who", "What", "Patient", "Outcome"],
        ([_when(run), _who(run[0]), _what(run), _patient(run[0]), text(run[0].outcome)] for run in runs),
        caption="Audit entries",
    )


def _same(event: AuditEvent) -> tuple[str | None, ...]:
    return event.actor_id, event.sentence, event.patient_id, event.outcome


def _when(run: Sequence[AuditEvent]) -> str:
    newest, oldest = show_instant(run[0].at), show_instant(run[-1].at)
    told = f"{_moment(oldest)} to " if newest != oldest else ""
    return f"{told}{_moment(newest)}"


def _moment(words: str) -> str:
    return f'<span class="when">{text(words)}</span>'


def _what(run: Sequence[AuditEvent]) -> str:
    again = f" <span class='quiet'>{len(run)} times</span>" if len(run) > 1 else ""
    return text(run[0].sentence) + again


def _patient(event: AuditEvent) -> str:
    return patient_html(event.patient, event.patient_id) if event.patient_id else ""


def _who(event: AuditEvent) -> str:
    return f"{text(event.actor_name or event.actor_id)} <span class='quiet'>{text(event.actor_kind)}</span>"
