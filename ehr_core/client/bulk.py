"""FHIR Bulk Data: start an export, follow it, stream its files line by line, delete it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from time import sleep
from urllib.parse import urlsplit

from data_contracts.api.bulk import BulkFile, BulkManifest
from ehr_core.client.transport import Transport
from ehr_core.kernel.errors import AlmonerError, JobFailed, Unavailable

POLL_SECONDS = 0.5
NO_FILE = b""


class BulkRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def start(
        self,
        *,
        level: str = "system",
        group_id: str | None = None,
        resource_types: Sequence[str] = (),
        since: datetime | None = None,
        patient_ids: Sequence[str] = (),
    ) -> str:
        """Asks for an export and returns its status path. `level`: system, patient or group.

        `patient_ids`: these patients only (not at system level); none named: all of the level.
        """
        path = {"system": "/fhir/$export", "patient": "/fhir/Patient/$export"}.get(
            level, f"/fhir/Group/{group_id}/$export"
        )
        asked = [{"name": "_type", "valueString": name} for name in resource_types]
        asked += [
            {"name": "patient", "valueReference": {"reference": f"Patient/{one}"}} for one in patient_ids
        ]
        if since is not None:
            asked.append({"name": "_since", "valueInstant": since.isoformat()})
        answer = self._transport.request(
            "POST",
            path,
            content=json.dumps({"resourceType": "Parameters", "parameter": asked}).encode(),
            headers={"Prefer": "respond-async", "Content-Type": "application/fhir+json"},
        )
        return urlsplit(answer.headers["content-location"]).path

    def look(self, status_path: str) -> BulkManifest | str:
        """The manifest when it is complete, else how far it is.

        Raises Unavailable when it failed: another one may come to its end.
        """
        try:
            answer = self._transport.request("GET", status_path)
        except AlmonerError as failed:
            if failed.http_status != JobFailed.http_status:
                raise
            raise Unavailable(failed.message) from failed
        if answer.status_code == 202:
            return answer.headers.get("x-progress", "running")
        return BulkManifest.model_validate_json(answer.content)

    def wait(
        self, status_path: str, *, report: Callable[[str], None] | None = None, seconds: float = 3600
    ) -> BulkManifest:
        """Waits until the export is complete. Raises Unavailable when it failed or takes longer than `seconds`."""
        for _ in range(int(seconds / POLL_SECONDS)):
            seen = self.look(status_path)
            if isinstance(seen, BulkManifest):
                return seen
            if report:
                report(seen)
            sleep(POLL_SECONDS)
        raise Unavailable("The export did not end in time. Look at the API's log, then start it again.")

    def lines(self, file: BulkFile) -> Iterator[bytes]:
        """The lines of one file as they arrive, without their line ends, in bounded memory."""
        with self._transport.stream("GET", urlsplit(file.url).path) as answer:
            rest = NO_FILE
            for chunk in answer.iter_bytes():
                *whole, rest = (rest + chunk).split(b"\n") if rest else chunk.split(b"\n")
                yield from filter(None, whole)
            if rest:
                yield rest

    def delete(self, status_path: str) -> None:
        self._transport.send("DELETE", status_path)
