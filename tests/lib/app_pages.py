"""A page of an app over the real API, without a browser: Streamlit's AppTest runs it, and tells what it shows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from streamlit.testing.v1 import AppTest

SECONDS = 60


def a_page(session, module, function, query) -> None:
    """One page as its main.py opens it; where it leads to is noted under 'went'."""
    import importlib

    import streamlit as st

    from dashboards.shared.places import keep_place

    def went(page, query_params=None):
        st.session_state["went"] = (page, query_params)
        st.stop()

    st.switch_page = went
    st.session_state["session"] = session
    for page in ("profile", "chart", "duplicates", "book", "worklist", "medications"):
        keep_place(page, page)
    for page in ("visits_page", "book_page", "results_page", "forms_page"):
        st.session_state[page] = page
    if "begun" not in st.session_state:
        st.session_state["begun"] = True
        st.query_params.from_dict(query)
    getattr(importlib.import_module(module), function)()


def session_of(client: Any) -> SimpleNamespace:
    """As the workspace's pages know who is at the screen."""
    me = client.account.me()
    return SimpleNamespace(client=client, me=me, may=lambda permission: permission in me.permissions)


def opened(session: Any, module: str, function: str, **query: str) -> AppTest:
    page = AppTest.from_function(a_page, args=(session, module, function, query)).run(timeout=SECONDS)
    assert not page.exception, page.exception
    return page


def press(page: AppTest, label: str, number: int = 0) -> AppTest:
    """The button of that name; `number` among several."""
    found = [button for button in page.button if button.label == label]
    assert found, f"no button {label!r} among {[button.label for button in page.button]}"
    return found[number].click().run(timeout=SECONDS)


def starting(page: AppTest, words: str) -> list[str]:
    """The labels of the buttons that begin so."""
    return [button.label for button in page.button if button.label.startswith(words)]


def field(page: AppTest, label: str) -> Any:
    return next(box for box in page.text_input if box.label == label)


def shown(page: AppTest) -> str:
    """All words on the page, whatever they stand in."""
    told = [
        part.value
        for kind in (
            page.error,
            page.warning,
            page.info,
            page.success,
            page.caption,
            page.markdown,
            page.text,
        )
        for part in kind
    ]
    return " ".join([*told, *(part.proto.body for part in page.get("html"))])
