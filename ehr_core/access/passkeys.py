"""Passkeys (WebAuthn): a key in a phone, a laptop or a token, opened by a finger, a face or a PIN: both factors in one.

User verification is required at every use. Attestation is not asked for: which device it is tells nobody's identity.
"""

from __future__ import annotations

import ipaddress
import secrets
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import webauthn
from sqlalchemy import Connection, Row, text
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    options_to_json,
    parse_authentication_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from ehr_core.access.client_assertion import use_up
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, NotFound

MOST_PASSKEYS = 10
CHALLENGE_LIFE = timedelta(hours=1)
"""Longer than any sign-in page is good for: a challenge that was signed is remembered so long."""
NOT_TAKEN = "The passkey could not be read, or is registered already. Try again, or use another device."


def relying_party(issuer: str) -> str | None:
    """The host name that passkeys are bound to; None for an address of numbers, which browsers do not take."""
    host = urlsplit(issuer).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host or None
    return None


def new_challenge() -> str:
    """What the device signs: fresh for every page, kept in the page's sealed ticket."""
    return bytes_to_base64url(secrets.token_bytes(32))


def creation_options(work: UnitOfWork, issuer: str, site_name: str, challenge: str) -> str:
    """What the browser is asked for, as JSON. Raises BadRequest where passkeys cannot work, or there are enough."""
    host = relying_party(issuer)
    if host is None:
        raise BadRequest("Passkeys need a host name: this site is reached by an address of numbers.")
    account = work.connection.execute(
        text("SELECT username, display_name FROM access.account WHERE id = :id"), {"id": work.actor.actor_id}
    ).one()
    known = passkeys_of(work.connection, work.actor.actor_id)
    if len(known) >= MOST_PASSKEYS:
        raise BadRequest(f"There are {MOST_PASSKEYS} passkeys already. Take one away first.")
    options = webauthn.generate_registration_options(
        rp_id=host,
        rp_name=site_name,
        user_id=work.actor.actor_id.encode(),
        user_name=account.username,
        user_display_name=account.display_name,
        challenge=base64url_to_bytes(challenge),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=bytes(row.credential_id)) for row in known],
    )
    return options_to_json(options)


def add_passkey(work: UnitOfWork, issuer: str, credential: str, challenge: str, name: str) -> None:
    """Raises BadRequest for whatever this page did not ask for."""
    try:
        found = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=relying_party(issuer) or "",
            expected_origin=issuer,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError) as error:
        raise BadRequest(NOT_TAKEN) from error
    added = work.connection.execute(
        text(
            "INSERT INTO access.passkey (credential_id, account_id, public_key, sign_count, name, made_at) "
            "VALUES (:credential, :account, :key, :count, :name, :now) ON CONFLICT DO NOTHING"
        ),
        {
            "credential": found.credential_id,
            "account": work.actor.actor_id,
            "key": found.credential_public_key,
            "count": found.sign_count,
            "name": name.strip()[:60] or "Passkey",
            "now": work.now(),
        },
    ).rowcount
    if not added:
        raise BadRequest(NOT_TAKEN)
    work.audit("passkey_added", resource_type="Account", resource_id=work.actor.actor_id)


def request_options(issuer: str, challenge: str) -> str | None:
    """What the sign-in page asks the browser for, as JSON; None where passkeys cannot work."""
    host = relying_party(issuer)
    if host is None:
        return None
    options = webauthn.generate_authentication_options(
        rp_id=host,
        challenge=base64url_to_bytes(challenge),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def account_of(
    connection: Connection, issuer: str, credential: str, challenge: str, now: datetime
) -> str | None:
    """Whose passkey signed this very challenge for this very site; None for any other.

    A count that does not grow tells of a copied key: refused. A challenge signs one sign-in alone, as most keys that
    are kept in step between devices do not count.
    """
    try:
        sent = parse_authentication_credential_json(credential)
    except (WebAuthnException, ValueError):
        return None
    row = connection.execute(
        text("SELECT * FROM access.passkey WHERE credential_id = :id FOR UPDATE"), {"id": sent.raw_id}
    ).one_or_none()
    if row is None:
        return None
    try:
        found = webauthn.verify_authentication_response(
            credential=sent,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=relying_party(issuer) or "",
            expected_origin=issuer,
            credential_public_key=bytes(row.public_key),
            credential_current_sign_count=row.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError):
        return None
    spent = {"jti": challenge, "exp": (now + CHALLENGE_LIFE).timestamp()}
    if not use_up(connection, "passkey", spent, now):
        return None
    connection.execute(
        text("UPDATE access.passkey SET sign_count = :count, last_used_at = :now WHERE credential_id = :id"),
        {"count": found.new_sign_count, "now": now, "id": row.credential_id},
    )
    return row.account_id


def passkeys_of(connection: Connection, account_id: str) -> list[Row]:
    return list(
        connection.execute(
            text(
                "SELECT credential_id, name, made_at, last_used_at FROM access.passkey "
                "WHERE account_id = :id ORDER BY made_at, credential_id"
            ),
            {"id": account_id},
        )
    )


def remove_passkey(work: UnitOfWork, key_id: str) -> None:
    """One of my own, by the id that the list gives. Raises NotFound."""
    try:
        credential = base64url_to_bytes(key_id)
    except ValueError:
        credential = b""
    gone = work.connection.execute(
        text("DELETE FROM access.passkey WHERE credential_id = :credential AND account_id = :account"),
        {"credential": credential, "account": work.actor.actor_id},
    ).rowcount
    if not gone:
        raise NotFound("There is no such passkey among yours.")
    work.audit("passkey_removed", resource_type="Account", resource_id=work.actor.actor_id)
