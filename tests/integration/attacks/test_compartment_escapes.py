"""Out of one record into another: include, revinclude, chain, _has, $everything, history, old links, and oracles.

Each question is asked by Ana of Ben's record, then again where neither wall stands.
"""

from __future__ import annotations

import pytest

from ehr_core.api.fhir import paging, visibility
from ehr_core.db.database import Database
from ehr_core.store import visible
from tests.integration.attacks.conftest import observation
from tests.integration.fhir.conftest import RESTRICTED, client_of, link
from tests.lib.weakened import assert_guarded, both_walls_gone, first_wall_gone, permissions_gone

WAYS_OUT = {
    "read": "/Observation/of-ben",
    "search": "/Observation?_id=of-ben",
    "include": "/Observation?_id=mine&_include=Observation:has-member",
    "include of all": "/Observation?_id=mine&_include=*",
    "include, iterated": "/Observation?_id=mine&_include=Observation:has-member&_include:iterate=Observation:patient",
    "revinclude": "/Observation?_id=plain&_revinclude=Observation:has-member",
    "chain": "/Observation?has-member.code=718-7",
    "chain to the person": "/Observation?has-member.patient.name=secretson",
    "_has": "/Observation?_has:Observation:has-member:code=718-7&_id=plain",
    "everything": "/Patient/ben/$everything",
    "compartment": "/Patient/ben/Observation",
    "own compartment, by what one measured": "/Patient/ana/Observation",
    "several types": "?_type=Observation,Patient&_id=of-ben,ben",
}


def gets(client, path: str) -> bool:
    """Whether a resource came that is Ben's, or that only a look into his record finds."""
    answer = client.get(path)
    if answer.status_code != 200:
        return False
    body = answer.json()
    entries = body.get("entry", []) if body["resourceType"] == "Bundle" else [{"resource": body}]
    found = {entry["resource"]["id"] for entry in entries}
    asks_by_what_is_hidden = "has-member." in path or "_has" in path
    return bool(found & {"of-ben", "ben"}) or (asks_by_what_is_hidden and bool(found))


@pytest.mark.parametrize("path", WAYS_OUT.values(), ids=WAYS_OUT.keys())
def test_no_way_leads_out_of_ones_own_record(ana, path):
    assert_guarded(lambda: gets(ana, path), both_walls_gone)


def test_the_database_holds_each_way_shut_by_itself(ana):
    with pytest.MonkeyPatch.context() as patch:
        first_wall_gone(patch)
        assert [name for name, path in WAYS_OUT.items() if gets(ana, path)] == []


@pytest.mark.parametrize("path", ["/Observation/of-ben/_history", "/Observation/_history", "/_history"])
def test_no_history_leads_out(ana, path):
    def as_staff(patch) -> None:
        both_walls_gone(patch)
        permissions_gone(patch)

    assert_guarded(lambda: gets(ana, path), as_staff)


def test_an_old_page_link_shows_what_may_be_seen_by_now(ana, chen):
    """What was put under a label after the link was made."""

    def attack() -> bool:
        chen.put(observation("labelled", code="2345-7"))
        following = link(ana.bundle("/Observation?_count=1&_sort=-code"), "next")
        chen.put(observation("labelled", code="2345-7", meta={"security": [RESTRICTED]}))
        seen = []
        while following:
            page = ana.http.get(following).json()
            seen += [entry["resource"]["id"] for entry in page.get("entry", [])]
            following = link(page, "next")
        return "labelled" in seen

    def walls_and_second_look_gone(patch) -> None:
        both_walls_gone(patch)
        patch.setattr(visibility, "is_visible", lambda actor, resource: True)

    assert_guarded(attack, walls_and_second_look_gone)


def test_a_page_link_is_worth_nothing_to_somebody_else(api, chen, ana):
    """The seal is for one person, and so is what the database keeps of the search."""
    other = client_of(api, "care_manager")
    owner = chen.http.get("/api/me").json()["account_id"]

    def attack() -> bool:
        following = link(chen.bundle("/Observation?_count=1"), "next")
        return other.http.get(following).status_code == 200

    enter = Database.enter

    def as_the_owner(self, connection, **given):
        enter(self, connection, **given | {"actor_id": owner})

    def sealed_and_kept_for_anybody(patch) -> None:
        patch.setattr(paging, "_context", lambda actor, place: "")
        patch.setattr(Database, "enter", as_the_owner)

    assert_guarded(attack, sealed_and_kept_for_anybody)


ORACLES = {
    "total": lambda ana: ana.bundle("/Observation?code=718-7&_summary=count")["total"] > 0,
    "count of 0": lambda ana: ana.bundle("/Observation?code=718-7&_count=0")["total"] > 0,
    "missing": lambda ana: ana.bundle("/Observation?_id=of-ben&value-quantity:missing=true")["total"] > 0,
    "not": lambda ana: ana.bundle("/Observation?_id=of-ben&status:not=cancelled")["total"] > 0,
    "text": lambda ana: ana.bundle("/Observation?_id=of-ben&code:text=hemo")["total"] > 0,
    "sort": lambda ana: ana.bundle("/Patient?_sort=family&_count=1")["total"] != 1,
    "_has count": lambda ana: (
        ana.bundle("/Observation?_has:Observation:has-member:code=718-7&_total=accurate")["total"] > 0
    ),
    "error": lambda ana: (
        ana.get("/Observation/of-ben").json() != ana.get("/Observation/nobody").json()
        or ana.get("/Patient/ben/$everything").json() != ana.get("/Patient/nobody/$everything").json()
        or ana.get("/Patient/ben/Observation").json() != ana.get("/Patient/nobody/Observation").json()
    ),
    "version held": lambda ana: ana.get("/Observation/of-ben", If_None_Match='W/"1"').status_code == 304,
    "modified since": lambda ana: (
        ana.get("/Observation/of-ben", If_Modified_Since="Fri, 01 Jan 2100 00:00:00 GMT").status_code == 304
    ),
    "head": lambda ana: ana.send("HEAD", "/Observation/of-ben").status_code == 200,
    "batch": lambda ana: "200" in _batch(ana, "GET", "Observation/of-ben"),
}


def _batch(client, method: str, url: str, **more: object) -> str:
    entry = {"request": {"method": method, "url": url}} | more
    answer = client.send("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": [entry]})
    return answer.json()["entry"][0]["response"]["status"]


@pytest.mark.parametrize("oracle", ORACLES.values(), ids=ORACLES.keys())
def test_no_answer_tells_what_is_hidden(ana, oracle):
    assert_guarded(lambda: oracle(ana), both_walls_gone)


def test_a_clerk_neither_searches_nor_sorts_by_what_is_cut_out(api, chen):
    """The order, the total and a missing value would tell what the role does not read."""
    clerk = client_of(api, "front_desk")
    for asked in ("death-date=2020", "_sort=death-date", "death-date:missing=false", "language:text=es"):

        def attack(asked=asked) -> bool:
            return clerk.get(f"/Patient?{asked}").status_code == 200

        assert_guarded(
            attack, lambda patch: patch.setattr(visible, "require_field_search", lambda *given: None)
        )
