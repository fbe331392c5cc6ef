"""The sign-in pages as HTML: no script, no outside request, light and dark, usable by keyboard and reader."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from starlette.responses import HTMLResponse

PAGES = files("ehr_core.api.smart").joinpath("pages")


@cache
def _environment() -> Environment:
    return Environment(autoescape=True, undefined=StrictUndefined)


@cache
def _template(name: str):
    return _environment().from_string(PAGES.joinpath(name).read_text(encoding="utf-8"))


@cache
def _style() -> str:
    return PAGES.joinpath("style.css").read_text(encoding="utf-8")


@cache
def _style_hash() -> str:
    return base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()


def page(name: str, *, status: int = 200, send_to: tuple[str, ...] = (), **values: object) -> HTMLResponse:
    """A page of the folder `pages`.

    `send_to` are the origins that the form's answer may redirect to: browsers check `form-action` along the
    whole chain of redirects.
    """
    body = _template(name).render(style=_style(), **values)
    form_targets = " ".join(("'self'", *send_to))
    policy = (
        f"default-src 'none'; style-src 'sha256-{_style_hash()}'; img-src 'none'; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action {form_targets}"
    )
    return HTMLResponse(
        body, status_code=status, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    )
