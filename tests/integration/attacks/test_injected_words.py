"""Words that are meant to become something else: SQL, script, a formula, a header, another method."""

from __future__ import annotations

import csv
import io
import re
from collections import namedtuple
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from dashboards.clinician import outside_cards, signed_note
from dashboards.shared import banner, printing, who
from data_contracts.api.notes import NoteLine, SignedNote
from data_contracts.api.outside import OutsideCard, OutsideLink
from data_contracts.api.patients import PatientBanner, PatientName
from ehr_core.api import guard
from ehr_core.api.fhir import binaries
from ehr_core.api.routes import audit as audit_routes
from ehr_core.store import search
from ehr_core.store import search_sql as sql
from tests.integration.fhir.conftest import patient
from tests.lib.weakened import assert_guarded

LET_THROUGH = "nothing') OR ('1'='1"


def test_a_search_value_stays_a_value(chen):
    """A code that closes the quotes would find every row."""

    def attack() -> bool:
        answer = chen.http.get("/fhir/Observation", params={"status": LET_THROUGH})
        return answer.status_code == 200 and answer.json()["total"] > 0

    def pasted(column, systems):
        return lambda value, _: text(f"({column.table.name}.{column.name} = '{value}')")

    assert_guarded(attack, lambda patch: patch.setattr(sql, "code", pasted))


def test_a_sort_key_stays_a_name(chen):
    """What is sorted by comes from a list; pasted, it would be asked of the server: here for a function of its own."""

    def attack() -> bool:
        answer = chen.http.get("/fhir/Observation", params={"_sort": "(SELECT version()), id"})
        return answer.status_code == 200

    def pasted(row, table, sort, search):
        return [text(sort)] if sort else [table.c.id]

    assert_guarded(attack, lambda patch: patch.setattr(search, "_order", pasted))


SQL_WORDS = (
    "'",
    "\\'",
    "') OR 1=1 --",
    '"]} ? (true)',
    "$$;SELECT pg_sleep(9)--",
    "%27 OR 1=1",
    "a|b' OR 1=1",
    "{{7*7}}",
)
MODIFIERS = (
    "",
    ":exact",
    ":contains",
    ":text",
    ":not",
    ":in",
    ":of-type",
    ":identifier",
    ":missing",
    ":x' OR 1=1",
)


@pytest.mark.long
def test_every_parameter_of_every_type_takes_words_of_sql_as_words(chen):
    """With every modifier, and as a sort key, an include, a chain and a _has. A mistake would be a 500."""
    types = chen.get("/metadata").json()["rest"][0]["resource"]
    before = chen.bundle("/Observation?_summary=count")["total"]
    for entry in types:
        for number, parameter in enumerate(entry.get("searchParam", ())):
            for modifier in MODIFIERS:
                words = SQL_WORDS[number % len(SQL_WORDS)]
                asked = {f"{parameter['name']}{modifier}": words, "_total": "none", "_count": "1"}
                answer = chen.http.get(f"/fhir/{entry['type']}", params=asked)
                assert answer.status_code in (200, 400, 403, 404), (entry["type"], asked, answer.text)
        for words in SQL_WORDS:
            for name in ("_sort", "_include", "_revinclude", "_elements", "_summary", "_total", "_count", "_page",
                         f"_has:Observation:{words}:code", f"subject.{words}", "_lastUpdated", "_id"):  # fmt: skip
                answer = chen.http.get(f"/fhir/{entry['type']}", params={name: words})
                assert answer.status_code in (200, 400, 403, 404), (entry["type"], name, answer.text)
    assert chen.bundle("/Observation?_summary=count")["total"] == before


SCRIPT = "<script>alert(1)</script>"
MOMENT = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
NAME = PatientName(family=SCRIPT, given=SCRIPT, prefix=SCRIPT)
BANNER = PatientBanner(
    patient_id="ana", name=NAME, birth_date="1961-04-02", age_years=65, sex=SCRIPT, pronouns=SCRIPT, mrn=SCRIPT,
    language=SCRIPT, clinic=SCRIPT, clinician=SCRIPT, statuses=[SCRIPT],
)  # fmt: skip
LINE = NoteLine(
    note_id="n", patient_id="ana", encounter_id="e", kind="note", state="signed", of_note_id=None, title=SCRIPT,
    author_name=SCRIPT, started_at=MOMENT, signed_at=MOMENT, signed_by_name=f"{SCRIPT}2", cosign_wanted=False,
    cosigned_by_name=SCRIPT, document_id=None, reason=SCRIPT,
)  # fmt: skip
NOTE = SignedNote(note=LINE, document_version=1, text=SCRIPT, content=None, seal="whole", sha256=None)
CARD = OutsideCard(
    card_id="c", service_id="s", service=SCRIPT, summary=SCRIPT, detail=SCRIPT, indicator="info", source=SCRIPT,
    source_url=f"https://x.example/'>{SCRIPT}", links=[OutsideLink(label=SCRIPT, url=f"https://x.example/'>{SCRIPT}")],
    suggestions=[SCRIPT], reasons=[],
)  # fmt: skip
PAPER = printing.Paper(
    SCRIPT, SCRIPT, [printing.PaperPart(SCRIPT, [SCRIPT])], SCRIPT, SCRIPT, [SCRIPT], SCRIPT
)


