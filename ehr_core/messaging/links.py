"""One-tap links: a signed token that stands for one answer about one visit, for one person, once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Gone, NotFound
from ehr_core.kernel.ids import new_id

PURPOSE_OF_KEY = b"almoner one-tap links"
SIGNATURE_BYTES = 16

Purpose = Literal["answer_visit", "accept_offer"]


def link_key(signing_key: str) -> bytes:
    """A key for links alone, derived from the installation's signing key."""
    return hmac.new(signing_key.encode(), PURPOSE_OF_KEY, hashlib.sha256).digest()


def token_of(key: bytes, link_id: str) -> str:
    """What stands in the address: the link's id and its signature, nothing else."""
    identity = uuid.UUID(link_id).bytes
    return _text(identity + _signature(key, identity))


def link_id_of(key: bytes, token: str) -> str:
    """Raises NotFound for a token that this installation has not signed."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raw = b""
    identity, signature = raw[:16], raw[16:]
    if len(identity) != 16 or not hmac.compare_digest(signature, _signature(key, identity)):
        raise NotFound("This link is not one of ours. Check that the whole of it was opened.")
    return str(uuid.UUID(bytes=identity))


def make_link(
    work: UnitOfWork,
    patient_id: str,
    purpose: Purpose,
    target_id: str,
    *,
    until: datetime,
    target_state: str | None = None,
) -> str:
    """The new link's id; its token is made when the message is written."""
    link_id = new_id()
    work.connection.execute(
        text(
            "INSERT INTO messaging.link (link_id, patient_id, purpose, target_id, target_state, until) "
            "VALUES (CAST(:id AS uuid), :patient, :purpose, :target, :state, :until)"
        ),
        {
            "id": link_id,
            "patient": patient_id,
            "purpose": purpose,
            "target": target_id,
            "state": target_state,
            "until": until,
        },
    )
    return link_id


def link_row(work: UnitOfWork, link_id: str, *, lock: bool = False) -> Mapping[str, Any]:
    """Raises NotFound."""
    row = (
        work.connection.execute(
            text(
                "SELECT * FROM messaging.link WHERE link_id = CAST(:id AS uuid)"
                + (" FOR UPDATE" if lock else "")
            ),
            {"id": link_id},
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound("This link is not one of ours. Check that the whole of it was opened.")
    return row


def use_link(work: UnitOfWork, row: Mapping[str, Any], act: str) -> None:
    """Spends the locked link. Raises Gone when it was used, or its time is over."""
    if row["used_at"] is not None or row["until"] <= work.now():
        raise Gone("This link was used already, or its time is over.")
    work.connection.execute(
        text("UPDATE messaging.link SET used_at = :now, used_for = :act WHERE link_id = :id"),
        {"now": work.now(), "act": act, "id": row["link_id"]},
    )


def _signature(key: bytes, identity: bytes) -> bytes:
    return hmac.new(key, identity, hashlib.sha256).digest()[:SIGNATURE_BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
