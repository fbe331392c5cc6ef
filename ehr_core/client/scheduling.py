"""The schedule: a day's list, calendars, free times, bookings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

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
    CalendarView,
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
from ehr_core.client.transport import Transport, segment


class SchedulingRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def today(self, on: date | None = None, practitioner_id: str | None = None) -> TodaySchedule:
        """The site's visits of a day (today when not said), of one clinician or of all, each with its gaps."""
        return self._transport.get(
            "/api/schedule",
            TodaySchedule,
            {"on": on.isoformat() if on else None, "practitioner_id": practitioner_id},
        )

    def setup(self) -> SchedulingSetup:
        """Sites, calendars and types in use."""
        return self._transport.get("/api/scheduling/setup", SchedulingSetup)

    def calendar(
        self,
        first_day: date,
        days: int = 7,
        *,
        actors: Sequence[str] | None = None,
        site_id: str | None = None,
    ) -> CalendarView:
        """Visits, blocks and hours of those calendars; of all when not said."""
        return self._transport.get(
            "/api/scheduling/calendar",
            CalendarView,
            {
                "first_day": first_day.isoformat(),
                "days": days,
                "actor": list(actors) if actors is not None else None,
                "site_id": site_id,
            },
        )

    def find(self, wish: FindSlots) -> SlotsFound:
        return self._transport.post("/api/scheduling/slots/find", SlotsFound, wish)

    def hold(self, wanted: HoldSlot) -> Hold:
        """Raises TimeTaken; its alternatives are Slots as JSON objects."""
        return self._transport.post("/api/scheduling/holds", Hold, wanted)

    def release(self, hold_id: str) -> None:
        self._transport.send("DELETE", f"/api/scheduling/holds/{segment(hold_id)}")

    def book(self, wanted: BookVisit) -> BookedVisits:
        return self._transport.post("/api/scheduling/visits", BookedVisits, wanted)

    def visit(self, appointment_id: str) -> VisitCard:
        return self._transport.get(f"/api/scheduling/visits/{segment(appointment_id)}", VisitCard)

    def move(self, appointment_id: str, wanted: MoveVisit) -> BookedVisits:
        return self._act(appointment_id, "move", BookedVisits, wanted)

    def cancel(self, appointment_id: str, wanted: CancelVisit) -> BookedVisits:
        return self._act(appointment_id, "cancel", BookedVisits, wanted)

    def no_show(self, appointment_id: str, version: int) -> VisitCard:
        return self._act(appointment_id, "no-show", VisitCard, VisitAct(version=version))

    def block(self, wanted: NewBlock) -> CalendarBlock:
        return self._transport.post("/api/scheduling/blocks", CalendarBlock, wanted)

    def unblock(self, block_id: str, version: int) -> None:
        self._transport.send("DELETE", f"/api/scheduling/blocks/{segment(block_id)}?version={version}")

    def candidates(self) -> Candidates:
        """Places and people of the record that are not booked yet."""
        return self._transport.get("/api/scheduling/candidates", Candidates)

    def add_site(self, wanted: NewSite) -> Site:
        return self._transport.post("/api/scheduling/sites", Site, wanted)

    def add_calendar(self, wanted: NewCalendar) -> Calendar:
        return self._transport.post("/api/scheduling/calendars", Calendar, wanted)

    def set_active(self, wanted: Calendar) -> Calendar:
        return self._transport.put("/api/scheduling/calendars/active", Calendar, wanted)

    def rules(self, actor: str) -> CalendarRules:
        return self._transport.get("/api/scheduling/calendars/rules", CalendarRules, {"actor": actor})

    def add_rule(self, wanted: AvailabilityRule) -> AvailabilityRule:
        return self._transport.post("/api/scheduling/rules", AvailabilityRule, wanted)

    def remove_rule(self, rule_id: str) -> None:
        self._transport.send("DELETE", f"/api/scheduling/rules/{segment(rule_id)}")

    def add_exception(self, wanted: CalendarException) -> CalendarException:
        return self._transport.post("/api/scheduling/exceptions", CalendarException, wanted)

    def remove_exception(self, exception_id: str) -> None:
        self._transport.send("DELETE", f"/api/scheduling/exceptions/{segment(exception_id)}")

    def holidays(self) -> list[Holiday]:
        """From the last weeks on, in order."""
        return self._transport.get("/api/scheduling/holidays", HolidayList).holidays

    def add_holiday(self, wanted: Holiday) -> Holiday:
        return self._transport.post("/api/scheduling/holidays", Holiday, wanted)

    def remove_holiday(self, holiday_id: str) -> None:
        self._transport.send("DELETE", f"/api/scheduling/holidays/{segment(holiday_id)}")

    def save_type(self, wanted: AppointmentType) -> AppointmentType:
        return self._transport.put("/api/scheduling/types", AppointmentType, wanted)

    def add_shipped_types(self) -> None:
        self._transport.send("POST", "/api/scheduling/types/shipped")

    def _act(self, appointment_id: str, act: str, model, body):
        return self._transport.post(f"/api/scheduling/visits/{segment(appointment_id)}/{act}", model, body)
