"""Scores: what a measure's scoring makes of counts and observations; an empty population has none."""

from __future__ import annotations

import pytest

from data_contracts.measure_scores import Observing, measure_score, observed_score, score_words

TOTALS = {"denominator": 10, "denominator-exclusion": 1, "denominator-exception": 1, "numerator": 5}
MEDIAN = [Observing("o", "median", "measure-population")]
RATIO = [Observing("below", "Sum", "denominator"), Observing("above", "Count", "numerator")]
NULL = float("nan")


@pytest.mark.parametrize(
    ("method", "score"),
    [
        *(("count", 4), ("Sum", 20), ("average", 5), ("mean", 5), ("median", 4), ("minimum", 2)),
        *(("MAX", 10), ("product", None), ("", None), (None, None)),
    ],
)
def test_observations_are_put_together_as_the_measure_says(method, score):
    assert observed_score(method, [2, 4, NULL, 4, 10]) == score
    assert observed_score(method, []) is None
    assert observed_score(method, [NULL]) is None


@pytest.mark.parametrize(
    ("scoring", "observing", "totals", "observed", "score"),
    [
        ("proportion", [], TOTALS, {}, 5 / 8),
        ("proportion", [], {"denominator": 2, "denominator-exclusion": 2}, {}, None),
        ("proportion", [], {"denominator": 2}, {}, 0),
        ("ratio", [], {**TOTALS, "numerator-exclusion": 1}, {}, 4 / 8),
        ("cohort", [], {"initial-population": 9}, {}, None),
        ("continuous-variable", MEDIAN, {}, {"o": [1, 2, 9]}, 2),
        ("continuous-variable", MEDIAN, {}, {}, None),
        ("continuous-variable", [], TOTALS, {}, None),
        ("continuous-variable", [Observing("o", "count")], {}, {"o": []}, None),
        ("ratio", RATIO, TOTALS, {"above": [1, 1, 1], "below": [4, 6, 2]}, 3 / 12),
        ("ratio", RATIO, TOTALS, {"above": [], "below": [4]}, 0),
        ("ratio", RATIO, TOTALS, {"above": [1], "below": []}, None),
        ("ratio", RATIO[:1], TOTALS, {"below": [4]}, None),
        ("ratio", [Observing("a", "sum"), Observing("b", "sum")], TOTALS, {"a": [1], "b": [2]}, None),
    ],
)
def test_a_score_follows_the_scoring(scoring, observing, totals, observed, score):
    assert measure_score(scoring, observing, totals, observed) == score


@pytest.mark.parametrize(
    ("scoring", "score", "unit", "words"),
    [
        ("proportion", 0.5, None, "50.0%"),
        ("continuous-variable", 0.5, "h", "0.5 h"),
        ("continuous-variable", 1234.5, "min", "1,234.50 min"),
        ("ratio", 0.25, None, "0.25"),
        ("ratio", 0.0, None, "0"),
        ("ratio", None, "min", "no score"),
    ],
)
def test_only_a_proportion_is_a_percentage(scoring, score, unit, words):
    assert score_words(scoring, score, unit) == words
