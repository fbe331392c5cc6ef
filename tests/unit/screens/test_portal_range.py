"""Where a number lies in words, what a test is called, how its unit and value read: tables, in both languages."""

import tomllib
from decimal import Decimal

import pytest

from data_contracts.api.portal import LANGUAGES_SPOKEN
from data_contracts.code_systems import LOINC
from ehr_core.charting.recordable import recordables
from ehr_core.population.assumptions import assumptions
from ehr_core.workflows.portal_language import spoken
from ehr_core.workflows.portal_range import A_LITTLE, WELL, place_in_range
from ehr_core.workflows.portal_result_words import FILE, place_words, plain_name, unit_words, value_words
from portal.number_line import ROOM
from portal.text import LANGUAGES, page_language

TEXTS = tomllib.loads(FILE.read_text(encoding="utf-8"))
SHOWN = ("laboratory", "vital-signs", "imaging")


def number(written: str | None) -> Decimal | None:
    return None if written is None else Decimal(written)


@pytest.mark.parametrize(
    ("value", "low", "high", "place"),
    [
        # potassium, mmol/L
        ("3.5", "3.5", "5.1", "within"),
        ("5.1", "3.5", "5.1", "within"),
        ("5.2", "3.5", "5.1", "a_little_above"),
        ("5.6", "3.5", "5.1", "above"),
        ("6.0", "3.5", "5.1", "well_above"),
        ("3.4", "3.5", "5.1", "a_little_below"),
        ("2.6", "3.5", "5.1", "well_below"),
        # sodium, mmol/L: far from zero, so the width decides
        ("135.5", "136", "145", "a_little_below"),
        ("133", "136", "145", "below"),
        ("125", "136", "145", "well_below"),
        # hemoglobin A1c, %
        ("5.7", "4.0", "5.6", "a_little_above"),
        ("6.2", "4.0", "5.6", "above"),
        ("7.1", "4.0", "5.6", "well_above"),
        # platelets: the range is wide, so the lower bound decides what is well below
        ("140", "150", "400", "a_little_below"),
        ("90", "150", "400", "below"),
        ("60", "150", "400", "well_below"),
        # one bound only: total cholesterol, eGFR
        ("200", None, "200", "within"),
        ("215", None, "200", "a_little_above"),
        ("250", None, "200", "above"),
        ("310", None, "200", "well_above"),
        ("60", "60", None, "within"),
        ("55", "60", None, "a_little_below"),
        ("45", "60", None, "below"),
        ("25", "60", None, "well_below"),
        # a single bound of zero gives no scale: the side alone
        ("2", None, "0", "above"),
        ("-1", "0", None, "below"),
        # nothing to say
        (None, "3.5", "5.1", None),
        ("4", None, None, None),
        ("4", "5.1", "3.5", None),
        ("4", "4", "4", None),
    ],
)
def test_how_far_outside_becomes_a_step(value, low, high, place):
    assert place_in_range(number(value), number(low), number(high)) == place


@pytest.mark.parametrize(
    ("value", "flag", "place"),
    [
        ("5.2", "H", "a_little_above"),
        ("5.2", "HH", "well_above"),
        ("3.4", "LL", "well_below"),
        ("4", "N", "within"),
        ("4", "A", "within"),
        ("4", "H", None),
        ("5.2", "N", None),
        ("5.2", "LL", None),
    ],
)
def test_a_laboratory_that_says_critical_is_believed_and_one_that_contradicts_its_range_leaves_no_words(
    value, flag, place
):
    assert place_in_range(Decimal(value), Decimal("3.5"), Decimal("5.1"), flag) == place


def test_what_is_well_above_is_beyond_the_end_of_the_line():
    assert A_LITTLE < WELL == ROOM


@pytest.mark.parametrize("language", LANGUAGES_SPOKEN)
def test_no_step_is_said_in_an_alarming_word(language):
    said = " ".join(TEXTS["range"][language].values()).lower()
    for word in (
        "abnormal",
        "danger",
        "critical",
        "high",
        "severe",
        "peligr",
        "grave",
        "anormal",
        "crític",
        "alto",
    ):
        assert word not in said


