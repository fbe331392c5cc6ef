"""A visit on its day: the flow board, check-in, walk-ins, and what people told at check-in."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter

from data_contracts.api.check_in import CheckIn, CheckInSheet, ReportedList
from data_contracts.api.scheduling import VisitAct
from data_contracts.api.visit_flow import FlowBoard, FlowVisit, MoveOnBoard, WalkIn
from ehr_core.api.dependencies import Work
from ehr_core.workflows import check_in, visit_flow

router = APIRouter(prefix="/api/visits", tags=["visits"])


@router.get("/board")
def board(work: Work, on: date | None = None, site_id: str | None = None) -> FlowBoard:
    return visit_flow.read_flow_board(work, on, site_id)


@router.post("/walk-in")
def walk_in(wanted: WalkIn, work: Work) -> FlowVisit:
    return visit_flow.receive_walk_in(work, wanted)


@router.get("/reported")
def reported(work: Work) -> ReportedList:
    return check_in.reported_changes(work)


@router.post("/reported/{task_id}/settle", status_code=204)
def settle(task_id: str, act: VisitAct, work: Work) -> None:
    check_in.settle_reported(work, task_id, act)


@router.post("/{appointment_id}/move")
def move(appointment_id: str, wanted: MoveOnBoard, work: Work) -> FlowVisit:
    return visit_flow.move_on_board(work, appointment_id, wanted)


@router.get("/{appointment_id}/check-in")
def sheet(appointment_id: str, work: Work, language: str = "en") -> CheckInSheet:
    return check_in.read_sheet(work, appointment_id, language)


@router.post("/{appointment_id}/check-in")
def check(appointment_id: str, wanted: CheckIn, work: Work) -> FlowVisit:
    return check_in.do_check_in(work, appointment_id, wanted)
