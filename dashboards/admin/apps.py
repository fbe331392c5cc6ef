"""Apps: outside applications that may ask people to be let in, registered and closed here."""

from __future__ import annotations

import streamlit as st

from dashboards.admin.roles import LABELS
from dashboards.shared.markup import text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from data_contracts.api.apps import App, NewApp, NewKeys

KINDS = {
    "public": "Public: runs in a browser or on a phone",
    "confidential": "Confidential: a server with a key of its own",
    "backend": "Backend service: nobody signs in to it",
}
LONGEST_KEYS, LONGEST_ADDRESS = 20_000, 2000
AUDIENCES = {"staff": "Staff", "patients": "Patients"}


def apps_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Apps")
    tell_remembered()
    st.caption(
        "An app sees no more than its scopes, the person who lets it in, and the policy on charts all allow."
    )
    with told_errors():
        listed = session.client.apps.all()
        if not listed:
            st.info("No app is registered yet.")
        for one in listed:
            _app(session, one)
    _register(session)


def app_html(one: App) -> str:
    """Name, kind and client id, then where it comes from and what it may ask for."""
    closed = " · <b>closed</b>" if one.closed else ""
    places = ", ".join(one.redirect_uris) or "no sign-in"
    return (
        f"<p><b>{text(one.name)}</b> · {text(KINDS[one.kind].partition(':')[0])}{closed}<br>"
        f"Client id <code>{text(one.client_id)}</code></p>"
        f"<p class='quiet'>{text(places)}<br>{text(' '.join(one.scopes))}{keys_html(one)}</p>"
    )


def keys_html(one: App) -> str:
    """Where its keys are fetched and how that went; nothing where they were given themselves."""
    if one.jwks_uri is None:
        return ""
    state = one.fetched_keys
    words = [f"Keys from {one.jwks_uri}"]
    if state is None:
        words.append("not asked for yet")
    else:
        if state.good_until is not None:
            words.append(f"good until {show_instant(state.good_until)}")
        if state.failure is not None:
            words.append(f"the last fetch failed: {state.failure}")
    return f"<br>{text(', '.join(words))}"


def _app(session: StaffSession, one: App) -> None:
    with st.container(border=True):
        st.html(app_html(one))
        words = f"Open {one.name} again" if one.closed else f"Close {one.name}"
        if st.button(words, key=f"app_{one.client_id}"):
            with told_errors():
                act = session.client.apps.open_again if one.closed else session.client.apps.close
                act(one.client_id)
                remember(f"{one.name} is {'open' if one.closed else 'closed: its access ends at once'}.")
                st.rerun()
        if one.kind != "public":
            _change_keys(session, one)


def _change_keys(session: StaffSession, one: App) -> None:
    with st.expander(f"Change the keys of {one.name}"), st.form(f"keys_{one.client_id}", border=False):
        jwks, jwks_uri = _key_fields(one.jwks_uri)
        if st.form_submit_button(f"Give {one.name} these keys"):
            with told_errors():
                session.client.apps.change_keys(one.client_id, NewKeys(jwks=jwks, jwks_uri=jwks_uri))
                remember(f"{one.name} has other keys: those of before open nothing any more.")
                st.rerun()


def _key_fields(address: str | None = None) -> tuple[str | None, str | None]:
    """The keys and the address of keys that were typed, of which the server takes one."""
    jwks_uri = st.text_input(
        "Address of its public keys (jwks_uri)",
        placeholder=address or "https://app.example/jwks.json",
        max_chars=LONGEST_ADDRESS,
        help="Keys are fetched from there, so that the app can change them by itself.",
    )
    jwks = st.text_area("Or the public keys themselves (JWKS)", max_chars=LONGEST_KEYS)
    return jwks.strip() or None, jwks_uri.strip() or None


def _register(session: StaffSession) -> None:
    st.header("Register an app")
    with st.form("register_app", width=640):
        name = st.text_input("Name, as people are asked about it", max_chars=100)
        kind = st.selectbox("Kind", KINDS, format_func=KINDS.get)
        audience = st.multiselect("For", AUDIENCES, default=list(AUDIENCES), format_func=AUDIENCES.get)
        redirects = st.text_area("Redirect addresses, one a line", help="Exact: nothing else is followed.")
        launch = st.text_input("Launch address, to open it from a chart (optional)")
        scopes = st.text_area("Scopes, one a line", help="Such as launch/patient and patient/Observation.rs")
        st.caption("Confidential apps and backend services prove themselves by keys.")
        jwks, jwks_uri = _key_fields()
        with st.expander("For a backend service"):
            sees = st.multiselect("Sensitive items that it reads", LABELS, format_func=LABELS.get)
            bulk = st.checkbox("It may export and import the types of its system scopes in bulk")
        asked = st.form_submit_button("Register", type="primary")
    if not asked:
        return
    with told_errors():
        wanted = NewApp(
            name=name or " ",
            kind=kind,
            redirect_uris=redirects.split(),
            launch_uri=launch.strip() or None,
            scopes=scopes.split() or [" "],
            jwks=jwks,
            jwks_uri=jwks_uri,
            audience=audience,
            sees=sees,
            bulk=bulk,
        )
        client_id = session.client.apps.register(wanted)
        remember(f"{name} is registered. Its client id is {client_id}")
        st.rerun()
