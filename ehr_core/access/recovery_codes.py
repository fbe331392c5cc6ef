"""Recovery codes: ten, shown once, each good for one sign-in in place of the code of a lost phone."""

from __future__ import annotations

import hmac
import re
import secrets
from datetime import datetime

from sqlalchemy import Connection, text

from ehr_core.access.sealing import derive_key
from ehr_core.access.unit_of_work import UnitOfWork

HOW_MANY = 10
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that are taken for each other: i l o 0 1."""

LENGTH = 10
"""Ten of 31 letters: 49 bits, far beyond what the throttle lets anybody try."""


def make_codes(work: UnitOfWork, signing_secret: str) -> list[str]:
    """New ones; all earlier ones of the account are good no more."""
    account_id = work.actor.actor_id
    codes = ["".join(secrets.choice(LETTERS) for _ in range(LENGTH)) for _ in range(HOW_MANY)]
    work.connection.execute(
        text("DELETE FROM access.recovery_code WHERE account_id = :id"), {"id": account_id}
    )
    work.connection.execute(
        text("INSERT INTO access.recovery_code (account_id, code_hash, made_at) VALUES (:id, :hash, :now)"),
        [{"id": account_id, "hash": _hash(signing_secret, code), "now": work.now()} for code in codes],
    )
    work.audit("recovery_codes_made", resource_type="Account", resource_id=account_id)
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def forget_codes(work: UnitOfWork, account_id: str) -> None:
    work.connection.execute(
        text("DELETE FROM access.recovery_code WHERE account_id = :id"), {"id": account_id}
    )


def codes_left(work: UnitOfWork) -> int:
    return work.connection.execute(
        text("SELECT count(*) FROM access.recovery_code WHERE account_id = :id AND used_at IS NULL"),
        {"id": work.actor.actor_id},
    ).scalar_one()


def use_recovery_code(
    connection: Connection, signing_secret: str, account_id: str, code: str, now: datetime
) -> bool:
    """Uses it up; False when it is none of the account's, or was used."""
    letters = re.sub(r"[\s-]", "", code.lower())
    if len(letters) != LENGTH:
        return False
    return (
        connection.execute(
            text(
                "UPDATE access.recovery_code SET used_at = :now "
                "WHERE account_id = :id AND code_hash = :hash AND used_at IS NULL"
            ),
            {"now": now, "id": account_id, "hash": _hash(signing_secret, letters)},
        ).rowcount
        == 1
    )


def _hash(signing_secret: str, code: str) -> bytes:
    return hmac.digest(derive_key(signing_secret, "recovery-code"), code.encode(), "sha256")
