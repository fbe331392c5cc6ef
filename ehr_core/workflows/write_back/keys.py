"""Pseudonym keys: one is in use, a replaced one lives until its write-backs have drained, a retired one opens nothing.

The secrets are derived from the installation's master key and stored nowhere.
"""

from __future__ import annotations

from sqlalchemy import text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Conflict, Gone, NotFound
from ehr_core.kernel.pseudonym import PseudonymKey, derive_key

IN_USE = text("SELECT key_id FROM core.pseudonym_key WHERE zone = :zone AND replaced_at IS NULL")
ADD = text(
    """
    INSERT INTO core.pseudonym_key (key_id, zone)
    SELECT CAST(:stem AS text) || '-' || count(*) + 1, :zone FROM core.pseudonym_key WHERE zone = :zone
    ON CONFLICT DO NOTHING
    """
)
REPLACE = text(
    """
    UPDATE core.pseudonym_key SET replaced_at = :now, replaced_in = pg_current_xact_id()
    WHERE zone = :zone AND replaced_at IS NULL RETURNING key_id
    """
)
RETIRE = text(
    """
    UPDATE core.pseudonym_key AS old SET retired_at = :now
    FROM core.pseudonym_key AS used
    WHERE used.key_id = :key_id AND used.replaced_at IS NULL AND old.zone = used.zone
      AND old.replaced_at IS NOT NULL AND old.retired_at IS NULL
      AND old.replaced_in < CAST(CAST(:seen AS text) AS xid8)
    RETURNING old.key_id
    """
)
START_AGAIN = "Start a new run: it gets the key in use."


def key_in_use(work: UnitOfWork, master_key_hex: str, zone: str) -> PseudonymKey:
    """The key that a new snapshot of this zone is made with; the first one is made on first use."""
    key_id = work.connection.execute(IN_USE, {"zone": zone}).scalar_one_or_none()
    return derive_key(master_key_hex, key_id or _add(work, zone))


def rotate_key(work: UnitOfWork, zone: str) -> tuple[str, str]:
    """Puts a new key in the place of the one in use; returns the ids of the old and the new one.

    The old one still takes the answers of runs that had read the record by now. The next night is a whole snapshot
    under the new one. Raises Conflict when no key was ever used, so that there is nothing to rotate.
    """
    work.actor.require("pseudonym_key.rotate")
    old = work.connection.execute(REPLACE, {"zone": zone, "now": work.now()}).scalar_one_or_none()
    if old is None:
        raise Conflict(f"The {zone} zone has no key yet. Its first snapshot makes one.")
    new = _add(work, zone)
    work.audit("pseudonym_key.rotated", detail={"zone": zone, "from": old, "to": new})
    return old, new


def key_of_run(
    work: UnitOfWork, master_key_hex: str, key_id: str, *, outbox_transaction: int
) -> PseudonymKey:
    """The key of a write-back: the one in use, or a replaced one for a run that had read before it was replaced.

    `outbox_transaction` is up to where the run had read. Raises NotFound for a key that this installation has not given
    out, Gone for one that is retired or was replaced before the run read.
    """
    query = text(
        "SELECT replaced_in::text AS replaced_in, retired_at FROM core.pseudonym_key WHERE key_id = :id"
    )
    known = work.connection.execute(query, {"id": key_id}).one_or_none()
    if known is None:
        raise NotFound(f"There is no pseudonym key '{key_id}'. {START_AGAIN}")
    if known.retired_at is not None:
        raise Gone(f"The pseudonym key '{key_id}' is retired. {START_AGAIN}")
    if known.replaced_in is not None and outbox_transaction > int(known.replaced_in):
        raise Gone(
            f"The pseudonym key '{key_id}' was replaced before this run read the record. {START_AGAIN}"
        )
    return derive_key(master_key_hex, key_id)


def retire_drained(work: UnitOfWork, key_id: str, outbox_transaction: int) -> list[str]:
    """Retires the keys that `key_id` replaced, once a whole night under it has been written back.

    What runs under an older key have still to say is older than that night. Returns the ids of those retired.
    """
    values = {"key_id": key_id, "seen": str(outbox_transaction), "now": work.now()}
    retired = list(work.connection.execute(RETIRE, values).scalars())
    for old in retired:
        work.audit("pseudonym_key.retired", detail={"key_id": old, "in_use": key_id})
    return retired


def _add(work: UnitOfWork, zone: str) -> str:
    """A new key's id; when another transaction was first, the id of that one's."""
    work.connection.execute(ADD, {"stem": zone.replace("_", "-"), "zone": zone})
    return work.connection.execute(IN_USE, {"zone": zone}).scalar_one()
