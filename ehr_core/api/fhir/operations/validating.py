"""$validate: what a write of this resource would be told, without writing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from fastapi import APIRouter, Request
from msgspec import Raw
from starlette.responses import Response

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import Parts, ProcessParts, RawBody, Work
from ehr_core.api.errors import operation_outcome, outcome_issues
from ehr_core.api.fhir.exchange import fhir_response, information, require_json_answer, require_json_body
from ehr_core.api.fhir.visibility import incoming_store, reading_store, require_reading, shown
from ehr_core.kernel.errors import AlmonerError, BadRequest, InvalidResource, Issue
from ehr_core.store.compartment import require_patient
from ehr_core.store.guides.guides import Guides
from ehr_core.store.guides.shelf import guides_in
from ehr_core.store.guides.spec import Profile
from ehr_core.store.resource_types import resource_type as known_type
from ehr_core.store.validation import peek_type, validate

router = APIRouter(prefix="/fhir", tags=["fhir"])
OPERATIONS = (("", "validate"),)
FINE = "Nothing is wrong with this resource."
MOST_PROFILES = 10
MODES = ("create", "update", "delete", "profile")
TAKEN = "The parameters are resource, profile and mode."
Told = list[Issue]


class _Part(msgspec.Struct):
    name: str = ""
    resource: Raw = Raw(b"")
    valueUri: str | None = None
    valueCanonical: str | None = None
    valueString: str | None = None
    valueCode: str | None = None


class _Parameters(msgspec.Struct):
    parameter: list[_Part] = []


_parameters = msgspec.json.Decoder(_Parameters)


@dataclass(frozen=True)
class Asked:
    """What is to be checked, against which profiles beside its own, and for which act."""

    body: bytes
    profiles: tuple[str, ...]
    mode: str | None


@router.post("/{resource_type}/$validate")
def validate_new(
    resource_type: str, request: Request, body: RawBody, parts: ProcessParts, work: Work
) -> Response:
    """The resource in the body, or in the `resource` of a Parameters. Always 200: the outcome is the answer."""
    require_json_answer(request)
    require_json_body(request)
    require_reading(work.actor)
    return fhir_response(request, _outcome(work, parts, resource_type, _asked(request, body)))


@router.get("/{resource_type}/{resource_id}/$validate")
@router.post("/{resource_type}/{resource_id}/$validate")
def validate_stored(
    resource_type: str, resource_id: str, request: Request, body: RawBody, parts: ProcessParts, work: Work
) -> Response:
    """What is stored, or for a POST what is to replace it."""
    require_json_answer(request)
    store = reading_store(work)
    found = shown(store, store.read(resource_type, resource_id))
    if body:
        require_json_body(request)
    asked = _asked(request, body, found.body)
    return fhir_response(request, _outcome(work, parts, resource_type, asked, found.body))


def _asked(request: Request, body: bytes, stored: bytes = b"") -> Asked:
    profiles = request.query_params.getlist("profile")
    modes = request.query_params.getlist("mode")
    if body and peek_type(body) == "Parameters":
        try:
            parts = _parameters.decode(body).parameter
        except msgspec.ValidationError:
            raise BadRequest("Parameters.parameter has parts with a name and a resource.") from None
        for part in parts:
            value = part.valueUri or part.valueCanonical or part.valueString or part.valueCode
            if part.name == "profile" and value:
                profiles.append(value)
            elif part.name == "mode" and value:
                modes.append(value)
            elif part.name != "resource":
                raise BadRequest(TAKEN)
        body = next((bytes(part.resource) for part in parts if part.name == "resource"), b"")
        if not body and not stored:
            raise BadRequest("The parameter 'resource' is required.")
    if len(profiles) > MOST_PROFILES:
        raise BadRequest(f"At most {MOST_PROFILES} profiles are asked at once.")
    if len(modes) > 1 or (modes and modes[0] not in MODES):
        raise BadRequest(f"The parameter 'mode' is one of: {', '.join(MODES)}.")
    return Asked(body or stored, tuple(profiles), modes[0] if modes else None)


def _outcome(work: UnitOfWork, parts: Parts, type_name: str, asked: Asked, stored: bytes = b"") -> bytes:
    known_type(type_name)
    guides = guides_in(work.connection)
    named = [_profile(guides, type_name, url) for url in asked.profiles]
    if asked.mode == "delete":
        return msgspec.json.encode(information("This resource may be deleted: its history stays."))
    try:
        told = _told(work, parts, guides, type_name, asked, named, stored)
    except InvalidResource as error:
        return msgspec.json.encode(operation_outcome(error, error.issues))
    except AlmonerError as error:
        return msgspec.json.encode(operation_outcome(error, []))
    outcome = information(FINE)
    if told:
        refused = any(issue.severity == "error" for issue in told)
        outcome["issue"] = outcome_issues(told) + ([] if refused else outcome["issue"])
    return msgspec.json.encode(outcome)


def _told(
    work: UnitOfWork,
    parts: Parts,
    guides: Guides,
    type_name: str,
    asked: Asked,
    named: Sequence[Profile],
    stored: bytes,
) -> Told:
    """Everything that is to be said of it. Raises InvalidResource for what is not even built as R4 has it."""
    resource = validate(type_name, asked.body)
    require_patient(type_name, resource)
    own = [] if asked.mode == "profile" else guides.check(type_name, resource, asked.body)
    told = list(dict.fromkeys([*own, *guides.check_against(type_name, asked.body, named)]))
    targets = incoming_store(work, parts).targets
    if targets is not None and asked.mode != "profile":
        try:
            targets.add(type_name, asked.body, stored)
        except InvalidResource as error:
            told += error.issues
    held = [*named, *filter(None, map(guides.profile, guides.asked_of(type_name, resource)))]
    told += _unchecked(type_name, held)
    told += [
        Issue(f"{type_name}.meta.profile", f"names {url}, which is not held here", "not-found", "information")
        for url in guides.not_held(type_name, resource)
    ]
    return told


def _unchecked(type_name: str, profiles: Sequence[Profile]) -> Told:
    """What of its profiles nobody has looked at: silence would pass for consent."""
    return [
        Issue(
            type_name,
            f"was not checked in all that {profile.name} says: {words}",
            "incomplete",
            "information",
        )
        for profile in dict.fromkeys(profiles)
        for words in profile.unchecked
    ]


def _profile(guides: Guides, type_name: str, url: str) -> Profile:
    found = guides.profile(url)
    if found is None:
        raise BadRequest(
            "The profile that is named is not held here. Import its package: almoner profiles import."
        )
    if found.type_name != type_name:
        raise BadRequest(f"The profile that is named is one of {found.type_name}, not of {type_name}.")
    return found
