"""Requests that nobody sends by mistake: too deep, too large, doubled, misnamed. Each is answered, none is obeyed."""

from __future__ import annotations

import json
import time

import pytest

from ehr_core.access import accounts
from ehr_core.api import guard
from ehr_core.store import search_conditions
from tests.integration.attacks.test_swapped_ids import backend
from tests.integration.fhir.conftest import client_of, observation
from tests.lib.sign_in import SignInFlow
from tests.lib.weakened import assert_guarded

BODY = {name: value for name, value in observation("x").items() if name != "id"}
DEEP = 3000
JSON_PATCH = "application/json-patch+json"


def written(text: str, *changes: tuple[str, str]) -> bytes:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


AS_TEXT = json.dumps(BODY)
EXTENSIONS = '[{"url": "x", "extension": ' * DEEP + "[]" + "}]" * DEEP
ODD = {
    "nested without end": (b'{"resourceType": "Observation", "extension": ' + EXTENSIONS.encode() + b"}", 4),
    "brackets alone": (b"[" * 200_000, 4),
    "a number beyond all": (
        written(AS_TEXT, ('"final"', '"final", "valueQuantity": {"value": 1e999999999}')),
        4,
    ),
    "a whole number of 5,000 digits": (
        written(AS_TEXT, ('"final"', '"final", "valueInteger": ' + "9" * 5000)),
        4,
    ),
    "a NUL in a text": (written(AS_TEXT, ('"final"', '"final", "valueString": "a\\u0000b"')), 4),
    "half a character": (written(AS_TEXT, ('"final"', '"final", "valueString": "\\ud800"')), 4),
    "bytes that are no text": (written(AS_TEXT).replace(b"final", b"\xff\xfe"), 4),
    "another encoding": (AS_TEXT.encode("utf-16"), 4),
    "not a number": (written(AS_TEXT, ('"final"', '"final", "valueQuantity": {"value": NaN}')), 4),
}


@pytest.mark.parametrize(("body", "answer"), ODD.values(), ids=ODD.keys())
def test_an_odd_body_is_refused_at_once_and_in_words(chen, body, answer):
    began = time.monotonic()
    for path, kind in (
        ("/Observation", "application/fhir+json"),
        ("/Observation/$validate", "application/fhir+json"),
    ):
        told = chen.send("POST", path, body, Content_Type=kind)
        assert (told.status_code // 100 == answer) or path.endswith("$validate"), told.text[:300]
        assert told.status_code != 500
    assert chen.send("PATCH", "/Observation/plain", body, Content_Type=JSON_PATCH).status_code // 100 == 4
    assert time.monotonic() - began < 3


def test_what_is_said_twice_counts_once_for_check_and_write(chen):
    """The check must not read the first id, or the first type, and the store the second."""
    for doubled in ('"id": "of-ben", "id": "plain"', '"id": "plain", "id": "of-ben"'):
        body = written(json.dumps(observation("plain")), ('"id": "plain"', doubled))
        answer = chen.send("PUT", "/Observation/plain", body)
        assert answer.status_code in (400, 422) or answer.json()["id"] == "plain"
    body = written(AS_TEXT, ('"subject"', '"subject": {"reference": "Patient/ben"}, "subject"'))
    answer = chen.send("POST", "/Observation", body)
    if answer.status_code == 201:
        made = answer.json()["id"]
        assert answer.text.count('"subject"') == 1, "one reading of it: what is checked is what is stored"
        assert chen.found(f"/Observation?_id={made}&patient=ana") == [f"Observation/{made}"]
    assert chen.get("/Observation/of-ben").json()["subject"]["reference"] == "Patient/ben"


ODD_HEADERS = {
    "If-None-Match": '"' + "x" * 3000,
    "If-Modified-Since": "Mon, 99 Foo 99999999999999 99:99:99 GMT",
    "If-Match": 'W/"999999999999999999999"',
    "Range": "bytes=0-999999999999999999999999",
    "Prefer": ";;==,,handling",
    "Accept": "application/fhir+json;" * 50,
    "Authorization": "Bearer " + "é" * 50,
    "X-Request-Id": "../../etc/passwd",
}


@pytest.mark.parametrize("name", ODD_HEADERS)
def test_an_odd_header_is_passed_over_or_refused(chen, name):
    value = ODD_HEADERS[name].encode("utf-8")
    answer = chen.http.get("/fhir/Observation/plain", headers={name: value})
    assert answer.status_code in (200, 304, 400, 401, 406), answer.text


def test_a_search_without_end_is_refused(chen):
    for asked in (
        "&".join("code=1" for _ in range(2000)),
        "code=" + ",".join("1" for _ in range(600)),
        "has-member." * 10 + "code=1",
        "_has:Observation:has-member:" * 10 + "code=1",
        "&".join("_include:iterate=*" for _ in range(300)),
    ):
        assert chen.get(f"/Observation?{asked}").status_code == 400

    def attack() -> bool:
        return chen.get("/Observation?" + "has-member." * 6 + "code=1").status_code == 200

    assert_guarded(attack, lambda patch: patch.setattr(search_conditions, "DEEPEST_CHAIN", 100))


def test_a_body_without_end_is_left(chen):
    """Declared, and undeclared in pieces."""

    def pieces():
        for _ in range(40):
            yield b" " * 64 * 1024

    def attack() -> bool:
        sent = chen.http.post(
            "/fhir/Observation", content=pieces(), headers={"Content-Type": "application/fhir+json"}
        )
        return sent.status_code != 413

    with pytest.MonkeyPatch.context() as small:
        small.setattr(guard, "MAX_BODY_BYTES", 1024 * 1024)
        assert_guarded(attack, lambda patch: patch.setattr(guard, "limited", lambda scope, receive: receive))


def test_an_export_asks_no_question_about_what_it_may_not_read(api, chen):
    """`_typeFilter` with a chain into a type without a scope: how many lines come would answer it."""
    service = backend(api, "system/Observation.rs", bulk=True)

    def lines() -> str:
        asked = "Observation?patient.name=secretson"
        started = service.http.get(
            "/fhir/$export",
            params={"_type": "Observation", "_typeFilter": asked},
            headers={"Prefer": "respond-async"},
        )
        if started.status_code != 202:
            return ""
        status = started.headers["content-location"]
        while (answer := service.http.get(status)).status_code == 202:
            pass
        return "".join(service.http.get(one["url"]).text for one in answer.json().get("output", ()))

    assert "of-ben" not in lines()


def test_no_spelling_of_a_name_is_another_account(api):
    """Full-width letters, a dotless i, spaces that nobody sees: not the account, and not a second one like it."""
    api.account("kim.lee", "nurse")
    flow = SignInFlow(api)
    for spelled in ("ｋｉｍ.ｌｅｅ", "kım.lee", "kim.lee\u200b", "kim\u00ad.lee", "ki\u0301m.lee"):
        answer = flow.submit(flow.open_page(), spelled)
        assert answer.status_code in (401, 429)
    admin, numbers = client_of(api, "admin"), iter(range(100))
    asked = {"name": "X", "roles": ["nurse"]}

    def attack() -> bool:
        """The Kelvin sign, a full-width and a dotless letter: a second account that people read as the first."""
        answers = [
            admin.http.post("/api/accounts", json=asked | {"username": f"{one}{next(numbers)}"})
            for one in ("\u212aim.lee", "ｋｉｍ.ｌｅｅ", "kım.lee", "kim.lee\u200b")
        ]
        return any(answer.status_code == 201 for answer in answers)

    assert_guarded(attack, lambda patch: patch.setattr(accounts, "normal_username", str.lower))