def test_both_languages_have_the_same_keys():
    assert set(LANGUAGES_SPOKEN) == set(LANGUAGES)
    assert set(TEXTS["range"]["en"]) == set(TEXTS["range"]["es"])
    places = [entry for kind in ("unit", "bound", "answer") for entry in TEXTS[kind].values()]
    for entry in [TEXTS["blood_pressure"], *places]:
        assert set(entry) == set(LANGUAGES_SPOKEN)
    for test in TEXTS["test"]:
        assert set(test) == {"loinc", *LANGUAGES_SPOKEN}
        assert len(test["en"]) == len(test["es"]) in (1, 2)


def test_every_code_is_a_loinc_code_and_named_once():
    codes = [LOINC.checked(code) for test in TEXTS["test"] for code in test["loinc"]]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("language", LANGUAGES_SPOKEN)
def test_every_result_that_the_site_records_or_the_population_holds_has_plain_words(language):
    recorded = {
        item.code: item.name
        for item in recordables()
        if item.system == "loinc" and item.kind == "result" and item.category in SHOWN
    }
    measured = assumptions("results")
    drawn = {row["loinc"]: row["name"] for kind in ("lab", "vital") for row in measured[kind].values()}
    for code, name in (recorded | drawn).items():
        plain = plain_name(LOINC.uri, code, "its sender's name", language).plain
        assert plain != "its sender's name", f"{code} {name}"
        assert "[" not in plain


def test_a_code_of_another_system_is_not_taken_for_ours():
    assert plain_name("http://local", "4548-4", "A1c, house method", "en").plain == "A1c, house method"


@pytest.mark.parametrize(
    ("unit", "english", "spanish"),
    [
        ("10*3/uL", "×10³/µL", "×10³/µL"),
        ("mL/min/{1.73_m2}", "mL/min/1.73 m²", "mL/min/1.73 m²"),
        ("m[IU]/L", "mIU/L", "mIU/L"),
        ("/min", "per minute", "por minuto"),
        ("{score}", "", ""),
        (None, "", ""),
    ],
)
def test_units_are_those_that_people_read(unit, english, spanish):
    assert (unit_words(unit, "en"), unit_words(unit, "es")) == (english, spanish)


@pytest.mark.parametrize(
    ("value", "unit", "recorded", "english", "spanish"),
    [
        ("7.10", "%", "7.10 %", "7.10 %", "7.10 %"),
        ("1E+2", "/min", "", "100 per minute", "100 por minuto"),
        ("12", None, "12", "12", "12"),
        (None, "mg/g", "<5 mg/g", "less than 5 mg/g", "menos de 5 mg/g"),
        (None, None, ">=90 mL/min", "at least 90 mL/min", "al menos 90 mL/min"),
        (None, None, "Negative", "Negative", "Negativo"),
        (None, None, "Not detected", "Not found", "No se encontró"),
        (None, "mm[Hg]", "128/76 mmHg", "128/76 mmHg", "128/76 mmHg"),
        (None, None, "BI-RADS 2", "BI-RADS 2", "BI-RADS 2"),
    ],
)
def test_values_keep_their_digits_and_words_change_with_the_language(value, unit, recorded, english, spanish):
    shown = [value_words(number(value), unit, recorded, language) for language in ("en", "es")]
    assert shown == [english, spanish]


def test_no_place_gives_no_words():
    assert place_words(None, "en") is None


@pytest.mark.parametrize(
    ("chosen", "record", "browser", "language"),
    [
        ("en", "es", "es-MX", "en"),
        (None, "es", "en-US", "es"),
        (None, None, "es-MX", "es"),
        (None, None, "fr-FR", "en"),
        (None, "vi", "es", "es"),
        ("xx", "es", "en", "es"),
        ("", None, None, "en"),
    ],
)
def test_the_page_has_one_language_chosen_then_the_records_then_the_browsers(
    chosen, record, browser, language
):
    assert page_language(chosen, record, browser) == language


@pytest.mark.parametrize(
    ("tag", "language"),
    [("es-MX", "es"), ("EN", "en"), ("est", None), ("fr", None), ("", None), (None, None), ("-", None)],
)
def test_a_tag_is_read_by_its_first_part(tag, language):
    assert spoken(tag) == language
