"""Decision support at the chart, and for its owner at the site: figures per rule, and what was decided about one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from data_contracts.api.chart_support import ChartSupport
from data_contracts.api.decision_support import ChooseRule, RuleFigures, SupportFigures
from data_contracts.api.outside_orders import OutsideOrders, ReviewOutsideOrder, WaitingOutsideOrders
from ehr_core.api.dependencies import ProcessParts, Work
from ehr_core.decision_support.oversight import PERIOD_DAYS, agree, choose, read_figures
from ehr_core.workflows.chart_support import read_chart_support
from ehr_core.workflows.outside_orders import (
    read_outside_orders,
    review_outside_order,
    waiting_outside_orders,
)

router = APIRouter(prefix="/api/decision-support", tags=["decision support"])


@router.get("/charts/{patient_id}")
def chart(patient_id: str, parts: ProcessParts, work: Work) -> ChartSupport:
    schedule_id = parts.settings.immunization_schedule
    return read_chart_support(work, patient_id=patient_id, schedule_id=schedule_id)


@router.get("/charts/{patient_id}/outside-orders")
def outside_orders(patient_id: str, work: Work) -> OutsideOrders:
    return read_outside_orders(work, patient_id=patient_id)


@router.post("/charts/{patient_id}/outside-orders/reviewed")
def reviewed_outside_order(patient_id: str, act: ReviewOutsideOrder, work: Work) -> OutsideOrders:
    review_outside_order(work, patient_id=patient_id, act=act)
    return read_outside_orders(work, patient_id=patient_id)


@router.get("/outside-orders")
def waiting(work: Work) -> WaitingOutsideOrders:
    return waiting_outside_orders(work)


@router.get("/figures")
def figures(work: Work, days: Annotated[int, Query(ge=1, le=366)] = PERIOD_DAYS) -> SupportFigures:
    return read_figures(work, days=days)


@router.post("/rules/{rule_id}/choice")
def choice(rule_id: str, chosen: ChooseRule, work: Work) -> RuleFigures:
    return choose(work, rule_id=rule_id, choice=chosen)


@router.post("/rules/{rule_id}/agreement")
def agreement(rule_id: str, work: Work) -> RuleFigures:
    return agree(work, rule_id=rule_id)
