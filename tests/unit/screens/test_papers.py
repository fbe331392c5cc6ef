"""Paper: the same words in HTML and PDF, everything escaped, whose it is on every page, given out once."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboards.shared import print_route
from dashboards.shared.print_route import PRINT_ROUTE, hold_for_print
from dashboards.shared.printing import Paper, PaperPart, as_html, as_pdf

PAPER = Paper(
    title="Your visit",
    identity="NGUYỄN, Anh · 01-Jan-1970 · MRN 1",
    mark="Draft",
    parts=[PaperPart("What to do", ["Walk <b>daily</b>", "Llame si empeora: ¿dolor?"] * 60)],
    closing=["Call us."],
    language="es",
)


def test_the_html_escapes_the_record_and_names_its_language():
    page = as_html(PAPER)
    assert '<html lang="es">' in page
    assert "Walk &lt;b&gt;daily&lt;/b&gt;" in page
    assert "http" not in page


def test_the_pdf_has_pages_and_letters_of_more_than_one_language():
    pdf = as_pdf(PAPER)
    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/Type /Page\n") > 1
    assert b"DejaVuSans" in pdf


def test_a_page_for_the_printer_is_given_out_once_and_not_for_long(monkeypatch):
    client = TestClient(Starlette(routes=[PRINT_ROUTE]))
    address = hold_for_print(as_html(PAPER))
    first = client.get(address)
    assert (first.status_code, first.headers["cache-control"]) == (200, "no-store")
    assert client.get(address).status_code == 410
    late = hold_for_print("late")
    monkeypatch.setattr(print_route, "HELD_SECONDS", 0)
    monkeypatch.setattr(print_route.time, "monotonic", lambda: float("inf"))
    assert client.get(late).status_code == 410
