"""When a calendar is open: its hours by weekday, and the days and holidays on which that is otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Any

from sqlalchemy import text

from data_contracts.api.calendars import AvailabilityRule, CalendarException, CalendarRules, Holiday
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict, NotFound
from ehr_core.kernel.ids import new_id
from ehr_core.scheduling.calendars import calendar, check_site, checked_uuid

DAY_BEGINS, DAY_ENDS = time(0, 0), "24:00"
LONGEST_CLOSURE_DAYS = 731


def read_rules(work: UnitOfWork, actor: str) -> CalendarRules:
    work.actor.require("schedule.manage")
    since = work.connection.execute(
        text("SELECT made_at FROM scheduling.feed WHERE actor = :actor AND revoked_at IS NULL"),
        {"actor": actor},
    ).scalar_one_or_none()
    return CalendarRules(
        calendar=calendar(work, actor),
        rules=_rules(work, actor),
        exceptions=_exceptions(work, actor),
        feed_since=since,
    )


def add_rule(work: UnitOfWork, wanted: AvailabilityRule) -> AvailabilityRule:
    """Hours on one weekday. Raises BadRequest when they end before they begin or fall into others of that calendar."""
    work.actor.require("schedule.manage")
    calendar(work, wanted.actor)
    _check_hours(wanted.opens, wanted.closes)
    if any(_meet(wanted, other) for other in _rules(work, wanted.actor)):
        raise BadRequest("opens: these hours fall into others of the same weekday. Remove those first.")
    rule_id = new_id()
    work.connection.execute(
        text(
            "INSERT INTO scheduling.availability (rule_id, actor, site_id, weekday, opens, closes, valid_from, "
            "valid_until, type_codes) VALUES (:rule_id, :actor, :site_id, :weekday, :opens, "
            "CAST(:closes AS time), :valid_from, :valid_until, :type_codes)"
        ),
        wanted.model_dump() | {"rule_id": rule_id, "closes": _closing(wanted.closes)},
    )
    work.audit("scheduling.hours_added", detail={"actor": wanted.actor, "weekday": wanted.weekday})
    return wanted.model_copy(update={"rule_id": rule_id})


def remove_rule(work: UnitOfWork, rule_id: str) -> None:
    _remove(work, "availability", "rule_id", rule_id, "scheduling.hours_removed")


def add_exception(work: UnitOfWork, wanted: CalendarException) -> CalendarException:
    """Days that are otherwise. What is booked in a closure stays booked: the calendar shows it."""
    work.actor.require("schedule.manage")
    calendar(work, wanted.actor)
    if wanted.last_day < wanted.first_day:
        raise BadRequest("last_day: it is before the first day.")
    if wanted.last_day - wanted.first_day > timedelta(days=LONGEST_CLOSURE_DAYS):
        raise BadRequest("last_day: at most two years at once. Close the calendar itself instead.")
    opens = wanted.opens or DAY_BEGINS
    _check_hours(opens, wanted.closes or time(0, 0))
    exception_id = new_id()
    work.connection.execute(
        text(
            "INSERT INTO scheduling.exception (exception_id, actor, site_id, kind, first_day, last_day, opens, closes, "
            "reason) VALUES (:exception_id, :actor, :site_id, :kind, :first_day, :last_day, :opens, "
            "CAST(:closes AS time), :reason)"
        ),
        wanted.model_dump()
        | {"exception_id": exception_id, "opens": opens, "closes": _closing(wanted.closes)},
    )
    work.audit("scheduling.exception_added", detail={"actor": wanted.actor, "kind": wanted.kind})
    return wanted.model_copy(update={"exception_id": exception_id})


def remove_exception(work: UnitOfWork, exception_id: str) -> None:
    _remove(work, "exception", "exception_id", exception_id, "scheduling.exception_removed")


def holidays(work: UnitOfWork) -> list[Holiday]:
    """From the last weeks on, in order."""
    rows = work.connection.execute(
        text(
            "SELECT CAST(holiday_id AS text) AS holiday_id, site_id, on_day, name FROM scheduling.holiday "
            "WHERE on_day >= CAST(:today AS date) - 31 ORDER BY on_day, name"
        ),
        {"today": work.today()},
    )
    return [Holiday(**row._asdict()) for row in rows]


def add_holiday(work: UnitOfWork, wanted: Holiday) -> Holiday:
    work.actor.require("schedule.manage")
    if wanted.site_id is not None:
        check_site(work, wanted.site_id)
    holiday_id = new_id()
    done = work.connection.execute(
        text(
            "INSERT INTO scheduling.holiday (holiday_id, site_id, on_day, name) "
            "VALUES (:holiday_id, :site_id, :on_day, :name) ON CONFLICT DO NOTHING"
        ),
        wanted.model_dump() | {"holiday_id": holiday_id},
    )
    if not done.rowcount:
        raise Conflict("on_day: this day is a holiday already.")
    work.audit("scheduling.holiday_added", detail={"on": wanted.on_day.isoformat()})
    return wanted.model_copy(update={"holiday_id": holiday_id})


def remove_holiday(work: UnitOfWork, holiday_id: str) -> None:
    _remove(work, "holiday", "holiday_id", holiday_id, "scheduling.holiday_removed")


def _remove(work: UnitOfWork, table: str, column: str, value: str, act: str) -> None:
    work.actor.require("schedule.manage")
    done = work.connection.execute(
        text(f"DELETE FROM scheduling.{table} WHERE {column} = CAST(:id AS uuid)"),
        {"id": checked_uuid(value, table)},
    )
    if not done.rowcount:
        raise NotFound("Somebody else has removed this already. Reload the page.")
    work.audit(act, detail={column: value})


def _rules(work: UnitOfWork, actor: str) -> list[AvailabilityRule]:
    rows = work.connection.execute(
        text(
            "SELECT CAST(rule_id AS text) AS rule_id, actor, site_id, weekday, opens, CAST(closes AS text) AS closes, "
            "valid_from, valid_until, type_codes FROM scheduling.availability WHERE actor = :actor "
            "ORDER BY weekday, opens, valid_from NULLS FIRST"
        ),
        {"actor": actor},
    ).mappings()
    return [AvailabilityRule(**_with_closing(row)) for row in rows]


def _exceptions(work: UnitOfWork, actor: str) -> list[CalendarException]:
    rows = work.connection.execute(
        text(
            "SELECT CAST(exception_id AS text) AS exception_id, actor, site_id, kind, first_day, last_day, opens, "
            "CAST(closes AS text) AS closes, reason FROM scheduling.exception "
            "WHERE actor = :actor AND last_day >= :today ORDER BY first_day, opens"
        ),
        {"actor": actor, "today": work.today()},
    ).mappings()
    return [CalendarException(**_with_closing(row)) for row in rows]


def _with_closing(row: Mapping[str, Any]) -> dict[str, Any]:
    """PostgreSQL's 24:00 is the next midnight, which Python writes 00:00."""
    written = row["closes"]
    return dict(row) | {"closes": time(0, 0) if written.startswith("24") else time.fromisoformat(written)}


def _closing(closes: time | None) -> str:
    return DAY_ENDS if closes in (None, time(0, 0)) else closes.isoformat()


def _check_hours(opens: time, closes: time) -> None:
    if closes != time(0, 0) and closes <= opens:
        raise BadRequest("closes: it is not after the hour of opening. Hours over midnight are two entries.")


def _meet(one: AvailabilityRule, other: AvailabilityRule) -> bool:
    if one.weekday != other.weekday:
        return False
    if one.valid_until and other.valid_from and one.valid_until < other.valid_from:
        return False
    if other.valid_until and one.valid_from and other.valid_until < one.valid_from:
        return False
    return one.opens < _end(other) and other.opens < _end(one)


def _end(rule: AvailabilityRule) -> time:
    return time.max if rule.closes == time(0, 0) else rule.closes
