"""What a bulk import asks for: files of one type each, uploaded here or on a machine that the operator allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request

from ehr_core.access.actor import Actor
from ehr_core.access.scopes import covering
from ehr_core.api.fhir.preferences import prefers_async
from ehr_core.kernel.errors import BadRequest, Forbidden
from ehr_core.kernel.fhir_json import decode
from ehr_core.kernel.settings import Settings
from ehr_core.outside.addresses import check_shape, reach_of
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.validation import validate

FORMATS = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson"})
MOST_INPUTS = 200
KNOWN = frozenset({"inputFormat", "inputSource", "storageDetail", "input"})


@dataclass(frozen=True)
class Input:
    """One file: `file_id` when it was uploaded here, else `url`."""

    type_name: str
    url: str
    file_id: str | None = None

    @property
    def shown(self) -> str:
        """The address without its query, which may hold a password."""
        return self.url.partition("?")[0]


def read_request(request: Request, body: bytes, actor: Actor, settings: Settings) -> list[Input]:
    """Raises BadRequest naming the parameter; Forbidden for a type that no scope lets the application write."""
    if not prefers_async(request):
        raise BadRequest("A bulk import answers later: send the header 'Prefer: respond-async'.")
    validate("Parameters", body)
    inputs: list[Input] = []
    for number, part in enumerate(decode(body).get("parameter", ())):
        name, place = part["name"], f"Parameters.parameter[{number}]"
        if name not in KNOWN:
            raise BadRequest(f"{place}: a bulk import takes {', '.join(sorted(KNOWN))}, and nothing else.")
        if name == "inputFormat" and _value(part) not in FORMATS:
            raise BadRequest(f"{place}: inputFormat is application/fhir+ndjson.")
        if name == "input":
            inputs.append(_input(part, place, settings))
    if not 1 <= len(inputs) <= MOST_INPUTS:
        raise BadRequest(f"Name 1 to {MOST_INPUTS} files, each as an 'input' with the parts type and url.")
    for one in inputs:
        _require_scope(actor, one.type_name)
    return inputs


def may_write(scopes: tuple[str, ...], type_name: str) -> bool:
    """By scopes that are narrowed to no category: a file is judged before it is read."""
    return all(any(one.category is None for one in covering(scopes, type_name, act)) for act in "cu")


def _require_scope(actor: Actor, type_name: str) -> None:
    if actor.application is None or not may_write(actor.application.scopes, type_name):
        raise Forbidden(
            f"The application has no scope to create and change {type_name}. Ask for system/{type_name}.cu."
        )


def _value(part: dict[str, Any]) -> Any:
    return next((part[key] for key in part if key.startswith("value")), None)


def _input(part: dict[str, Any], place: str, settings: Settings) -> Input:
    values = {one["name"]: _value(one) for one in part.get("part", ())}
    type_name, url = values.get("type"), values.get("url")
    if type_name not in RESOURCE_TYPES:
        raise BadRequest(f"{place}.part: 'type' is a resource type that is kept here.")
    if not isinstance(url, str):
        raise BadRequest(f"{place}.part: 'url' is the address of an NDJSON file.")
    uploads = f"{settings.issuer}/fhir/import-files/"
    if url.startswith(uploads):
        return Input(type_name, url, url.removeprefix(uploads))
    check_shape(url, reach_of(settings), f"{place}.part: url")
    allowed = {host.strip().lower() for host in settings.import_hosts.split(",")} - {""}
    if (urlsplit(url).hostname or "").lower() not in allowed:
        raise BadRequest(
            f"{place}.part: files are not fetched from this machine. Upload it to {uploads.rstrip('/')}, or let the "
            "operator add the machine to ALMONER_IMPORT_HOSTS."
        )
    return Input(type_name, url)
