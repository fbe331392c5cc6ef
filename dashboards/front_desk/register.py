"""Register: look for the person first; only who is not there is registered, after a look at everybody like them."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.patients import hit_html
from dashboards.front_desk.candidates import ask_about_each, show_namesakes
from dashboards.front_desk.typed import beginning_of, iso_date
from dashboards.shared.chart_button import profile_button
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import plain_words
from dashboards.shared.page import error_words, remember, start_page, tell_remembered, told_errors
from dashboards.shared.places import go_to
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.registration import AnotherPerson, DuplicateCandidates, NewPatient
from ehr_core.display import language_choices
from ehr_core.kernel.errors import AlmonerError, Conflict

SHORTEST_SEARCH, HITS_SHOWN = 2, 10
SEXES = ("female", "male", "other", "unknown")
INTERPRETER = {True: "Needed", False: "Not needed"}


def register_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Register")
    tell_remembered()
    search = st.text_input(
        "First look for the person: name, birth date, MRN or phone",
        key="register_search",
        type="search",
        live=True,
        placeholder="Reyes, Ana 03/14/1972",
        max_chars=100,
    )
    if len((search or "").strip()) < SHORTEST_SEARCH:
        st.caption(
            "Whoever is found here is not registered a second time. Other forms of a name are found too."
        )
        return
    with told_errors():
        _hits(session, search.strip())
    form = st.session_state.get("register_form")
    if form is None:
        if st.button("None of these: register a new patient", type="primary", shortcut="Alt+N"):
            st.session_state["register_form"] = fresh_form("register")
            _prefill(st.session_state["register_form"], search)
            st.rerun()
        return
    _new_patient(session, form)


def _hits(session: StaffSession, search: str) -> None:
    found = session.client.registration.search(search, limit=HITS_SHOWN)
    if not found.hits:
        st.info("Nobody like this is there. Try the birth date or the phone too, then register.")
        return
    more = f", the first {HITS_SHOWN} are shown" if found.total > HITS_SHOWN else ""
    st.caption(f"{found.total} found{more}")
    for hit in found.hits:
        with st.container(border=True, key=f"hit-{hit.patient_id}"):
            who, go = st.columns([6, 1.6], vertical_alignment="center")
            who.html(f'<div class="card">{hit_html(hit)}</div>')
            with go:
                profile_button(
                    session, hit.patient_id, key=f"open-{hit.patient_id}", label="This is the person"
                )


def _prefill(form: str, search: str) -> None:
    """What was looked for stands in the form already."""
    beginning = beginning_of(search)
    for field in ("family", "given", "birth_date", "phone"):
        st.session_state[f"{form}-{field}"] = getattr(beginning, field)


def _new_patient(session: StaffSession, form: str) -> None:
    st.subheader("New patient", anchor=False)
    person = _form(form)
    asked: tuple[NewPatient, DuplicateCandidates] | None = st.session_state.get(f"{form}-asked")
    if asked is not None and asked[0] == person:
        _confirm(session, form, person, asked[1])
        return
    register, leave = st.columns([1, 1])
    if register.button("Register", type="primary", key=f"{form}-go", width="stretch"):
        _look_and_register(session, form, person)
    if leave.button("Leave without registering", key=f"{form}-leave", width="stretch"):
        _forget(form)
        st.rerun()


def _form(form: str) -> NewPatient:
    """The fields; empty means not known. Nothing typed here is lost while the page is open."""
    names = st.columns([3, 3, 2, 1.2])
    family = names[0].text_input("Family name", key=f"{form}-family", max_chars=100)
    given = names[1].text_input("First name", key=f"{form}-given", max_chars=100)
    middle = names[2].text_input("Middle name", key=f"{form}-middle", max_chars=100)
    suffix = names[3].text_input("Suffix", key=f"{form}-suffix", max_chars=20, placeholder="Jr.")
    facts = st.columns([2, 2, 2, 2])
    born = facts[0].text_input(
        "Birth date", key=f"{form}-birth_date", max_chars=10, placeholder="1972-03-14 or 03/14/1972"
    )
    sex = facts[1].selectbox("Sex", SEXES, index=None, key=f"{form}-sex", placeholder="Not recorded")
    used = facts[2].text_input("Name in use", key=f"{form}-used", max_chars=100)
    order = facts[3].number_input(
        "Birth order of twins", 1, 10, value=None, step=1, key=f"{form}-order", placeholder="No twin"
    )
    reach = st.columns([2, 3, 3])
    phone = reach[0].text_input("Phone", key=f"{form}-phone", max_chars=40)
    email = reach[1].text_input("E-mail", key=f"{form}-email", max_chars=200)
    line = reach[2].text_input("Street", key=f"{form}-line", max_chars=200)
    place = st.columns([3, 1, 1.4, 2.6, 2])
    city = place[0].text_input("City", key=f"{form}-city", max_chars=100)
    state = place[1].text_input("State", key=f"{form}-state", max_chars=2)
    postal_code = place[2].text_input("ZIP code", key=f"{form}-zip", max_chars=10)
    languages = language_choices()
    language = place[3].selectbox(
        "Language",
        list(languages),
        index=None,
        format_func=languages.get,
        key=f"{form}-language",
        placeholder="Not recorded",
    )
    interpreter = place[4].selectbox(
        "Interpreter",
        [True, False],
        index=None,
        format_func=INTERPRETER.get,
        key=f"{form}-interpreter",
        placeholder="Not recorded",
    )
    return NewPatient(
        family=family or None,
        given=given or None,
        middle=middle or None,
        suffix=suffix or None,
        used_name=used or None,
        birth_date=iso_date(born),
        birth_order=int(order) if order else None,
        sex=sex,
        phone=phone or None,
        email=email or None,
        address_line=line or None,
        city=city or None,
        state=state or None,
        postal_code=postal_code or None,
        language=language,
        interpreter_required=interpreter,
    )


def _look_and_register(session: StaffSession, form: str, person: NewPatient) -> None:
    """Registers at once when nobody like this is there; otherwise the list of those who are is looked at first."""
    with told_errors():
        found = session.client.registration.likely_duplicates(person)
        if found.to_look_at():
            st.session_state[f"{form}-asked"] = (person, found)
            st.rerun()
        _register(session, form, person, [])


def _confirm(session: StaffSession, form: str, person: NewPatient, found: DuplicateCandidates) -> None:
    st.warning("Somebody like this is there already. Say of each whether it is the person.")
    said = ask_about_each(session, found, form)
    show_namesakes(found)
    st.write(f"New patient: **{plain_words(new_name(person))}**, born {show_date(person.birth_date)}")
    register, leave = st.columns([1, 1])
    if register.button(
        "Register as a new patient",
        type="primary",
        disabled=said is None,
        key=f"{form}-confirm",
        width="stretch",
    ):
        _try_to_register(session, form, person, said or [])
    if leave.button("Leave without registering", key=f"{form}-leave", width="stretch"):
        _forget(form)
        st.rerun()
    if told := st.session_state.get(f"{form}-told"):
        st.error(told)


def _try_to_register(session: StaffSession, form: str, person: NewPatient, said: list[AnotherPerson]) -> None:
    """Somebody who came in between is shown; what was typed and said stays."""
    try:
        _register(session, form, person, said)
    except Conflict as conflict:
        st.session_state[f"{form}-asked"] = (person, session.client.registration.likely_duplicates(person))
        st.session_state[f"{form}-told"] = error_words(conflict)
        st.rerun()
    except AlmonerError as error:
        st.session_state[f"{form}-told"] = error_words(error)
        st.rerun()


def _register(session: StaffSession, form: str, person: NewPatient, said: list[AnotherPerson]) -> None:
    made = session.client.registration.register(person, said)
    _forget(form)
    remember(f"{plain_words(new_name(person))} is registered under MRN {made.mrn}.")
    go_to("profile", patient=made.patient_id)


def new_name(person: NewPatient) -> str:
    """FAMILY, First, as the banner will have it."""
    given = " ".join(filter(None, (person.given, person.middle)))
    return ", ".join(filter(None, ((person.family or "").upper(), given))) or "without a name"


def _forget(form: str) -> None:
    st.session_state.pop("register_form", None)
    for key in [key for key in st.session_state if str(key).startswith(f"{form}-")]:
        del st.session_state[key]
