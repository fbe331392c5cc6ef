"""A large panel as flat tables, drawn in SQL: realistic counts and codes, no believable persons."""

from __future__ import annotations

import duckdb

from data_contracts.tables.flat import FLAT_TABLES

LOINC = "'http://loinc.org'"
ICD = "'http://hl7.org/fhir/sid/icd-10-cm'"
YEARS_BACK = 1500
AS_OF = "DATE '2026-06-15'"

# code, results a patient, share of patients, low and high value, unit, coded results
OBSERVATIONS = (
    ("4548-4", 6, 0.15, 5.0, 12.0, "%", ()),
    ("13457-7", 3, 0.6, 60.0, 210.0, "mg/dL", ()),
    ("98979-8", 4, 0.5, 20.0, 110.0, "mL/min/{1.73_m2}", ()),
    ("9318-7", 3, 0.15, 2.0, 400.0, "mg/g", ()),
    ("44261-6", 2, 0.5, 0.0, 27.0, "{score}", ()),
    ("72166-2", 3, 0.8, None, None, None, ("LA18976-3", "LA18978-9", "LA15920-4", "LA18978-9")),
    ("57905-2", 1, 0.3, None, None, None, ("LA6577-6", "LA6577-6", "LA6577-6", "LA6576-8")),
    ("82675-0", 1, 0.25, None, None, None, ("LA6577-6", "LA6577-6", "LA6577-6", "LA6576-8")),
    ("29463-7", 8, 1.0, 40.0, 140.0, "kg", ()),
    ("8867-4", 8, 1.0, 50.0, 110.0, "/min", ()),
)
CODED = (
    (
        "condition",
        "code",
        ICD,
        ("E11.9", "I10", "I25.10", "E78.5", "J45.909", "M54.50", "K21.9", "F41.9"),
        4,
        1.0,
    ),
    (
        "condition",
        "code",
        ICD,
        ("Z90.13", "C18.7", "R54", "I50.9", "N18.6", "F31.9", "Z34.90", "Z90.710"),
        1,
        0.1,
    ),
    (
        "procedure",
        "code",
        "'https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets'",
        ("G0121", "S9453"),
        1,
        0.4,
    ),
    ("diagnostic_report", "code", LOINC, ("24606-6", "10524-7", "58410-2"), 3, 0.7),
    ("immunization", "vaccine", "'http://hl7.org/fhir/sid/cvx'", ("140", "216", "133", "33", "115"), 4, 1.0),
    (
        "medication_request",
        "medication",
        "'http://www.nlm.nih.gov/research/umls/rxnorm'",
        ("617310", "312941", "861007", "314076", "198030"),
        4,
        0.8,
    ),
    ("encounter", "type", "'http://snomed.info/sct'", ("185349003", "185345009", "390906007"), 8, 1.0),
    ("encounter", "type", "'https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets'", ("T2042",), 1, 0.01),
)
DATED = {
    "condition": ("onset", "clinical_status", "'active'"),
    "procedure": ("performed", "status", "'completed'"),
    "diagnostic_report": ("effective", "status", "'final'"),
    "immunization": ("occurrence", "status", "'completed'"),
    "medication_request": ("authored", "status", "'active'"),
    "encounter": ("start", "status", "'finished'"),
}


def draw(connection: duckdb.DuckDBPyConnection, patients: int) -> None:
    """Fills the flat tables of a connection; the same number of patients gives the same tables."""
    for table in FLAT_TABLES:
        connection.execute(table.duckdb_ddl())
    connection.execute(f"""
        INSERT INTO patient BY NAME
        SELECT 'bench' AS key_id, printf('p%07d', i) AS patient_key,
          {AS_OF} - CAST(hash(i, 1) % 32850 AS INTEGER) AS birth_low, birth_low AS birth_high,
          CASE WHEN hash(i, 2) % 100 < 51 THEN 'female' ELSE 'male' END AS sex,
          'clinic-' || (hash(i, 3) % 12) AS clinic_key, hash(i, 4) % 80 = 0 AS deceased
        FROM range({patients}) t(i)""")
    for number, row in enumerate(OBSERVATIONS):
        draw_observations(connection, patients, number, *row)
    _draw_pressures(connection, patients)
    for number, row in enumerate(CODED, start=100):
        draw_coded(connection, patients, number, *row)


