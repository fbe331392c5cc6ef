"""Makes the drawer of pages right for a screen reader: under a heading Streamlit puts links into no list.

A script of our own, served from this process and holding no data. Links and headings stay what they are.
"""

from __future__ import annotations

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

SCRIPT = """
const flat = () => document.querySelectorAll('[data-testid="stSidebarNavItems"], [data-testid="stSidebarNavItems"] li')
  .forEach((part) => { if (part.getAttribute("role") !== "none") part.setAttribute("role", "none"); });
if (!window.navigationIsFlat) {
  window.navigationIsFlat = true;
  new MutationObserver(flat).observe(document.body, { childList: true, subtree: true });
}
flat();
"""


async def _script(_request: Request) -> Response:
    return Response(SCRIPT, media_type="text/javascript", headers={"Cache-Control": "public, max-age=3600"})


NAVIGATION_ROUTE = Route("/navigation-list.js", _script, methods=["GET"])


def flatten_navigation() -> None:
    st.html('<script src="/navigation-list.js"></script>', unsafe_allow_javascript=True)
