"""The flow board: expected, arrived, in a room, with the clinician, checked out. Moves are bound to what was drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text

from data_contracts.api.scheduling import VisitCard
from data_contracts.api.visit_flow import FlowBoard, FlowVisit, Stage
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict, StaleVersion
from ehr_core.scheduling.calendars import calendars
from ehr_core.scheduling.cards import card, cards_between
from ehr_core.scheduling.rules import STAGE_OF_STATUS, check_step, day_bounds

ON_THE_BOARD = ("pending", "booked", "arrived", "checked-in", "fulfilled")
TIME_COLUMNS: dict[Stage, str] = {
    "arrived": "arrived_at",
    "roomed": "roomed_at",
    "with_clinician": "with_clinician_at",
    "checked_out": "checked_out_at",
}

FLOWS = text("""
SELECT wanted.appointment_id, f.stage, f.walk_in, f.room, f.arrived_at, f.roomed_at, f.with_clinician_at,
  f.checked_out_at, f.encounter_id, coalesce(f.version, 0) AS version,
  c.identity_checked_at IS NOT NULL AS checked_in
FROM unnest(CAST(:ids AS text[])) AS wanted (appointment_id)
LEFT JOIN scheduling.flow AS f USING (appointment_id) LEFT JOIN scheduling.check_in AS c USING (appointment_id)
""")


@dataclass(frozen=True)
class Standing:
    """Where one visit stands; `version` 0: nobody has moved it yet."""

    visit: VisitCard
    stage: Stage
    row: Mapping[str, Any]

    @property
    def version(self) -> str:
        """The booking's version and the board's: either change makes a click of before stale."""
        return f"{self.visit.version}.{self.row.get('version', 0)}"

    @property
    def room(self) -> str | None:
        return self.row.get("room") or next(
            (one.actor for one in self.visit.resources if one.actor.startswith("Location/")), None
        )


def read_board(work: UnitOfWork, on: date | None = None, site_id: str | None = None) -> FlowBoard:
    """A day's visits in order of time, of one site or all. One audit row with the sealed list."""
    work.actor.require("schedule.read")
    day = on or work.today()
    begin, end = day_bounds(day, work.site_time_zone)
    visits = [
        visit for visit in cards_between(work, begin, end, ON_THE_BOARD) if site_id in (None, visit.site_id)
    ]
    standing = standings(work, visits)
    rooms = [one for one in calendars(work) if one.kind == "room" and site_id in (None, one.site_id)]
    names = {one.actor: one.name for one in rooms}
    work.audit(
        "schedule_read",
        patient_ids=[visit.patient_id for visit in visits if visit.patient_id],
        detail={"on": day.isoformat(), "board": True, "visits": len(visits)},
    )
    return FlowBoard(
        on=day,
        now=work.now(),
        time_zone=work.site_time_zone,
        visits=[present(one, names) for one in standing],
        rooms=rooms,
        waiting=sum(1 for one in standing if one.stage == "arrived"),
    )


def standings(work: UnitOfWork, visits: list[VisitCard]) -> list[Standing]:
    rows = work.connection.execute(FLOWS, {"ids": [visit.appointment_id for visit in visits]}).mappings()
    known = {row["appointment_id"]: row for row in rows}
    return [_standing(visit, known.get(visit.appointment_id)) for visit in visits]


def standing_of(work: UnitOfWork, appointment_id: str) -> Standing:
    """Raises NotFound."""
    return standings(work, [card(work, appointment_id)])[0]


def check_drawn(standing: Standing, version: str) -> None:
    """Raises StaleVersion when the visit is no longer what was on the screen."""
    if standing.version != version:
        raise StaleVersion("Somebody else has moved this visit a moment ago. Look at where it stands now.")


