"""Outside CDS Hooks services that this site asks: configured by an administrator, rested when they keep failing."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from data_contracts.api.outside import CdsServiceInfo, NewCdsService
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.outside.addresses import Reach, check_shape
from ehr_core.store.resource_types import RESOURCE_TYPES

TOKEN = re.compile(r"\{\{(.*?)\}\}")
TOKENS = frozenset(
    {"context.patientId", "context.userId", "context.encounterId", "userPractitionerId", "today()"}
)
FAILURES_BEFORE_REST = 3
FIRST_REST, LONGEST_REST = timedelta(minutes=1), timedelta(minutes=30)

SAVE = text(
    """
    INSERT INTO outside.cds_service (service_id, hook, title, url, prefetch, known_as, added_at, added_by)
    VALUES (:service_id, :hook, :title, :url, CAST(:prefetch AS jsonb), :known_as, :now, :by)
    ON CONFLICT (service_id) DO UPDATE SET hook = excluded.hook, title = excluded.title, url = excluded.url,
      prefetch = excluded.prefetch, known_as = excluded.known_as, added_at = excluded.added_at,
      added_by = excluded.added_by, failures = 0, rests_until = NULL, last_failure = NULL, last_failed_at = NULL
    RETURNING *
    """
)
ASKED = text(
    "SELECT * FROM outside.cds_service WHERE hook = :hook AND NOT disabled ORDER BY title, service_id"
)
ANSWERED = text(
    "UPDATE outside.cds_service SET failures = 0, rests_until = NULL, last_answered_at = :now WHERE service_id = :id"
)
FAILED = text(
    """
    UPDATE outside.cds_service SET failures = failures + 1, last_failure = :why, last_failed_at = :now,
      rests_until = CASE WHEN failures + 1 >= :most THEN CAST(:now AS timestamptz)
        + least(CAST(:longest AS interval), CAST(:first AS interval) * power(2, least(failures + 1 - :most, 10)))
        END
    WHERE service_id = :id
    """
)


def save_service(work: UnitOfWork, asked: NewCdsService, reach: Reach) -> CdsServiceInfo:
    """Adds or changes one. Raises BadRequest naming the field."""
    work.actor.require("access.manage")
    check_shape(asked.url, reach, "url")
    for key, template in asked.prefetch.items():
        _check_template(key, template)
    row = work.connection.execute(
        SAVE,
        asked.model_dump(exclude={"prefetch"})
        | {"prefetch": json.dumps(asked.prefetch), "now": work.now(), "by": work.actor.actor_id},
    ).one()
    work.audit("cds_service_saved", detail={"service": asked.service_id, "hook": asked.hook})
    return _info(row)


def switch_service(work: UnitOfWork, service_id: str, *, on: bool) -> None:
    """One that is switched on again is asked at once. Raises NotFound."""
    work.actor.require("access.manage")
    done = work.connection.execute(
        text(
            "UPDATE outside.cds_service SET disabled = :off, failures = 0, rests_until = NULL WHERE service_id = :id"
        ),
        {"off": not on, "id": service_id},
    ).rowcount
    if not done:
        raise NotFound("There is no such service.")
    work.audit("cds_service_switched", detail={"service": service_id, "on": on})


def all_services(work: UnitOfWork) -> list[CdsServiceInfo]:
    work.actor.require("access.manage")
    rows = work.connection.execute(text("SELECT * FROM outside.cds_service ORDER BY title, service_id"))
    return [_info(row) for row in rows]


def services_for(connection: Connection, hook: str) -> list[Row[Any]]:
    return list(connection.execute(ASKED, {"hook": hook}))


def note_answered(connection: Connection, service_id: str, now: datetime) -> None:
    connection.execute(ANSWERED, {"id": service_id, "now": now})


def note_failed(connection: Connection, service_id: str, why: str, now: datetime) -> None:
    """After several failures in a row the service rests, each time longer: nobody waits for it in vain."""
    connection.execute(
        FAILED,
        {
            "id": service_id,
            "why": why[:300],
            "now": now,
            "most": FAILURES_BEFORE_REST,
            "first": FIRST_REST,
            "longest": LONGEST_REST,
        },
    )


def _check_template(key: str, template: str) -> None:
    """A read or search of a type that is kept here, filled in from the context alone."""
    unknown = [token for token in TOKEN.findall(template) if token.strip() not in TOKENS]
    if unknown:
        raise BadRequest(
            f"prefetch.{key[:40]}: '{unknown[0][:40]}' is not known here. Use {', '.join(sorted(TOKENS))}."
        )
    type_name = re.split(r"[/?]", template, maxsplit=1)[0]
    if type_name not in RESOURCE_TYPES or type_name == template or len(template) > 500:
        raise BadRequest(
            f"prefetch.{key[:40]}: write a read or a search such as Patient/{{{{context.patientId}}}} or "
            "Observation?patient={{context.patientId}}."
        )


def _info(row: Row[Any]) -> CdsServiceInfo:
    return CdsServiceInfo(**{name: getattr(row, name) for name in CdsServiceInfo.model_fields})
