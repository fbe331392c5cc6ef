"""Fetched keys of applications as they are kept: whose, from where, until when, and who fetches them now.

Rows are read and written in short transactions; nothing is fetched here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from ehr_core.access import audit
from ehr_core.access.actor import Actor
from ehr_core.access.applications import Application
from ehr_core.access.key_sets import LONGEST_LIFE

FETCHER = Actor("service:application-keys", "service", "The keys of applications", (), frozenset())
PAUSE = timedelta(seconds=10)
"""Between two fetches of one application, whatever is asked meanwhile; longer than a fetch may take."""

KEPT = text(
    "SELECT keys, good_until, settled FROM access.fetched_keys WHERE client_id = :client AND jwks_uri = :uri"
)
BEGIN = text(
    """
    INSERT INTO access.fetched_keys AS held (client_id, jwks_uri, asked_at, settled)
    SELECT client_id, jwks_uri, :now, false FROM access.application
    WHERE client_id = :client AND jwks_uri = :uri AND NOT disabled
    ON CONFLICT (client_id) DO UPDATE SET jwks_uri = excluded.jwks_uri, asked_at = excluded.asked_at, settled = false,
      keys = CASE WHEN held.jwks_uri = excluded.jwks_uri THEN held.keys END,
      good_until = CASE WHEN held.jwks_uri = excluded.jwks_uri THEN held.good_until END
      WHERE held.jwks_uri <> excluded.jwks_uri OR held.asked_at <= :before OR held.asked_at > :beyond
    RETURNING client_id
    """
)
SETTLE = text(
    """
    UPDATE access.fetched_keys SET settled = true, failure = :failure,
      fetched_at = CASE WHEN :replaced THEN asked_at ELSE fetched_at END,
      good_until = CASE WHEN :replaced THEN CAST(:until AS timestamptz) ELSE good_until END,
      keys = CASE WHEN :replaced THEN CAST(:keys AS jsonb) ELSE keys END
    WHERE client_id = :client AND jwks_uri = :uri AND asked_at = :asked
    """
)
STATES = text("SELECT client_id, fetched_at, good_until, failure FROM access.fetched_keys")


@dataclass(frozen=True)
class KeptKeys:
    """What is kept of an application's address: `settled` once nobody is fetching it."""

    keys: tuple[dict[str, Any], ...] = ()
    good_until: datetime | None = None
    settled: bool = True

    def are_good(self, now: datetime) -> bool:
        """Not beyond the longest life either: a clock that was ahead would make them good for as long."""
        return self.good_until is not None and now < self.good_until <= now + LONGEST_LIFE + PAUSE

    def has(self, kid: str, now: datetime) -> bool:
        return self.are_good(now) and any(key["kid"] == kid for key in self.keys)

    def jwks(self, now: datetime) -> dict[str, Any] | None:
        """The set while its life lasts; then none, whatever the address answers."""
        return {"keys": list(self.keys)} if self.keys and self.are_good(now) else None


@dataclass(frozen=True)
class KeysState:
    """How the last fetch went, for who looks after the application."""

    client_id: str
    fetched_at: datetime | None
    good_until: datetime | None
    failure: str | None


def states_of_keys(connection: Connection) -> dict[str, KeysState]:
    """By client id, of every application whose address was asked."""
    rows = connection.execute(STATES)
    return {row.client_id: KeysState(*row) for row in rows}


def kept_keys(connection: Connection, application: Application) -> KeptKeys:
    """Of the address that is registered now, and of none that was before."""
    row = connection.execute(KEPT, _place(application)).one_or_none()
    return KeptKeys(tuple(row.keys or ()), row.good_until, row.settled) if row else KeptKeys()


def begin_fetch(connection: Connection, application: Application, now: datetime) -> bool:
    """Whether it is the caller's turn to fetch: one at a time, over all processes, and not within the pause."""
    given = _place(application) | {"now": now, "before": now - PAUSE, "beyond": now + PAUSE}
    return connection.execute(BEGIN, given).one_or_none() is not None


def keep(
    connection: Connection,
    application: Application,
    keys: list[dict[str, str]],
    *,
    asked: datetime,
    life: timedelta,
    failure: str | None = None,
) -> None:
    """Puts the fetched keys in place of those before. Audited; with a `failure` they are none."""
    until = asked + life
    _settle(connection, application, asked, failure, replaced=True, until=until, keys=json.dumps(keys))
    if failure is None:
        detail = {"client": application.client_id, "keys": len(keys), "good_until": until.isoformat()}
        audit.record(connection, FETCHER, asked, "application_keys_fetched", detail=detail)
    else:
        _audit_failure(connection, application, asked, failure)


def keep_failure(connection: Connection, application: Application, failure: str, *, asked: datetime) -> None:
    """The keys of before stay until their life is over, and no longer. Audited."""
    _settle(connection, application, asked, failure, replaced=False, until=None, keys=None)
    _audit_failure(connection, application, asked, failure)


def _settle(
    connection: Connection, application: Application, asked: datetime, failure: str | None, **given: Any
) -> None:
    """Does nothing when the address was changed meanwhile, or somebody fetched after us."""
    connection.execute(
        SETTLE, _place(application) | {"asked": asked, "failure": failure and failure[:300], **given}
    )


def _audit_failure(connection: Connection, application: Application, asked: datetime, failure: str) -> None:
    detail = {"client": application.client_id, "reason": failure[:300]}
    audit.record(connection, FETCHER, asked, "application_keys_fetched", outcome="failure", detail=detail)


def _place(application: Application) -> dict[str, Any]:
    return {"client": application.client_id, "uri": application.jwks_uri}