def _facts(patients: int, number: int, each: int, share: float) -> str:
    return f"""(
        SELECT printf('p%07d', i) AS patient_key, printf('r{number}-%07d-%d', i, n) AS resource_key,
          {AS_OF} - CAST(hash(i, n, {number}) % {YEARS_BACK} AS INTEGER) AS on_day,
          CAST(hash(n, i, {number}) % 1000000 AS BIGINT) AS draw
        FROM range({patients}) p(i), range({each}) r(n)
        WHERE hash(i, {number}) % 1000 < {int(share * 1000)}) f"""


def draw_observations(
    connection, patients: int, number: int, code: str, each: int, share: float, low, high, unit, answers
) -> None:
    drawn = f"round({low} + (draw % 1000) / 1000.0 * ({high} - {low}), 1)" if unit else "CAST(NULL AS DOUBLE)"
    quoted = f"'{unit}'" if unit else "NULL"
    listed = ", ".join(f"'{answer}'" for answer in answers) or "NULL"
    connection.execute(f"""
        INSERT INTO observation BY NAME
        SELECT 'bench' AS key_id, patient_key, resource_key, 'final' AS status, on_day AS effective_low,
          on_day AS effective_high, {drawn} AS value_number, CAST(value_number AS VARCHAR) AS value_text,
          {quoted} AS value_unit, value_number AS normalised_value, {quoted} AS normalised_unit
        FROM {_facts(patients, number, each, share)}""")
    for element, value in (("code", f"'{code}'"), ("value", f"[{listed}][1 + draw % {len(answers) or 1}]")):
        if element == "code" or answers:
            connection.execute(f"""
                INSERT INTO observation_coding
                SELECT 'bench', patient_key, resource_key, '{element}', {LOINC}, {value}
                FROM {_facts(patients, number, each, share)}""")


def _draw_pressures(connection, patients: int) -> None:
    facts = _facts(patients, 50, 8, 1.0)
    connection.execute(f"""
        INSERT INTO observation BY NAME
        SELECT 'bench' AS key_id, patient_key, resource_key, 'final' AS status, on_day AS effective_low,
          on_day AS effective_high FROM {facts}""")
    connection.execute(f"""
        INSERT INTO observation_coding
        SELECT 'bench', patient_key, resource_key, 'code', {LOINC}, '85354-9' FROM {facts}""")
    for index, (code, low) in enumerate((("8480-6", 100), ("8462-4", 60))):
        connection.execute(f"""
            INSERT INTO observation_component BY NAME
            SELECT 'bench' AS key_id, patient_key, resource_key, {index} AS component_index,
              {LOINC} AS code_system, '{code}' AS code, {low} + draw % 60 AS value_number,
              CAST(value_number AS VARCHAR) AS value_text, 'mm[Hg]' AS value_unit,
              value_number AS normalised_value, 'mm[Hg]' AS normalised_unit
            FROM {facts}""")


def draw_coded(
    connection,
    patients: int,
    number: int,
    table: str,
    element: str,
    system: str,
    codes,
    each: int,
    share: float,
) -> None:
    day, state, value = DATED[table]
    facts = _facts(patients, number, each, share)
    intent = ", 'order' AS intent" if table == "medication_request" else ""
    connection.execute(f"""
        INSERT INTO {table} BY NAME
        SELECT 'bench' AS key_id, patient_key, resource_key, {value} AS {state}, on_day AS {day}_low,
          on_day AS {day}_high{intent} FROM {facts}""")
    listed = ", ".join(f"'{code}'" for code in codes)
    connection.execute(f"""
        INSERT INTO {table}_coding
        SELECT 'bench', patient_key, resource_key, '{element}', {system}, [{listed}][1 + draw % {len(codes)}]
        FROM {facts}""")
