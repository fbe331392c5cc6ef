"""Knowledge about single drugs names ingredients as the list of ingredients does, and every rule says its source."""

from __future__ import annotations

import pytest

from cds.cards import NOT_REVIEWED, Tier
from cds.engine import registry
from cds.ingredients import names, rxcuis
from cds.knowledge import read_rows
from cds.label_coverage import is_written, label_coverage_words

FILES = ("dose_limits.csv", "age_limits.csv", "kidney.csv", "liver.csv")
TOPICS = (
    "dose_limits",
    "age_limits",
    "kidney",
    "liver",
    "pregnancy",
    "lactation",
    "older_adult",
    "lab_check",
    "apixaban_dose",
)


@pytest.mark.parametrize("file_name", FILES)
def test_every_row_names_its_ingredient_as_the_list_of_ingredients_does(file_name):
    for row in read_rows(file_name):
        assert names()[row["rxcui"]] == row["ingredient"], row


@pytest.mark.parametrize("topic", TOPICS)
def test_every_rule_says_source_date_population_and_review(topic):
    mine = [rule for rule in registry().rules.values() if rule.topic == topic]
    assert mine
    for rule in mine:
        assert rule.source.citation.startswith("US label of "), rule.id
        assert rule.source.url.startswith("https://"), rule.id
        assert rule.source.written_on, rule.id
        assert rule.source.population, rule.id
        assert rule.source.review == NOT_REVIEWED, rule.id
        assert rule.source.uses, rule.id
        assert rule.override_reasons, rule.id
        assert rule.tier in Tier, rule.id


def test_lithium_is_known_by_both_of_its_rxnorm_ingredients():
    both = {rxcuis()["lithium"], rxcuis()["lithium carbonate"]}
    assert both <= {row["rxcui"] for row in read_rows("kidney.csv")}


def test_what_is_not_written_is_said():
    assert label_coverage_words([rxcuis()["lisinopril"]]) == (
        "Nothing is written about liver disease or breastfeeding for lisinopril: that was not checked."
    )
    assert "largest doses" in label_coverage_words(["999999999"])
    assert label_coverage_words([]) == ""
    assert is_written("kidney", rxcuis()["metformin"])