def set_stage(
    work: UnitOfWork, standing: Standing, to: Stage, *, room: str | None, encounter_id: str | None
) -> None:
    """Moves it on the board and notes the time; a step back takes the later times away. Raises Conflict, BadRequest."""
    check_step(standing.stage, to)
    if room is not None:
        _check_room(work, standing, room)
    values = _times(standing, to, work.now())
    done = work.connection.execute(
        text(
            "INSERT INTO scheduling.flow (appointment_id, patient_id, stage, room, encounter_id, arrived_at, "
            "roomed_at, with_clinician_at, checked_out_at) VALUES (:id, :patient, :stage, :room, :encounter, "
            ":arrived_at, :roomed_at, :with_clinician_at, :checked_out_at) ON CONFLICT (appointment_id) DO UPDATE SET "
            "stage = :stage, room = :room, encounter_id = :encounter, arrived_at = :arrived_at, "
            "roomed_at = :roomed_at, with_clinician_at = :with_clinician_at, checked_out_at = :checked_out_at, "
            "version = scheduling.flow.version + 1 WHERE scheduling.flow.version = :version"
        ),
        values
        | {
            "id": standing.visit.appointment_id,
            "patient": standing.visit.patient_id,
            "stage": to,
            "room": room if room is not None else standing.row.get("room"),
            "encounter": encounter_id,
            "version": standing.row.get("version", 0),
        },
    )
    if not done.rowcount:
        raise StaleVersion("Somebody else has moved this visit a moment ago. Look at where it stands now.")


def mark_walk_in(work: UnitOfWork, appointment_id: str) -> None:
    work.connection.execute(
        text("UPDATE scheduling.flow SET walk_in = true WHERE appointment_id = :id"), {"id": appointment_id}
    )


def present(one: Standing, room_names: Mapping[str, str]) -> FlowVisit:
    row = one.row
    return FlowVisit(
        visit=one.visit,
        stage=one.stage,
        version=one.version,
        walk_in=bool(row.get("walk_in")),
        room=one.room,
        room_name=room_names.get(one.room or ""),
        arrived_at=row.get("arrived_at"),
        roomed_at=row.get("roomed_at"),
        with_clinician_at=row.get("with_clinician_at"),
        checked_out_at=row.get("checked_out_at"),
        checked_in=bool(row.get("checked_in")),
    )


def _standing(visit: VisitCard, row: Mapping[str, Any] | None) -> Standing:
    """What the board says counts while the Appointment agrees that somebody has come; else the Appointment counts."""
    told = STAGE_OF_STATUS.get(visit.status, "expected")
    if row is None or row["stage"] is None:
        return Standing(visit, told, row or {})
    stage = row["stage"] if (told == "expected") == (row["stage"] == "expected") else told
    return Standing(visit, stage, row)


def _times(standing: Standing, to: Stage, now: datetime) -> dict[str, datetime | None]:
    """The times that stay, and now for the new stage; a time that was noted once is kept."""
    order = list(TIME_COLUMNS)
    reached = order.index(to) if to in order else -1
    times = {}
    for place, (stage, column) in enumerate(TIME_COLUMNS.items()):
        noted = standing.row.get(column)
        times[column] = (noted or (now if stage == to else None)) if place <= reached else None
    return times


def _check_room(work: UnitOfWork, standing: Standing, room: str) -> None:
    known = {one.actor for one in calendars(work) if one.kind == "room"}
    if room not in known:
        raise BadRequest("room: choose one of the rooms of this site.")
    taken = work.connection.execute(
        text(
            "SELECT 1 FROM scheduling.flow AS f JOIN fhir.appointment AS a ON a.id = f.appointment_id "
            "WHERE f.room = :room AND f.stage IN ('roomed', 'with_clinician') AND f.appointment_id <> :id "
            "AND a.status = 'checked-in' AND a.date_low >= CAST(:now AS timestamptz) - interval '12 hours'"
        ),
        {"room": room, "id": standing.visit.appointment_id, "now": work.now()},
    ).first()
    if taken is not None:
        raise Conflict("Somebody is in this room. Choose another one.")
