"""The portal speaks plainly, in both languages alike, and draws a number line only where there is a range."""

import tomllib
from base64 import b64decode
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

import portal.text
from data_contracts.api.portal import OwnResult
from portal.number_line import number_line_html
from portal.pages.results import result_html
from portal.text import LANGUAGES, Words, primary_language

FOLDER = Path(portal.text.__file__).parent


def keys_and_places(language: str) -> dict[str, set[str]]:
    texts = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return {
        f"{section}.{key}": {part.split("}")[0] for part in words.split("{")[1:]}
        for section, entries in texts.items()
        for key, words in entries.items()
    }


def own_result(**changes: object) -> OwnResult:
    facts = {
        "observation_id": "o1",
        "name": "Hemoglobin A1c",
        "on": "2026-03-05",
        "text": "7.1 %",
        "number": Decimal("7.1"),
        "unit": "%",
        "low": Decimal("4.0"),
        "high": Decimal("5.6"),
        "words": "above the usual range",
        "reviewed": True,
        "status": "final",
    }
    return OwnResult(**{**facts, **changes})


@pytest.mark.parametrize("language", [key for key in LANGUAGES if key != "en"])
def test_every_language_has_the_same_sentences_with_the_same_places(language):
    assert keys_and_places(language) == keys_and_places("en")


@pytest.mark.parametrize(
    ("tag", "language"), [("es-MX", "es"), ("en-US", "en"), ("fr", "en"), (None, "en"), ("ES", "es")]
)
def test_a_language_that_we_do_not_speak_becomes_english(tag, language):
    assert primary_language(tag) == language


def test_dates_are_long_and_in_the_language():
    assert Words("es").long_date(date(2026, 3, 5)) == "5 de marzo de 2026"
    assert Words("en").recorded_date("2026-03") == "March 2026"


def test_no_number_line_without_a_numeric_range():
    assert "<img" not in result_html(Words("en"), own_result(low=None))
    assert "<img" not in result_html(Words("en"), own_result(number=None, text="positive"))


def test_the_number_line_has_words_for_those_who_do_not_see_it():
    html = result_html(Words("en"), own_result())
    assert 'alt="Hemoglobin A1c: 7.1 %. above the usual range' in html


def test_a_final_result_that_nobody_reviewed_is_shown_and_marked():
    assert "Not yet reviewed by your care team" in result_html(Words("en"), own_result(reviewed=False))


def test_a_value_far_outside_stays_on_the_line():
    html = number_line_html(Decimal("400"), Decimal("4"), Decimal("6"), "far above")
    picture = b64decode(html.split("base64,")[1].split('"')[0]).decode()
    assert 'cx="490"' in picture


def test_the_portal_never_says_overdue():
    for language in LANGUAGES:
        said = (
            (FOLDER / f"{language}.toml").read_text(encoding="utf-8").lower().replace('never "overdue"', "")
        )
        assert "overdue" not in said
        assert "vencid" not in said
