"""My account: the person's password, second factor, sessions, the apps they let in, and whose record they look at."""

from __future__ import annotations

from html import escape

import streamlit as st

from data_contracts.api.access import RecordChoice
from ehr_core.display import qr_svg
from ehr_core.kernel.errors import AlmonerError
from portal.markup import show
from portal.session import PatientSession, plain_name
from portal.site_day import site_day
from portal.text import Words

BEGUN, CODES = "second_factor_begun", "recovery_codes"
SHORTEST = 12
"""Characters of a password; the API holds the rule and this page only says it beforehand."""


def account_page() -> None:
    session: PatientSession = st.session_state["session"]
    st.title(session.words("account.page"), anchor=False)
    if told := st.session_state.pop("account_told", None):
        st.success(session.words(told))
    _whose_record(session)
    _password(session)
    _second_factor(session)
    _passkeys(session)
    _apps(session)
    _sessions(session)


def _done(told: str) -> None:
    st.session_state["account_told"] = told
    st.rerun()


def _whose_record(session: PatientSession) -> None:
    """For proxies: a choice, where there is one."""
    acting = session.client.access.acting_for()
    words = session.words
    names = {one.patient_id: _person(words, one) for one in acting.choices}
    if not names:
        if not acting.has_own_record:
            st.warning(words("account.for_nobody"))
        return
    st.header(words("account.whose"), anchor=False)
    options = [*([None] if acting.has_own_record else []), *names]
    chosen = st.radio(
        words("account.whose"),
        options,
        index=options.index(acting.patient_id) if acting.patient_id in options else None,
        format_func=lambda one: words("account.own_record") if one is None else names[one],
        label_visibility="collapsed",
    )
    if chosen != acting.patient_id and st.button(words("account.look")):
        session.client.access.act_for(chosen)
        _done("account.whose_changed")


def _person(words: Words, one: RecordChoice) -> str:
    """Two of the same name are told apart by the day of birth."""
    name, born = plain_name(words, one.name), words.recorded_date(one.birth_date)
    return words("account.record_of", name=name, born=born) if born else name


def _password(session: PatientSession) -> None:
    words = session.words
    st.header(words("account.password"), anchor=False)
    with st.form("password", clear_on_submit=True):
        present = st.text_input(words("account.present"), type="password", autocomplete="current-password")
        new = st.text_input(
            words("account.new", least=SHORTEST), type="password", autocomplete="new-password"
        )
        again = st.text_input(words("account.again"), type="password", autocomplete="new-password")
        asked = st.form_submit_button(words("account.change"))
    if not asked:
        return
    if new != again or len(new) < SHORTEST:
        st.error(words("account.not_same", least=SHORTEST))
        return
    try:
        session.client.account.change_password(present, new)
    except AlmonerError:
        st.error(words("account.password_refused"))
    else:
        _done("account.password_changed")


def _second_factor(session: PatientSession) -> None:
    words = session.words
    st.header(words("account.factor"), anchor=False)
    if codes := st.session_state.get(CODES):
        st.write(words("account.codes"))
        st.code("\n".join(codes), language=None)
        if st.button(words("account.kept")):
            del st.session_state[CODES]
            st.rerun()
    elif session.client.account.me().totp_enabled:
        st.write(words("account.factor_on"))
        _ask_code(session, "account.turn_off", session.client.account.disable_totp, "account.factor_is_off")
    elif begun := st.session_state.get(BEGUN):
        st.write(words("account.scan"))
        label = escape(words("account.picture"))
        st.html(f'<div role="img" aria-label="{label}">{qr_svg(begun.otpauth_uri)}</div>')
        st.write(words("account.key", secret=begun.secret))
        _ask_code(session, "account.turn_on", _turn_on, "account.factor_is_on")
    else:
        st.write(words("account.factor_off"))
        if st.button(words("account.set_up")):
            st.session_state[BEGUN] = session.client.account.enrol_totp()
            st.rerun()


def _turn_on(code: str) -> None:
    session: PatientSession = st.session_state["session"]
    st.session_state[CODES] = session.client.account.confirm_totp(code).recovery_codes
    del st.session_state[BEGUN]


def _ask_code(session: PatientSession, button: str, act, told: str) -> None:
    with st.form(button):
        code = st.text_input(session.words("account.code"), max_chars=14, autocomplete="one-time-code")
        asked = st.form_submit_button(session.words(button))
    if asked:
        try:
            act(code)
        except AlmonerError:
            st.error(session.words("account.code_refused"))
        else:
            _done(told)


def _passkeys(session: PatientSession) -> None:
    """Which there are, and the page on which the browser makes another."""
    words = session.words
    st.header(words("account.passkeys"), anchor=False)
    st.write(words("account.passkeys_what"))
    for one in session.client.account.passkeys():
        with st.container(border=True):
            day = site_day(one.last_used_at) if one.last_used_at else None
            used = (
                words("account.passkey_used", day=words.long_date(day))
                if day
                else words("account.passkey_unused")
            )
            show(words.language, f"<p><b>{escape(one.name)}</b> · {escape(used)}</p>")
            if st.button(words("account.passkey_away", name=one.name), key=f"passkey-{one.key_id}"):
                session.client.account.remove_passkey(one.key_id)
                _done("account.passkey_gone")
    with st.form("passkey", clear_on_submit=True):
        present = st.text_input(
            words("account.passkey_password"), type="password", autocomplete="current-password"
        )
        asked = st.form_submit_button(words("account.passkey_next"))
    if asked:
        try:
            address = session.client.account.add_passkey(present)
        except AlmonerError:
            st.error(words("account.passkey_refused"))
        else:
            st.link_button(words("account.passkey_add"), address)


def _apps(session: PatientSession) -> None:
    words, apps = session.words, session.client.apps.let_in()
    if not apps:
        return
    st.header(words("account.apps"), anchor=False)
    for one in apps:
        with st.container(border=True):
            until = words("account.app_until", day=words.long_date(site_day(one.until)))
            may = "".join(f"<li>{escape(line)}</li>" for line in one.may)
            show(words.language, f"<p><b>{escape(one.name)}</b> · {escape(until)}</p>")
            show("en", f"<ul>{may}</ul>")
            if st.button(words("account.put_out", name=one.name), key=f"app-{one.grant_id}"):
                session.client.apps.put_out(one.grant_id)
                _done("account.app_is_out")


def _sessions(session: PatientSession) -> None:
    words = session.words
    st.header(words("account.sessions"), anchor=False)
    for one in session.client.account.sessions():
        if one.ended is not None:
            continue
        with st.container(border=True):
            since = words.long_date(site_day(one.created_at))
            show(
                words.language,
                f"<p>{escape(one.application)} · {escape(since)} · {escape(one.address or '')}</p>",
            )
            if one.current:
                st.caption(words("account.this_one"))
            elif st.button(words("account.end"), key=f"session-{one.session_id}"):
                session.client.account.revoke_session(one.session_id)
                _done("account.session_ended")
