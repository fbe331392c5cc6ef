"""The workspace's pages by their paths, so that one can lead to another; kept apart from what widgets keep."""

from __future__ import annotations

from typing import NoReturn

import streamlit as st


def keep_place(path: str, page: st.Page) -> None:
    st.session_state[_key(path)] = page


def place(path: str) -> st.Page | None:
    """None where this person has no such page."""
    return st.session_state.get(_key(path))


def go_to(path: str, **query: str) -> NoReturn:
    """Leaves for a page that this person has, with `query` in its address."""
    st.switch_page(st.session_state[_key(path)], query_params=query)


def _key(path: str) -> str:
    """A widget of the same name as a page's path would find the page in its place."""
    return f"place:{path}"
