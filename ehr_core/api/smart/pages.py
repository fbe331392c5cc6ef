"""The sign-in pages as HTML: no script but for passkeys, no outside request, light and dark, by keyboard and reader."""

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
def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def page(
    name: str,
    *,
    status: int = 200,
    send_to: tuple[str, ...] = (),
    script: str | None = None,
    **values: object,
) -> HTMLResponse:
    """A page of the folder `pages`.

    `send_to` are the origins that the form's answer may redirect to: browsers check `form-action` along the
    whole chain of redirects. `script` is a file of the same folder: the only one that the page may run.
    """
    told = PAGES.joinpath(script).read_text(encoding="utf-8") if script else ""
    body = _template(name).render(style=_style(), script=told, **values)
    scripts = f"script-src 'sha256-{_hash(told)}'; " if script else ""
    form_targets = " ".join(("'self'", *send_to))
    policy = (
        f"default-src 'none'; {scripts}style-src 'sha256-{_hash(_style())}'; img-src 'none'; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action {form_targets}"
    )
    return HTMLResponse(
        body, status_code=status, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    )
