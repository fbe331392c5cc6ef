"""Finds a product by what is typed, or takes the words as they are."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.markup import plain_words
from dashboards.shared.session import StaffSession
from data_contracts.api.medications import ProductOption

SHOWN = 12


def find_product(session: StaffSession, form: str, *, typed: str = "") -> ProductOption | str | None:
    """The product that was chosen, or the words; None while nothing is. It is kept under the form's own key."""
    kept = f"{form}-chosen"
    chosen = st.session_state.get(kept)
    if chosen is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.write(f"**{plain_words(chosen if isinstance(chosen, str) else chosen.name)}**")
            st.button("Another", key=f"{form}-another", on_click=st.session_state.pop, args=(kept, None))
        return chosen
    wanted = st.text_input(
        "Drug, strength or brand", value=typed, key=f"{form}-typed", live=True, placeholder="metformin 500"
    )
    if len(wanted.strip()) >= 2:
        _offer(session, form, kept, wanted.strip())
    return None


def _offer(session: StaffSession, form: str, kept: str, wanted: str) -> None:
    found = session.client.medications.search(wanted)
    for option in found.items[:SHOWN]:
        st.button(
            f"{option.name}  ({option.brand})" if option.brand else option.name,
            key=f"{form}-pick-{option.rxcui}",
            on_click=st.session_state.__setitem__,
            args=(kept, option),
            width="stretch",
        )
    st.button(
        f"Write “{wanted}” as words",
        key=f"{form}-words",
        on_click=st.session_state.__setitem__,
        args=(kept, wanted),
        help="In words only it is not checked by ingredient.",
    )
    st.caption(f"What can be looked up: {found.coverage}")
