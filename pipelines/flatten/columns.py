"""Columns that FHIRPath cannot say: dates with bounds, normalised quantities, sensitivity, codes of a reference.

A view asks for one with the tag `almoner/kind`. SQL is built in layers, each a subquery over the one before, so that
nothing is worked out twice: `texts` are read from the resource, `parsed` from the texts, `judged` from what is parsed.
The session's time zone is the site's while the SQL runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from data_contracts.sensitivity import ACT_CODE, CONFIDENTIALITY, ORDINARY_LABELS, OWN_SENSITIVITY
from pipelines.flatten.expressions import Scope
from pipelines.flatten.fhirpath import parse
from pipelines.flatten.view_definitions import ViewColumn

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"


@dataclass
class Layers:
    """SQL by name, layer by layer; `columns` are the contract's own, `joins` stand behind the texts (`t`)."""

    texts: dict[str, str] = field(default_factory=dict)
    parsed: dict[str, str] = field(default_factory=dict)
    judged: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    joins: str = ""


def add_date(layers: Layers, scope: Scope, column: ViewColumn) -> None:
    """Bounds in the site's time zone, precision and offset. What cannot be read as a date is null in all four.

    A day without a time is that day wherever it was written; an instant belongs to the site's local day; a time
    without an offset (not allowed by FHIR, yet met) is taken as the site's own.
    """
    name = column.tags.get("almoner/stem", column.name)
    low = scope.value(column.path.expression).first.sql
    high = scope.value(parse(column.tags["almoner/high"])).first.sql if "almoner/high" in column.tags else low
    first = f"{name}_text"
    last = first if high == low else f"{name}_high_text"
    layers.texts |= {first: low, last: high}
    layers.parsed[f"{name}_low"] = _day(first)
    last_day = f"{name}_low" if last == first else _day(last)
    layers.judged[f"{name}_high"] = (
        f"CASE length({last}) WHEN 4 THEN try_cast(concat({last}, '-12-31') AS DATE)"
        f" WHEN 7 THEN last_day({last_day}) ELSE {last_day} END"
    )
    known = f"{name}_low IS NOT NULL"
    layers.judged[f"{name}_precision"] = (
        f"CASE WHEN {known} THEN"
        f" CASE length({first}) WHEN 4 THEN 'year' WHEN 7 THEN 'month' WHEN 10 THEN 'day' ELSE 'instant' END END"
    )
    layers.judged[f"{name}_offset_minutes"] = (
        f"CASE WHEN {known} AND length({first}) > 10 THEN {_offset(first)} END"
    )
    layers.columns |= {column: column for column in _names(name)}


def _names(name: str) -> tuple[str, ...]:
    return tuple(f"{name}_{part}" for part in ("low", "high", "precision", "offset_minutes"))


def _day(text: str) -> str:
    """The first day that a FHIR date may mean: '2025' and '2025-03' are filled up with '-01'.

    An instant that falls outside the years 1 to 9999 at the site has no day that others could store.
    """
    local = f"CAST(try_cast({text} AS TIMESTAMPTZ) AS DATE)"
    return (
        f"CASE WHEN length({text}) > 10 THEN"
        f" CASE WHEN {local} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31' THEN {local} END"
        f" ELSE try_cast(concat({text}, substr('-01-01', length({text}) - 3)) AS DATE) END"
    )


def _offset(text: str) -> str:
    sign = f"substr({text}, -6, 1)"
    return (
        f"CASE WHEN ends_with({text}, 'Z') THEN 0 WHEN {sign} IN ('+', '-') THEN"
        f" try_cast(substr({text}, -6, 3) AS BIGINT) * 60 + try_cast(concat({sign}, right({text}, 2)) AS BIGINT) END"
    )


def add_sensitivity(layers: Layers, scope: Scope, column: ViewColumn) -> None:
    """The strictest label: very restricted, restricted, then a category of sensitivity, by its code.

    Ordinary labels are none. One that nobody knows counts as restricted, as it does in the chart and in the portal.
    """
    labels = f"{column.name}_labels"
    layers.texts[labels] = scope.value(parse("meta.security")).sql
    for part in ("system", "code"):
        scope.value(parse(f"meta.security.{part}"))
    layers.columns[column.name] = f"substr(list_max(list_transform({labels}, lambda l: {_STRICTNESS})), 2)"


def _ordinary(label: str) -> str:
    return " OR ".join(
        f"({label}.system = '{system}' AND {label}.code = '{code}')"
        for system, code in sorted(ORDINARY_LABELS)
    )


_STRICTNESS = (
    f"CASE WHEN l.system = '{CONFIDENTIALITY}' AND l.code = 'V' THEN '9V'"
    f" WHEN l.system = '{CONFIDENTIALITY}' AND l.code = 'R' THEN '7R'"
    f" WHEN l.system IN ('{ACT_CODE}', '{OWN_SENSITIVITY}') AND l.code IS NOT NULL THEN concat('5', l.code)"
    f" WHEN {_ordinary('l')} THEN NULL ELSE '7R' END"
)
"""A label as a text that sorts by strictness, as `sensitivity_rank` of the guidelines does; its code follows."""


