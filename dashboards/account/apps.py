"""The outside applications that I have let in, and the way to put them out."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.markup import text
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant


def apps_let_in(session: StaffSession) -> None:
    """Nothing where there are none."""
    with told_errors():
        apps = session.client.apps.let_in()
        if not apps:
            return
        st.header("Apps that you let in")
        for one in apps:
            with st.container(border=True):
                may = "".join(f"<li>{text(words)}</li>" for words in one.may)
                st.html(f"<p><b>{text(one.name)}</b> until {text(show_instant(one.until))}</p><ul>{may}</ul>")
                if st.button(f"Put {one.name} out", key=f"grant_{one.grant_id}"):
                    session.client.apps.put_out(one.grant_id)
                    remember(f"{one.name} has no access in your name any more.")
                    st.rerun()
