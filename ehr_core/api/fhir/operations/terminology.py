"""$expand, $lookup, $validate-code and $subsumes over the value sets that ship with Almoner and those of packages.

No patient data.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from data_contracts.code_systems import CODE_SYSTEMS, CodeSystem
from data_contracts.valuesets import ValueSet, ValueSetCode, value_sets
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import RawBody, Work
from ehr_core.api.fhir.exchange import fhir_response, require_json_answer
from ehr_core.api.fhir.operations.codings import any_of, codings_of
from ehr_core.api.fhir.operations.given import Given, parameters
from ehr_core.api.fhir.operations.guide_codes import (
    MOST_CODES,
    Told,
    agreed,
    expanded,
    expansion_of,
    in_codes,
    in_system,
    looked_up,
    subsumption,
)
from ehr_core.api.fhir.terminology_capabilities import EXPANDED_BY
from ehr_core.api.fhir.visibility import require_reading
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.kernel.name_sounds import folded
from ehr_core.store.guides.shelf import guides_in
from ehr_core.store.guides.value_sets import Codes
from ehr_core.store.guides.value_sets import CodeSystem as GuideSystem

router = APIRouter(prefix="/fhir", tags=["fhir"])
OPERATIONS = (
    ("ValueSet", "expand"),
    ("ValueSet", "validate-code"),
    ("CodeSystem", "lookup"),
    ("CodeSystem", "validate-code"),
    ("CodeSystem", "subsumes"),
)


@router.get("/ValueSet/$expand")
@router.post("/ValueSet/$expand")
def expand(request: Request, body: RawBody, work: Work) -> Response:
    """The codes of a value set, in parts when `count` asks for it."""
    given = _given(request, work, body, *EXPANDED_BY)
    url = given.required("url")
    if (own := _own_value_set(url)) is not None:
        return fhir_response(request, _expanded(own, given, work.now()))
    return fhir_response(request, expanded(_codes(work, url), given, work.now()))


@router.get("/ValueSet/{value_set_id}/$expand")
@router.post("/ValueSet/{value_set_id}/$expand")
def expand_by_id(value_set_id: str, request: Request, body: RawBody, work: Work) -> Response:
    given = _given(request, work, body, *(name for name in EXPANDED_BY if name != "url"))
    return fhir_response(request, _expanded(_value_set(value_set_id), given, work.now()))


@router.get("/ValueSet/$validate-code")
@router.post("/ValueSet/$validate-code")
def validate_in_value_set(request: Request, body: RawBody, work: Work) -> Response:
    """Whether a code, or any of a concept's, is in the set, and whether the display is ours."""
    given = _given(request, work, body, "url", "system", "code", "display", "coding", "codeableConcept")
    url = given.required("url")
    found = _own_value_set(url)
    held = _codes(work, url) if found is None else None

    def judge(system: str, code: str, display: str | None) -> Told:
        if held is not None:
            return in_codes(held, system, code, display)
        match = next((each for each in found.codes if _is(each, system, code)), None)
        if match is None:
            return {"result": False, "message": f"The code is not in {found.title}."}
        return _agreed(match, code, display)

    return fhir_response(request, parameters(**any_of(codings_of(given), judge)))


@router.get("/CodeSystem/$lookup")
@router.post("/CodeSystem/$lookup")
def lookup(request: Request, body: RawBody, work: Work) -> Response:
    """What we know of a code: its system's name and its display."""
    given = _given(request, work, body, "system", "code", "coding")
    system, code, _ = codings_of(given)[0]
    if (held := _imported(work, system)) is not None:
        return fhir_response(request, looked_up(held, code))
    found = _shipped(_system(system), code)
    if found is None:
        raise NotFound("This code is in no value set that is kept here.")
    return fhir_response(request, parameters(name=found.system.title, display=found.display))


@router.get("/CodeSystem/$validate-code")
@router.post("/CodeSystem/$validate-code")
def validate_in_system(request: Request, body: RawBody, work: Work) -> Response:
    """Whether a code, or any of a concept's in the system, is well formed and known here."""
    given = _given(request, work, body, "url", "code", "display", "coding", "codeableConcept")
    url, codings = given.text("url"), codings_of(given)
    if given.value("codeableConcept") is not None and url:
        codings = [each for each in codings if each[0] == url]
    elif given.value("coding") is None and given.value("codeableConcept") is None:
        codings = [(given.required("url"), *codings[0][1:])]

    def judge(system: str, code: str, display: str | None) -> Told:
        if (held := _imported(work, system)) is not None:
            return in_system(held, code, display)
        described = _system(system)
        found = _shipped(described, code)
        if found is None:
            words = f"The code is in no value set that is kept here; {described.title} is not held whole."
            return {"result": False, "message": words}
        return _agreed(found, code, display)

    return fhir_response(request, parameters(**any_of(codings, judge)))


