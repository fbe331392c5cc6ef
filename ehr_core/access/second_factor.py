"""A person's own second factor: enrolled, proved with a code, used at sign-in, taken away with a code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from ehr_core.access import totp
from ehr_core.access.recovery_codes import forget_codes
from ehr_core.access.sealing import Seal
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict
from ehr_core.kernel.vault import MARK, vault


@dataclass(frozen=True)
class Enrolment:
    """Shown once: the secret, and the address that an authenticator app reads."""

    secret: str
    otpauth_uri: str


class TotpSeal:
    """Encrypts second-factor secrets, each bound to its account, with the key ring; opens older versions' too."""

    def __init__(self, signing_secret: str):
        self._before = Seal(signing_secret, "totp-secret")

    def close(self, value: bytes, account_id: str) -> bytes:
        return vault().seal(value, totp_place(account_id)).encode()

    def open(self, sealed: bytes, account_id: str) -> bytes:
        if sealed.startswith(MARK.encode()):
            return vault().open(sealed.decode(), totp_place(account_id))
        return self._before.open(sealed, account_id)


def totp_place(account_id: str) -> str:
    """What binds a secret to its row and column."""
    return f"access.account.totp_secret/{account_id}"


def is_enabled(work: UnitOfWork) -> bool:
    return bool(
        work.connection.execute(
            text("SELECT totp_enabled FROM access.account WHERE id = :id"), {"id": work.actor.actor_id}
        ).scalar_one_or_none()
    )


def enrol(work: UnitOfWork, seal: TotpSeal, *, site_name: str) -> Enrolment:
    """A new secret; it counts only once a code from it has been confirmed."""
    account_id = work.actor.actor_id
    row = work.connection.execute(
        text("SELECT username, totp_enabled FROM access.account WHERE id = :id FOR UPDATE"),
        {"id": account_id},
    ).one_or_none()
    if row is None:
        raise BadRequest("Only a person's account can have a second factor.")
    if row.totp_enabled:
        raise Conflict("A second factor is set up already. Take it away before you set up another.")
    secret = totp.new_secret()
    work.connection.execute(
        text("UPDATE access.account SET totp_secret = :sealed, totp_last_step = 0 WHERE id = :id"),
        {"sealed": seal.close(secret.encode(), account_id), "id": account_id},
    )
    work.audit("second_factor_enrolled", resource_type="Account", resource_id=account_id)
    return Enrolment(secret, totp.enrolment_uri(secret, username=row.username, site_name=site_name))


def confirm(work: UnitOfWork) -> None:
    """After a right code: from the next sign-in on, one is asked for."""
    work.connection.execute(
        text("UPDATE access.account SET totp_enabled = true WHERE id = :id AND totp_secret IS NOT NULL"),
        {"id": work.actor.actor_id},
    )
    work.audit("second_factor_confirmed", resource_type="Account", resource_id=work.actor.actor_id)


def disable(work: UnitOfWork) -> None:
    """After a right code, so that an unlocked screen alone is not enough: takes it away."""
    work.connection.execute(
        text("UPDATE access.account SET totp_enabled = false, totp_secret = NULL WHERE id = :id"),
        {"id": work.actor.actor_id},
    )
    forget_codes(work, work.actor.actor_id)
    work.audit("second_factor_removed", resource_type="Account", resource_id=work.actor.actor_id)


def use_code(connection: Connection, seal: TotpSeal, account_id: str, code: str, now: datetime) -> bool:
    """Checks a code and uses it up, under the account's row lock: two requests cannot share one code."""
    row = connection.execute(
        text("SELECT totp_secret, totp_last_step FROM access.account WHERE id = :id FOR UPDATE"),
        {"id": account_id},
    ).one_or_none()
    if row is None or row.totp_secret is None:
        return False
    secret = seal.open(bytes(row.totp_secret), account_id).decode()
    step = totp.accepted_step(secret, code, now=now, last_step=row.totp_last_step)
    if step is None:
        return False
    connection.execute(
        text("UPDATE access.account SET totp_last_step = :step WHERE id = :id"),
        {"step": step, "id": account_id},
    )
    return True
