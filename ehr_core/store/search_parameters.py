"""The search parameters of a type: what there is, of which kind, over which of its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import ColumnElement, and_, func, or_, true

from ehr_core.kernel.errors import BadRequest, Unavailable
from ehr_core.kernel.fhir_definitions import definition
from ehr_core.store import parameter_kinds as kinds
from ehr_core.store import search_sql as sql
from ehr_core.store.guides.guides import SHIPPED, Guides
from ehr_core.store.parameter_kinds import Parameter, Reference
from ehr_core.store.resource_types import PERSON, ResourceType
from ehr_core.store.search_composites import both_of, composite
from ehr_core.store.search_facts import SearchFact, facts_of
from ehr_core.store.search_index import MADE_OF_OTHERS
from ehr_core.store.visible import Sight

CONTROLS = frozenset({"_sort", "_count", "_offset", "_total"})
SEVERAL_PATIENTS = frozenset({"Appointment", "AppointmentResponse"})
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
STATUS_SYSTEMS = {
    "AllergyIntolerance": (
        f"{TERMINOLOGY}/allergyintolerance-clinical",
        f"{TERMINOLOGY}/allergyintolerance-verification",
    ),
    "Condition": (f"{TERMINOLOGY}/condition-clinical", f"{TERMINOLOGY}/condition-ver-status"),
}
"""Of clinicalStatus and verificationStatus, as R4 binds them."""
PERSON_PARTS = ("text", "family", "given", "prefix", "suffix")


def parameter_list(parameters: Any) -> list[tuple[str, str]]:
    """Parameters in any of the forms that callers hold them: query text, mapping, list of pairs."""
    if isinstance(parameters, str):
        return parse_qsl(parameters.lstrip("?"), keep_blank_values=True)
    if isinstance(parameters, Mapping):
        return list(parameters.items())
    return [(name, value) for name, value in parameters]


@dataclass
class Search:
    """What all conditions of one search share. Not `strict`: what is not understood becomes a warning.

    `patient_id`: only what is in this patient's compartment is found.
    """

    sight: Sight
    time_zone: str
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    strict: bool = True
    base_url: str = ""
    guides: Guides = SHIPPED
    patient_id: str | None = None
    warnings: list[str] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)

    def not_understood(self, sentence: str) -> None:
        """Raises BadRequest when strict."""
        if self.strict:
            raise BadRequest(sentence)
        self.warnings.append(sentence)


def shown(name: str) -> str:
    """A name from outside, fit to be repeated in a message."""
    return re.sub(r"[^A-Za-z0-9_.:-]", "", name)[:40]


Make = Callable[[], Parameter]


class NotIndexedYet(Unavailable):
    """A search that would miss what was stored before its parameter came: no answer is better than a wrong one."""

    def __init__(self, name: str):
        super().__init__(
            f"The search parameter '{shown(name)}' is new and still being indexed. Ask again later."
        )


class KnownParameters(Mapping[str, Parameter]):
    """The search parameters of a type by FHIR's names; each is made when it is asked for."""

    def __init__(self, makers: dict[str, Make], type_name: str, sight: Sight, guides: Guides):
        self._makers = makers
        self._type_name = type_name
        self._sight = sight
        self._waiting = {name for of, name in guides.waiting if of == type_name}

    def __getitem__(self, name: str) -> Parameter:
        """Raises Forbidden for what the asker's role does not read, wherever it is asked: a sort, a chain, _has; and
        NotIndexedYet for a package's parameter that would not find everything."""
        made = self._makers[name]
        self._sight.require_search(self._type_name, name)
        if name in self._waiting:
            raise NotIndexedYet(name)
        return made()

    def ready(self) -> list[str]:
        """The names of those that find everything."""
        return [name for name in self._makers if name not in self._waiting]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def known_parameters(row: ResourceType, table: Any, search: Search) -> KnownParameters:
    """Those of one type over its table, or over an alias of it."""
    columns = table.c
    makers: dict[str, Make] = {
        "_id": lambda: Parameter("token", lambda value, _: columns.id == value, true(), sort=(columns.id,)),
        "_lastUpdated": lambda: Parameter(
            "date",
            sql.instant(columns.last_updated, search.time_zone, search.now),
            true(),
            sort=(columns.last_updated,),
        ),
        "_security": lambda: kinds.token(columns, columns.security_tokens, ("meta.security",)),
    }
    if "identifier" in definition(row.name).elements:
        makers["identifier"] = lambda: kinds.identifier(columns)
    for fact in facts_of(row.name).values():
        if fact.kind not in MADE_OF_OTHERS:
            makers[fact.name] = partial(kinds.fact, row, columns, fact, search.time_zone, search.now)
    for fact in search.guides.searches.get(row.name, ()):
        makers[fact.name] = partial(kinds.fact, row, columns, fact, search.time_zone, search.now)
    makers |= _column_parameters(row, columns, search)
    for name, paths in row.references.items():
        makers[name] = partial(kinds.reference, row, columns, name, paths)
    if row.encounter:
        makers["encounter"] = lambda: kinds.single(
            Reference(columns.encounter_id, ("Encounter",), one_type="Encounter"), "encounter", columns
        )
    known = makers | _patient_parameters(row, columns) | _name_parameters(row, columns)
    for fact in facts_of(row.name).values():
        if fact.kind in MADE_OF_OTHERS:
            known[fact.name] = partial(_made_of_others, row, columns, fact, search, known)
    return KnownParameters(known, row.name, search.sight, search.guides)


