"""Is the audit log as it was written? Every chain is computed again here, and compared with the seals outside it.

The hashes are computed in this process from what the rows hold, not by a function of the database: whoever may change
rows may change functions too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from ehr_core.db.audit_content import content_sql

ROWS = text(
    f"SELECT e.writer, e.sequence, e.chain, {content_sql('e')} AS content, e.patient_ids, e.patient_ids_sealed "
    "FROM audit.event e ORDER BY e.writer, e.sequence"
)
AT_ONCE = 5000
MOST_TOLD = 20


@dataclass
class Verdict:
    """`broken` tells the first fault of each chain in words, without anything of a patient."""

    rows: int = 0
    writers: int = 0
    sealed: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.broken


@dataclass
class _Chain:
    writer: str
    sequence: int = 0
    tail: bytes = b""
    is_broken: bool = False


def verify(connection: Connection, sealed: Mapping[str, tuple[int, str]]) -> Verdict:
    """Reads the whole log once. `sealed` is, by writer, the last place and hash that a seal outside the database holds.

    The transaction has to reach every row: a row that is out of reach looks like one that was taken out.
    """
    verdict, chain = Verdict(sealed=len(sealed)), _Chain("")
    missing = dict(sealed)
    rows = connection.execute(ROWS.execution_options(stream_results=True, max_row_buffer=AT_ONCE))
    for row in rows:
        verdict.rows += 1
        if row.writer != chain.writer:
            chain = _Chain(row.writer)
            verdict.writers += 1
        if not chain.is_broken:
            _follow(verdict, chain, row)
        place = sealed.get(row.writer)
        if place is not None and place[0] == row.sequence:
            missing.pop(row.writer, None)
            if place[1] != bytes(row.chain).hex():
                verdict.broken.append(
                    f"Writer {row.writer}: row {row.sequence} is not the one that was sealed."
                )
    verdict.broken += [
        f"Writer {writer}: row {place[0]} was sealed and is not there any more."
        for writer, place in missing.items()
    ]
    return verdict


def _follow(verdict: Verdict, chain: _Chain, row) -> None:
    """One row further; a chain is told of once, as everything after a fault is wrong."""
    computed = hashlib.sha256(chain.tail + row.content.encode()).digest()
    fault = None
    if row.sequence != chain.sequence + 1:
        fault = f"rows {chain.sequence + 1} to {row.sequence - 1} are missing"
    elif computed != bytes(row.chain):
        fault = f"row {row.sequence} was changed, or does not belong there"
    elif row.patient_ids is not None and row.patient_ids_sealed != _seal(row.patient_ids):
        fault = f"row {row.sequence} does not hold the list of patients that it sealed"
    if fault:
        chain.is_broken = True
        verdict.broken.append(f"Writer {chain.writer}: {fault}.")
    chain.sequence, chain.tail = row.sequence, bytes(row.chain)


def _seal(patient_ids: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(set(patient_ids))).encode()).hexdigest()
