"""Book a visit: what for, one of the times, one look, done. If nothing suits, wait for a time that becomes free."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import streamlit as st

from data_contracts.api.portal_visits import OwnVisits, OwnVisitType
from data_contracts.api.scheduling import BookVisit, FindSlots, HoldSlot, Slot
from data_contracts.api.waitlist import WaitlistWish
from ehr_core.client.streamlit_app import app_settings
from ehr_core.kernel.errors import AlmonerError, SignInRequired, TimeTaken
from portal.session import PatientSession
from portal.text import Words

SHOWN = 12
ACROSS = 3
WAIT_WEEKS = 4


def book_page() -> None:
    session: PatientSession = st.session_state["session"]
    words = session.words
    st.title(words("visits.book"), anchor=False)
    own = session.client.portal.visits(words.language)
    if not own.types:
        st.write(words("visits.call_to_book"))
        return
    kind = _choose(words, own)
    part = _part(words)
    if kind is None:
        return
    wish = FindSlots(type_code=kind.code, part_of_day=part, limit=SHOWN)
    slots = session.client.scheduling.find(wish).slots
    st.write(words("book.choose_time") if slots else words("book.nothing_free"))
    _times(session, own, kind, slots)
    _wait(session, own, kind)


def _choose(words: Words, own: OwnVisits) -> OwnVisitType | None:
    kinds = {kind.code: kind for kind in own.types}
    code = st.radio(
        words("book.what_for"),
        list(kinds),
        format_func=lambda one: words("book.kind", name=kinds[one].name, minutes=kinds[one].minutes),
        index=list(kinds).index("office_visit") if "office_visit" in kinds else 0,
        key="book_kind",
    )
    return kinds.get(code)


def _part(words: Words) -> str:
    parts = {one: words(f"book.{one}") for one in ("any", "morning", "afternoon")}
    chosen = st.segmented_control(
        words("book.time_of_day"),
        list(parts),
        format_func=parts.get,
        default="any",
        required=True,
        key="book_part",
    )
    return chosen or "any"


def slot_words(words: Words, slot: Slot) -> str:
    return f"{words.clock(slot.starts_at.astimezone(ZoneInfo(slot.time_zone)))} · {slot.provider_name}"


def _times(session: PatientSession, own: OwnVisits, kind: OwnVisitType, slots: list[Slot]) -> None:
    words = session.words
    ordered = sorted(slots, key=lambda slot: (slot.starts_at, slot.provider_name))
    for day, of_day in groupby(
        ordered, key=lambda slot: slot.starts_at.astimezone(ZoneInfo(slot.time_zone)).date()
    ):
        st.write(f"**{words.long_date(day)}**")
        listed = list(of_day)
        for begin in range(0, len(listed), ACROSS):
            for place, slot in zip(st.columns(ACROSS), listed[begin : begin + ACROSS], strict=False):
                key = f"slot-{slot.provider}-{slot.starts_at.isoformat()}"
                if place.button(slot_words(words, slot), key=key, width="stretch"):
                    _hold(session, own, kind, slot)


def _hold(session: PatientSession, own: OwnVisits, kind: OwnVisitType, slot: Slot) -> None:
    """Keeps the time while the person looks once more."""
    wanted = HoldSlot(
        type_code=kind.code, provider=slot.provider, site_id=slot.site_id, starts_at=slot.starts_at
    )
    try:
        hold = session.client.scheduling.hold(wanted)
    except TimeTaken:
        st.error(session.words("book.taken"))
        return
    except AlmonerError:
        st.error(session.words("visits.trouble"))
        return
    _confirm(session, own, kind, slot, hold.hold_id)


def _confirm(session: PatientSession, own: OwnVisits, kind: OwnVisitType, slot: Slot, hold_id: str) -> None:
    words = session.words

    @st.dialog(words("book.confirm"))
    def dialog() -> None:
        local = slot.starts_at.astimezone(ZoneInfo(slot.time_zone))
        st.write(f"**{words('link.when', date=words.long_date(local.date()), time=words.clock(local))}**")
        st.write(words("book.line", name=kind.name, who=slot.provider_name, where=slot.site_name))
        if kind.preparation:
            st.info(kind.preparation)
        reason = st.text_input(words("book.reason"), max_chars=200)
        if st.button(words("visits.book"), type="primary", width="stretch"):
            trouble = book(session, own.patient_id, kind.code, hold_id, reason.strip())
            if trouble is None:
                st.session_state["said"] = words("visits.booked_short")
                st.switch_page(st.session_state["visits_page"])
            st.error(trouble)

    dialog()


def book(session: PatientSession, patient_id: str, code: str, hold_id: str, reason: str) -> str | None:
    """Null when it was booked, else what to tell the person. The same hold again books nothing twice."""
    words = session.words
    try:
        session.client.scheduling.book(
            BookVisit(patient_id=patient_id, type_code=code, hold_id=hold_id, reason=reason or None)
        )
    except TimeTaken:
        return words("book.taken")
    except SignInRequired:
        return words("gate.session_ended")
    except AlmonerError:
        return words("visits.trouble")
    return None


def _wait(session: PatientSession, own: OwnVisits, kind: OwnVisitType) -> None:
    words = session.words
    with st.expander(words("book.nothing_suits")):
        st.write(words("book.wait_words"))
        if st.button(words("book.wait")):
            _join(session, own, kind)


def _join(session: PatientSession, own: OwnVisits, kind: OwnVisitType) -> None:
    begins = datetime.now(ZoneInfo(app_settings().site_time_zone)).date()
    wish = WaitlistWish(
        patient_id=own.patient_id,
        type_code=kind.code,
        first_day=begins,
        last_day=begins + timedelta(weeks=WAIT_WEEKS),
    )
    try:
        session.client.messaging.join_waitlist(wish)
    except AlmonerError:
        st.error(session.words("visits.trouble"))
        return
    st.session_state["said"] = session.words("book.waits_now")
    st.switch_page(st.session_state["visits_page"])
