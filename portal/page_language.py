"""Tells the browser, and so the screen reader, which language the page is in.

Streamlit's page says `<html lang="en">` whatever it shows. A script of our own, served from this process and holding
no data, sets it; blocks of our own HTML carry `lang` themselves, so they are right also where scripts are off.
"""

from __future__ import annotations

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from portal.text import LANGUAGES


def script_of(language: str) -> str:
    return f'document.documentElement.lang = "{language}";\n'


async def _script(request: Request) -> Response:
    language = request.path_params["language"]
    if language not in LANGUAGES:
        return Response(status_code=404)
    return Response(
        script_of(language), media_type="text/javascript", headers={"Cache-Control": "public, max-age=3600"}
    )


LANGUAGE_ROUTE = Route("/page-language/{language}.js", _script, methods=["GET"])


def tell_browser(language: str) -> None:
    st.html(f'<script src="/page-language/{language}.js"></script>', unsafe_allow_javascript=True)
