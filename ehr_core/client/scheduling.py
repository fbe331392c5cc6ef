"""The day's schedule."""

from __future__ import annotations

from datetime import date

from data_contracts.api.schedule import TodaySchedule
from ehr_core.client.transport import Transport


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
