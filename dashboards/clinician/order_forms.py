"""The dialogs of ordering: choose by typing, say how it is to be done, put it into the basket; change a line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import streamlit as st
from pydantic import ValidationError

from dashboards.clinician.form_parts import about, now_at_site
from dashboards.clinician.order_words import item_label
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import plain_words
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.who import Identified
from data_contracts.api.orders import (
    CONTRAST_WORDS,
    PREGNANCY_WORDS,
    PRIORITY_WORDS,
    AddDrafts,
    CatalogueItem,
    ChangeDraft,
    DraftOrder,
    OrderCatalogue,
    OrderDetails,
    Repeat,
)
from data_contracts.api.patients import PatientBanner

LONGEST_DAYS = 365
HOW_OFTEN = {"once": "Once", "repeat": "Repeating", "standing": "Standing: staff release it as needed"}
UNITS = {"day": "days", "week": "weeks", "month": "months"}


def catalogue_of(session: StaffSession) -> OrderCatalogue:
    """Read once a session: it changes with the installation only."""
    if "order_catalogue" not in st.session_state:
        st.session_state["order_catalogue"] = session.client.orders.catalogue()
    return st.session_state["order_catalogue"]


def order_dialog(session: StaffSession, banner: PatientBanner) -> None:
    _order_dialog(session, banner, fresh_form("order"))


@st.dialog("Order", width="large")
def _order_dialog(session: StaffSession, banner: PatientBanner, form: str) -> None:
    about(banner)
    with told_errors():
        known = catalogue_of(session)
        item = st.selectbox(
            "What to order",
            known.items,
            index=None,
            format_func=item_label,
            placeholder="Type a name, another name, or a code",
            key=f"{form}-item",
        )
        chosen_set = st.selectbox(
            "Or an order set",
            known.sets,
            index=None,
            format_func=lambda one: f"{one.name}: {', '.join(one.items)}",
            key=f"{form}-set",
        )
        if item is not None:
            _one_item(session, banner, item, form)
        elif chosen_set is not None and st.button("Add the set to the basket", type="primary"):
            session.client.orders.add(banner.patient_id, AddDrafts(set_key=chosen_set.key))
            remember(f"{chosen_set.name}: {len(chosen_set.items)} orders are in the basket, to be signed.")
            st.rerun()


def _one_item(session: StaffSession, banner: PatientBanner, item: CatalogueItem, form: str) -> None:
    if item.members:
        st.caption(f"Panel of {', '.join(name for _, name in item.members)}")
    asks = session.client.orders.basket(banner.patient_id).asks_pregnancy
    typed = details_form(item, OrderDetails(), f"{form}-{item.key}", asks_pregnancy=asks)
    if st.button("Add to basket", type="primary"):
        add_to_basket(session, banner.patient_id, item, typed, lambda: _added(item))


def _added(item: CatalogueItem) -> None:
    remember(f"{item.name} is in the basket, to be signed.")
    st.rerun()


def add_to_basket(
    session: StaffSession,
    patient_id: str,
    item: CatalogueItem,
    typed: dict[str, Any],
    then: Callable[[], None],
    *,
    result_item_id: str | None = None,
) -> None:
    """Whatever is incomplete is added too: the basket says what it needs."""
    details = read_details(typed)
    if details is not None:
        act = AddDrafts(item_key=item.key, details=details, result_item_id=result_item_id)
        session.client.orders.add(patient_id, act)
        then()


def change_dialog(
    session: StaffSession, person: Identified, draft: DraftOrder, *, asks_pregnancy: bool
) -> None:
    _change_dialog(session, person, draft, asks_pregnancy, fresh_form("change"))


@st.dialog("Change this order", width="large")
def _change_dialog(
    session: StaffSession, person: Identified, draft: DraftOrder, asks_pregnancy: bool, form: str
) -> None:
    about(person)
    st.write(plain_words(draft.name))
    with told_errors():
        item = next((one for one in catalogue_of(session).items if one.key == draft.item_key), None)
        typed = details_form(item, draft.details, form, asks_pregnancy=asks_pregnancy)
        if st.button("Save", type="primary"):
            details = read_details(typed)
            if details is not None:
                session.client.orders.change(
                    draft.draft_id, ChangeDraft(version=draft.version, details=details)
                )
                remember(f"{draft.name}: changed, still to be signed.")
                st.rerun()


def details_form(
    item: CatalogueItem | None, given: OrderDetails, form: str, *, asks_pregnancy: bool
) -> dict[str, Any]:
    """The fields that this kind of order has; what it has not is not asked."""
    typed: dict[str, Any] = {}
    left, right = st.columns(2)
    typed["priority"] = left.selectbox(
        "Priority",
        list(PRIORITY_WORDS),
        index=list(PRIORITY_WORDS).index(given.priority),
        format_func=PRIORITY_WORDS.get,
        key=f"{form}-priority",
    )
    typed["start_on"] = right.date_input(
        "Not before (optional)", value=given.start_on, format="YYYY-MM-DD", key=f"{form}-start"
    )
    if item is not None:
        typed |= _of_kind(item, given, form, asks_pregnancy)
    wanted = "Indication" if item is not None and item.kind == "imaging" else "Indication (optional)"
    typed["indication"] = st.text_input(
        wanted, value=given.indication or "", max_chars=500, key=f"{form}-indication"
    )
    typed["note"] = st.text_input(
        "Note for who carries it out (optional)", value=given.note or "", max_chars=2000, key=f"{form}-note"
    )
    return typed | _how_often(given, form)


def _of_kind(item: CatalogueItem, given: OrderDetails, form: str, asks_pregnancy: bool) -> dict[str, Any]:
    typed: dict[str, Any] = {}
    if item.kind == "laboratory":
        typed["specimen"] = st.text_input(
            "Specimen", value=given.specimen or item.specimen or "", max_chars=200, key=f"{form}-specimen"
        )
        fasting = given.fasting if given.fasting is not None else item.fasting
        typed["fasting"] = _choice(
            "Fasting", {True: "Fasting", False: "Not fasting"}, fasting, f"{form}-fasting"
        )
    if item.kind == "referral":
        typed["question"] = st.text_area(
            "Question to the specialist", value=given.question or "", max_chars=2000, key=f"{form}-question"
        )
    if item.sides:
        sides = {"left": "Left", "right": "Right", "bilateral": "Both sides"}
        typed["laterality"] = _choice("Side", sides, given.laterality or item.usual_side, f"{form}-side")
    if item.contrast:
        typed["contrast"] = _choice("Contrast", CONTRAST_WORDS, given.contrast, f"{form}-contrast")
    if item.ionising and asks_pregnancy:
        typed["pregnancy"] = _choice("Pregnancy", PREGNANCY_WORDS, given.pregnancy, f"{form}-pregnancy")
        if typed["pregnancy"] in ("pregnant", "unknown"):
            typed["pregnancy_reason"] = st.text_input(
                "Why it is to be done all the same",
                value=given.pregnancy_reason or "",
                max_chars=500,
                key=f"{form}-pregnancy-reason",
            )
    return typed


def _choice(label: str, words: dict[Any, str], given: Any, key: str) -> Any:
    """One of a few; None is 'not said'."""
    options = list(words)
    index = options.index(given) if given in options else None
    return st.selectbox(label, options, index=index, format_func=words.get, placeholder="Not said", key=key)


def _how_often(given: OrderDetails, form: str) -> dict[str, Any]:
    kind = "repeat" if given.repeat else "standing" if given.standing_until else "once"
    how = st.selectbox(
        "How often",
        list(HOW_OFTEN),
        index=list(HOW_OFTEN).index(kind),
        format_func=HOW_OFTEN.get,
        key=f"{form}-often",
    )
    if how == "once":
        return {}
    last = now_at_site().date() + timedelta(days=LONGEST_DAYS)
    if how == "standing":
        until = st.date_input(
            "Until", value=given.standing_until or last, format="YYYY-MM-DD", key=f"{form}-standing"
        )
        return {"standing_until": until}
    return {"repeat": _rhythm(given.repeat, last, form)}


def _rhythm(given: Repeat | None, last: date, form: str) -> dict[str, Any]:
    every, unit, until = st.columns(3)
    return {
        "every": every.number_input(
            "Every", min_value=1, max_value=60, value=given.every if given else 1, key=f"{form}-every"
        ),
        "unit": unit.selectbox(
            "Unit",
            list(UNITS),
            index=list(UNITS).index(given.unit) if given else 2,
            format_func=UNITS.get,
            key=f"{form}-unit",
        ),
        "until": until.date_input(
            "Last day",
            value=given.until if given and given.until else last,
            format="YYYY-MM-DD",
            key=f"{form}-until",
        ),
    }


def read_details(typed: dict[str, Any]) -> OrderDetails | None:
    """What was typed, an empty field as not said; None, with a sentence, for what cannot be."""
    said = {name: value.strip() if isinstance(value, str) else value for name, value in typed.items()}
    try:
        return OrderDetails(**{name: value for name, value in said.items() if value not in ("", None)})
    except ValidationError as error:
        fields = ", ".join(str(one["loc"][0]).replace("_", " ") for one in error.errors())
        st.error(f"Not saved: check {fields}.")
        return None
