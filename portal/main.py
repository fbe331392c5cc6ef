"""The portal: signs a patient in, then shows their own record in plain words."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ehr_core.client.streamlit_app import app_settings
from portal.pages.book_visit import book_page
from portal.pages.home import home_page
from portal.pages.questions import questions_page
from portal.pages.results import results_page
from portal.pages.visits import visits_page
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
questions = st.Page(questions_page, title=words("ask.page"), url_path="questions")
st.session_state["results_page"], st.session_state["visits_page"] = results, visits
st.session_state["book_page"] = book
current = st.navigation([home, visits, book, questions, results], position="top")
current.run()
st.button(words("gate.sign_out"), on_click=sign_out, args=(session,))
