"""Search and history answers: Bundles put together from the stored bytes; no resource is parsed or re-dumped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from starlette.responses import Response

from ehr_core.api.errors import FHIR_JSON
from ehr_core.store.versions import StoredResource


@dataclass
class BundleAnswer:
    """A Bundle in the making. `total` None: not told."""

    kind: str
    base_url: str
    total: int | None = None
    links: dict[str, str] = field(default_factory=dict)
    entries: list[bytes] = field(default_factory=list)

    def add_match(self, resource: StoredResource, mode: str = "match") -> None:
        """One search result; `mode` is match or include."""
        self._add(resource, {"search": {"mode": mode}})

    def add_version(self, resource: StoredResource) -> None:
        """One version of a history; a deletion has no resource."""
        method = "DELETE" if resource.deleted else "POST" if resource.version_id == 1 else "PUT"
        status = {"DELETE": "204", "POST": "201", "PUT": "200"}[method]
        address = resource.resource_type if method == "POST" else resource.reference
        when = resource.last_updated.isoformat()
        self._add(
            resource,
            {
                "request": {"method": method, "url": address},
                "response": {"status": status, "etag": resource.etag, "lastModified": when},
            },
        )

    def response(self) -> Response:
        return Response(b"".join(self._pieces()), media_type=FHIR_JSON)

    def _add(self, resource: StoredResource, rest: dict[str, object]) -> None:
        opening = json.dumps({"fullUrl": f"{self.base_url}/{resource.reference}"})[:-1].encode()
        body = b', "resource": ' + resource.body if resource.body else b""
        self.entries.append(opening + body + b", " + json.dumps(rest)[1:].encode())

    def _pieces(self) -> Iterable[bytes]:
        head: dict[str, object] = {"resourceType": "Bundle", "type": self.kind}
        if self.total is not None:
            head["total"] = self.total
        if self.links:
            head["link"] = [{"relation": name, "url": url} for name, url in self.links.items()]
        yield json.dumps(head)[:-1].encode()
        if self.entries:
            yield b', "entry": [' + b",".join(self.entries) + b"]"
        yield b"}"
