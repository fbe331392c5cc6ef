"""Makes rows of our table from the tables of a RxNorm release (source RXNORM only). Pure.

Of each concept: what it holds, of products also form, strengths and brands. What a release does not say of a product
leaves its strengths empty, and it is then found by code and not offered for prescribing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ehr_core.kernel.errors import BadRequest
from ehr_core.medications.release_file import ReleaseFile
from ehr_core.medications.search import search_text

SOURCE = "RXNORM"
KINDS = frozenset({"IN", "PIN", "MIN", "BN", "SCDC", "DF", "SCD", "SBD", "GPCK", "BPCK"})
KEPT = ("IN", "PIN", "MIN", "BN", "SCD", "SBD", "GPCK", "BPCK")
RELATIONS = frozenset(
    {
        "consists_of",
        "has_ingredient",
        "has_dose_form",
        "tradename_of",
        "form_of",
        "has_part",
        "contains",
    }
)
SCHEDULES = {"CII": "II", "CIII": "III", "CIV": "IV", "CV": "V"}
NEVER_PRESCRIBED = frozenset({"CI"})
CONSO_FIELDS, REL_FIELDS, SAT_FIELDS, SAB_FIELDS = 18, 16, 13, 7


class Row(NamedTuple):
    """One row of medications.rxnorm_concept."""

    rxcui: str
    tty: str
    name: str
    form: str | None
    strengths: str
    ingredients: list[str]
    brands: list[str]
    generic_rxcui: str | None
    schedule: str | None
    is_product: bool
    search_text: str


@dataclass
class Release:
    """What was read of the tables. `related[relation][one]` are the concepts that `one` stands in that relation to."""

    kind: dict[str, str] = field(default_factory=dict)
    name: dict[str, str] = field(default_factory=dict)
    related: dict[str, dict[str, list[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    strength: dict[str, str] = field(default_factory=dict)
    schedule: dict[str, str] = field(default_factory=dict)

    def of_kind(self, relation: str, rxcui: str, *kinds: str) -> list[str]:
        return [one for one in self.related[relation].get(rxcui, ()) if self.kind.get(one) in kinds]


def version_of(file: ReleaseFile) -> str:
    """The release's version, as its list of sources names it."""
    for row in _checked(file, "RXNSAB", SAB_FIELDS):
        if row[3] == SOURCE and row[6]:
            return row[6]
    raise BadRequest(
        "The file does not say which version of RxNorm it is. Give NLM's monthly release as it came."
    )


def read_release(file: ReleaseFile) -> Release:
    """Raises BadRequest where a table has another layout than NLM documents, or holds nothing of RxNorm."""
    found = Release()
    for row in _checked(file, "RXNCONSO", CONSO_FIELDS):
        if row[11] == SOURCE and row[12] in KINDS and row[16] == "N" and row[1] == "ENG":
            found.kind[row[0]], found.name[row[0]] = row[12], row[14]
    if not found.kind:
        raise BadRequest(
            "The file holds no names of the source RXNORM. Give NLM's monthly release as it came."
        )
    for row in _checked(file, "RXNREL", REL_FIELDS):
        if row[10] == SOURCE and row[7] in RELATIONS and row[0] in found.kind and row[4] in found.kind:
            found.related[row[7]][row[4]].append(row[0])
    for row in _checked(file, "RXNSAT", SAT_FIELDS):
        if row[0] in found.kind and row[8] == "RXN_STRENGTH" and row[9] == SOURCE:
            found.strength[row[0]] = row[10]
        elif row[0] in found.kind and row[8] == "DEA":
            found.schedule[row[0]] = _stricter(found.schedule.get(row[0]), row[10])
    return found


def rows_of(release: Release) -> Iterator[Row]:
    brands = _brands(release)
    for rxcui, kind in release.kind.items():
        if kind in KEPT:
            yield _row(release, rxcui, kind, brands.get(rxcui, []))


def _checked(file: ReleaseFile, table: str, fields: int) -> Iterable[list[str]]:
    for row in file.rows(table):
        if len(row) < fields:
            raise BadRequest(f"{table}.RRF has another layout than NLM documents. Nothing was imported.")
        yield row


def _stricter(one: str | None, other: str) -> str:
    listed = [each for each in ("CI", *SCHEDULES) if each in (one, other)]
    return listed[0] if listed else ""


def _row(release: Release, rxcui: str, kind: str, brands: list[str]) -> Row:
    generic = next(iter(release.of_kind("tradename_of", rxcui, "SCD")), None) if kind == "SBD" else None
    drug = generic or rxcui
    held = _strengths(release, drug) if kind in ("SCD", "SBD") else {}
    form = next(iter(release.of_kind("has_dose_form", drug, "DF")), None)
    name, schedule = release.name[rxcui], release.schedule.get(rxcui) or release.schedule.get(drug, "")
    is_complete = bool(held) and all(held.values())
    return Row(
        rxcui=rxcui,
        tty=kind,
        name=name,
        form=release.name.get(form or ""),
        strengths=";".join(f"{one}={amount}" for one, amount in sorted(held.items())) if is_complete else "",
        ingredients=sorted(held) or sorted(set(_ingredients(release, rxcui, kind))),
        brands=sorted(set(brands)),
        generic_rxcui=generic,
        schedule=SCHEDULES.get(schedule),
        is_product=kind == "SCD" and is_complete and schedule not in NEVER_PRESCRIBED,
        search_text=search_text(" ".join([name, *brands])),
    )


def _strengths(release: Release, drug: str) -> dict[str, str]:
    """The strength of each ingredient; '' where it is not said in a number and one unit, or two parts hold the same."""
    found: dict[str, str] = {}
    for component in release.of_kind("consists_of", drug, "SCDC"):
        for ingredient in release.of_kind("has_ingredient", component, "IN"):
            found[ingredient] = "" if ingredient in found else _readable(release.strength.get(component, ""))
    return found


def _readable(strength: str) -> str:
    amount, _, unit = strength.strip().partition(" ")
    try:
        return (
            f"{amount} {unit}" if float(amount) > 0 and unit and " " not in unit and ";" not in unit else ""
        )
    except ValueError:
        return ""


def _ingredients(release: Release, rxcui: str, kind: str) -> Iterator[str]:
    if kind == "IN":
        yield rxcui
    elif kind == "PIN":
        yield from release.of_kind("form_of", rxcui, "IN")
    elif kind == "MIN":
        yield from release.of_kind("has_part", rxcui, "IN")
    elif kind == "BN":
        yield from release.of_kind("tradename_of", rxcui, "IN")
    elif kind in ("GPCK", "BPCK"):
        for drug in release.of_kind("contains", rxcui, "SCD", "SBD"):
            generic = release.of_kind("tradename_of", drug, "SCD")
            yield from _strengths(release, generic[0] if generic else drug)


def _brands(release: Release) -> dict[str, list[str]]:
    """Brand names by the generic drug."""
    found: dict[str, list[str]] = defaultdict(list)
    for branded, generics in release.related["tradename_of"].items():
        names = [release.name[one] for one in release.of_kind("has_ingredient", branded, "BN")]
        for generic in generics:
            if release.kind.get(generic) == "SCD":
                found[generic] += names
    return found
