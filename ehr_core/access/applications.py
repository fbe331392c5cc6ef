"""Outside applications: registered by an administrator, closed by one; each act audited. Never deleted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, text

from ehr_core.access.clients import Client
from ehr_core.access.key_sets import check_keys
from ehr_core.access.roles import PATIENT_ROLES, STAFF_ROLES
from ehr_core.access.scopes import is_known, parse
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.kernel.ids import new_id

Kind = Literal["public", "confidential", "backend"]
NOT_REGISTERED = "No application is registered under this client id."
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
NATIVE_SCHEME = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)+")
"""A private-use scheme of a native application. Source: RFC 8252, 7.1: a domain name in reverse."""

COLUMNS = (
    "client_id, name, kind, redirect_uris, launch_uri, scopes, jwks, jwks_uri, audience, sees, bulk, disabled, "
    "created_at"
)


@dataclass(frozen=True)
class NewApplication:
    """`audience` is who may sign in; `sees` the sensitive labels that a backend service reads; `bulk`: may export."""

    name: str
    kind: Kind
    redirect_uris: Sequence[str] = ()
    launch_uri: str | None = None
    scopes: Sequence[str] = ()
    jwks: str | None = None
    jwks_uri: str | None = None
    audience: Sequence[str] = ("staff", "patients")
    sees: Sequence[str] = ()
    bulk: bool = False


@dataclass(frozen=True)
class Application(Client):
    """A registered application, in the shape in which the sign-in knows its clients. It has no secret."""

    kind: str = "public"
    scopes: tuple[str, ...] = ()
    launch_uri: str | None = None
    jwks: dict[str, Any] | None = field(default=None, repr=False)
    jwks_uri: str | None = None
    audience: tuple[str, ...] = ()
    sees: tuple[str, ...] = ()
    bulk: bool = False
    disabled: bool = False

    def secret_matches(self, given: str) -> bool:
        """Applications prove themselves by a key, or not at all: no secret of theirs is ever right."""
        return False


def register(work: UnitOfWork, wanted: NewApplication) -> str:
    """The new client id. Raises BadRequest, naming the field and what to write there."""
    work.actor.require("access.manage")
    _check(wanted)
    client_id = new_id()
    work.connection.execute(
        text(
            "INSERT INTO access.application (client_id, name, kind, redirect_uris, launch_uri, scopes, jwks, jwks_uri, "
            "audience, sees, bulk, created_at, created_by) VALUES (:id, :name, :kind, :redirect_uris, :launch_uri, "
            ":scopes, CAST(:jwks AS jsonb), :jwks_uri, :audience, :sees, :bulk, :now, :by)"
        ),
        {
            "id": client_id,
            "name": wanted.name.strip(),
            "kind": wanted.kind,
            "redirect_uris": list(wanted.redirect_uris),
            "launch_uri": wanted.launch_uri,
            "scopes": list(wanted.scopes),
            "jwks": wanted.jwks,
            "jwks_uri": wanted.jwks_uri,
            "audience": list(wanted.audience),
            "sees": list(wanted.sees),
            "bulk": wanted.bulk,
            "now": work.now(),
            "by": work.actor.actor_id,
        },
    )
    detail = {"client": client_id, "kind": wanted.kind}
    if wanted.jwks_uri is not None:
        detail["jwks_uri"] = wanted.jwks_uri
    work.audit("application_registered", detail=detail)
    return client_id


def change_keys(work: UnitOfWork, client_id: str, *, jwks: str | None, jwks_uri: str | None) -> None:
    """Other keys, or another address of them, in place of those of before. Raises NotFound, BadRequest."""
    work.actor.require("access.manage")
    kind = work.connection.execute(
        text("SELECT kind FROM access.application WHERE client_id = :id FOR UPDATE"), {"id": client_id}
    ).scalar_one_or_none()
    if kind is None:
        raise NotFound(NOT_REGISTERED)
    _check_proof(kind, jwks, jwks_uri)
    work.connection.execute(
        text(
            "UPDATE access.application SET jwks = CAST(:jwks AS jsonb), jwks_uri = :uri WHERE client_id = :id"
        ),
        {"id": client_id, "jwks": jwks, "uri": jwks_uri},
    )
    work.connection.execute(text("DELETE FROM access.fetched_keys WHERE client_id = :id"), {"id": client_id})
    work.audit("application_keys_changed", detail={"client": client_id, "jwks_uri": jwks_uri})


def set_closed(work: UnitOfWork, client_id: str, closed: bool) -> None:
    """A closed application's tokens stop working at their next use. Raises NotFound."""
    work.actor.require("access.manage")
    done = work.connection.execute(
        text("UPDATE access.application SET disabled = :closed WHERE client_id = :id"),
        {"id": client_id, "closed": closed},
    ).rowcount
    if not done:
        raise NotFound(NOT_REGISTERED)
    work.audit("application_closed" if closed else "application_opened", detail={"client": client_id})