def screens() -> dict[str, str]:
    """A person's name, a note, a card from outside and a page for paper, each with the script in every text."""
    return {
        "banner": banner.banner_html(BANNER),
        "person in a list": who.who_html(BANNER),
        "note": signed_note.heading_html(NOTE),
        "card from outside": outside_cards.card_html(CARD),
        "paper": printing.as_html(PAPER),
    }


def test_a_script_in_a_name_a_note_a_card_or_a_print_is_letters(monkeypatch):
    zone = type("Settings", (), {"site_time_zone": "UTC"})
    monkeypatch.setattr("dashboards.shared.site_time.app_settings", lambda: zone)

    def as_it_is(patch) -> None:
        for page in (banner, who, signed_note, outside_cards):
            patch.setattr(page, "text", lambda value, unknown="": str(value or unknown))
        patch.setattr(printing, "escape", str)

    for name in screens():
        assert_guarded(lambda name=name: "<script" in screens()[name], as_it_is)


def test_a_name_brings_no_link_and_no_picture_into_a_dialog():
    """Dialogs and captions are written in Markdown."""
    sent = PatientName(
        family="[Sign in again](https://evil.example) ![](https://evil.example/x.png) :red[x] $y$ `z`"
    )
    person = BANNER.model_copy(update={"name": sent, "mrn": "7"})

    def attack() -> bool:
        return "](https://evil" in who.who_words(person).lower()

    assert_guarded(attack, lambda patch: patch.setattr(who, "plain_words", str))


def test_what_a_browser_could_run_is_saved_and_never_shown(chen):
    """A file that its sender calls HTML: opened from here it would run with this server's name."""
    headers = {"Content-Type": "text/html", "X-Security-Context": "Patient/ana"}
    held = chen.http.post("/fhir/Binary", content=SCRIPT.encode(), headers=headers).json()["id"]

    def attack() -> bool:
        answer = chen.get(f"/Binary/{held}", Accept="text/html")
        opened = answer.headers.get("content-disposition") != "attachment"
        return opened and "sandbox" not in answer.headers.get("content-security-policy", "")

    assert_guarded(attack, lambda patch: patch.setattr(binaries, "SAVED_NOT_SHOWN", {}))


def test_a_script_in_a_narrative_or_a_file_name_is_data_and_no_page(chen):
    """A browser that is led to the resource itself: told that it is JSON, not to guess, and to run nothing."""
    narrative = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{SCRIPT}</div>'}
    held = patient("narrated", photo=[{"contentType": "image/png", "title": f"{SCRIPT}.png"}])
    assert chen.put(held | {"text": narrative}).status_code in (201, 422)
    assert chen.put(held).status_code in (200, 201)

    def attack() -> bool:
        answer = chen.get("/Patient/narrated", Accept="*/*")
        assert SCRIPT in answer.text
        told = answer.headers
        return (
            not told["content-type"].startswith("application/fhir+json")
            or told.get("x-content-type-options") != "nosniff"
            or "default-src 'none'" not in told.get("content-security-policy", "")
        )

    assert_guarded(attack, lambda patch: patch.setattr(guard, "SECURITY_HEADERS", {}))


def test_a_file_of_the_log_holds_no_formula():
    """A name of an account that a spreadsheet would run."""
    Line = namedtuple("Line", "actor_name")

    def attack() -> bool:
        written = audit_routes.as_csv([Line(f"{sign}HYPERLINK(0)") for sign in "=+-@\t\r"])
        rows = list(csv.reader(io.StringIO(written)))[1:]
        return any(row[0][:1] in "=+-@\t\r" for row in rows)

    assert_guarded(attack, lambda patch: patch.setattr(audit_routes, "_plain", str))


def test_no_header_changes_the_method_and_no_value_adds_a_header(ana, chen):
    """Method override, and a line break in what is echoed."""
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        ana.http.get("/fhir/Observation/plain", headers={name: "DELETE"})
        ana.http.post("/fhir/Observation/plain", headers={name: "DELETE"})
        ana.http.post("/fhir/Observation/plain?_method=DELETE")
    assert chen.get("/Observation/plain").status_code == 200

    def attack() -> bool:
        answer = ana.get("/Observation/plain", X_Request_Id="abcdefgh;x=<b>")
        return "<b>" in answer.headers["x-request-id"]

    assert_guarded(attack, lambda patch: patch.setattr(guard, "REQUEST_ID", re.compile(".*")))
