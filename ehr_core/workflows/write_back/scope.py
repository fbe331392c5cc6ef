"""What a write-back speaks for: which run, as of which moment of the record, which patients and definitions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.pseudonym import KEY_ID

SNAPSHOT = re.compile(r"\d{1,20}:\d{1,20}:[\d,]{0,100000}")


@dataclass(frozen=True)
class WriteBackScope:
    """A row of the scope's patients and definitions that the body does not hold is no longer said.

    `outbox_transaction`: a patient with a change of this transaction or a later one has changed since.
    `snapshot`: what exactly the read saw (pg_snapshot as text); then only changes that it did not see count.
    `as_of`: the day that the answers are for; measure periods without it are not spoken of.
    `patient_keys`: just these patients (the instant path). `patient_from` / `patient_to`: a half-open range of
    pseudonyms, one part of a nightly run; null: no bound.
    `source_ids`: just these definitions; null: all.
    `not_checked`: people of whom the run says nothing, because a line of theirs could not be read.
    """

    run_id: str
    key_id: str
    outbox_transaction: int
    as_of: date
    complete: bool = True
    snapshot: str | None = None
    patient_keys: tuple[str, ...] | None = None
    patient_from: str | None = None
    patient_to: str | None = None
    source_ids: tuple[str, ...] | None = None
    not_checked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.run_id or len(self.run_id) > 100:
            raise BadRequest("A write-back needs a run_id of at most 100 characters.")
        if not KEY_ID.fullmatch(self.key_id):
            raise BadRequest("A write-back needs the id of the pseudonym key that made its rows.")
        if self.outbox_transaction < 0:
            raise BadRequest("A write-back needs the outbox_transaction of its snapshot.")
        if self.snapshot is not None and not SNAPSHOT.fullmatch(self.snapshot):
            raise BadRequest("The snapshot of a write-back is not a PostgreSQL snapshot.")
