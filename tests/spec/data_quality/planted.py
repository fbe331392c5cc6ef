"""Each data check with one record that has its defect and one that has not, in flat tables, a person for each."""

# ruff: noqa: E501 - the cases are a drawn table, one line each

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.lib.flat_tables import KEY_ID, FlatTables

Plant = Callable[[FlatTables, str], None]
A1C, DIABETES, STATIN, FLU = "loinc|4548-4", "icd-10-cm|E11.9", "rxnorm|617318", "cvx|150"
COLONOSCOPY, CBC = "hcpcs|G0121", "loinc|58410-2"
DAY = "2026-11-02"


def person(**columns) -> tuple[Plant, Plant]:
    """Somebody who is like this, beside somebody who is as they should be."""
    sound = {"race": "2106-3", "ethnicity": "2186-5", "birth_precision": "day"}

    def with_defect(tables: FlatTables, who: str) -> None:
        tables.patient(who, **(sound | columns))

    return with_defect, lambda tables, who: tables.patient(who, **sound)


def fact(table: str, code: str, **columns) -> tuple[Plant, Plant]:
    """A record that is like this, beside one of another person that is as it should be."""
    on = columns.pop("on", DAY)

    def with_defect(tables: FlatTables, who: str) -> None:
        tables.fact(table, code, on, patient=who, **columns)

    return with_defect, lambda tables, who: tables.fact(table, code, DAY, patient=who)


def result(value: str = "7.1", unit: str | None = "%", reason: str | None = None, **columns) -> Plant:
    def plant(tables: FlatTables, who: str) -> None:
        normal = 7.1 if reason is None else None
        row = {"normalised_reason": reason} if reason else {}
        tables.number(A1C, columns.get("on", DAY), value, unit, normal, patient=who, **row)

    return plant


def pressure(**of_systolic) -> Plant:
    def plant(tables: FlatTables, who: str) -> None:
        key = tables.fact("observation", "loinc|85354-9", DAY, patient=who)
        for index, (code, value) in enumerate((("8480-6", 128), ("8462-4", 82))):
            row = {"normalised_value": value, "normalised_unit": "mm[Hg]", "value_unit": "mm[Hg]"}
            tables.insert(
                "observation_component",
                **{"key_id": KEY_ID, "patient_key": who, "resource_key": key, "component_index": index},
                **{"code_system": "http://loinc.org", "code": code},
                **({"value_number": value, "value_text": str(value)} | row | ({} if index else of_systolic)),
            )

    return plant


def twice(plant: Plant) -> Plant:
    def planted(tables: FlatTables, who: str) -> None:
        plant(tables, who)
        plant(tables, who)

    return planted


def born_and(plant: Plant, **columns) -> Plant:
    sound = {"race": "2106-3", "ethnicity": "2186-5"}

    def planted(tables: FlatTables, who: str) -> None:
        tables.patient(who, **(sound | columns))
        plant(tables, who)

    return planted


def local_only(table: str, element: str) -> Plant:
    """Coded by a system of the house alone."""

    def planted(tables: FlatTables, who: str) -> None:
        key = tables.fact(table, "organ|breast", DAY, patient=who)
        tables.coding(table, key, element, "organ|cervix", who)

    return planted


def coded(table: str, code: str, **columns) -> Plant:
    return lambda tables, who: tables.fact(table, code, DAY, patient=who, **columns)


NO_UNIT = {
    "normalised_value": None,
    "normalised_unit": None,
    "value_unit": None,
    "normalised_reason": "no_unit",
}
TOO_HIGH = {
    "normalised_value": None,
    "normalised_unit": None,
    "value_number": 1280,
    "normalised_reason": "implausible",
}
SOUND_RESULT = result()