def add_referred_medication(layers: Layers, scope: Scope, column: ViewColumn) -> None:
    """System or code of the Medication that is referred to, one row a coding; no row when the snapshot lacks it."""
    if "referred_key" not in layers.texts:
        key = "medication.ofType(Reference).getReferenceKey(Medication)"
        layers.texts["referred_key"] = scope.value(parse(key)).sql
        layers.joins += " JOIN medication_coding AS medication ON medication.medication_key = t.referred_key"
    layers.columns[column.name] = f"medication.{column.name}"


def add_value(layers: Layers, scope: Scope, column: ViewColumn) -> None:
    """VALUE_COLUMNS of an observation or a component.

    The analyte is found by any LOINC coding of the code that has conversions; the unit is the UCUM code where given,
    else the written unit. A value is normalised only when analyte and unit are listed and the result is plausible.
    """

    def sql(path: str) -> str:
        return scope.value(parse(path)).first.sql

    quantity, coded = "value.ofType(Quantity)", "value.ofType(CodeableConcept).coding"
    layers.texts |= {
        "digits": f"coalesce({sql(f'{quantity}.value')}, {sql('value.ofType(integer)')})",
        "unit_text": (
            f"coalesce(CASE WHEN {sql(f'{quantity}.system')} = '{UCUM}' THEN {sql(f'{quantity}.code')} END,"
            f" {sql(f'{quantity}.unit')}, {sql(f'{quantity}.code')})"
        ),
        "comparator": sql(f"{quantity}.comparator"),
        "analyte_code": _analyte_code(scope),
        "value_boolean": sql("value.ofType(boolean)"),
        "value_codings": scope.value(parse(coded)).sql,
        "absent_reason": sql("dataAbsentReason.coding.code"),
    }
    for name in ("system", "code"):
        scope.value(parse(f"{coded}.{name}"))
    layers.joins += (
        " LEFT JOIN flatten_analyte AS analyte ON analyte.loinc = t.analyte_code"
        " LEFT JOIN flatten_conversion AS conversion"
        " ON conversion.loinc = t.analyte_code AND conversion.written_unit = t.unit_text"
    )
    layers.parsed |= {
        "number": "try_cast(digits AS DOUBLE)",
        "converted": (
            "CASE WHEN conversion.is_identity OR unit_text IS NULL THEN try_cast(digits AS DOUBLE)"
            ' ELSE round(conversion.factor * try_cast(digits AS DOUBLE) + conversion."offset",'
            " CAST(conversion.decimals AS INTEGER)) END"
        ),
        "is_listed": "analyte.loinc IS NOT NULL",
        "is_convertible": "conversion.factor IS NOT NULL OR (unit_text IS NULL AND analyte.no_unit)",
        "plausible_low": "analyte.low",
        "plausible_high": "analyte.high",
        "analyte_unit": "analyte.unit",
    }
    layers.judged["reason"] = (
        "CASE WHEN digits IS NULL THEN 'no_value' WHEN number IS NULL OR NOT isfinite(number) THEN 'unreadable'"
        " WHEN NOT is_listed THEN 'unlisted_analyte' WHEN comparator IS NOT NULL THEN 'comparator'"
        " WHEN NOT is_convertible THEN CASE WHEN unit_text IS NULL THEN 'no_unit' ELSE 'unknown_unit' END"
        " WHEN converted NOT BETWEEN plausible_low AND plausible_high THEN 'implausible' END"
    )
    layers.columns |= {
        "value_number": "CASE WHEN isfinite(number) THEN number END",
        "value_text": "digits",
        "value_comparator": "CASE WHEN comparator IN ('<', '<=', '>=', '>') THEN comparator END",
        "value_unit": "unit_text",
        "value_code_system": "value_codings[1].system",
        "value_code": "value_codings[1].code",
        "value_boolean": "value_boolean",
        "normalised_value": "CASE WHEN reason IS NULL THEN converted END",
        "normalised_unit": "CASE WHEN reason IS NULL THEN analyte_unit END",
        "normalised_reason": "reason",
        "data_absent_reason": "absent_reason",
    }


def _analyte_code(scope: Scope) -> str:
    codings = scope.value(parse("code.coding"))
    for name in ("system", "code"):
        codings.used.part(name)
    listed = f"list_filter({codings.sql}, lambda c: c.system = '{LOINC}' AND list_contains({{analyte_codes}}, c.code))"
    return (
        f"CASE WHEN len({codings.sql}) > 1 THEN {listed}[1].code"
        f" WHEN {codings.sql}[1].system = '{LOINC}' THEN {codings.sql}[1].code END"
    )


KINDS: dict[str, Callable[[Layers, Scope, ViewColumn], None]] = {
    "date": add_date,
    "sensitivity": add_sensitivity,
    "value": add_value,
    "referred_medication": add_referred_medication,
}
