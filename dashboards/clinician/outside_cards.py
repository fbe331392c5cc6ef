"""Cards of outside decision support beside a chart: asked in the background, marked as from outside, never acted on.

The chart does not wait for them: it is drawn, and they appear when they come. Who gave no answer is named.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import Literal

import streamlit as st

from dashboards.shared.markup import tag, text
from dashboards.shared.page import told_errors
from dashboards.shared.refusals import tell_refusal, tried
from dashboards.shared.session import StaffSession
from data_contracts.api.outside import (
    AnswerCard,
    AskOutside,
    Hook,
    NotChecked,
    OutsideCard,
    OutsideCards,
    OutsideReason,
    RenewedPrescription,
    WrittenPrescription,
)
from ehr_core.kernel.errors import AlmonerError, Unavailable

CHART_WAITS_SECONDS = 0.1
"""How long the page is held at most: enough to hear that no outside service is configured."""
GOOD_FOR_SECONDS = 300.0
"""Then they are asked again when the chart is drawn."""
LOOK_EVERY_SECONDS = 1.0
ASKING = ThreadPoolExecutor(8, thread_name_prefix="outside-cards")
INDICATORS = {
    "critical": ("Critical", "open"),
    "warning": ("Warning", "open"),
    "info": ("Information", "apart"),
}
NOT_OURS = "From outside. Almoner has not checked it, and carries nothing out from here."

Key = tuple[Hook, str, tuple[str, ...], str, str, str]
"""Hook, patient, chosen orders, what else changes the question; what is being written and renewed, as JSON."""


def outside_panel(
    session: StaffSession,
    patient_id: str,
    hook: Hook = "patient-view",
    *,
    chosen: Sequence[str] = (),
    state: str = "",
    prescription: WrittenPrescription | None = None,
    renewal: RenewedPrescription | None = None,
) -> None:
    """Nothing where no service is configured for this hook. Another `state` of what is asked about asks anew."""
    written = prescription.model_dump_json() if prescription else ""
    again = renewal.model_dump_json() if renewal else ""
    key: Key = (hook, patient_id, tuple(chosen), state, written, again)
    asked = _asked(session, key)
    try:
        asked.result(CHART_WAITS_SECONDS)
    except NotYet:
        st.fragment(_show, run_every=LOOK_EVERY_SECONDS)(session, key, asked)
        return
    except AlmonerError:
        pass
    _show(session, key, asked)


def _asked(session: StaffSession, key: Key) -> Future[OutsideCards]:
    """The answer in the making; the same one while it is fresh, so that a rerun asks nobody again."""
    kept: dict[Key, tuple[float, Future[OutsideCards]]] = st.session_state.setdefault("outside_cards", {})
    at, asked = kept.get(key, (0.0, None))
    if asked is None or time.monotonic() - at > GOOD_FOR_SECONDS:
        hook, patient_id, chosen, _, written, again = key
        question = AskOutside(
            patient_id=patient_id,
            hook=hook,
            chosen=list(chosen),
            prescription=WrittenPrescription.model_validate_json(written) if written else None,
            renewal=RenewedPrescription.model_validate_json(again) if again else None,
        )
        asked = ASKING.submit(_ask, session, question)
        kept[key] = (time.monotonic(), asked)
    return asked


def _ask(session: StaffSession, question: AskOutside) -> OutsideCards:
    """Whatever goes wrong here is a sentence beside the chart, and no end of it."""
    try:
        return session.client.outside.cards(question)
    except AlmonerError:
        raise
    except Exception as error:
        raise Unavailable("Outside decision support could not be asked.") from error


def _show(session: StaffSession, key: Key, asked: Future[OutsideCards]) -> None:
    if not asked.done():
        st.caption("Outside decision support is being asked.")
        return
    with told_errors():
        found = asked.result()
        if not found.asked:
            return
        with st.container(border=True, key=f"outside_{key[0]}{_of_what(key)}"):
            st.subheader("Outside decision support", anchor=False)
            for one in found.could_not:
                st.html(not_checked_html(one))
            for card in found.cards:
                _card(session, card)
            if not found.cards and not found.could_not:
                st.caption("The outside services that were asked have nothing to say.")
            st.caption(NOT_OURS)


def _of_what(key: Key) -> str:
    """So that a form and a dialog on one page have panels of their own."""
    return "_prescription" if key[4] else "_renewal" if key[5] else ""


def not_checked_html(one: NotChecked) -> str:
    told = f"<b>{text(one.service)}</b> {text(one.why)}"
    return f'<div class="card">{tag("Could not be checked", "waiting")} {told}</div>'


def card_html(card: OutsideCard) -> str:
    """All of it escaped: what looks like a tag or a picture there is letters here."""
    words, kind = INDICATORS[card.indicator]
    links = " · ".join(_link(one.label, one.url) for one in card.links)
    proposed = "; ".join(card.suggestions)
    source = _link(card.source, card.source_url) if card.source_url else text(card.source)
    return (
        f'<div class="card">{tag("From outside", "apart")} {tag(words, kind)} <b>{text(card.summary)}</b>'
        + (f'<p style="white-space: pre-wrap">{text(card.detail)}</p>' if card.detail else "")
        + (f"<p>They propose: {text(proposed)}</p>" if proposed else "")
        + (f"<p>{links}</p>" if links else "")
        + f"<p class='quiet'>{text(card.service)} · {source}</p></div>"
    )


def _link(label: str, url: str) -> str:
    return f'<a href="{text(url)}" target="_blank" rel="noopener noreferrer nofollow">{text(label)}</a>'


def _card(session: StaffSession, card: OutsideCard) -> None:
    st.html(card_html(card))
    answered: set[str] = st.session_state.setdefault("outside_answered", set())
    if card.card_id in answered:
        st.caption("Your answer is told to the service.")
        return
    with st.container(horizontal=True):
        st.button(
            "Followed", key=f"followed_{card.card_id}", on_click=_tell, args=(session, card, "accepted")
        )
        reasons = {one.code: one for one in card.reasons}
        code = (
            st.selectbox(
                "Not followed because",
                list(reasons),
                index=None,
                format_func=lambda one: reasons[one].display,
                key=f"because_{card.card_id}",
            )
            if reasons
            else None
        )
        why = reasons.get(code) if code else None
        st.button(
            "Not followed",
            key=f"not_followed_{card.card_id}",
            on_click=_tell,
            args=(session, card, "overridden", why),
        )
    tell_refusal(card.card_id)


def _tell(
    session: StaffSession,
    card: OutsideCard,
    outcome: Literal["accepted", "overridden"],
    reason: OutsideReason | None = None,
) -> None:
    """In a callback: a dialog that the card stands in stays open."""
    answer = AnswerCard(outcome=outcome, reason=reason)
    if tried(card.card_id, lambda: session.client.outside.answer(card.card_id, answer)):
        st.session_state.setdefault("outside_answered", set()).add(card.card_id)
