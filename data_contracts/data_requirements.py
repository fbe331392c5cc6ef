"""What a measure reads of the data: for each kind of record its value sets and the elements that its logic looks at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from data_contracts.data_quality import SYSTEM_NAMES
from data_contracts.guidelines import definitions
from data_contracts.guidelines.criterion import FHIR_TYPES
from data_contracts.guidelines.pack import Pack
from data_contracts.guidelines.rules import measure_rules
from data_contracts.valuesets import value_set

EVERY_CODE = ""
"""In place of a value set: every record of the type."""

Codes = frozenset[tuple[str, str, bool]]
"""(system, code, whether it stands for every code that begins so)."""

OWN_ELEMENTS = {
    "observation": ("code", "status", "effective"),
    "diagnostic_report": ("code", "status", "effective"),
    "procedure": ("code", "status", "performed"),
    "immunization": ("vaccineCode", "status", "occurrence"),
    "medication_request": ("medication", "status", "intent", "authoredOn"),
    "condition": ("code", "clinicalStatus", "verificationStatus", "onset", "recordedDate", "abatement"),
    "encounter": ("type", "status", "period"),
    "discharge": ("hospitalization", "status", "period"),
    "allergy": ("code", "clinicalStatus", "verificationStatus", "recordedDate"),
}
"""The elements that our own facts are made of (guidelines/fact_sql.py); values only where a guideline asks for one."""


@dataclass(frozen=True)
class Need:
    """One kind of record that a measure reads. `value_sets` by name; EVERY_CODE among them: whatever its code."""

    measure_id: str
    official: bool
    resource_type: str
    elements: frozenset[str]
    value_sets: Mapping[str, Codes]


def own_needs() -> list[Need]:
    """The needs of all measures of our own."""
    return [need for pack in definitions().values() for need in _of_pack(pack)]


def short_name(value_set_url: str) -> str:
    """A value set as people call it: the end of its address; a single code with the short name of its system."""
    system, bar, code = value_set_url.partition("|")
    if bar:
        return f"{SYSTEM_NAMES.get(system, system)} {code}"
    return value_set_url.rstrip("/").rsplit("/", 1)[-1].removeprefix("urn:oid:")


def codes_of(tokens: Iterable[str]) -> Codes:
    """Codes of `system|code` tokens, a trailing * meaning a prefix."""
    split = (token.partition("|") for token in tokens)
    return frozenset((system, code.removesuffix("*"), code.endswith("*")) for system, _, code in split)


def _of_pack(pack: Pack) -> list[Need]:
    elements: dict[str, set[str]] = {"Patient": {"birthDate", "deceased", *_sex(pack)}}
    named: dict[str, dict[str, Codes]] = {"Patient": {EVERY_CODE: frozenset()}}
    for _, name, place in measure_rules(frozenset((pack.id,))).sources:
        kind = FHIR_TYPES[place]
        elements.setdefault(kind, set()).update(OWN_ELEMENTS[place])
        named.setdefault(kind, {})[name] = codes_of(value_set(name).tokens)
    if "Observation" in elements:
        elements["Observation"] |= _values(pack)
    return [
        Need(pack.id, False, kind, frozenset(read), named[kind]) for kind, read in sorted(elements.items())
    ]


def _sex(pack: Pack) -> set[str]:
    """The recorded sex, where a guideline is for those with an organ."""
    return {"gender"} if any(one.organ for one in (*pack.population, *pack.measure.populations)) else set()


def _values(pack: Pack) -> set[str]:
    """Which values of a result decide: a number, a pressure's parts, a coded result."""
    asks = any(one.needs_number or one.needs_result_in for one in pack.evidence)
    found = {"value"} if pack.goal or pack.abnormal or asks else set()
    if pack.goal and pack.goal.diastolic_below is not None:
        found = found - {"value"} | {"component"}
    return found
