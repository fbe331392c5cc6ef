"""Search and history answers: Bundles put together from the stored bytes; no resource is parsed or re-dumped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from ehr_core.store.subsets import Keep, subset
from ehr_core.store.versions import StoredResource


@dataclass
class BundleAnswer:
    """A Bundle in the making. `total` None: not told. `keep` None: whole resources."""

    kind: str
    base_url: str
    total: int | None = None
    keep: Keep | None = None
    links: dict[str, str] = field(default_factory=dict)
    entries: list[bytes] = field(default_factory=list)

    def add_match(self, resource: StoredResource, mode: str = "match") -> None:
        """One search result; `mode` is match or include."""
        self._add(resource, {"search": {"mode": mode}})

    def add_warnings(self, sentences: Iterable[str]) -> None:
        """What was not understood, as one OperationOutcome among the results."""
        issues = [
            {"severity": "warning", "code": "not-supported", "diagnostics": sentence}
            for sentence in sentences
        ]
        if issues:
            outcome = {"resourceType": "OperationOutcome", "issue": issues}
            self.entries.append(json.dumps({"resource": outcome, "search": {"mode": "outcome"}}).encode())

    def add_version(self, resource: StoredResource) -> None:
        """One version of a history; a deletion has no resource."""
        method = "DELETE" if resource.deleted else "POST" if resource.version_id == 1 else "PUT"
        status = {"DELETE": "204 No Content", "POST": "201 Created", "PUT": "200 OK"}[method]
        address = resource.resource_type if method == "POST" else resource.reference
        when = resource.last_updated.isoformat()
        self._add(
            resource,
            {
                "request": {"method": method, "url": address},
                "response": {"status": status, "etag": resource.etag, "lastModified": when},
            },
        )

    def body(self) -> bytes:
        return b"".join(self._pieces())

    def _add(self, resource: StoredResource, rest: dict[str, object]) -> None:
        opening = json.dumps({"fullUrl": f"{self.base_url}/{resource.reference}"})[:-1].encode()
        content = resource.body
        if content and self.keep:
            content = subset(resource.resource_type, content, self.keep)
        body = b', "resource": ' + content if content else b""
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
