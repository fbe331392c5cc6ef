"""A choice that stands in the address by its id, so that a view can be kept, shared and linked to.

Streamlit's own binding writes the option's label into the address: it would break when a title changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st


def url_choice(
    label: str,
    key: str,
    words: Mapping[str, str],
    *,
    placeholder: str = "Choose one",
    on_change: Callable[[], None] | None = None,
    width: int | str = "stretch",
) -> str | None:
    """One of `words` (id to label), or None. An id in the address that is not offered is ignored and removed."""
    if st.session_state.setdefault(_widget(key), st.query_params.get(key)) not in words:
        st.session_state[_widget(key)] = None
    chosen = st.selectbox(
        label,
        list(words),
        index=None,
        format_func=lambda value: words.get(value, value),
        key=_widget(key),
        placeholder=placeholder,
        on_change=on_change,
        width=width,
    )
    _tell_address(key, chosen)
    return chosen


def clear_choices(keys: tuple[str, ...]) -> None:
    """Takes choices back; the next rerun clears them from the address."""
    for key in keys:
        st.session_state[_widget(key)] = None


def _widget(key: str) -> str:
    return f"choice-{key}"


def _tell_address(key: str, chosen: str | None) -> None:
    if chosen is None:
        if key in st.query_params:
            del st.query_params[key]
    elif st.query_params.get(key) != chosen:
        st.query_params[key] = chosen
