"""Columns that FHIRPath cannot say: dates with bounds, instants, normalised quantities, sensitivity, ZIP codes.

A view asks for one with the tag `almoner/kind`. Each function gives SQL by contract column name. `{zone}` stands
for the site's time zone and is filled in when the SQL runs.
"""

from __future__ import annotations

from collections.abc import Callable

from pipelines.flatten.expressions import Scope
from pipelines.flatten.fhirpath import Path, Step, parse

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
HAS_OFFSET = "(right({0}, 1) = 'Z' OR substr({0}, -6, 1) IN ('+', '-'))"


def date_columns(name: str, low: str, high: str) -> dict[str, str]:
    """Bounds in the site's time zone, precision and offset. What cannot be read as a date is null in all four.

    A day without a time is that day wherever it was written; an instant belongs to the site's local day; a time
    without an offset (not allowed by FHIR, yet met) is taken as the site's own.
    """
    first = _day(low, year="-01-01", month=f"try_cast({low} || '-01' AS DATE)")
    last = _day(high, year="-12-31", month=f"last_day(try_cast({high} || '-01' AS DATE))")
    precision = (
        f"CASE length({low}) WHEN 4 THEN 'year' WHEN 7 THEN 'month' WHEN 10 THEN 'day' ELSE 'instant' END"
    )
    return {
        f"{name}_low": first,
        f"{name}_high": last,
        f"{name}_precision": f"CASE WHEN {first} IS NOT NULL THEN {precision} END",
        f"{name}_offset_minutes": f"CASE WHEN length({low}) > 10 AND {first} IS NOT NULL THEN {_offset(low)} END",
    }


def _day(text: str, *, year: str, month: str) -> str:
    local_day = f"CAST(timezone('{{zone}}', try_cast({text} AS TIMESTAMPTZ)) AS DATE)"
    instant = f"CASE WHEN {HAS_OFFSET.format(text)} THEN {local_day} ELSE try_cast(substr({text}, 1, 10) AS DATE) END"
    return (
        f"CASE length({text}) WHEN 10 THEN try_cast({text} AS DATE)"
        f" WHEN 4 THEN try_cast({text} || '{year}' AS DATE) WHEN 7 THEN {month}"
        f" ELSE {instant} END"
    )


def _offset(text: str) -> str:
    minutes = f"try_cast(substr({text}, -5, 2) AS BIGINT) * 60 + try_cast(right({text}, 2) AS BIGINT)"
    return (
        f"CASE WHEN right({text}, 1) = 'Z' THEN 0 WHEN substr({text}, -6, 1) = '+' THEN {minutes}"
        f" WHEN substr({text}, -6, 1) = '-' THEN -({minutes}) END"
    )


def instant_column(name: str, text: str) -> dict[str, str]:
    """The instant, when a time and an offset are written; else null."""
    written = f"length({text}) > 16 AND {HAS_OFFSET.format(text)}"
    return {name: f"CASE WHEN {written} THEN try_cast({text} AS TIMESTAMPTZ) END"}


def sensitivity_column(scope: Scope, path: str) -> str:
    """The strictest label: very restricted, restricted, then any sensitivity category of the ActCode system."""
    labels = scope.value(parse(path))
    codes = {}
    for system in (CONFIDENTIALITY, ACT_CODE):
        only = scope.value(parse(f"{path}.where(system = '{system}').code"))
        codes[system] = only.sql
    return (
        f"CASE WHEN {labels.sql} IS NULL THEN NULL"
        f" WHEN list_contains({codes[CONFIDENTIALITY]}, 'V') THEN 'V'"
        f" WHEN list_contains({codes[CONFIDENTIALITY]}, 'R') THEN 'R'"
        f" ELSE {codes[ACT_CODE]}[1] END"
    )


def zip_column(text: str, digits: int) -> str:
    """The first digits of a ZIP code; null when it is shorter."""
    return f"CASE WHEN regexp_matches({text}, '^[0-9]{{{digits}}}') THEN left({text}, {digits}) END"


