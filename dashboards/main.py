"""The staff workspace: signs in, then offers the pages that this person's permissions allow."""

from __future__ import annotations

import streamlit as st

from dashboards.account.my_account import account_page
from dashboards.admin.audit import audit_page
from dashboards.care_manager.replies import replies_page
from dashboards.care_manager.worklist import worklist_page
from dashboards.clinician.chart import chart_page
from dashboards.clinician.patients import patients_page
from dashboards.clinician.today import today_page
from dashboards.front_desk.book import book_page
from dashboards.front_desk.calendars import calendars_page
from dashboards.front_desk.flow_board import flow_board_page
from dashboards.front_desk.mailbox import mailbox_page
from dashboards.front_desk.reported import reported_page
from dashboards.front_desk.schedule import schedule_page
from dashboards.front_desk.waitlist import waitlist_page
from dashboards.quality.measures import measures_page
from dashboards.shared.session import StaffSession, sign_out, staff_session

st.set_page_config(page_title="Almoner", page_icon=None, layout="wide", initial_sidebar_state="collapsed")


# Where a morning begins; for everybody else with the day's list.
FIRST_PAGES = {"care_manager": "worklist", "front_desk": "board"}


def _pages(session: StaffSession) -> list[st.Page]:
    """Pages in the order of a morning; the first one allowed is where the person starts."""
    offered = [
        ("schedule.read", today_page, "Today", "today", "visible"),
        ("worklist.read", worklist_page, "Worklist", "worklist", "visible"),
        ("worklist.read", replies_page, "Replies", "replies", "visible"),
        ("schedule.read", flow_board_page, "Flow board", "board", "visible"),
        ("schedule.read", schedule_page, "Schedule", "schedule", "visible"),
        ("schedule.book", book_page, "Book", "book", "visible"),
        ("schedule.book", waitlist_page, "Waitlist", "waitlist", "visible"),
        ("patient.search", patients_page, "Patients", "patients", "visible"),
        ("chart.read", chart_page, "Chart", "chart", "hidden"),
        ("chart.read", reported_page, "Reported", "reported", "visible"),
        ("mailbox.read", mailbox_page, "Mailbox", "mailbox", "visible"),
        ("schedule.manage", calendars_page, "Calendars", "calendars", "visible"),
        ("measure.read", measures_page, "Measures", "measures", "visible"),
        ("audit.read", audit_page, "Audit", "audit", "visible"),
    ]
    first = next((place for role, place in FIRST_PAGES.items() if role in session.me.roles), "today")
    offered.sort(key=lambda entry: entry[3] != first)
    pages = []
    for permission, page, title, path, visibility in offered:
        if session.may(permission):
            pages.append(st.Page(page, title=title, url_path=path, visibility=visibility))
            st.session_state[path] = pages[-1]
    return pages


def _home(pages: list[st.Page]) -> st.Page:
    """The default page has no path of its own in Streamlit, so it only leads to the first real one."""

    def home() -> None:
        if not pages:
            st.warning("Your account has no permission yet. Ask an administrator to give you a role.")
            return
        st.switch_page(pages[0])

    return st.Page(home, title="Home", default=True, visibility="hidden")


session = staff_session()
st.session_state["session"] = session
pages = _pages(session)
mine = st.Page(account_page, title="My account", url_path="account")
current = st.navigation([_home(pages), *pages, mine], position="top")
with st.sidebar:
    st.write(f"**{session.me.name}**")
    st.caption(", ".join(role.replace("_", " ") for role in session.me.roles))
    st.button("Sign out", on_click=sign_out, args=(session,), key="sign_out")
current.run()