def applications(connection: Connection) -> list[Application]:
    """Every registered application, by name, closed ones too."""
    rows = connection.execute(text(f"SELECT {COLUMNS} FROM access.application ORDER BY name, client_id"))
    return [_application(row) for row in rows]


def find_application(connection: Connection, client_id: str) -> Application | None:
    """An application that is open; None for one that is closed or that nobody registered."""
    row = connection.execute(
        text(f"SELECT {COLUMNS} FROM access.application WHERE client_id = :id AND NOT disabled"),
        {"id": client_id},
    ).one_or_none()
    return _application(row) if row else None


def roles_of_audience(audience: Iterable[str]) -> frozenset[str]:
    """The roles that count in an application which is for staff, for patients or for both."""
    words = set(audience)
    return frozenset(
        (STAFF_ROLES if "staff" in words else frozenset())
        | (PATIENT_ROLES if "patients" in words else frozenset())
    )


def _application(row: Row) -> Application:
    roles = frozenset() if row.kind == "backend" else roles_of_audience(row.audience)
    return Application(
        client_id=row.client_id,
        secret="",
        name=row.name,
        allowed_roles=roles,
        redirect_uris=tuple(row.redirect_uris),
        kind=row.kind,
        scopes=tuple(row.scopes),
        launch_uri=row.launch_uri,
        jwks=row.jwks,
        jwks_uri=row.jwks_uri,
        audience=tuple(row.audience),
        sees=tuple(row.sees),
        bulk=row.bulk,
        disabled=row.disabled,
    )


def _check(wanted: NewApplication) -> None:
    if not 1 <= len(wanted.name.strip()) <= 100:
        raise BadRequest("name: give the application a name of 1 to 100 characters.")
    if wanted.kind != "backend" and not wanted.redirect_uris:
        raise BadRequest("redirect_uris: give the address that the browser is sent back to.")
    if wanted.kind == "backend" and wanted.redirect_uris:
        raise BadRequest("redirect_uris: a backend service has none, as nobody signs in to it.")
    for uri in (*wanted.redirect_uris, *([wanted.launch_uri] if wanted.launch_uri else [])):
        _check_uri(uri)
    if not wanted.scopes:
        raise BadRequest("scopes: name at least one, such as patient/Observation.rs.")
    for scope in wanted.scopes:
        found = parse(scope)
        if not is_known(scope) or (found and (found.level == "system") != (wanted.kind == "backend")):
            raise BadRequest(
                f"scopes: '{scope[:80]}' cannot be given to this kind of application. Backend services have system/ "
                "scopes, the others patient/ and user/; a scope may be narrowed by category=system|code alone."
            )
    _check_proof(wanted.kind, wanted.jwks, wanted.jwks_uri)


def _check_proof(kind: str, jwks: str | None, jwks_uri: str | None) -> None:
    """Keys or where they are, one of both; that `jwks_uri` may be called is judged above, and at each fetch again."""
    if (jwks is not None) + (jwks_uri is not None) != (kind != "public"):
        raise BadRequest(
            "jwks: confidential and backend applications have public keys (jwks) or the address where they publish "
            "them (jwks_uri), one of both; a public one has none."
        )
    if jwks is not None:
        check_keys(jwks)


def _check_uri(uri: str) -> None:
    parts = urlsplit(uri)
    secure = parts.scheme == "https" and bool(parts.hostname)
    loopback = parts.scheme == "http" and parts.hostname in LOOPBACK
    native = bool(NATIVE_SCHEME.fullmatch(parts.scheme))
    if not (secure or loopback or native) or parts.fragment or "*" in uri or "@" in parts.netloc:
        raise BadRequest(
            f"redirect_uris: '{uri[:120]}' cannot be used. Write a whole https address (http on this machine only) "
            "without #, * and @."
        )
