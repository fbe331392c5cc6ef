"""Appointment types: how long, what they need, what to prepare. Data of the site, begun from what is shipped."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Row, text

from data_contracts.api.calendars import AppointmentType
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict, NotFound, StaleVersion

COLUMNS = (
    "code, name, patient_names, minutes, every_minutes, mode, resource_kinds, needs_authorization, preparation, "
    "patient_preparations, patient_may_book, active, version"
)


def appointment_types(work: UnitOfWork, *, active_only: bool = True) -> list[AppointmentType]:
    """Every type in order of name. Audits nothing: there is no patient in it."""
    rows = work.connection.execute(
        text(f"SELECT {COLUMNS} FROM scheduling.appointment_type WHERE active OR NOT :only ORDER BY name"),
        {"only": active_only},
    )
    return [_type(row) for row in rows]


def appointment_type(work: UnitOfWork, code: str, *, retired_too: bool = False) -> AppointmentType:
    """Raises BadRequest for a type that is not offered; `retired_too`: of a visit that was booked before."""
    row = work.connection.execute(
        text(
            f"SELECT {COLUMNS} FROM scheduling.appointment_type WHERE code = :code AND (active OR :retired)"
        ),
        {"code": code, "retired": retired_too},
    ).one_or_none()
    if row is None:
        raise BadRequest("type_code: there is no such appointment type. Choose one from the list.")
    return _type(row)


def save_type(work: UnitOfWork, wanted: AppointmentType) -> AppointmentType:
    """A new type (version 0) or a change of one. Raises StaleVersion when somebody else changed it first."""
    work.actor.require("schedule.manage")
    _check(work, wanted)
    return _save(work, wanted)


def _save(work: UnitOfWork, wanted: AppointmentType) -> AppointmentType:
    values = _values(wanted)
    if wanted.version == 0:
        done = work.connection.execute(
            text(
                f"INSERT INTO scheduling.appointment_type ({COLUMNS}) VALUES (:code, :name, "
                "CAST(:patient_names AS jsonb), :minutes, :every_minutes, :mode, :resource_kinds, "
                ":needs_authorization, :preparation, CAST(:patient_preparations AS jsonb), :patient_may_book, "
                ":active, 1) ON CONFLICT DO NOTHING"
            ),
            values,
        )
        if not done.rowcount:
            raise Conflict(
                "code: there is a type with this code already. Choose another code, or change that type."
            )
    else:
        _change(work, values)
    work.audit("scheduling.type_saved", detail={"code": wanted.code})
    return wanted.model_copy(update={"version": wanted.version + 1})


def ensure_shipped_types(work: UnitOfWork) -> int:
    """Adds the shipped types that are not there; says how many. What a site has changed stays as it is."""
    work.actor.require("schedule.manage")
    known = {kind.code for kind in appointment_types(work, active_only=False)}
    missing = [kind for kind in shipped_types() if kind.code not in known]
    for kind in missing:
        _save(work, kind)
    return len(missing)


@cache
def shipped_types() -> tuple[AppointmentType, ...]:
    path = Path(__file__).with_name("appointment_types.toml")
    return tuple(AppointmentType(**row) for row in tomllib.loads(path.read_text(encoding="utf-8"))["type"])


def _change(work: UnitOfWork, values: dict[str, Any]) -> None:
    done = work.connection.execute(
        text(
            "UPDATE scheduling.appointment_type SET name = :name, patient_names = CAST(:patient_names AS jsonb), "
            "minutes = :minutes, every_minutes = :every_minutes, mode = :mode, resource_kinds = :resource_kinds, "
            "needs_authorization = :needs_authorization, preparation = :preparation, "
            "patient_preparations = CAST(:patient_preparations AS jsonb), patient_may_book = :patient_may_book, "
            "active = :active, version = version + 1 WHERE code = :code AND version = :version"
        ),
        values,
    )
    if done.rowcount:
        return
    known = text("SELECT 1 FROM scheduling.appointment_type WHERE code = :code")
    if work.connection.execute(known, values).one_or_none() is None:
        raise NotFound("There is no such appointment type. Reload the page.")
    raise StaleVersion("Somebody else changed this type a moment ago. Read it again, then make your change.")


def _check(work: UnitOfWork, wanted: AppointmentType) -> None:
    """Raises BadRequest where something asked for can never be found."""
    known = set(
        work.connection.execute(
            text("SELECT DISTINCT resource_kind FROM scheduling.calendar WHERE resource_kind IS NOT NULL")
        ).scalars()
    )
    unknown = [kind for kind in wanted.resource_kinds if kind not in known]
    if unknown:
        raise BadRequest(f"resource_kinds: no room or device is of the kind '{unknown[0]}'. Add one first.")
    if len(set(wanted.resource_kinds)) < len(wanted.resource_kinds):
        raise BadRequest("resource_kinds: each kind can be asked for once.")


def _values(wanted: AppointmentType) -> dict[str, Any]:
    return wanted.model_dump() | {
        "patient_names": orjson.dumps(wanted.patient_names).decode(),
        "patient_preparations": orjson.dumps(wanted.patient_preparations).decode(),
    }


def _type(row: Row) -> AppointmentType:
    return AppointmentType(**row._asdict())
