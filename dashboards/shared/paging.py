"""Turning pages of a list that comes page by page from the database."""

from __future__ import annotations

import streamlit as st

from data_contracts.api.model import Page


def pages_of(page: Page) -> int:
    """How many pages the list has; an empty list has one."""
    return max(1, -(-page.total // page.size))


def stay_within(page: Page, key: str) -> None:
    """A page behind the end, from a kept address or after the list has shrunk, turns to the last one."""
    if page.number > pages_of(page):
        st.session_state[key] = pages_of(page)
        st.rerun()


def show_paging(page: Page, key: str, *, in_address: bool = False) -> None:
    """Nothing for a single page."""
    if pages_of(page) > 1:
        st.pagination(pages_of(page), key=key, bind="query-params" if in_address else None)
