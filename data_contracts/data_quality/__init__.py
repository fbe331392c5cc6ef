"""The checks of the data, as commented data: what is looked at, in which words it is told, and the SQL that looks.

The pipeline runs them; screens and the API say what they mean. An unknown id has words too: it is of a newer version.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from data_contracts.units import load_analytes

CHECKS = Path(__file__).with_name("checks.toml")
UNREADABLE = "unreadable_"
"""What the id of a check for lines that could not be read begins with; the FHIR type follows."""

KIND_WORDS = {
    "completeness": "Completeness",
    "unmapped_codes": "Unmapped codes",
    "units": "Units",
    "implausible": "Implausible values",
    "duplicates": "Duplicates",
    "freshness": "Freshness",
}
SYSTEM_NAMES = {
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://snomed.info/sct": "SNOMED CT",
    "http://loinc.org": "LOINC",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://www.ama-assn.org/go/cpt": "CPT",
    "http://www.cms.gov/Medicare/Coding/ICD10": "ICD-10-PCS",
    "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": "HCPCS",
    "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": "HCPCS",
    "http://www.ada.org/cdt": "CDT",
}


@dataclass(frozen=True)
class DataCheck:
    """One check. `failing` selects patient_key, resource_key, on_day and sensitivity of each record with the defect;
    `checked` counts what was looked at. Both are null for what the run itself tells (lines that could not be read).

    `quiet` is how many of what is counted are nothing to look at yet: a few days without news.
    """

    id: str
    kind: str
    resource_type: str
    elements: tuple[str, ...]
    title: str
    why: str
    repair: str
    counts: Literal["records", "people", "days", "lines"] = "records"
    touches: Literal["records", "type"] = "records"
    checked: str | None = None
    failing: str | None = None
    newest: str | None = None
    quiet: int = 0


@cache
def data_checks() -> Mapping[str, DataCheck]:
    """Every check by id, in the order of the file."""
    written = tomllib.loads(CHECKS.read_text(encoding="utf-8"))
    found = [
        *map(_check, written["check"]),
        *(_coded(one, written["coded_words"]) for one in written["coded"]),
        *(_fresh(one, written["fresh_words"]) for one in written["fresh"]),
    ]
    return {one.id: one for one in found}


def unreadable(resource_type: str) -> DataCheck:
    """The check for lines of a type that could not be read: the run tells their number."""
    words = tomllib.loads(CHECKS.read_text(encoding="utf-8"))["unreadable_words"]
    return DataCheck(
        id=f"{UNREADABLE}{resource_type}",
        kind="completeness",
        resource_type=resource_type,
        elements=("*",),
        title=words["title"].format(type=resource_type),
        why=words["why"],
        repair=words["repair"],
        counts="lines",
        touches="type",
    )


@cache
def described_check(check_id: str) -> DataCheck | None:
    """The check of that id; None for one that this version does not know."""
    if check_id.startswith(UNREADABLE):
        return unreadable(check_id.removeprefix(UNREADABLE))
    return data_checks().get(check_id)


def _check(one: Mapping[str, Any]) -> DataCheck:
    source, among = one["from"], one["among"]
    key = one.get("key", "resource_key")
    day, label = ("NULL", "NULL") if key == "patient_key" else (one["day"], "sensitivity")
    named = f"patient_key, {key} AS resource_key, {day} AS on_day, {label} AS sensitivity"
    if same := one.get("same"):
        coded = f"{source}_coding WHERE element = '{one['coded_as']}' AND code IS NOT NULL"
        among = f"({among}) AND resource_key IN (SELECT resource_key FROM {coded})"
        failing = _repeated(source, among, same, coded, named)
    else:
        failing = f"SELECT {named} FROM {source} WHERE ({among}) AND ({one['fails']})"
    return DataCheck(
        **_words(one),
        elements=tuple(one["elements"]),
        counts=one.get("counts", "records"),
        checked=_sql(f"SELECT count(*) FROM {source} WHERE {among}"),
        failing=_sql(failing),
    )


def _repeated(source: str, among: str, same: list[str], coded: str, named: str) -> str:
    """Of rows that are the same in all of these and in their codes, all but the first.

    Codes are put together only for rows that are alike in the rest, and of those only hashes were compared before.
    """
    alike = ", ".join(same)
    return f"""
WITH looked_at AS (SELECT {named}, hash({alike}) AS sameness, {_numbered(same)} FROM {source} WHERE {among}),
alike AS MATERIALIZED (SELECT * FROM looked_at
  WHERE sameness IN (SELECT sameness FROM looked_at GROUP BY sameness HAVING count(*) > 1)),
coded AS (SELECT resource_key, string_agg(system || '|' || code, ' ' ORDER BY system, code) AS codes
  FROM {coded} AND resource_key IN (SELECT resource_key FROM alike) GROUP BY resource_key)
SELECT patient_key, resource_key, on_day, sensitivity FROM alike JOIN coded USING (resource_key)
QUALIFY row_number() OVER (
  PARTITION BY {", ".join(f"same_{place}" for place in range(len(same)))}, codes ORDER BY resource_key) > 1"""


def _numbered(same: list[str]) -> str:
    return ", ".join(f"{part} AS same_{place}" for place, part in enumerate(same))


def _coded(one: Mapping[str, Any], words: Mapping[str, str]) -> DataCheck:
    table, systems = one["table"], ", ".join(f"'{system}'" for system in one["systems"])
    names = ", ".join(dict.fromkeys(SYSTEM_NAMES[system] for system in one["systems"]))
    told = {name: said.format(things=one["things"], systems=names) for name, said in words.items()}
    coded = (
        f"SELECT resource_key FROM {table}_coding WHERE element = '{one['element']}' "
        f"AND system IN ({systems}) AND code IS NOT NULL"
    )
    failing = (
        f"SELECT patient_key, resource_key, {one['day']} AS on_day, sensitivity FROM {table} "
        f"WHERE ({one['among']}) AND resource_key NOT IN ({coded})"
    )
    return DataCheck(
        **{**_words({**one, "kind": "unmapped_codes"}), **told},
        elements=("code",),
        touches="type",
        checked=_sql(f"SELECT count(*) FROM {table} WHERE {one['among']}"),
        failing=_sql(failing),
    )


def _fresh(one: Mapping[str, Any], words: Mapping[str, Any]) -> DataCheck:
    days, quiet = words["days"], words["quiet_days"]
    told = {
        name: words[name].format(things=one["things"], quiet_days=quiet)
        for name in ("title", "why", "repair")
    }
    return DataCheck(
        **{**_words({**one, "kind": "freshness"}), **told},
        elements=("*",),
        counts="days",
        touches="type",
        checked=f"SELECT CASE WHEN count(*) > 0 THEN {days} ELSE 0 END FROM {one['table']}",
        newest=f"SELECT max({one['day']}) FROM {one['table']} WHERE {one['day']} <= $as_of",
        quiet=quiet,
    )


def _words(one: Mapping[str, Any]) -> dict[str, str]:
    names = ("title", "why", "repair")
    told = {name: one[name] for name in names if name in one}
    return {"id": one["id"], "kind": one["kind"], "resource_type": one["type"], **told}


def _sql(statement: str) -> str:
    """The statement with the codes of numeric tests written in; the day is still left open."""
    codes = sorted(code for analyte in load_analytes() for code in analyte.loinc)
    return statement.replace("$numeric_codes", "[" + ", ".join(f"'{code}'" for code in codes) + "]")
