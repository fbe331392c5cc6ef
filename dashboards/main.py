"""The staff workspace: signs in, then offers the pages that this person's permissions allow."""

from __future__ import annotations

import streamlit as st

from dashboards.account.my_account import account_page
from dashboards.pages import DAY, HIDDEN, Offer, offers
from dashboards.shared.navigation_list import flatten_navigation
from dashboards.shared.places import keep_place, place
from dashboards.shared.session import sign_out, staff_session

st.set_page_config(page_title="Almoner", page_icon=None, layout="wide", initial_sidebar_state="collapsed")


def _pages(allowed: list[Offer]) -> dict[str, list[st.Page]]:
    """The pages by heading. A heading over a single page would hide it behind a click for nothing."""
    found: dict[str, list[st.Page]] = {DAY: []}
    for offer in allowed:
        visibility = "hidden" if offer.heading is HIDDEN else "visible"
        page = st.Page(offer.page, title=offer.title, url_path=offer.path, visibility=visibility)
        found.setdefault(offer.heading or DAY, []).append(page)
        keep_place(offer.path, page)
    alone = [heading for heading, pages in found.items() if heading != DAY and len(pages) == 1]
    found[DAY] += [page for heading in alone for page in found.pop(heading)]
    return found


def _home(first: st.Page | None) -> st.Page:
    """The default page has no path of its own in Streamlit, so it only leads to the first real one."""

    def home() -> None:
        if first is None:
            st.warning("Your account has no permission yet. Ask an administrator to give you a role.")
            return
        st.switch_page(first)

    return st.Page(home, title="Home", default=True, visibility="hidden")


session = staff_session()
st.session_state["session"] = session
allowed = [offer for offer in offers(session) if session.may(offer.permission)]
pages = _pages(allowed)
first = place(allowed[0].path) if allowed else None
mine = st.Page(account_page, title="My account", url_path="account")
pages[DAY] = [_home(first), *pages[DAY], mine]
current = st.navigation(pages, position="top")
with st.sidebar:
    st.write(f"**{session.me.name}**")
    st.caption(", ".join(role.replace("_", " ") for role in session.me.roles))
    st.button("Sign out", on_click=sign_out, args=(session,), key="sign_out")
    flatten_navigation()
current.run()