def value_columns(scope: Scope) -> tuple[dict[str, str], str]:
    """VALUE_COLUMNS of an observation or a component, and the joins that they need.

    The analyte is found by any LOINC coding of the code that has conversions; the unit is the UCUM code where given,
    else the written unit. A value is normalised only when analyte and unit are listed and the result is plausible.
    """

    def sql(path: str) -> str:
        return scope.value(parse(path)).one

    quantity = "value.ofType(Quantity)"
    digits = f"coalesce({sql(f'{quantity}.value')}, {sql('value.ofType(integer)')})"
    number = f"CASE WHEN isfinite(try_cast({digits} AS DOUBLE)) THEN try_cast({digits} AS DOUBLE) END"
    unit = (
        f"coalesce(CASE WHEN {sql(f'{quantity}.system')} = '{UCUM}' THEN {sql(f'{quantity}.code')} END,"
        f" {sql(f'{quantity}.unit')}, {sql(f'{quantity}.code')})"
    )
    comparator = f"CASE WHEN {sql(f'{quantity}.comparator')} IN ('<', '<=', '>=', '>') THEN {sql(f'{quantity}.comparator')} END"
    normal = (
        f"CASE WHEN conversion.is_identity OR {unit} IS NULL THEN {number}"
        f' ELSE round(conversion.factor * {number} + conversion."offset", conversion.decimals) END'
    )
    reason = (
        f"CASE WHEN {digits} IS NULL THEN 'no_value' WHEN {number} IS NULL THEN 'unreadable'"
        " WHEN analyte.loinc IS NULL THEN 'unlisted_analyte'"
        f" WHEN {sql(f'{quantity}.comparator')} IS NOT NULL THEN 'comparator'"
        f" WHEN {unit} IS NULL AND NOT analyte.no_unit THEN 'no_unit'"
        f" WHEN {unit} IS NOT NULL AND conversion.factor IS NULL THEN 'unknown_unit'"
        f" WHEN {normal} NOT BETWEEN analyte.low AND analyte.high THEN 'implausible' END"
    )
    columns = {
        "value_number": number,
        "value_text": digits,
        "value_comparator": comparator,
        "value_unit": unit,
        "value_code_system": sql("value.ofType(CodeableConcept).coding.system"),
        "value_code": sql("value.ofType(CodeableConcept).coding.code"),
        "value_boolean": sql("value.ofType(boolean)"),
        "normalised_value": f"CASE WHEN ({reason}) IS NULL THEN {normal} END",
        "normalised_unit": f"CASE WHEN ({reason}) IS NULL THEN analyte.unit END",
        "normalised_reason": reason,
        "data_absent_reason": sql("dataAbsentReason.coding.code"),
    }
    joins = (
        f" LEFT JOIN flatten_analyte AS analyte ON analyte.loinc = {_analyte_code(scope)}"
        f" LEFT JOIN flatten_conversion AS conversion"
        f" ON conversion.loinc = analyte.loinc AND conversion.written_unit = {unit}"
    )
    return columns, joins


def _analyte_code(scope: Scope) -> str:
    codings = scope.value(Path((Step("code"), Step("coding"))))
    for name in ("system", "code"):
        codings.used.part(name)
    listed = f"list_filter({codings.sql}, lambda c: c.system = '{LOINC}' AND list_contains({{analyte_codes}}, c.code))"
    return (
        f"CASE WHEN len({codings.sql}) > 1 THEN {listed}[1].code"
        f" WHEN {codings.sql}[1].system = '{LOINC}' THEN {codings.sql}[1].code END"
    )


SIMPLE_KINDS: dict[str, Callable[[str, str], dict[str, str]]] = {
    "instant": instant_column,
    "zip5": lambda name, text: {name: zip_column(text, 5)},
    "zip3": lambda name, text: {name: zip_column(text, 3)},
}
