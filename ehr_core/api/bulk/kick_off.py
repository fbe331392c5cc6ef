"""What a kick-off asks for: read from the address of a GET, or from the Parameters body of a POST."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from fastapi import Request

from ehr_core.api.fhir.exchange import require_json_body
from ehr_core.api.fhir.preferences import prefers_async
from ehr_core.kernel.errors import BadRequest

NDJSON = "application/fhir+ndjson"
ACCEPTED_FORMATS = frozenset({NDJSON, "application/ndjson", "ndjson"})
VALUES = {
    "_type": "valueString",
    "_since": "valueInstant",
    "_outputFormat": "valueString",
    "_typeFilter": "valueString",
    "patient": "valueReference",
}
"""What this server understands, and the value of each in a Parameters body. `patient` comes in a body only."""

NEXT_FILTER = re.compile(r",(?=[A-Z][A-Za-z]{1,40}\?)")
"""Between two filters of one parameter; a comma within a search stands for one."""

BUT_PATIENT = "_type, _typeFilter, _since and _outputFormat"
KNOWN = f"{BUT_PATIENT}, and patient in the body of a POST at patient and group level"


@dataclass(frozen=True)
class KickOff:
    """The parameters as sent; `patients` are references, `type_filters` searches such as Observation?status=final."""

    types: tuple[str, ...] = ()
    since: datetime | None = None
    patients: tuple[str, ...] = ()
    type_filters: tuple[str, ...] = ()


def read_kick_off(request: Request, body: bytes, level: str) -> KickOff:
    """Raises BadRequest for anything that is not understood: to leave it out would export more than was asked for."""
    _check_headers(request)
    if request.method == "GET":
        given = {name: request.query_params.getlist(name) for name in request.query_params}
        _refuse_unknown(given, VALUES.keys() - {"patient"}, BUT_PATIENT)
    else:
        if request.query_params:
            raise BadRequest("A POST takes its parameters in a Parameters body, not in the address.")
        if body.strip():
            require_json_body(request)
        given = _from_parameters(body)
        _refuse_unknown(given, VALUES.keys() - ({"patient"} if level == "system" else set()), KNOWN)
    _check_format(given.get("_outputFormat", ()))
    return KickOff(
        types=tuple(name for part in given.get("_type", ()) for name in part.split(",") if name),
        since=_since(given.get("_since", ())),
        patients=tuple(given.get("patient", ())),
        type_filters=tuple(
            one for part in given.get("_typeFilter", ()) for one in NEXT_FILTER.split(part) if one
        ),
    )


def _check_headers(request: Request) -> None:
    if not prefers_async(request):
        raise BadRequest("A bulk export answers later: send the header 'Prefer: respond-async'.")


def _refuse_unknown(given: Mapping[str, Any], known: set[str], listed: str) -> None:
    unknown = sorted(given.keys() - known)
    if unknown:
        raise BadRequest(f"Unknown parameter '{unknown[0][:64]}'. A bulk export knows {listed}.")


def _from_parameters(body: bytes) -> dict[str, list[str]]:
    """The values by name; an empty body asks for nothing in particular."""
    if not body.strip():
        return {}
    try:
        resource = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest("The body of a kick-off is no JSON. Send a Parameters resource.") from error
    if not isinstance(resource, dict) or resource.get("resourceType") != "Parameters":
        raise BadRequest("The body of a kick-off is a Parameters resource.")
    parameters = resource.get("parameter", [])
    if not isinstance(parameters, list):
        raise BadRequest("Parameters.parameter must be a list.")
    given: dict[str, list[str]] = {}
    for number, parameter in enumerate(parameters):
        name, value = _parameter(parameter, f"Parameters.parameter[{number}]")
        given.setdefault(name, []).append(value)
    return given


def _parameter(parameter: Any, place: str) -> tuple[str, str]:
    """Name and value. The value of one that is not known stays unread: its name is refused afterwards."""
    name = parameter.get("name") if isinstance(parameter, dict) else None
    if not isinstance(name, str):
        raise BadRequest(f"{place} needs a name.")
    if name not in VALUES:
        return name, ""
    value = parameter.get(VALUES[name])
    if name == "patient" and isinstance(value, dict):
        value = value.get("reference")
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{place}: '{name}' needs a {VALUES[name]}.")
    return name, value


def _check_format(given: Sequence[str]) -> None:
    """A plus sign that an address holds as it is arrives as a space."""
    if any(wanted.replace(" ", "+") not in ACCEPTED_FORMATS for wanted in given):
        raise BadRequest(f"_outputFormat must be {NDJSON}.")


def _since(given: Sequence[str]) -> datetime | None:
    if not given:
        return None
    if len(given) > 1:
        raise BadRequest("_since may be given once.")
    try:
        since = datetime.fromisoformat(given[0].replace(" ", "+"))
    except ValueError as error:
        raise BadRequest("_since must be a FHIR instant, such as 2026-11-22T10:00:00Z.") from error
    if since.tzinfo is None:
        raise BadRequest("_since must say its offset from UTC, such as 2026-11-22T10:00:00Z.")
    return since
