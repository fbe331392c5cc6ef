"""Visits carry the codes that CMS has for them: once a year, for whom it pays, and never a code of the AMA."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date

import orjson
import pytest

from ehr_core.population import generate
from ehr_core.population.vocabulary import HCPCS

AS_OF = date(2026, 11, 22)
WELLNESS = {"G0402", "G0438", "G0439"}


@pytest.fixture(scope="module")
def charts() -> list[list[dict]]:
    made: list[list[dict]] = []
    for kind, line in generate(160, seed=7, as_of=AS_OF, time_zone="America/New_York"):
        if kind == "Patient":
            made.append([])
        if made:
            made[-1].append(orjson.loads(line))
    return made


def billed(chart: list[dict]) -> list[tuple[str, str, str]]:
    """(code, day, class) of each visit that carries a code."""
    return [
        (coding["code"], one["period"]["start"][:10], one["class"]["code"])
        for one in chart
        if one["resourceType"] == "Encounter"
        for concept in one["type"]
        for coding in concept["coding"]
        if coding["system"] == HCPCS
    ]


def test_a_wellness_visit_is_once_a_year_and_for_people_on_medicare_of_65_and_more(charts):
    seen = 0
    for chart in charts:
        visits = [(code, day) for code, day, _ in billed(chart) if code in WELLNESS]
        seen += len(visits)
        if visits:
            assert max(Counter(day[:4] for _, day in visits).values()) == 1
            born = chart[0]["birthDate"]
            assert all(int(day[:4]) - int(born[:4]) >= 65 for _, day in visits)
            (payer,) = {one["type"]["text"] for one in chart if one["resourceType"] == "Coverage"}
            assert payer == "Medicare"
    assert seen > 50


def test_a_video_visit_is_a_check_in_and_no_code_is_of_the_ama(charts):
    found = [visit for chart in charts for visit in billed(chart)]
    assert {code for code, _, kind in found if kind == "VR"} == {"G2252"}
    assert all(re.fullmatch(r"[A-V]\d{4}", code) for code, _, _ in found)


def test_a_visits_diagnosis_is_one_of_the_problem_list_and_names_the_visit(charts):
    seen = 0
    for chart in charts:
        problems = {
            one["code"]["coding"][0]["code"]
            for one in chart
            if one["resourceType"] == "Condition" and "encounter" not in one
        }
        for one in chart:
            again = one["resourceType"] == "Condition" and one["recordedDate"] != one["onsetDateTime"]
            if again:
                assert one["encounter"]["reference"]
                assert one["code"]["coding"][0]["code"] in problems
                seen += 1
    assert seen > 20
