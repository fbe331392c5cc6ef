"""Closed charts: their state, break-glass and its review, rules about patients, roles' reach, proxies."""

from __future__ import annotations

from datetime import datetime

from data_contracts.api.access import (
    ActFor,
    ActingFor,
    BreakGlass,
    ChartAccess,
    ChartRule,
    ChartRules,
    GlassReason,
    GlassReview,
    GlassReviews,
    Made,
    NewChartRule,
    NewProxy,
    PatientNamed,
    Proxies,
    ProxyInfo,
    RenewProxy,
    ReviewGlass,
    ReviewOutcome,
    RolePolicies,
    RolePolicyInfo,
    WhichPatient,
)
from ehr_core.client.transport import Transport, segment


class AccessRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def chart(self, patient_id: str) -> ChartAccess:
        return self._transport.get(f"/api/patients/{segment(patient_id)}/access", ChartAccess)

    def break_glass(self, patient_id: str, reason: GlassReason, words: str) -> None:
        """Opens a closed chart for some hours; raises Forbidden where even an emergency opens nothing."""
        asked = BreakGlass(reason=reason, words=words)
        self._transport.send("POST", f"/api/patients/{segment(patient_id)}/break-glass", asked)

    def close_glass(self, patient_id: str) -> None:
        self._transport.send("POST", f"/api/patients/{segment(patient_id)}/break-glass/close")

    def reviews(self) -> list[GlassReview]:
        return self._transport.get("/api/access/reviews", GlassReviews).reviews

    def review(self, review_id: str, outcome: ReviewOutcome, words: str | None = None) -> None:
        asked = ReviewGlass(outcome=outcome, words=words)
        self._transport.send("POST", f"/api/access/reviews/{segment(review_id)}", asked)

    def patient(self, who: str) -> PatientNamed:
        """Whose record an id or a record number is; raises NotFound for neither."""
        return self._transport.post("/api/access/patient", PatientNamed, WhichPatient(who=who))

    def rules(self, patient_id: str) -> list[ChartRule]:
        return self._transport.get("/api/access/rules", ChartRules, {"patient_id": patient_id}).rules

    def make_rule(self, rule: NewChartRule) -> str:
        return self._transport.post("/api/access/rules", Made, rule).made_id

    def end_rule(self, rule_id: str) -> None:
        self._transport.send("POST", f"/api/access/rules/{segment(rule_id)}/end")

    def roles(self) -> list[RolePolicyInfo]:
        return self._transport.get("/api/access/roles", RolePolicies).roles

    def set_role(self, policy: RolePolicyInfo) -> None:
        self._transport.send("PUT", f"/api/access/roles/{segment(policy.role)}", policy)

    def give_proxy(self, proxy: NewProxy) -> str:
        return self._transport.post("/api/access/proxies", Made, proxy).made_id

    def proxies(self, patient_id: str) -> list[ProxyInfo]:
        return self._transport.get("/api/access/proxies", Proxies, {"patient_id": patient_id}).proxies

    def renew_proxy(self, grant_id: str, *, legally_renewed: bool, ends_at: datetime | None = None) -> None:
        asked = RenewProxy(legally_renewed=legally_renewed, ends_at=ends_at)
        self._transport.send("POST", f"/api/access/proxies/{segment(grant_id)}/renew", asked)

    def end_proxy(self, grant_id: str) -> None:
        self._transport.send("POST", f"/api/access/proxies/{segment(grant_id)}/end")

    def acting_for(self) -> ActingFor:
        return self._transport.get("/api/me/acting-for", ActingFor)

    def act_for(self, patient_id: str | None) -> None:
        self._transport.send("POST", "/api/me/acting-for", ActFor(patient_id=patient_id))
