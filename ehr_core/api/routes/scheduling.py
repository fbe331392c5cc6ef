"""The schedule: a day's list, calendars, free times, holds, bookings and what is done to them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from data_contracts.api.calendars import (
    AppointmentType,
    AvailabilityRule,
    Calendar,
    CalendarException,
    CalendarRules,
    Candidates,
    Holiday,
    HolidayList,
    NewCalendar,
    NewSite,
    SchedulingSetup,
    Site,
)
from data_contracts.api.schedule import TodaySchedule
from data_contracts.api.scheduling import (
    BookedVisits,
    BookVisit,
    CalendarBlock,
    CancelVisit,
    FindSlots,
    Hold,
    HoldSlot,
    MoveVisit,
    NewBlock,
    SlotsFound,
    VisitAct,
    VisitCard,
)
from ehr_core.api.dependencies import ProcessParts, Work
from ehr_core.scheduling import calendar_view, calendars, holds, opening_hours, types
from ehr_core.workflows import book_visit
from ehr_core.workflows.todays_visits import read_schedule

router = APIRouter(prefix="/api", tags=["scheduling"])


@router.get("/schedule")
def schedule(work: Work, on: date | None = None, practitioner_id: str | None = None) -> TodaySchedule:
    return read_schedule(work, on=on, practitioner_id=practitioner_id)


@router.get("/scheduling/setup")
def setup(work: Work) -> SchedulingSetup:
    return calendars.read_setup(work)


@router.get("/scheduling/calendar")
def calendar(
    work: Work,
    first_day: date,
    days: int = 7,
    actor: Annotated[list[str] | None, Query()] = None,
    site_id: str | None = None,
) -> Response:
    """Serialised here, once: the answer is built from the record and is large."""
    view = calendar_view.read_calendar(work, first_day, days, actors=actor, site_id=site_id)
    return Response(view.__pydantic_serializer__.to_json(view), media_type="application/json")


@router.post("/scheduling/slots/find")
def find(wish: FindSlots, work: Work) -> SlotsFound:
    return book_visit.find_free_slots(work, wish)


@router.post("/scheduling/holds")
def hold(wanted: HoldSlot, parts: ProcessParts, work: Work) -> Hold:
    return holds.hold_slot(work, wanted, minutes=parts.settings.hold_minutes)


@router.delete("/scheduling/holds/{hold_id}", status_code=204)
def release(hold_id: str, work: Work) -> None:
    holds.release_hold(work, hold_id)


@router.post("/scheduling/visits")
def book(wanted: BookVisit, work: Work) -> BookedVisits:
    return book_visit.book_visit(work, wanted)


@router.get("/scheduling/visits/{appointment_id}")
def visit(appointment_id: str, work: Work) -> VisitCard:
    return book_visit.read_visit(work, appointment_id)


@router.post("/scheduling/visits/{appointment_id}/move")
def move(appointment_id: str, wanted: MoveVisit, work: Work) -> BookedVisits:
    return book_visit.move_visit(work, appointment_id, wanted)


@router.post("/scheduling/visits/{appointment_id}/cancel")
def cancel(appointment_id: str, wanted: CancelVisit, work: Work) -> BookedVisits:
    return BookedVisits(visits=book_visit.cancel_visit(work, appointment_id, wanted))


@router.post("/scheduling/visits/{appointment_id}/no-show")
def no_show(appointment_id: str, wanted: VisitAct, work: Work) -> VisitCard:
    return book_visit.miss_visit(work, appointment_id, wanted)


@router.post("/scheduling/blocks")
def block(wanted: NewBlock, work: Work) -> CalendarBlock:
    return calendar_view.add_block(work, wanted)


@router.delete("/scheduling/blocks/{block_id}", status_code=204)
def unblock(block_id: str, version: int, work: Work) -> None:
    calendar_view.remove_block(work, block_id, version)


@router.get("/scheduling/candidates")
def candidates(work: Work) -> Candidates:
    return calendars.read_candidates(work)


@router.post("/scheduling/sites")
def add_site(wanted: NewSite, work: Work) -> Site:
    return calendars.add_site(work, wanted)


@router.post("/scheduling/calendars")
def add_calendar(wanted: NewCalendar, work: Work) -> Calendar:
    return calendars.add_calendar(work, wanted)


@router.get("/scheduling/calendars/rules")
def rules(actor: str, work: Work) -> CalendarRules:
    return opening_hours.read_rules(work, actor)


@router.put("/scheduling/calendars/active")
def set_active(wanted: Calendar, work: Work) -> Calendar:
    return calendars.set_active(work, wanted.actor, active=wanted.active, version=wanted.version)


@router.post("/scheduling/rules")
def add_rule(wanted: AvailabilityRule, work: Work) -> AvailabilityRule:
    return opening_hours.add_rule(work, wanted)


@router.delete("/scheduling/rules/{rule_id}", status_code=204)
def remove_rule(rule_id: str, work: Work) -> None:
    opening_hours.remove_rule(work, rule_id)


@router.post("/scheduling/exceptions")
def add_exception(wanted: CalendarException, work: Work) -> CalendarException:
    return opening_hours.add_exception(work, wanted)


@router.delete("/scheduling/exceptions/{exception_id}", status_code=204)
def remove_exception(exception_id: str, work: Work) -> None:
    opening_hours.remove_exception(work, exception_id)


@router.get("/scheduling/holidays")
def holidays(work: Work) -> HolidayList:
    work.actor.require("schedule.read")
    return HolidayList(holidays=opening_hours.holidays(work))


@router.post("/scheduling/holidays")
def add_holiday(wanted: Holiday, work: Work) -> Holiday:
    return opening_hours.add_holiday(work, wanted)


@router.delete("/scheduling/holidays/{holiday_id}", status_code=204)
def remove_holiday(holiday_id: str, work: Work) -> None:
    opening_hours.remove_holiday(work, holiday_id)


@router.put("/scheduling/types")
def save_type(wanted: AppointmentType, work: Work) -> AppointmentType:
    return types.save_type(work, wanted)


@router.post("/scheduling/types/shipped", status_code=204)
def add_shipped_types(work: Work) -> None:
    types.ensure_shipped_types(work)
