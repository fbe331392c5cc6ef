"""Decision support at the chart, and for its owner at the site."""

from __future__ import annotations

from data_contracts.api.chart_support import ChartSupport
from data_contracts.api.decision_support import ChooseRule, RuleFigures, SupportFigures
from data_contracts.api.outside_orders import OutsideOrders, ReviewOutsideOrder, WaitingOutsideOrders
from ehr_core.client.transport import Transport, segment


class DecisionSupportRoom:
    """Raises BadRequest or Conflict saying what a choice lacks."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def of_chart(self, patient_id: str) -> ChartSupport:
        """Passive cards and the forecast of vaccinations."""
        return self._transport.get(f"/api/decision-support/charts/{segment(patient_id)}", ChartSupport)

    def outside_orders(self, patient_id: str) -> OutsideOrders:
        """Orders that came over FHIR and that nobody here has looked at."""
        return self._transport.get(_outside(patient_id), OutsideOrders)

    def review_outside_order(self, patient_id: str, act: ReviewOutsideOrder) -> OutsideOrders:
        """Closes one; raises Conflict for a warning without a reason."""
        return self._transport.post(f"{_outside(patient_id)}/reviewed", OutsideOrders, act)

    def waiting_outside_orders(self) -> WaitingOutsideOrders:
        return self._transport.get("/api/decision-support/outside-orders", WaitingOutsideOrders)

    def figures(self, days: int = 90) -> SupportFigures:
        return self._transport.get("/api/decision-support/figures", SupportFigures, {"days": days})

    def choose(self, rule_id: str, choice: ChooseRule) -> RuleFigures:
        path = f"/api/decision-support/rules/{segment(rule_id)}/choice"
        return self._transport.post(path, RuleFigures, choice)

    def agree(self, rule_id: str) -> RuleFigures:
        return self._transport.post(f"/api/decision-support/rules/{segment(rule_id)}/agreement", RuleFigures)


def _outside(patient_id: str) -> str:
    return f"/api/decision-support/charts/{segment(patient_id)}/outside-orders"
