"""FHIR over REST: bytes in, bytes out, so that every digit stays as it was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx

from ehr_core.client.transport import Transport, segment

FHIR_JSON = "application/fhir+json"


@dataclass(frozen=True)
class FhirResource:
    """A resource as the server keeps it. `version_id` goes into `if_match` to change exactly this version."""

    body: bytes
    version_id: int
    resource_id: str | None = None


class FhirRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def read(self, resource_type: str, resource_id: str) -> FhirResource:
        return _resource(
            self._transport.request("GET", f"/fhir/{segment(resource_type)}/{segment(resource_id)}")
        )

    def vread(self, resource_type: str, resource_id: str, version_id: int) -> FhirResource:
        path = f"/fhir/{segment(resource_type)}/{segment(resource_id)}/_history/{version_id}"
        return _resource(self._transport.request("GET", path))

    def history(self, resource_type: str, resource_id: str) -> bytes:
        """A history Bundle, newest first."""
        return self._transport.request(
            "GET", f"/fhir/{segment(resource_type)}/{segment(resource_id)}/_history"
        ).content

    def search(self, resource_type: str, params: Mapping[str, str] | Sequence[tuple[str, str]] = ()) -> bytes:
        """A searchset Bundle. Sent as a form, so that no search value stands in an address or a log.

        BadRequest for a parameter that the server does not know: our own pages never mean one to be left out.
        """
        pairs = list(params.items()) if isinstance(params, Mapping) else list(params)
        form = httpx.QueryParams(pairs)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Prefer": "handling=strict"}
        path = f"/fhir/{segment(resource_type)}/_search"
        return self._transport.request("POST", path, content=str(form), headers=headers).content

    def create(self, resource_type: str, body: bytes, *, if_none_exist: str | None = None) -> FhirResource:
        """A new resource; with `if_none_exist` (a search query) the one that is there already, if any."""
        headers = _headers(if_none_exist=if_none_exist)
        return _resource(
            self._transport.request("POST", f"/fhir/{segment(resource_type)}", content=body, headers=headers)
        )

    def update(
        self, resource_type: str, resource_id: str, body: bytes, *, if_match: int | None
    ) -> FhirResource:
        """A new version. StaleVersion when somebody else saved a newer one than `if_match`."""
        path = f"/fhir/{segment(resource_type)}/{segment(resource_id)}"
        return _resource(
            self._transport.request("PUT", path, content=body, headers=_headers(if_match=if_match))
        )

    def delete(self, resource_type: str, resource_id: str, *, if_match: int | None = None) -> None:
        path = f"/fhir/{segment(resource_type)}/{segment(resource_id)}"
        self._transport.request("DELETE", path, headers=_headers(if_match=if_match))

    def transaction(self, bundle: bytes) -> bytes:
        """All of it or nothing; the answer Bundle."""
        return self._transport.request("POST", "/fhir", content=bundle, headers=_headers()).content

    def capabilities(self) -> bytes:
        return self._transport.request("GET", "/fhir/metadata").content


def _headers(*, if_match: int | None = None, if_none_exist: str | None = None) -> dict[str, str]:
    headers = {"Content-Type": FHIR_JSON}
    if if_match is not None:
        headers["If-Match"] = f'W/"{if_match}"'
    if if_none_exist is not None:
        headers["If-None-Exist"] = if_none_exist
    return headers


def _resource(answer: httpx.Response) -> FhirResource:
    """Version from the ETag, id from the address, so that the body need not be parsed."""
    location = answer.headers.get("Location") or answer.headers.get("Content-Location") or str(answer.url)
    parts = location.split("?")[0].rstrip("/").split("/")
    if "_history" in parts:
        parts = parts[: parts.index("_history")]
    return FhirResource(answer.content, int(answer.headers["ETag"].strip('W/"')), parts[-1])
