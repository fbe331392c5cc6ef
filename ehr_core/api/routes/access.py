"""Closed charts and the way in: break-glass and its review, rules about patients, roles' reach, proxies."""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.access import (
    ActFor,
    ActingFor,
    BreakGlass,
    ChartAccess,
    ChartRule,
    ChartRules,
    GlassReview,
    GlassReviews,
    Made,
    NewChartRule,
    NewProxy,
    PatientNamed,
    Proxies,
    ProxyInfo,
    RecordChoice,
    RenewProxy,
    ReviewGlass,
    RolePolicies,
    RolePolicyInfo,
    WhichPatient,
)
from ehr_core.access import break_glass, chart_rules, proxies, sessions
from ehr_core.access.role_policies import set_role_policy, site_policies
from ehr_core.access.roles import policy_by_role
from ehr_core.api.dependencies import Parts, ProcessParts, Work
from ehr_core.api.known_patients import name_patient, names_of, require_known
from ehr_core.kernel.errors import BadRequest, Forbidden

router = APIRouter(prefix="/api", tags=["access"])


@router.get("/patients/{patient_id}/access")
def chart_access(patient_id: str, work: Work) -> ChartAccess:
    """Whether I may open this chart, and whether breaking the glass would open it."""
    work.actor.require("chart.read")
    state = break_glass.chart_state(work, patient_id)
    return ChartAccess(**vars(state))


@router.post("/patients/{patient_id}/break-glass", status_code=204)
def break_the_glass(patient_id: str, asked: BreakGlass, work: Work) -> None:
    """Opens a closed chart for some hours from the next call on. Audited, and reviewed by somebody else."""
    break_glass.break_glass(work, patient_id, reason=asked.reason, words=asked.words)


@router.post("/patients/{patient_id}/break-glass/close", status_code=204)
def give_the_chart_back(patient_id: str, work: Work) -> None:
    work.actor.require("chart.break_glass")
    break_glass.close_glass(work, patient_id)


@router.get("/access/reviews")
def glass_reviews(parts: ProcessParts, work: Work) -> GlassReviews:
    rows = break_glass.to_review(work)
    named = names_of(parts, (row.patient_id for row in rows))
    return GlassReviews(
        reviews=[
            GlassReview(
                review_id=row.id,
                account_id=row.account_id,
                account_name=row.account_name,
                patient_id=row.patient_id,
                patient=named.get(row.patient_id),
                reason=row.reason,
                words=row.words,
                opened_at=row.opened_at,
                closed_at=row.closed_at,
                acts=row.acts,
            )
            for row in rows
        ]
    )


@router.post("/access/reviews/{review_id}", status_code=204)
def review_glass(review_id: str, asked: ReviewGlass, work: Work) -> None:
    break_glass.review(work, review_id, outcome=asked.outcome, words=asked.words)


@router.post("/access/patient")
def which_patient(asked: WhichPatient, parts: ProcessParts, work: Work) -> PatientNamed:
    """Whose record an id or a record number is. In the body: a record number stands in no address."""
    return name_patient(parts, work, asked.who.strip())


@router.get("/access/rules")
def rules(patient_id: str, parts: ProcessParts, work: Work) -> ChartRules:
    """The rules about one patient that nobody has ended."""
    require_known(parts, work, "access.manage", patient_id)
    rows = chart_rules.rules_of(work, patient_id)
    return ChartRules(rules=[ChartRule(rule_id=row.id, **_without_id(row)) for row in rows])


@router.post("/access/rules", status_code=201)
def make_rule(asked: NewChartRule, parts: ProcessParts, work: Work) -> Made:
    require_known(parts, work, "access.manage", asked.patient_id)
    return Made(made_id=chart_rules.make_rule(work, chart_rules.NewRule(**asked.model_dump())))


@router.post("/access/rules/{rule_id}/end", status_code=204)
def end_rule(rule_id: str, work: Work) -> None:
    chart_rules.end_rule(work, rule_id)