# fmt: off
PLANTED: Mapping[str, tuple[Plant, Plant]] = {
    # check                              with the defect                                    as it should be
    "birth_date_missing":                person(born=None),
    "birth_date_imprecise":              person(born=("1970-01-01", "1970-12-31"), birth_precision="year"),
    "sex_missing":                       person(sex="unknown"),
    "race_missing":                      person(race=None),
    "ethnicity_missing":                 person(ethnicity=None),
    "born_in_the_future_or_too_long_ago": person(born="1899-05-04"),
    "died_before_birth":                 (person(deceased_low="1969-01-01", deceased_high="1969-01-01")[0],
                                          person(deceased_low="2020-01-01", deceased_high="2020-01-01")[0]),
    "visit_without_a_day":               fact("encounter", "hcpcs|G0438", on=None),
    "visit_in_the_future":               fact("encounter", "hcpcs|G0438", on="2027-03-01"),
    "visit_ends_before_it_begins":       (fact("encounter", "hcpcs|G0438", end_low="2026-10-30", end_high="2026-10-30")[0],
                                          fact("encounter", "hcpcs|G0438", end_low=DAY, end_high=DAY)[0]),
    "result_without_a_day":              fact("observation", "loinc|8302-2", on=None),
    "result_without_a_number":           (coded("observation", A1C, normalised_reason="no_value"), SOUND_RESULT),
    "result_in_the_future":              fact("observation", "loinc|8302-2", on="2027-03-01"),
    "result_before_birth":               (born_and(fact("observation", "loinc|8302-2", on="1969-01-01")[0]),
                                          born_and(fact("observation", "loinc|8302-2")[0])),
    "result_after_death":                (born_and(fact("observation", "loinc|8302-2")[0], deceased_low="2026-01-01", deceased_high="2026-01-01"),
                                          born_and(fact("observation", "loinc|8302-2")[0], deceased_low="2026-11-01", deceased_high="2026-11-01")),
    "problem_without_a_day":             fact("condition", DIABETES, on=None),
    "procedure_without_a_day":           fact("procedure", COLONOSCOPY, on=None),
    "vaccination_without_a_day":         fact("immunization", FLU, on=None),
    "prescription_without_a_day":        fact("medication_request", STATIN, on=None),
    "number_without_a_unit":             (result(unit=None, reason="no_unit"), SOUND_RESULT),
    "unit_not_known":                    (result(unit="furlong", reason="unknown_unit"), SOUND_RESULT),
    "value_implausible":                 (result("710", reason="implausible"), SOUND_RESULT),
    "value_unreadable":                  (result("7", reason="unreadable"), SOUND_RESULT),
    "part_without_a_usable_unit":        (pressure(**NO_UNIT), pressure()),
    "part_implausible":                  (pressure(**TOO_HIGH), pressure()),
    "result_twice":                      (twice(SOUND_RESULT), SOUND_RESULT),
    "problem_twice":                     (twice(coded("condition", DIABETES)), coded("condition", DIABETES)),
    "vaccination_twice":                 (twice(coded("immunization", FLU, occurrence_precision="day")), coded("immunization", FLU, occurrence_precision="day")),
    "prescription_twice":                (twice(coded("medication_request", STATIN)), coded("medication_request", STATIN)),
    "condition_unmapped":                (local_only("condition", "code"), coded("condition", DIABETES)),
    "observation_unmapped":              (local_only("observation", "code"), coded("observation", "loinc|8302-2")),
    "medication_unmapped":               (local_only("medication_request", "medication"), coded("medication_request", STATIN)),
    "procedure_unmapped":                (local_only("procedure", "code"), coded("procedure", COLONOSCOPY)),
    "vaccination_unmapped":              (local_only("immunization", "vaccine"), coded("immunization", FLU, occurrence_precision="day")),
    "report_unmapped":                   (local_only("diagnostic_report", "code"), coded("diagnostic_report", CBC)),
    "visit_unmapped":                    (local_only("encounter", "type"), coded("encounter", "hcpcs|G0438")),
}
# fmt: on
