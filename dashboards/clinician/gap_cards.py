"""Care gap cards: why this patient, one click to act, and the evidence that closed it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import streamlit as st

from dashboards.shared.fact_link import fact_link
from dashboards.shared.gap_dialogs import decline_dialog, exclude_dialog, snooze_dialog
from dashboards.shared.gap_words import ACTION_STATUSES, due_words, reply_tag, status_tag
from dashboards.shared.markup import text
from dashboards.shared.page import remember, told_errors
from dashboards.shared.refusals import refuse, tell_refusal, tried
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date, show_instant
from data_contracts.api.care_gaps import CareGap, GapAct, GapList, OrderedGap, OrderGap, OrderOption
from data_contracts.api.patients import PatientBanner
from ehr_core.kernel.errors import StaleVersion

WATCH_SECONDS = 20
LATE_SECONDS = 60
"""A change that has waited longer than this is not merely on its way: the worker may be down."""

LATER = {"Patient declined…": decline_dialog, "Snooze…": snooze_dialog, "Exclude…": exclude_dialog}


def watch_for_remeasure() -> None:
    """Asks the cards to look again every second until the change has gone round the loop."""
    st.session_state["watch_gaps_until"] = time.monotonic() + WATCH_SECONDS


def gap_cards(session: StaffSession, banner: PatientBanner) -> None:
    """The cards; they refresh themselves only while a change is on its way, so reading stays cheap and audited."""
    watching = time.monotonic() < st.session_state.get("watch_gaps_until", 0)
    st.session_state.pop(
        "gap_was_acted_on", None
    )  # the whole chart is drawn: once more would lose what was told
    st.fragment(_cards, run_every=1.0 if watching else None)(session, banner, watching)


def _cards(session: StaffSession, banner: PatientBanner, watching: bool) -> None:
    if st.session_state.pop("gap_was_acted_on", False):
        st.rerun()
    with told_errors():
        gaps = _gaps(session, banner.patient_id, watching)
        _heading(gaps)
        action = [gap for gap in gaps.gaps if gap.status in ACTION_STATUSES]
        settled = [gap for gap in gaps.gaps if gap.status not in ACTION_STATUSES]
        for gap in action:
            _card(session, banner, gap)
        if not action and not gaps.unavailable:
            st.info("No care gap wants action." if gaps.as_of else "Care gaps have not been computed yet.")
        if settled:
            st.subheader("Settled", anchor=False)
            for gap in settled:
                _card(session, banner, gap)


def _gaps(session: StaffSession, patient_id: str, watching: bool) -> GapList:
    """Asked anew while a change is on its way; then the last answer stands until somebody acts or looks again.

    The page is not run again from here: that would close a dialog in which somebody is typing.
    """
    held: GapList | None = st.session_state.get("gaps_held")
    until = st.session_state.get("watch_gaps_until", 0)
    if watching and not until and held is not None and held.patient_id == patient_id:
        return held
    gaps = session.client.care_gaps.of_patient(patient_id)
    if watching and (not gaps.being_computed or time.monotonic() > until):
        st.session_state["watch_gaps_until"] = 0
    st.session_state["gaps_held"] = gaps
    return gaps


def _look_again() -> None:
    """The next run asks anew, whatever is held."""
    st.session_state.pop("gaps_held", None)


def _heading(gaps: GapList) -> None:
    st.subheader("Care gaps", anchor=False)
    if gaps.unavailable:
        st.error(gaps.unavailable)
    if not gaps.being_computed:
        if gaps.as_of:
            st.caption(f"As of {show_instant(gaps.as_of)}")
        return
    if st.session_state.get("watch_gaps_until", 0):
        st.caption(f"Updating with what was just recorded … {as_of_words(gaps)}")
        return
    tell = st.warning if is_late(gaps, datetime.now(UTC)) else st.caption
    tell(waiting_words(gaps, datetime.now(UTC)))
    st.button("Look again", key="look_again", on_click=_look_again)


def is_late(gaps: GapList, now: datetime) -> bool:
    """The oldest change of this record that is not computed yet has waited too long."""
    return gaps.waiting_since is not None and now - gaps.waiting_since > timedelta(seconds=LATE_SECONDS)


def waiting_words(gaps: GapList, now: datetime) -> str:
    """That the cards are not the newest, and from when they are; for a late change also what to do."""
    if not is_late(gaps, now):
        return f"Still being computed. {as_of_words(gaps)}"
    return (
        f"Care gaps are late: a change of {show_instant(gaps.waiting_since)} has not been computed yet. "
        f"{as_of_words(gaps)} Rely on the record itself; if this stays, tell the installation's administrator."
    )


def as_of_words(gaps: GapList) -> str:
    if gaps.as_of is None:
        return "Care gaps have not been computed yet."
    return f"What stands here is as of {show_instant(gaps.as_of)}."


def card_html(gap: CareGap) -> str:
    """Title, status, why this patient, and when; a settled one shows what settled it."""
    return (
        f'<div class="card"><h4>{text(gap.title)} {status_tag(gap)}{reply_tag(gap)}</h4>'
        f"<p>{text(gap.why)}</p>{_next_step(gap)}"
        f'<p class="quiet">{" · ".join(text(part) for part in _facts(gap))}</p></div>'
    )


def _next_step(gap: CareGap) -> str:
    return f"<p><b>Next:</b> {text(gap.next_step.label)}</p>" if gap.next_step else ""


def _facts(gap: CareGap) -> list[str]:
    facts = [due_words(gap)] if gap.status in ACTION_STATUSES else []
    if gap.status_until:
        facts.append(f"until {show_date(gap.status_until)}")
    if gap.status_reason:
        facts.append(gap.status_reason)
    if gap.status_by:
        facts.append(f"by {gap.status_by}")
    if gap.owner:
        facts.append(f"owner {gap.owner}")
    if gap.attempts:
        facts.append(
            f"{gap.attempts} contact attempts, last: {gap.last_attempt_outcome or 'outcome not recorded'}"
        )
    facts.append(gap.source_name)
    return [fact for fact in facts if fact]


def details_html(gap: CareGap) -> str:
    """What an auditor of this card would ask: evidence, source, version, as-of."""
    return (
        f'<div class="card"><p>{text(gap.why_it_matters)}</p><p><b>Evidence:</b> {_evidence(gap)}</p>'
        f'<p class="quiet">{text(gap.source_id)} version {text(gap.source_version)} · '
        f"as of {text(show_instant(gap.as_of))} · "
        f"{'shown to the patient' if gap.patient_visible else 'not shown to the patient'}</p></div>"
    )


def _evidence(gap: CareGap) -> str:
    if gap.evidence is None:
        return "no matching record in this chart"
    if gap.evidence.masked:
        return "a restricted record that you may not open"
    what = gap.evidence.what or gap.evidence.resource_type
    named = (
        fact_link(what, gap.patient_id, gap.evidence.resource_type, gap.evidence.resource_id)
        if gap.evidence.resource_id
        else text(what)
    )
    more = (text(part) for part in (gap.evidence.value, show_date(gap.evidence.on)) if part)
    return " · ".join((named, *more))


def _card(session: StaffSession, banner: PatientBanner, gap: CareGap) -> None:
    with st.container(border=True, key=f"gap-{gap.source_id}"):
        st.html(card_html(gap))
        refusal = st.container()
        if session.may("gap.act"):
            _acts(session, banner, gap)
        with refusal:
            tell_refusal(_place(gap))
        with st.expander("Why, and from which evidence"):
            st.html(details_html(gap))


def _place(gap: CareGap) -> str:
    return f"gap-{gap.gap_id}"


def _acts(session: StaffSession, banner: PatientBanner, gap: CareGap) -> None:
    """Each act is drawn with the version of its card: a click acts on what was on the screen, or not at all."""
    with st.container(horizontal=True):
        if session.may("order.write") and gap.status in ACTION_STATUSES and gap.status != "result_pending":
            _order_buttons(session, gap)
        if gap.can_undo:
            key = f"undo-{gap.gap_id}-{gap.version}"
            st.button("Undo", key=key, on_click=_undo, args=(session, gap))
        if gap.status in ACTION_STATUSES:
            _more(session, banner, gap)


def _more(session: StaffSession, banner: PatientBanner, gap: CareGap) -> None:
    """The acts with a dialog. It opens only while the card says what it said when 'More' was opened."""
    key = f"more-{gap.gap_id}"
    chosen = st.menu_button("More", list(LATER), key=key, on_click=_hold_version, args=(gap,))
    if not chosen:
        return
    if st.session_state.pop("version_on_screen", gap.version) == gap.version:
        LATER[chosen](session, banner, gap)
    else:
        refuse(_place(gap), StaleVersion("The card has changed since it was drawn."))


def _hold_version(gap: CareGap) -> None:
    """In a callback, before the cards are asked for anew: which version was on the screen."""
    _look_again()
    st.session_state["version_on_screen"] = gap.version


def _order_buttons(session: StaffSession, gap: CareGap) -> None:
    """One button an order of the next step; the first one is the usual choice."""
    for place, order in enumerate(gap.next_step.orders if gap.next_step else []):
        st.button(
            f"Order {order.display}",
            key=f"order-{gap.gap_id}-{order.code}-{gap.version}",
            type="primary" if place == 0 else "secondary",
            on_click=_order,
            args=(session, gap, order),
        )


def _order(session: StaffSession, gap: CareGap, order: OrderOption) -> None:
    act = OrderGap(version=gap.version, order_code=order.code)
    answers: list[OrderedGap] = []
    _act(
        gap,
        lambda: answers.append(session.client.care_gaps.order(gap.gap_id, act)),
        lambda: ordered_words(order, answers[0]),
    )


def ordered_words(order: OrderOption, ordered: OrderedGap) -> str:
    """Signed at once, or in the basket and why."""
    if ordered.draft_id is None:
        return f"Ordered: {order.display}"
    waits = f"{order.display} is in the order basket. {' '.join(ordered.waits_for)}"
    remember(waits)
    return waits


def _undo(session: StaffSession, gap: CareGap) -> None:
    act = GapAct(version=gap.version)
    _act(gap, lambda: session.client.care_gaps.undo(gap.gap_id, act), lambda: "Taken back.")


def _act(gap: CareGap, act: Callable[[], object], done: Callable[[], str]) -> None:
    """Does it, in a callback. Done or refused, the cards that are drawn next are asked for anew."""
    _look_again()
    if tried(_place(gap), act):
        watch_for_remeasure()
        st.toast(done())
        st.session_state["gap_was_acted_on"] = True
