"""Decision support at the chart, and for its owner at the site."""

from __future__ import annotations

from data_contracts.api.chart_support import ChartSupport
from data_contracts.api.decision_support import ChooseRule, RuleFigures, SupportFigures
from ehr_core.client.transport import Transport, segment


class DecisionSupportRoom:
    """Raises BadRequest or Conflict saying what a choice lacks."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def of_chart(self, patient_id: str) -> ChartSupport:
        """Passive cards and the forecast of vaccinations."""
        return self._transport.get(f"/api/decision-support/charts/{segment(patient_id)}", ChartSupport)

    def figures(self, days: int = 90) -> SupportFigures:
        return self._transport.get("/api/decision-support/figures", SupportFigures, {"days": days})

    def choose(self, rule_id: str, choice: ChooseRule) -> RuleFigures:
        path = f"/api/decision-support/rules/{segment(rule_id)}/choice"
        return self._transport.post(path, RuleFigures, choice)

    def agree(self, rule_id: str) -> RuleFigures:
        return self._transport.post(f"/api/decision-support/rules/{segment(rule_id)}/agreement", RuleFigures)
