"""The page of a one-tap link: it shows before it acts, says nothing of who it is for, and works without a script."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import httpx
import pytest
from starlette.applications import Starlette

import portal.visit_link
from data_contracts.api.messaging import LinkPage
from ehr_core.client.in_process import InProcess
from ehr_core.kernel.errors import Gone, NotFound, Unavailable
from portal.visit_link import LINK_ROUTES

OPEN = LinkPage(
    purpose="answer_visit",
    language="es",
    site_name="Riverside <Health>",
    place="North Clinic",
    starts_at=datetime(2026, 11, 23, 14, 0, tzinfo=UTC),
    time_zone="America/New_York",
    acts=["confirm", "cancel"],
    said="open",
)


class Links:
    """The API's side: what was asked, and what it answers or raises."""

    def __init__(self):
        self.asked: list[tuple[str, str | None]] = []
        self.raises: Exception | None = None

    def look_at_link(self, token: str) -> LinkPage:
        return self._said(token, None, OPEN)

    def answer_link(self, token: str, act: str) -> LinkPage:
        return self._said(token, act, OPEN.model_copy(update={"acts": [], "said": "confirmed"}))

    def _said(self, token: str, act: str | None, page: LinkPage) -> LinkPage:
        self.asked.append((token, act))
        if self.raises:
            raise self.raises
        return page


@pytest.fixture
def links(monkeypatch):
    made = Links()
    monkeypatch.setattr(portal.visit_link, "link_client", lambda: SimpleNamespace(messaging=made))
    monkeypatch.setattr(portal.visit_link, "app_settings", lambda: SimpleNamespace(site_name="Riverside"))
    return made


@pytest.fixture
def browser():
    transport = InProcess(Starlette(routes=list(LINK_ROUTES)))
    yield httpx.Client(base_url="http://portal", transport=transport, headers={"Accept-Language": "en-US"})
    transport.close()


def test_looking_shows_day_time_and_two_buttons_and_answers_nothing(links, browser):
    page = browser.get("/visit/abc")
    assert links.asked == [("abc", None)]
    assert 'lang="es"' in page.text
    assert "23 de noviembre de 2026, 9:00 a. m." in page.text
    assert page.text.count("<button") == 2
    assert "<script" not in page.text
    assert "Riverside &lt;Health&gt;" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_the_button_answers_and_the_page_then_offers_nothing(links, browser):
    page = browser.post("/visit/abc", data={"act": "confirm"})
    assert links.asked == [("abc", "confirm")]
    assert "Le esperamos" in page.text
    assert "<button" not in page.text


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (Gone("used"), 410, "used already"),
        (NotFound("none"), 404, "not complete"),
        (Unavailable("away"), 503, "sorry"),
    ],
)
def test_a_link_that_cannot_be_followed_says_what_to_do(links, browser, error, status, words):
    links.raises = error
    page = browser.get("/visit/abc")
    assert page.status_code == status
    assert words in page.text
    assert "call us" in page.text