@router.get("/CodeSystem/$subsumes")
@router.post("/CodeSystem/$subsumes")
def subsumes(request: Request, body: RawBody, work: Work) -> Response:
    """Whether one code stands for the other: told where the code itself shows its place, as in ICD-10-CM."""
    given = _given(request, work, body, "system", "codeA", "codeB")
    first, second = given.required("codeA"), given.required("codeB")
    if (held := _imported(work, given.required("system"))) is not None:
        return fhir_response(request, subsumption(held, first, second))
    system = _system(given.required("system"))
    if first == second:
        return fhir_response(request, parameters(outcome="equivalent"))
    if not system.prefixes:
        raise BadRequest(f"The hierarchy of {system.title} is not kept here.")
    outcome = "not-subsumed"
    if second.startswith(first):
        outcome = "subsumes"
    elif first.startswith(second):
        outcome = "subsumed-by"
    return fhir_response(request, parameters(outcome=outcome))


def _given(request: Request, work: UnitOfWork, body: bytes, *known: str) -> Given:
    require_json_answer(request)
    require_reading(work.actor)
    return Given(request, body, frozenset(known))


def _own_value_set(name: str) -> ValueSet | None:
    """By address or id; where a version is named, that one or none."""
    wanted, _, version = name.partition("|")
    found = next((each for each in value_sets().values() if wanted in (each.url, each.id)), None)
    return found if found is not None and version in ("", found.version) else None


def _value_set(name: str) -> ValueSet:
    found = _own_value_set(name)
    if found is None:
        raise NotFound("This value set is not kept here.")
    return found


def _codes(work: UnitOfWork, url: str) -> Codes:
    """A value set of a guide, by its address."""
    found = guides_in(work.connection).codes(url)
    if found is None:
        raise NotFound("This value set is not kept here.")
    return found


def _imported(work: UnitOfWork, url: str) -> GuideSystem | None:
    """A code system of a guide; where one of ours has the same address, ours is asked."""
    if any(url == each.uri for each in CODE_SYSTEMS.values()):
        return None
    return guides_in(work.connection).system(url)


def _system(uri: str) -> CodeSystem:
    for each in CODE_SYSTEMS.values():
        if uri == each.uri:
            return each
    raise NotFound("This code system is not known here.")


def _all_codes() -> Iterator[ValueSetCode]:
    for each in value_sets().values():
        yield from each.codes


def _shipped(system: CodeSystem, code: str) -> ValueSetCode | None:
    exact = (each for each in _all_codes() if each.system == system and each.code == code)
    return next(exact, None)


def _is(each: ValueSetCode, system: str, code: str) -> bool:
    if system and each.system.uri != system:
        return False
    return code.startswith(each.code) if each.is_prefix else code == each.code


def _agreed(found: ValueSetCode, code: str, display: str | None) -> Told:
    return agreed(found.display if code == found.code else None, display)


def _expanded(found: ValueSet, given: Given, at: datetime) -> bytes:
    words = folded(given.text("filter") or "")
    codes = [each for each in found.codes if words in folded(each.display) or words == folded(each.code)]
    offset = given.number("offset", 0, 10**9)
    part = codes[offset : offset + given.number("count", MOST_CODES, MOST_CODES)]
    expansion = expansion_of(at, len(codes), offset, [_contained(each) for each in part])
    if any(each.is_prefix for each in codes):
        words_of_limit = "An abstract code stands for every code that begins with it."
        expansion["parameter"] = [{"name": "note", "valueString": words_of_limit}]
    made = {
        "resourceType": "ValueSet",
        "url": found.url,
        "version": found.version,
        "title": found.title,
        "status": "active",
        "copyright": " ".join(found.licence),
        "expansion": expansion,
    }
    return json.dumps(made, ensure_ascii=False).encode()


def _contained(each: ValueSetCode) -> dict[str, Any]:
    shown = {"system": each.system.uri, "code": each.code, "display": each.display}
    return shown | ({"abstract": True} if each.is_prefix else {})
