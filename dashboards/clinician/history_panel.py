"""History at the chart: family, surgical, obstetric and social, each shown as told and added by one form."""

from __future__ import annotations

from decimal import Decimal

import streamlit as st

from dashboards.clinician.form_parts import about, done, now_at_site
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import lines, text
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.history import (
    HistoryLine,
    HistoryWords,
    RecordFamilyHistory,
    RecordObstetric,
    RecordSocial,
    RecordSurgery,
)
from data_contracts.api.patients import PatientBanner

PARTS = {"family": "Family", "surgical": "Surgical", "obstetric": "Obstetric", "social": "Social"}
COUNTS = {
    "pregnancies": "Pregnancies",
    "term_births": "Term births",
    "preterm_births": "Preterm births",
    "abortions": "Abortions",
    "living_children": "Living children",
}
PREGNANCY = {"pregnant": "Pregnant", "not_pregnant": "Not pregnant", "unknown": "Unknown"}
DECEASED = {None: "Not asked", False: "Living", True: "Deceased"}


def history_panel(session: StaffSession, banner: PatientBanner) -> None:
    with st.expander(
        "History: family, surgical, obstetric, social", key="history", on_change="rerun"
    ) as opened:
        if not opened.open:
            return
        with told_errors():
            view = session.client.history.read(banner.patient_id)
            if session.may("chart.write"):
                chosen = st.menu_button("Add history", list(PARTS), format_func=PARTS.get)
                if chosen:
                    history_dialog(session, banner, chosen, fresh_form("history"))
            for column, (part, title) in zip(st.columns(4), PARTS.items(), strict=True):
                column.html(f'<div class="card"><h4>{title}</h4>{_listed(getattr(view, part))}</div>')


def _listed(entries: list[HistoryLine]) -> str:
    return lines((_entry(entry) for entry in entries), "Nothing recorded")


def _entry(entry: HistoryLine) -> str:
    more = " · ".join(filter(None, (entry.details, show_date(entry.on) if entry.on else None)))
    return f'{text(entry.words)} <span class="quiet">{text(more, "")}</span>'


@st.dialog("Add to the history", width="medium")
def history_dialog(session: StaffSession, banner: PatientBanner, part: str, form: str) -> None:
    about(banner)
    words = session.client.history.words()
    with told_errors():
        {"family": _family, "surgical": _surgery, "obstetric": _obstetric, "social": _social}[part](
            session, banner, words, form
        )


def _family(session: StaffSession, banner: PatientBanner, words: HistoryWords, form: str) -> None:
    names = dict(words.relationships)
    who = st.selectbox("Relative", list(names), index=None, format_func=names.get, key=f"{form}-who")
    nothing = st.checkbox("Asked: nothing is known of this relative", key=f"{form}-nothing")
    condition = st.text_input("Condition", disabled=nothing, max_chars=200, key=f"{form}-condition")
    age, lives = st.columns(2)
    onset = age.number_input(
        "Age when it began (years)", 0, 120, None, step=1, disabled=nothing, key=f"{form}-age"
    )
    deceased = lives.selectbox(
        "Is the relative alive?", list(DECEASED), format_func=DECEASED.get, key=f"{form}-d"
    )
    if st.button("Save family history", type="primary", disabled=who is None):
        told = RecordFamilyHistory(
            relationship=who,
            condition=None if nothing else (condition or "").strip() or None,
            onset_age_years=None if nothing else onset,
            deceased=deceased,
            nothing_known=nothing,
        )
        session.client.history.family(banner.patient_id, told)
        done("Family history recorded.")


def _surgery(session: StaffSession, banner: PatientBanner, _words: HistoryWords, form: str) -> None:
    name = st.text_input("Operation", max_chars=200, key=f"{form}-name")
    on, where = st.columns(2)
    when = on.text_input("When (2019, 2019-05 or 2019-05-31)", max_chars=10, key=f"{form}-on")
    place = where.text_input("Where (optional)", max_chars=200, key=f"{form}-where")
    if st.button("Save surgical history", type="primary", disabled=len((name or "").strip()) < 2):
        try:
            told = RecordSurgery(name=name.strip(), on=when.strip() or None, where=place.strip() or None)
        except ValueError:
            st.error("Not saved. When: write a year, a month or a day, such as 2019, 2019-05 or 2019-05-31.")
            return
        session.client.history.surgery(banner.patient_id, told)
        done("Surgical history recorded.")


def _obstetric(session: StaffSession, banner: PatientBanner, _words: HistoryWords, form: str) -> None:
    st.caption("What is left empty is not recorded.")
    counts = {}
    for column, (field, label) in zip(st.columns(5), COUNTS.items(), strict=True):
        counts[field] = column.number_input(label, 0, 30, None, step=1, key=f"{form}-{field}")
    lmp, due, now = st.columns(3)
    began = lmp.date_input("Last period began", value=None, format="YYYY-MM-DD", key=f"{form}-lmp")
    delivery = due.date_input("Delivery due", value=None, format="YYYY-MM-DD", key=f"{form}-due")
    state = now.selectbox(
        "Pregnancy", list(PREGNANCY), index=None, format_func=PREGNANCY.get, key=f"{form}-p"
    )
    if st.button("Save obstetric history", type="primary"):
        told = RecordObstetric(
            at=now_at_site(), last_menstrual_period=began, delivery_due=delivery, pregnancy=state, **counts
        )
        session.client.history.obstetric(banner.patient_id, told)
        done("Obstetric history recorded.")


def _social(session: StaffSession, banner: PatientBanner, words: HistoryWords, form: str) -> None:
    items = {item: (label, unit) for item, label, unit in words.social}
    item = st.selectbox(
        "What", list(items), index=None, format_func=lambda key: items[key][0], key=f"{form}-item"
    )
    if item is None:
        return
    number, said = None, None
    if items[item][1]:
        number = st.number_input(f"Number ({items[item][1]})", value=None, step=1, key=f"{form}-number")
    else:
        said = st.text_input("In words", max_chars=500, key=f"{form}-words")
    if st.button("Save social history", type="primary"):
        told = RecordSocial(
            item=item,
            at=now_at_site(),
            words=(said or "").strip() or None,
            number=None if number is None else Decimal(number),
        )
        session.client.history.social(banner.patient_id, told)
        done("Social history recorded.")
