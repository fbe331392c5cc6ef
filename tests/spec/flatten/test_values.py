"""A quantity keeps its digits and its unit, and is normalised per analyte, or not at all with a reason."""

from __future__ import annotations

import json

import pytest

from data_contracts.units import known_units, load_analytes
from tests.spec.flatten.drawn import LOINC, UCUM, coding, flat, observation, result, rows

NORMALISED = [
    # analyte    written      unit                    normalised  unit
    ("4548-4", "7.10", "%", 7.10, "%"),
    ("4548-4", "86", "mmol/mol", 10.0, "%"),  # a ratio alone would say 8.6 %
    ("59261-8", "53", "mmol/mol", 7.0, "%"),
    ("4548-4", "75", "mmol/mol", 9.0, "%"),
    ("2345-7", "5.5", "mmol/L", 99.0, "mg/dL"),
    ("2345-7", "126", "mg/dL", 126.0, "mg/dL"),
    ("13457-7", "4.91", "mmol/L", 190.0, "mg/dL"),
    ("2571-8", "1.7", "mmol/L", 151.0, "mg/dL"),
    ("2160-0", "88.4", "umol/L", 1.0, "mg/dL"),
    ("9318-7", "3.4", "mg/mmol", 30.1, "mg/g"),
    ("9318-7", "30", "mg/g{creat}", 30.0, "mg/g"),
    ("33914-3", "59", "mL/min/{1.73_m2}", 59.0, "mL/min/{1.73_m2}"),
    ("29463-7", "154.3", "[lb_av]", 70.0, "kg"),
    ("8302-2", "70", "[in_i]", 177.8, "cm"),
    ("8480-6", "16", "kPa", 120.0, "mm[Hg]"),
    ("8310-5", "98.6", "[degF]", 37.0, "Cel"),
    ("718-7", "140", "g/L", 14.0, "g/dL"),
]


@pytest.mark.parametrize(("loinc", "digits", "unit", "value", "standard"), NORMALISED)
def test_a_value_is_normalised_by_what_is_measured(loinc, digits, unit, value, standard):
    flat(result(loinc, digits, unit))
    columns = ("value_text", "value_unit", "normalised_value", "normalised_unit", "normalised_reason")
    assert rows("observation", *columns) == [(digits, unit, pytest.approx(value, abs=1e-9), standard, None)]


NOT_NORMALISED = [
    # analyte    written    unit          quantity                  reason
    ("4548-4", "7.1", None, {}, "no_unit"),
    ("4548-4", "7.1", "mg/dL", {}, "unknown_unit"),
    ("9999-9", "7.1", "%", {}, "unlisted_analyte"),
    ("4548-4", "14", "%", {"comparator": ">"}, "comparator"),
    ("4548-4", "71", "%", {}, "implausible"),
    ("4548-4", "0", "%", {}, "implausible"),
    ("4548-4", "-7", "%", {}, "implausible"),
    ("4548-4", "1e999", "%", {}, "unreadable"),
    ("33914-3", "90", "mL/min/{1.73_m2}", {"comparator": ">"}, "comparator"),
]


@pytest.mark.parametrize(("loinc", "digits", "unit", "quantity", "reason"), NOT_NORMALISED)
def test_what_cannot_be_normalised_is_null_with_a_reason(loinc, digits, unit, quantity, reason):
    flat(result(loinc, digits, unit, **quantity))
    columns = ("normalised_value", "normalised_unit", "normalised_reason", "value_comparator")
    assert rows("observation", *columns) == [(None, None, reason, quantity.get("comparator"))]


def test_a_result_without_a_value_says_so_and_keeps_the_recorded_reason():
    absent = coding("http://terminology.hl7.org/CodeSystem/data-absent-reason", "not-performed")
    flat(observation(dataAbsentReason=absent))
    columns = ("value_number", "value_text", "normalised_value", "normalised_reason", "data_absent_reason")
    assert rows("observation", *columns) == [(None, None, None, "no_value", "not-performed")]


@pytest.mark.parametrize(
    "digits", ["7.10", "70.0", "1.0e2", "0.000010", "12345678901234567890.123", "7", "-0.5"]
)
def test_digits_stay_as_they_were_written(digits):
    """Holds DuckDB to it: a structure that holds a DECIMAL is parsed without rounding numbers through a double."""
    flat(result("9999-9", digits, "%"))
    assert rows("observation", "value_text", "value_number") == [(digits, pytest.approx(float(digits)))]


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [
        ({"system": UCUM, "code": "mmol/mol", "unit": "percent"}, "mmol/mol"),
        ({"unit": "mmol/mol"}, "mmol/mol"),
        ({"system": "https://clinic.example.org/units", "code": "7", "unit": "mmol/mol"}, "mmol/mol"),
        ({"code": "mmol/mol"}, "mmol/mol"),
    ],
)
def test_the_unit_is_the_ucum_code_where_given_else_the_written_one(quantity, unit):
    flat(observation(valueQuantity={"value": 86, **quantity}))
    assert rows("observation", "value_unit", "normalised_value") == [(unit, 10.0)]