def _made_of_others(
    row: ResourceType, columns: Any, fact: SearchFact, search: Search, known: dict[str, Make]
) -> Parameter:
    """A union of two parameters, or a composite of two."""
    if fact.kind == "composite" and fact.paths[0]:
        return Parameter(
            "composite",
            composite(row, columns, fact, search.time_zone, search.now),
            func.jsonb_exists(columns.search_values, fact.name),
        )
    first, second = (known[name]() for name in fact.paths[-2:])
    if fact.kind == "composite":
        both = both_of(fact.name, first.condition, second.condition)
        return Parameter("composite", both, and_(first.present, second.present))

    def either(value: str, modifier: str | None) -> ColumnElement[bool]:
        return or_(first.condition(value, modifier), second.condition(value, modifier))

    return Parameter(first.kind, either, or_(first.present, second.present))


def _column_parameters(row: ResourceType, columns: Any, search: Search) -> dict[str, Make]:
    known: dict[str, Make] = {}
    if row.status:
        name = "lifecycle-status" if row.name == "Goal" else "status"
        known[name] = lambda: kinds.code(row, columns.status, row.status)
    if row.code_search and row.code:
        known[row.code_search] = lambda: kinds.token(columns, columns.code_tokens, (row.code,))
    if row.category:
        name = "class" if row.name == "Encounter" else "category"
        known[name] = lambda: kinds.token(columns, columns.category_tokens, (row.category,))
    if row.date_search:
        known[row.date_search] = lambda: Parameter(
            "date",
            sql.period(columns.date_low, columns.date_high, search.time_zone, search.now),
            or_(columns.date_low.is_not(None), columns.date_high.is_not(None)),
            sort=(columns.date_low,),
        )
    if row.clinical_status:
        clinical, verification = STATUS_SYSTEMS[row.name]
        known["clinical-status"] = lambda: kinds.coding(
            columns, columns.clinical_status, clinical, "clinicalStatus"
        )
        known["verification-status"] = lambda: kinds.coding(
            columns, columns.verification_status, verification, "verificationStatus"
        )
    if row.active:
        known["active"] = lambda: kinds.boolean(columns.active, "active")
    return known


def _patient_parameters(row: ResourceType, columns: Any) -> dict[str, Make]:
    if row.name == "Patient":
        return {
            "gender": lambda: kinds.code(row, columns.gender, "gender"),
            "deceased": lambda: kinds.boolean(columns.deceased, "deceased"),
            "phone": lambda: Parameter(
                "token", sql.phone(columns.phone_digits), columns.phone_digits.is_not(None)
            ),
        }
    if not row.patient:
        return {}
    if row.name in SEVERAL_PATIENTS:
        return {
            kind.lower(): partial(kinds.actor, columns, kind)
            for kind in ("Patient", "Practitioner", "Location")
        }
    own = row.patient[0]
    by_patient = partial(
        kinds.single, Reference(columns.patient_id, ("Patient",), one_type="Patient"), "patient", columns
    )
    if own == "subject":
        return {"patient": by_patient, "subject": lambda: kinds.subject(columns, by_patient())}
    return {"patient": by_patient} | ({own: by_patient} if own == "beneficiary" else {})


def _name_parameters(row: ResourceType, columns: Any) -> dict[str, Make]:
    found: dict[str, Make] = {}
    if row.named:
        people = row.named == PERSON or row.name == "RelatedPerson"
        paths = [f"name.{part}" for part in PERSON_PARTS] if people else ["name", "alias"]
        found["name"] = lambda: kinds.words(columns, columns.name_text, paths)
    if row.named == PERSON:
        found["family"] = lambda: kinds.words(
            columns, columns.family_text, ["name.family"], columns.name_text
        )
        found["given"] = lambda: kinds.words(columns, columns.given_text, ["name.given"], columns.name_text)
    return found
