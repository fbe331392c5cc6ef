"""Lays a week or a day out for the calendar component: minutes on the wall clock of the installation. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from data_contracts.api.calendars import Calendar
from data_contracts.api.scheduling import CalendarView, VisitCard
from ehr_core.display import show_date

PIXELS_A_MINUTE = 1.7
"""A visit of twenty minutes is 34 pixels high: a target, and room for its name."""
FIRST_HOUR, LAST_HOUR = 7, 19
"""Shown at least; a visit outside stretches the day."""
ASSUMED_MINUTES = 15
STATES = {
    "arrived": "here",
    "checked-in": "here",
    "fulfilled": "done",
    "noshow": "missed",
}
STATUS_WORDS = {
    "proposed": "proposed",
    "pending": "not confirmed by the clinic",
    "booked": "booked",
    "arrived": "arrived",
    "checked-in": "in a room",
    "fulfilled": "has taken place",
    "noshow": "missed",
}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MOVABLE = ("pending", "booked")

Layout = dict[str, Any]


class Clock:
    """Instants as day and minute on one wall clock, and back."""

    def __init__(self, time_zone: str):
        self.zone = ZoneInfo(time_zone)

    def place(self, instant: datetime) -> tuple[date, int]:
        local = instant.astimezone(self.zone)
        return local.date(), local.hour * 60 + local.minute

    def instant(self, day: date, minute: int) -> datetime:
        """The moment at which the wall clock shows that minute; one that the clocks skip, an hour later."""
        extra, minute = divmod(minute, 1440)
        day += timedelta(days=extra)
        local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=self.zone)
        return local.astimezone(UTC)


def day_layout(view: CalendarView, day: date, actors: Sequence[Calendar], now: datetime) -> Layout:
    """One day, a column for each provider or each room."""
    columns = [(actor.actor, actor.name, _site_words(actor), day, actor.actor) for actor in actors]
    return _grid(view, columns, now, label=f"Calendar of {show_date(day)}")


def week_layout(view: CalendarView, actor: Calendar, now: datetime) -> Layout:
    """The days of one provider or room."""
    days = [view.first_day + timedelta(days=number) for number in range(view.days)]
    columns = [(day.isoformat(), day_words(day), _holiday(view, day), day, actor.actor) for day in days]
    return _grid(view, columns, now, label=f"Week of {actor.name} from {show_date(view.first_day)}")


def roster_layout(view: CalendarView, actors: Sequence[Calendar]) -> Layout:
    """Many calendars in one week: a row each, a cell a day."""
    clock = Clock(view.time_zone)
    days = [view.first_day + timedelta(days=number) for number in range(view.days)]
    index = {day: number for number, day in enumerate(days)}
    cells: dict[str, list[list[Layout]]] = {actor.actor: [[] for _ in days] for actor in actors}
    for visit in view.visits:
        day, minute = clock.place(visit.starts_at)
        for name in _whose(visit):
            if name in cells and day in index:
                cells[name][index[day]].append(_chip(visit, minute))
    opened = {(one.actor, clock.place(one.starts_at)[0]) for one in view.open}
    return {
        "label": f"Week of {len(actors)} calendars from {show_date(view.first_day)}",
        "days": [
            {"id": day.isoformat(), "title": day_words(day), "sub": _holiday(view, day)} for day in days
        ],
        "rows": [
            {
                "id": actor.actor,
                "title": actor.name,
                "sub": f"{sum(map(len, cells[actor.actor]))} visits",
                "open": [(actor.actor, day) in opened for day in days],
                "cells": cells[actor.actor],
            }
            for actor in actors
        ],
    }


def day_words(day: date) -> str:
    return f"{WEEKDAYS[day.weekday()]} {show_date(day)}"


def visit_label(visit: VisitCard, minute: int) -> str:
    """All of it in one sentence, for whoever hears the screen."""
    parts = [
        f"{minute // 60:02d}:{minute % 60:02d}",
        visit.patient_name or "No patient named",
        visit.type_name or visit.reason or "visit",
        STATUS_WORDS.get(visit.status, visit.status),
    ]
    parts += ["double-booked"] if visit.double_booked else []
    parts += ["confirmed by the patient"] if visit.confirmed else []
    return ", ".join(parts)


def _grid(
    view: CalendarView, columns: Sequence[tuple[str, str, str, date, str]], now: datetime, *, label: str
) -> Layout:
    clock = Clock(view.time_zone)
    drawn = {(actor, day): _column(identity, title, sub) for identity, title, sub, day, actor in columns}
    for visit in view.visits:
        day, minute = clock.place(visit.starts_at)
        for name in _whose(visit):
            if (name, day) in drawn:
                drawn[name, day]["visits"].append(_block(visit, minute))
    for block in view.blocks:
        day, minute = clock.place(block.starts_at)
        if (block.actor, day) in drawn:
            length = int((block.ends_at - block.starts_at).total_seconds() // 60)
            drawn[block.actor, day]["blocks"].append(
                {
                    "id": block.block_id,
                    "version": block.version,
                    "from": minute,
                    "to": minute + length,
                    "words": block.words or "Blocked",
                }
            )
    for one in view.open:
        day, minute = clock.place(one.starts_at)
        if (one.actor, day) in drawn:
            length = int((one.ends_at - one.starts_at).total_seconds() // 60)
            drawn[one.actor, day]["open"].append((minute, minute + length))
    today, minute = clock.place(now)
    for (_, day), column in drawn.items():
        column["now"] = minute if day == today else None
    first, last = _hours(drawn.values())
    return {
        "label": label,
        "columns": list(drawn.values()),
        "from": first,
        "to": last,
        "step": 20,
        "perMinute": PIXELS_A_MINUTE,
        "scrollTo": 0,
    }


def _column(identity: str, title: str, sub: str) -> Layout:
    return {"id": identity, "title": title, "sub": sub, "visits": [], "blocks": [], "open": [], "now": None}


def _hours(columns: Iterable[Layout]) -> tuple[int, int]:
    """From the first hour to the last that anything needs, in minutes."""
    first, last = FIRST_HOUR * 60, LAST_HOUR * 60
    for column in columns:
        for item in (*column["visits"], *column["blocks"]):
            first, last = min(first, item["from"]), max(last, item["to"])
        for begin, end in column["open"]:
            first, last = min(first, begin), max(last, end)
    return first // 60 * 60, min(-(-last // 60) * 60, 1440)


def _whose(visit: VisitCard) -> list[str]:
    return [name for name in (visit.provider, *(one.actor for one in visit.resources)) if name]


def _block(visit: VisitCard, minute: int) -> Layout:
    length = ASSUMED_MINUTES
    if visit.ends_at is not None:
        length = int((visit.ends_at - visit.starts_at).total_seconds() // 60)
    return _chip(visit, minute) | {"to": minute + max(length, 5)}


def _chip(visit: VisitCard, minute: int) -> Layout:
    state = STATES.get(visit.status, "coming")
    return {
        "id": visit.appointment_id,
        "version": visit.version,
        "from": minute,
        "title": f"{minute // 60:02d}:{minute % 60:02d} {visit.patient_name or 'No patient'}",
        "sub": visit.type_name or visit.reason or "",
        "state": f"{state} double" if visit.double_booked else state,
        "movable": visit.status in MOVABLE,
        "label": visit_label(visit, minute),
    }


def _holiday(view: CalendarView, day: date) -> str:
    return ", ".join(one.name for one in view.holidays if one.on_day == day)


def _site_words(actor: Calendar) -> str:
    return "" if actor.kind == "provider" else (actor.resource_kind or "").replace("_", " ")
