"""Official measures: what was imported and what is active; uploads; activating for some days, with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import streamlit as st

from dashboards.admin.official_uploads import uploads_section
from dashboards.shared.markup import table, tag, text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from dashboards.shared.url_choice import url_choice
from data_contracts.api.official_measures import Activation, KeptMeasure


def official_measures_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Official measures")
    tell_remembered()
    st.caption(
        "Quality measures as their publishers give them out. An import changes nothing by itself: a measure counts "
        "from the night after it is activated. Every step is audited."
    )
    with told_errors():
        kept = session.client.quality.official().measures
        if kept:
            st.html(
                table(
                    ["Measure", "Version", "State", "For", "Last change", "Package"],
                    map(measure_row, kept),
                    caption="Imported official measures",
                )
            )
            _change(session, kept)
        else:
            st.info("No official measure was imported yet. Upload a package below.")
        uploads_section(session)


def measure_row(one: KeptMeasure) -> list[str]:
    """What it is, whether it counts now, for which days, who changed that and why, and where it comes from."""
    measure = one.measure
    several = len(measure.cut_value_sets)
    cut = f" · {several} value set{'s' if several > 1 else ''} cut" if several else ""
    why = f"<br><span class='quiet'>{text(one.reason)}</span>" if one.reason else ""
    changed = f"{show_date(one.changed_at)} by {one.changed_by}" if one.changed_at else "never activated"
    return [
        f"<b>{text(measure.title)}</b><br><span class='quiet'>{text(measure.measure_id)}{text(cut, '')}</span>",
        text(measure.version),
        state_tag(one),
        text(days_words(one)),
        f"{text(changed)}{why}",
        f"{text(one.source)}<br><span class='quiet'>{text(one.package_id[:12])} · imported "
        f"{text(show_date(one.imported_at))} by {text(one.imported_by)}</span>",
    ]


def state_tag(one: KeptMeasure) -> str:
    return tag("Active", "closed") if one.active else tag("Not active", "apart")


def days_words(one: KeptMeasure) -> str:
    """For which days: the measurement period is the calendar year that those days lie in."""
    if not one.active:
        return "no day"
    begin = f"from {show_date(one.active_from)}" if one.active_from else "at once"
    return f"{begin} to {show_date(one.active_until)}" if one.active_until else f"{begin}, no end"


def _change(session: StaffSession, kept: Sequence[KeptMeasure]) -> None:
    named = {f"{one.measure.measure_id}@{one.measure.version}": one for one in reversed(kept)}
    words = {
        key: f"{one.measure.title}, version {one.measure.version}{' (active)' if one.active else ''}"
        for key, one in sorted(named.items())
    }
    chosen = url_choice("Activate or deactivate", "kept", words, placeholder="Choose a measure")
    if chosen is None:
        return
    one = named[chosen]
    with st.form(f"change-{chosen}"):
        st.write(f"**{one.measure.title}**, version {one.measure.version}")
        begin, end = st.columns(2)
        first = begin.date_input("Runs from (empty: at once)", value=one.active_from, key=f"from-{chosen}")
        last = end.date_input("Runs until (empty: no end)", value=one.active_until, key=f"until-{chosen}")
        reason = st.text_input("Reason, for the audit log and the measure's page", max_chars=300)
        with st.container(horizontal=True):
            activates = st.form_submit_button("Change the days" if one.active else "Activate", type="primary")
            deactivates = one.active and st.form_submit_button("Deactivate")
    if activates or deactivates:
        _settle(session, one, first, last, reason.strip(), active=bool(activates))


def _settle(
    session: StaffSession,
    one: KeptMeasure,
    first: date | None,
    last: date | None,
    reason: str,
    *,
    active: bool,
) -> None:
    if not reason:
        st.error("Write a reason: whoever stands for these numbers will ask for it.")
        return
    if first and last and last < first:
        st.error("The last day lies before the first. Choose other days.")
        return
    room, measure = session.client.quality, one.measure
    if active:
        asked = Activation(version=measure.version, active_from=first, active_until=last, reason=reason)
        room.activate(measure.measure_id, asked)
        remember(f"{measure.title} is active. The next night measures everybody by it.")
    else:
        room.deactivate(measure.measure_id, Activation(reason=reason))
        remember(f"{measure.title} is no longer active. Its gaps are gone.")
    st.rerun()
