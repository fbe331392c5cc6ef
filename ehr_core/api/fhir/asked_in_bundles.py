"""What an entry of a Bundle asks for besides reads by address: a search by POST, or an operation that changes nothing.

An operation is answered by the very function of its own address, so that it is checked and audited as there.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from urllib.parse import quote, unquote

from fastapi import Request
from fastapi.routing import APIRoute
from msgspec import DecodeError, Struct
from msgspec.json import Decoder
from starlette.responses import Response

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import Parts
from ehr_core.api.fhir.compartments import PATIENT, compartment_bundle
from ehr_core.api.fhir.exchange import FHIR_JSON, FORM, parameters_of
from ehr_core.api.fhir.operations import (
    care_gaps,
    docref,
    evaluate_measure,
    everything,
    matching,
    member_matching,
    terminology,
    validating,
)
from ehr_core.api.fhir.searching import search_bundle
from ehr_core.api.fhir.system_search import several_bundle
from ehr_core.kernel.errors import InvalidResource, Issue, NotFound
from ehr_core.store.bundle_acts import Act, method_of

CHANGING_NOTHING = (
    care_gaps,
    docref,
    evaluate_measure,
    everything,
    matching,
    member_matching,
    terminology,
    validating,
)
ADDRESS = "/%:=&?~+!$,;'@()*[]|"
"""Signs that stay as they stand in an address; others are written in percent."""


class _Form(Struct, tag_field="resourceType", tag="Binary"):
    contentType: str
    data: bytes = b""


_form = Decoder(_Form)


def searched(parts: Parts, work: UnitOfWork, act: Act, given: list[tuple[str, str]], strict: bool) -> bytes:
    """The answer to `POST …/_search`: its criteria stand in the address, or as a form in a Binary."""
    given = given + _criteria(act.body)
    steps = act.path.split("/")[:-1]
    if not steps:
        return several_bundle(parts, work, given, strict=strict, in_body=True)
    if len(steps) == 1:
        return search_bundle(parts, work, steps[0], given, strict=strict, in_body=True)
    if len(steps) == 3 and steps[0] == PATIENT:
        return compartment_bundle(parts, work, steps[1], steps[2], given, strict=strict, in_body=True)
    raise NotFound("There is nothing at this address.")


def operated(outer: Request, parts: Parts, work: UnitOfWork, act: Act) -> bytes:
    """What the operation at the entry's address answers."""
    address, method = f"/fhir/{unquote(act.path)}", method_of(act)
    for route in _routes():
        found = route.path_regex.match(address)
        if found is None or method not in route.methods:
            continue
        body = act.body if method == "POST" else b""
        offered = {"request": asked_alone(outer, act), "body": body, "parts": parts, "work": work}
        taken = inspect.signature(route.endpoint).parameters
        arguments = {name: value for name, value in (offered | found.groupdict()).items() if name in taken}
        answer: Response = route.endpoint(**arguments)
        return bytes(answer.body)
    raise NotFound("There is no such operation that a Bundle may ask for. See the capability statement.")


def asked_alone(outer: Request, act: Act) -> Request:
    """The entry as the request that it would be outside the Bundle, of the same caller with the same preferences."""
    headers = [pair for pair in outer.scope["headers"] if pair[0] == b"prefer"]
    told = {
        "method": method_of(act),
        "path": f"/fhir/{unquote(act.path)}",
        "query_string": quote(act.url.partition("?")[2], safe=ADDRESS).encode(),
        "headers": [*headers, (b"content-type", FHIR_JSON.encode())],
    }
    return Request({**outer.scope, **told})


def _routes() -> Iterator[APIRoute]:
    for operation in CHANGING_NOTHING:
        yield from operation.router.routes


def _criteria(body: bytes) -> list[tuple[str, str]]:
    if not body:
        return []
    try:
        form = _form.decode(body)
    except DecodeError:
        form = None
    if form is None or form.contentType.partition(";")[0].strip().lower() != FORM:
        raise InvalidResource([Issue("resource", f"must be a Binary that holds the criteria as {FORM}")])
    return parameters_of(form.data)
