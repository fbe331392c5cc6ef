"""The page of a one-tap link: no sign-in, no script, nothing of who it is for. Looking shows, a button acts.

A mail program that opens links to look at them changes nothing: only the form's POST does.
"""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from zoneinfo import ZoneInfo

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from data_contracts.api.messaging import LinkPage
from ehr_core.client import AlmonerClient
from ehr_core.client.streamlit_app import app_settings
from ehr_core.kernel.errors import AlmonerError, Gone, NotFound
from portal.text import Words

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
}
STYLE_PATH = "/visit-link.css"
LONGEST_TOKEN = 200


def link_html(page: LinkPage) -> str:
    """When and where, and a button for each answer that can still be given."""
    words = Words(page.language)
    body = f"<p>{escape(words(f'link.{page.purpose}_{page.said}'))}</p>"
    if page.starts_at is not None:
        local = page.starts_at.astimezone(ZoneInfo(page.time_zone))
        when = words("link.when", date=words.long_date(local.date()), time=words.clock(local))
        body += f'<p class="when">{escape(when)}</p>'
        if page.place:
            body += f"<p>{escape(page.place)}</p>"
    buttons = "".join(
        f'<button name="act" value="{act}"{_kind(act)}>{escape(words(f"link.{act}"))}</button>'
        for act in page.acts
    )
    form = f'<form method="post">{buttons}</form>' if buttons else ""
    return _sheet(page.language, page.site_name, words("link.title"), body + form)


def trouble_html(language: str, sentence: str) -> str:
    words = Words(language)
    return _sheet(language, app_settings().site_name, words("link.title"), f"<p>{escape(sentence)}</p>")


def _kind(act: str) -> str:
    return ' class="quiet"' if act in ("cancel", "decline") else ""


def _sheet(language: str, site_name: str, title: str, body: str) -> str:
    words = Words(language)
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="{STYLE_PATH}"></head>'
        f'<body><main><p class="site">{escape(site_name)}</p><h1>{escape(title)}</h1>{body}'
        f'<p class="site">{escape(words("gate.emergency"))}</p></main></body></html>'
    )


async def _show(request: Request) -> HTMLResponse:
    token = request.path_params["token"]
    return await anyio.to_thread.run_sync(_answer, request, token, None)


async def _act(request: Request) -> HTMLResponse:
    form = await request.form(max_files=0, max_fields=5)
    act = str(form.get("act") or "")
    return await anyio.to_thread.run_sync(_answer, request, request.path_params["token"], act)


def _answer(request: Request, token: str, act: str | None) -> HTMLResponse:
    language = _browser_language(request)
    words = Words(language)
    try:
        room = link_client().messaging
        page = (
            room.look_at_link(token[:LONGEST_TOKEN])
            if act is None
            else room.answer_link(token[:LONGEST_TOKEN], act)
        )
        return HTMLResponse(link_html(page), headers=HEADERS)
    except Gone:
        return HTMLResponse(trouble_html(language, words("link.gone")), status_code=410, headers=HEADERS)
    except NotFound:
        return HTMLResponse(trouble_html(language, words("link.unknown")), status_code=404, headers=HEADERS)
    except AlmonerError as error:
        return HTMLResponse(
            trouble_html(language, words("link.trouble")), status_code=error.http_status, headers=HEADERS
        )


def _browser_language(request: Request) -> str:
    asked = request.headers.get("accept-language", "en")[:2].lower()
    return Words(asked).language


@cache
def link_client() -> AlmonerClient:
    """Speaks to the API without a sign-in: the token is all that it has."""
    return AlmonerClient(app_settings().api_url, None)


async def _style(_request: Request) -> HTMLResponse:
    style = Path(__file__).with_name("visit_link.css").read_text(encoding="utf-8")
    return HTMLResponse(style, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})


LINK_ROUTES = (
    Route(STYLE_PATH, _style, methods=["GET"]),
    Route("/visit/{token}", _show, methods=["GET"]),
    Route("/visit/{token}", _act, methods=["POST"]),
)
