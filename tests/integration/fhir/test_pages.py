"""Pages of a search: what was found when it was asked, authorised again each time, and of use to nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ehr_core.store import search_snapshots
from tests.integration.fhir.conftest import RESTRICTED, link, observation, patient


def all_pages(client, page: dict) -> list[str]:
    seen = []
    while True:
        seen += [
            entry["resource"]["id"] for entry in page.get("entry", []) if entry["search"]["mode"] == "match"
        ]
        following = link(page, "next")
        if following is None:
            return seen
        answer = client.http.get(following)
        assert answer.status_code == 200, answer.text
        page = answer.json()


@pytest.fixture
def seven(chen):
    for number in range(7):
        chen.put(observation(f"o{number}", effectiveDateTime=f"2026-11-0{number + 1}"))
    return chen


def test_what_is_written_between_pages_moves_nothing(seven):
    page = seven.bundle("/Observation?patient=ana&_count=3&_sort=date")
    seven.put(observation("early", effectiveDateTime="2020-01-01"))
    seven.put(observation("o5", effectiveDateTime="2019-01-01"))
    seven.send("DELETE", "/Observation/o1")
    assert page["total"] == 7
    assert all_pages(seven, page) == ["o0", "o1", "o2", "o3", "o4", "o5", "o6"]


def test_what_is_deleted_between_pages_is_not_shown(seven):
    page = seven.bundle("/Observation?patient=ana&_count=3&_sort=date")
    seven.send("DELETE", "/Observation/o4")
    assert all_pages(seven, page) == ["o0", "o1", "o2", "o3", "o5", "o6"]


@pytest.mark.parametrize(("first", "later"), [(3, 4), (4, 2), (7, 5), (1, 7)])
def test_a_search_that_finds_more_than_is_kept_at_once_is_turned_to_its_end(
    seven, api, monkeypatch, first, later
):
    monkeypatch.setattr(search_snapshots, "FIRST_PART", first)
    monkeypatch.setattr(search_snapshots, "PART", later)
    page = seven.bundle("/Observation?patient=ana&_count=2&_sort=date&_total=accurate")
    api.clock.instant += timedelta(minutes=1)
    seven.put(observation("early", effectiveDateTime="2020-01-01"))
    assert page["total"] == 7
    assert all_pages(seven, page) == [f"o{number}" for number in range(7)]


def test_what_is_more_than_the_first_part_is_counted_for_who_asks(seven, monkeypatch):
    monkeypatch.setattr(search_snapshots, "FIRST_PART", 4)
    assert "total" not in seven.bundle("/Observation?patient=ana&_count=2")
    assert seven.bundle("/Observation?patient=ana&_count=2&_total=accurate")["total"] == 7
    assert seven.bundle("/Observation?patient=ana&_count=0")["total"] == 7


def test_includes_and_elements_come_with_each_page(seven):
    page = seven.bundle("/Observation?patient=ana&_count=4&_include=Observation:patient&_elements=subject")
    following = seven.http.get(link(page, "next")).json()
    modes = [entry["search"]["mode"] for entry in following["entry"]]
    assert modes == ["match"] * 3 + ["include"]
    assert "effectiveDateTime" not in following["entry"][0]["resource"]


def test_a_link_tells_nothing_and_serves_nobody_else(seven, as_):
    following = link(seven.bundle("/Observation?patient=ana&_count=3"), "next")
    assert "ana" not in following
    other = as_("care_manager")
    assert other.http.get(following).status_code == 400
    assert seven.http.get(following.replace("/Observation", "/Condition")).status_code == 400
    assert seven.http.get(f"{following}&status=final").status_code == 400
    assert seven.http.get(following[:-6] + "AAAAAA").status_code == 400


def test_a_link_ends_after_its_time(seven, api, monkeypatch):
    monkeypatch.setattr(search_snapshots, "KEPT_FOR", timedelta(minutes=1))
    following = link(seven.bundle("/Observation?patient=ana&_count=3"), "next")
    api.clock.instant += timedelta(minutes=1)
    assert seven.http.get(following).status_code == 200
    api.clock.instant += timedelta(seconds=1)
    assert seven.http.get(following).status_code == 410


def test_a_patients_old_link_shows_what_the_patient_may_see_by_now(seven, as_):
    ana = as_("patient", patient_id="ana")
    page = ana.bundle("/Observation?_count=3&_sort=date")
    seven.put(observation("o4", meta={"security": [RESTRICTED]}, effectiveDateTime="2026-11-05"))
    seven.put(patient("ben"))
    seven.put(observation("o5", "ben"))
    assert all_pages(ana, page) == ["o0", "o1", "o2", "o3", "o6"]
