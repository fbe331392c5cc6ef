"""What the pipeline says to the core: keys, changes, records, write-backs, runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from data_contracts.api.official_measures import (
    ActiveMeasures,
    CheckedPackage,
    UploadProgress,
    UploadsWaiting,
    UploadWork,
)
from data_contracts.api.pipeline import (
    ChangeBatch,
    ChangesWaiting,
    FinishedBatch,
    PseudonymKeyGrant,
    RecordsWanted,
    RefusedPeople,
    RefusedResources,
    RunReport,
    WriteBackReceipt,
)
from ehr_core.client.transport import Transport

WRITE_BACK_SECONDS = 600.0
"""A part of a nightly write-back over a very large panel may take minutes on a busy server."""


@dataclass(frozen=True)
class Records:
    """Records as lines, and what the read that fetched them has seen."""

    lines: list[bytes]
    snapshot: str
    outbox_transaction: int


class PipelineRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def key(self, zone: str = "limited") -> PseudonymKeyGrant:
        return self._transport.get("/api/pipeline/key", PseudonymKeyGrant, {"zone": zone})

    def waiting(self) -> ChangesWaiting:
        return self._transport.get("/api/pipeline/changes", ChangesWaiting)

    def claim(self, limit: int = 100) -> ChangeBatch | None:
        """The next changed patients, or None when nobody waits."""
        answer = self._transport.request("POST", "/api/pipeline/changes/claim", params={"limit": limit})
        return None if answer.status_code == 204 else ChangeBatch.model_validate_json(answer.content)

    def done(self, batch_id: str, failed_patient_ids: Sequence[str] = ()) -> None:
        """Raises Gone when the lease had ended and another worker took the batch."""
        finished = FinishedBatch(failed_patient_ids=list(failed_patient_ids))
        self._transport.send("POST", f"/api/pipeline/changes/{batch_id}/done", finished)

    def official_measures(self) -> ActiveMeasures:
        """The official measures that are active now, and the packages that hold their logic."""
        return self._transport.get("/api/pipeline/official-measures", ActiveMeasures)

    def official_package(self, package_id: str) -> bytes:
        return self._transport.request(
            "GET", f"/api/pipeline/official-measures/packages/{package_id}"
        ).content

    def uploads_waiting(self) -> int:
        """Uploads of official packages that wait to be checked."""
        return self._transport.get("/api/pipeline/official-uploads/waiting", UploadsWaiting).waiting

    def claim_upload(self) -> UploadWork | None:
        answer = self._transport.request("POST", "/api/pipeline/official-uploads/claim")
        return None if answer.status_code == 204 else UploadWork.model_validate_json(answer.content)

    def upload_content(self, upload_id: str) -> bytes:
        return self._transport.request("GET", f"/api/pipeline/official-uploads/{upload_id}").content

    def tell_upload_progress(self, upload_id: str, words: str) -> None:
        told = UploadProgress(words=words[:200])
        self._transport.send("POST", f"/api/pipeline/official-uploads/{upload_id}/progress", told)

    def upload_checked(self, upload_id: str, said: CheckedPackage) -> None:
        self._transport.send("POST", f"/api/pipeline/official-uploads/{upload_id}/checked", said)

    def records(self, patient_ids: Sequence[str], resource_types: Sequence[str] | None = None) -> Records:
        """Everything in these patients' records, or these types of it; at most 500 patients at a time."""
        asked = None if resource_types is None else list(resource_types)
        wanted = RecordsWanted(patient_ids=list(patient_ids), resource_types=asked).model_dump_json().encode()
        answer = self._transport.request(
            "POST", "/api/pipeline/records", content=wanted, headers={"Content-Type": "application/json"}
        )
        return Records(
            lines=answer.content.split(b"\n") if answer.content else [],
            snapshot=answer.headers["x-almoner-snapshot"],
            outbox_transaction=int(answer.headers["x-almoner-outbox-transaction"]),
        )

    def people_of_refused(self, key_id: str, outbox_transaction: int, resources: Sequence[str]) -> list[str]:
        """Pseudonyms of the people in whose records these resources ("Type/id") lie; at most 10,000 at a time."""
        refused = RefusedResources(
            key_id=key_id, outbox_transaction=outbox_transaction, resources=list(resources)
        )
        return self._transport.post("/api/pipeline/refused", RefusedPeople, refused).patient_keys

    def write_back(
        self,
        table: str,
        body: bytes,
        *,
        run_id: str,
        key_id: str,
        as_of: date,
        outbox_transaction: int,
        complete: bool = True,
        snapshot: str | None = None,
        patient_from: str | None = None,
        patient_to: str | None = None,
        source_ids: Sequence[str] | None = None,
    ) -> WriteBackReceipt:
        """Sends rows (Parquet or an Arrow stream) of one of the tables that are written back.

        The body's metadata may name the patients that it speaks for (pipelines/write_back/bodies.py).
        """
        params = {
            "run_id": run_id,
            "key_id": key_id,
            "as_of": as_of.isoformat(),
            "outbox_transaction": outbox_transaction,
            "complete": complete,
            "snapshot": snapshot,
            "patient_from": patient_from,
            "patient_to": patient_to,
            "source_ids": list(source_ids) if source_ids is not None else None,
        }
        answer = self._transport.request(
            "POST",
            f"/api/pipeline/write-back/{table}",
            params={name: value for name, value in params.items() if value is not None},
            content=body,
            headers={"Content-Type": "application/octet-stream"},
            timeout=WRITE_BACK_SECONDS,
        )
        return WriteBackReceipt.model_validate_json(answer.content)

    def tell_run(self, report: RunReport) -> None:
        self._transport.send("POST", "/api/pipeline/runs", report)
