"""A visit on its day: the flow board, check-in, walk-ins, and what people told."""

from __future__ import annotations

from datetime import date

from data_contracts.api.check_in import CheckIn, CheckInSheet, ReportedList
from data_contracts.api.scheduling import VisitAct
from data_contracts.api.visit_flow import FlowBoard, FlowVisit, MoveOnBoard, WalkIn
from ehr_core.client.transport import Transport, segment


class VisitsRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def board(self, on: date | None = None, site_id: str | None = None) -> FlowBoard:
        params = {"on": on.isoformat() if on else None, "site_id": site_id}
        return self._transport.get("/api/visits/board", FlowBoard, params)

    def move(self, appointment_id: str, wanted: MoveOnBoard) -> FlowVisit:
        """Raises StaleVersion when somebody has moved it since it was drawn."""
        return self._transport.post(f"/api/visits/{segment(appointment_id)}/move", FlowVisit, wanted)

    def walk_in(self, wanted: WalkIn) -> FlowVisit:
        return self._transport.post("/api/visits/walk-in", FlowVisit, wanted)

    def sheet(self, appointment_id: str, language: str = "en") -> CheckInSheet:
        """All that is gone through at check-in; the forms in that language where they have it."""
        path = f"/api/visits/{segment(appointment_id)}/check-in"
        return self._transport.get(path, CheckInSheet, {"language": language})

    def check_in(self, appointment_id: str, wanted: CheckIn) -> FlowVisit:
        return self._transport.post(f"/api/visits/{segment(appointment_id)}/check-in", FlowVisit, wanted)

    def reported(self) -> ReportedList:
        """What people told at check-in that no clinician has looked at yet."""
        return self._transport.get("/api/visits/reported", ReportedList)

    def settle_reported(self, task_id: str, version: int) -> None:
        self._transport.send(
            "POST", f"/api/visits/reported/{segment(task_id)}/settle", VisitAct(version=version)
        )
