"""The portal: signs a patient in, then shows their own record in plain words."""

from __future__ import annotations

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
home = st.Page(home_page, title=words("home.page"), default=True)
results = st.Page(results_page, title=words("results.page"), url_path="results")
visits = st.Page(visits_page, title=words("visits.page"), url_path="visits")
book = st.Page(book_page, title=words("visits.book"), url_path="book")
questionnaires = st.Page(questionnaires_page, title=words("questionnaires.page"), url_path="questionnaires")
st.session_state["results_page"], st.session_state["visits_page"] = results, visits
st.session_state["book_page"] = book
account = st.Page(account_page, title=words("account.page"), url_path="account")
looked = st.Page(who_looked_page, title=words("looked.page"), url_path="who-looked")
current = st.navigation([home, visits, book, results, questionnaires, looked, account], position="top")
current.run()
st.button(words("gate.sign_out"), on_click=sign_out, args=(session,))
