"""The portal: signs a patient in, then shows their own record in plain words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from ehr_core.client.streamlit_app import app_settings
from portal.pages.account import account_page
from portal.pages.book_visit import book_page
from portal.pages.home import home_page
from portal.pages.questionnaires import questionnaires_page
from portal.pages.results import results_page
from portal.pages.visits import visits_page
from portal.pages.who_looked import who_looked_page
from portal.session import patient_session, sign_out

st.set_page_config(page_title=app_settings().site_name, layout="centered", initial_sidebar_state="collapsed")
st.html(Path(__file__).with_name("style.css"))
session = patient_session()
st.session_state["session"] = session
words = session.words
# Where the portal opens: a proxy may be let in for appointments alone, or has not chosen a record yet.
first = "home" if session.may("own.read") else "visits" if session.may("own.book") else "account"


def _page(page: Callable[[], None], key: str, path: str, *needs: str) -> st.Page:
    """A page that this person may not open stands in no menu."""
    visibility = "visible" if all(map(session.may, needs)) else "hidden"
    return st.Page(page, title=words(key), url_path=path, default=path == first, visibility=visibility)


home = _page(home_page, "home.page", "home", "own.read")
results = _page(results_page, "results.page", "results", "own.read")
visits = _page(visits_page, "visits.page", "visits", "own.book")
book = _page(book_page, "visits.book", "book", "own.book")
questionnaires = _page(questionnaires_page, "questionnaires.page", "questionnaires", "own.read", "own.reply")
st.session_state["results_page"], st.session_state["visits_page"] = results, visits
st.session_state["book_page"] = book
account = _page(account_page, "account.page", "account")
looked = _page(who_looked_page, "looked.page", "who-looked", "own.read")
current = st.navigation([home, visits, book, results, questionnaires, looked, account], position="top")
current.run()
st.button(words("gate.sign_out"), on_click=sign_out, args=(session,))
