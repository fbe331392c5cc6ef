"""Cards of decision support at the screen: what interrupts asks for a reason, the rest stands beside the work."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.markup import tag, text
from dashboards.shared.site_time import show_date
from data_contracts.api.decision_support import Acknowledged, CheckedCards, SupportCard

SEVERITY_KIND = {"contraindicated": "open", "serious": "open", "monitor": "waiting", "information": "apart"}
NO_CARD = "Nothing speaks against it among what was checked."


def support_cards(checked: CheckedCards, form: str, *, asks: bool = True) -> list[Acknowledged] | None:
    """Draws the cards and returns the answers to those that interrupt; None while one of them has no reason.

    `asks` False: nothing is about to be signed, so nothing is asked.
    """
    answers: list[Acknowledged] = []
    missing = False
    for card in (card for card in checked.cards if card.tier < 3):
        with st.container(border=True):
            st.html(card_html(card))
            if asks and card.tier == 1 and card.outcome == "fires":
                answer = _answer(card, form)
                missing = missing or answer is None
                answers += [answer] if answer else []
    _passive([card for card in checked.cards if card.tier == 3])
    st.caption(checked.coverage if checked.cards else f"{NO_CARD} {checked.coverage}")
    return None if missing else answers


def _passive(cards: list[SupportCard]) -> None:
    if not cards:
        return
    with st.expander(f"Also to know ({len(cards)})"):
        st.html("".join(card_html(card) for card in cards))


def card_html(card: SupportCard) -> str:
    """Severity, sentence, the facts of this patient, what to do instead, and where it comes from."""
    if card.outcome == "could_not_check":
        head = f"{tag('Could not be checked', 'waiting')} <b>{text(card.title)}</b>"
        body = f"<p>Missing: {text('; '.join(card.missing))}</p>"
    else:
        head = f"{tag(card.severity.capitalize(), SEVERITY_KIND.get(card.severity, 'apart'))} <b>{text(card.title)}</b>"
        body = f"<p>{text(card.sentence)}</p>" + (
            f"<p class='quiet'>{text(card.detail)}</p>" if card.detail else ""
        )
    because = "".join(f"<li>{_because(reason)}</li>" for reason in card.because)
    instead = "; ".join(card.suggestions)
    source = " · ".join(filter(None, (card.citation, card.source_date, card.review)))
    return (
        f'<div class="card">{head}{body}'
        + (f"<ul class='plain'>{because}</ul>" if because else "")
        + (f"<p>Instead: {text(instead)}</p>" if instead else "")
        + f"<p class='quiet'>{text(source)}</p></div>"
    )


def _because(reason) -> str:
    on = f" <span class='quiet'>{text(show_date(reason.on))}</span>" if reason.on else ""
    return f"{text(reason.words)} <b>{text(reason.value, '')}</b>{on}"


def _answer(card: SupportCard, form: str) -> Acknowledged | None:
    words = {reason.code: reason.words for reason in card.override_reasons}
    code = st.selectbox(
        "Go on because", list(words), index=None, format_func=words.get, key=f"{form}-because-{card.key}"
    )
    said = st.text_input("In words", max_chars=300, key=f"{form}-words-{card.key}") if code == "other" else ""
    if code is None or (code == "other" and not said.strip()):
        return None
    return Acknowledged(card_key=card.key, reason_code=code, words=said.strip() or None)
