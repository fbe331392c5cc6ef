"""The shipped products: found as people type, written so that look-alikes differ, and known with their schedule."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest

from ehr_core.medications.products import generic_of, product, products
from ehr_core.medications.search import search
from ehr_core.medications.tall_man import tall_man


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("metform 500", "metformin hydrochloride 500 MG Oral Tablet"),
        ("500 METFORMIN", "metformin hydrochloride 500 MG Oral Tablet"),
        ("lisin 10", "lisinopril 10 MG Oral Tablet"),
        ("warfarin 5", "warfarin sodium 5 MG Oral Tablet"),
        ("amox clav 875", "amoxicillin 875 MG / clavulanate 125 MG Oral Tablet"),
    ],
)
def test_a_drug_is_found_by_parts_of_its_name(typed, first):
    assert search(typed)[0].product.name == first


def test_a_brand_finds_the_generic_and_says_by_which_brand():
    found = search("absorica")
    assert found
    assert all(hit.brand and hit.brand.startswith("Absorica") for hit in found)
    assert all("isotretinoin" in hit.product.name for hit in found)


@pytest.mark.parametrize("typed", ["", "m", " ", "%", "zzzzzz", "metformin 9999"])
def test_too_little_or_nonsense_finds_nothing(typed):
    assert search(typed) == []


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("metformin hydrochloride 500 MG Oral Tablet", "metFORMIN hydrochloride 500 MG Oral Tablet"),
        ("METRONIDAZOLE 500 MG", "metroNIDAZOLE 500 MG"),
        ("lisinopril 10 MG Oral Tablet", "lisinopril 10 MG Oral Tablet"),
        ("hydroxyzine / hydralazine", "hydrOXYzine / hydrALAZINE"),
    ],
)
def test_look_alikes_are_told_apart(name, written):
    assert tall_man(name) == written


@pytest.mark.parametrize(
    ("typed", "schedule"),
    [
        ("oxycodone 5", "II"),
        ("tramadol 50", "IV"),
        ("pregabalin 75", "V"),
        ("testosterone", "III"),
        ("lisinopril 10", None),
    ],
)
def test_a_controlled_substance_is_known_as_one(typed, schedule):
    assert search(typed)[0].product.schedule == schedule


def test_every_product_has_ingredients_with_amounts_and_every_brand_its_generic():
    assert all(one.strengths and all(part.amount > 0 for part in one.strengths) for one in products())
    known = {one.rxcui for one in products()}
    path = files("ehr_core.medications.knowledge").joinpath("brands.csv")
    with path.open(encoding="utf-8", newline="") as file:
        assert all(row["generic_rxcui"] in known for row in csv.DictReader(file))


SALTS_OF_ONE = ("amphetamine", "oxycodone terephthalate")
"""Products whose name lists several salts of one ingredient."""


def test_no_product_lacks_an_ingredient_that_its_name_names():
    short = [
        one.name
        for one in products()
        if len(one.strengths) < one.name.count(" / ") + 1
        and not any(salt in one.name for salt in SALTS_OF_ONE)
    ]
    assert short == []


def test_a_code_that_is_not_shipped_is_not_guessed():
    assert product("0") is None
    assert generic_of("0") == "0"