@router.get("/access/roles")
def roles(work: Work) -> RolePolicies:
    """Every staff role's reach and labels as they hold here."""
    work.actor.require("access.manage")
    here = site_policies(work.connection)
    return RolePolicies(
        roles=[
            RolePolicyInfo(
                role=role,
                reach=here.get(role, policy).reach,
                labels=sorted(here.get(role, policy).sees),
                said_here=role in here,
            )
            for role, policy in sorted(policy_by_role().items())
        ]
    )


@router.put("/access/roles/{role}", status_code=204)
def set_role(role: str, asked: RolePolicyInfo, work: Work) -> None:
    if role != asked.role:
        raise BadRequest("The role in the address and the one in the body are not the same.")
    set_role_policy(work, role, reach=asked.reach, labels=asked.labels)


@router.post("/access/proxies", status_code=201)
def give_proxy(asked: NewProxy, parts: ProcessParts, work: Work) -> Made:
    require_known(parts, work, "access.manage", asked.patient_id)
    return Made(made_id=proxies.give_proxy(work, **asked.model_dump()))


@router.get("/access/proxies")
def list_proxies(patient_id: str, parts: ProcessParts, work: Work) -> Proxies:
    """Everybody who acts for one patient, with what is left of their scope today."""
    return Proxies(proxies=[_proxy(parts, work, row) for row in proxies.grants_about(work, patient_id)])


@router.post("/access/proxies/{grant_id}/renew", status_code=204)
def renew_proxy(grant_id: str, asked: RenewProxy, work: Work) -> None:
    proxies.renew_proxy(work, grant_id, legally_renewed=asked.legally_renewed, ends_at=asked.ends_at)


@router.post("/access/proxies/{grant_id}/end", status_code=204)
def end_proxy(grant_id: str, work: Work) -> None:
    proxies.end_proxy(work, grant_id)


@router.get("/me/acting-for")
def acting_for(parts: ProcessParts, work: Work) -> ActingFor:
    """Whose record this session looks at; a proxy's choices are those that age, expiry and scope leave today."""
    session = sessions.find_session(work.connection, work.actor.session_id or "")
    mine = "proxy" not in work.actor.roles
    choices = _choices(parts, work)
    named = names_of(parts, choices)
    if choices:
        work.audit("records_to_act_for_listed", patient_ids=choices)
    return ActingFor(
        patient_id=None if mine else work.actor.patient_id,
        choices=[
            RecordChoice(patient_id=one, name=named[one].name, birth_date=named[one].birth_date)
            for one in sorted(choices)
            if one in named
        ],
        has_own_record=session is not None and session.facts.patient_id is not None,
    )


@router.post("/me/acting-for", status_code=204)
def act_for(asked: ActFor, parts: ProcessParts, work: Work) -> None:
    """Looks at another record from the next call on; null: at one's own."""
    if asked.patient_id is not None and asked.patient_id not in _choices(parts, work):
        raise Forbidden("You may not act for this person, or not any more.")
    sessions.act_for(work.connection, work.actor.session_id or "", asked.patient_id)
    work.audit("acting_for_chosen", patient_id=asked.patient_id)


def _choices(parts: Parts, work: Work) -> dict[str, frozenset[str]]:
    session = sessions.find_session(work.connection, work.actor.session_id or "")
    return parts.identity.proxy_scopes(session, work.now()) if session else {}


def _proxy(parts: Parts, work: Work, row) -> ProxyInfo:
    left = proxies.scope_now(
        proxies.grant_of_row(row),
        birth_date=row.born,
        today=work.today(),
        now=work.now(),
        narrowing_age=parts.settings.proxy_narrowing_age,
    )
    return ProxyInfo(
        grant_id=row.id,
        account_id=row.account_id,
        account_name=row.account_name,
        relationship=row.relationship,
        scope=list(row.scope),
        scope_today=sorted(left),
        legally_renewed=row.legally_renewed,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
    )


def _without_id(row) -> dict[str, object]:
    return {name: value for name, value in row._mapping.items() if name != "id"}