@pytest.mark.parametrize(
    "codings",
    [
        [{"system": "https://lab.example.org", "code": "A1C"}, {"system": LOINC, "code": "4548-4"}],
        [{"system": LOINC, "code": "99999-9"}, {"system": LOINC, "code": "4548-4"}],
        [{"system": LOINC, "code": "4548-4"}, {"code": "A1C"}],
    ],
)
def test_any_loinc_coding_tells_the_analyte(codings):
    flat(
        observation(code={"coding": codings}, valueQuantity={"value": 86, "system": UCUM, "code": "mmol/mol"})
    )
    assert rows("observation", "normalised_value") == [(10.0,)]


@pytest.mark.parametrize("code", [{"text": "A1c"}, {"coding": []}, {"coding": [{"code": "4548-4"}]}])
def test_a_code_of_no_system_is_no_analyte(code):
    flat(observation(code=code, valueQuantity={"value": 86, "system": UCUM, "code": "mmol/mol"}))
    assert rows("observation", "normalised_value", "normalised_reason") == [(None, "unlisted_analyte")]


def test_a_score_may_be_an_integer_without_a_unit():
    flat(observation(code=coding(LOINC, "44261-6"), valueInteger=12))
    columns = ("value_number", "value_text", "value_unit", "normalised_value", "normalised_unit")
    assert rows("observation", *columns) == [(12.0, "12", None, 12.0, "{score}")]


def test_coded_and_yes_no_values_are_kept():
    flat(
        observation("o1", valueCodeableConcept=coding(LOINC, "LA18978-9")),
        observation("o2", valueBoolean=False),
        observation("o3"),
    )
    assert rows("observation", "value_code_system", "value_code", "value_boolean") == [
        (LOINC, "LA18978-9", None),
        (None, None, False),
        (None, None, None),
    ]


def test_components_have_values_of_their_own():
    def pressure(loinc, value, unit="mm[Hg]"):
        quantity = {"value": value, "unit": unit, "system": UCUM, "code": unit} if unit else {"value": value}
        return {"code": coding(LOINC, loinc), "valueQuantity": quantity}

    missing = {"code": coding(LOINC, "8462-4"), "dataAbsentReason": coding("urn:x", "error")}
    panel = coding(LOINC, "85354-9")
    flat(
        observation("o1", code=panel, component=[pressure("8480-6", 152), pressure("8462-4", 94)]),
        observation("o2", code=panel, component=[pressure("8480-6", 152, None), missing]),
        observation("o3", code=panel),
    )
    values = ("value_number", "normalised_value", "normalised_reason", "data_absent_reason")
    assert sorted(rows("observation_component", "resource_key", "component_index", "code", *values)) == [
        ("o1", 0, "8480-6", 152.0, 152.0, None, None),
        ("o1", 1, "8462-4", 94.0, 94.0, None, None),
        ("o2", 0, "8480-6", 152.0, None, "no_unit", None),
        ("o2", 1, "8462-4", None, None, "no_value", "error"),
    ]


ANALYTES = {analyte.key: analyte for analyte in load_analytes()}


@pytest.mark.parametrize("analyte", ANALYTES.values(), ids=ANALYTES)
def test_sql_and_python_normalise_alike(analyte):
    """The same data gives the same answer in DuckDB and in the loader that other rooms may call."""
    loinc = analyte.loinc[0]
    for conversion in analyte.conversions:
        for standard in (analyte.low, (analyte.low + analyte.high) / 2, analyte.high * 1.01):
            written = round((standard - conversion.offset) / conversion.factor, 4)
            flat(json.dumps(json.loads(result(loinc, written, conversion.units[0]))))
            expected = analyte.normalise(written, conversion.units[0])
            (found,) = rows("observation", "normalised_value")
            assert found == ((None,) if expected is None else (pytest.approx(expected, rel=1e-12),))


def test_no_loinc_code_stands_for_two_analytes_and_every_unit_is_known():
    codes = [code for analyte in ANALYTES.values() for code in analyte.loinc]
    assert len(codes) == len(set(codes))
    for analyte in ANALYTES.values():
        units = [unit for conversion in analyte.conversions for unit in conversion.units]
        assert len(units) == len(set(units)), analyte.key
        assert set(units) <= known_units()
        assert analyte.normalise(analyte.low, analyte.unit) == analyte.low
