"""The results inbox: its cards and the acts on them, results without a patient, coverage and pools."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Query

from data_contracts.api.results_inbox import (
    Acknowledge,
    Acted,
    ActOnResults,
    AddCoverage,
    AddPool,
    AttachResult,
    CancelCoverage,
    CoverageSettings,
    Delegate,
    Inbox,
    InboxChoices,
    InboxCounts,
    IncomingResults,
    MatchCandidate,
    ReceivedResults,
    SetAside,
    SetPoolMembers,
    UnmatchedResults,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import Parts, ProcessParts, Work
from ehr_core.results_inbox import acts, coverage, pools, received
from ehr_core.workflows import act_on_results, read_inbox, receive_results

router = APIRouter(prefix="/api", tags=["results inbox"])


@router.get("/inbox")
def inbox(
    work: Work,
    of: str = Query(default="mine", max_length=64),
    view: Literal["open", "acknowledged", "closed"] = "open",
    page: int = Query(default=1, ge=1, le=1000),
) -> Inbox:
    """`of`: 'mine', 'all', or the practitioner id of whose inbox it is."""
    return read_inbox.read_inbox(work, of=of, view=view, page=page)


@router.get("/inbox/counts")
def counts(work: Work) -> InboxCounts:
    return read_inbox.read_counts(work)


@router.get("/inbox/choices")
def choices(work: Work) -> InboxChoices:
    return read_inbox.read_choices(work)


@router.post("/inbox/acknowledge")
def acknowledge(act: Acknowledge, work: Work) -> Acted:
    return act_on_results.acknowledge(work, act)


@router.post("/inbox/act")
def act_on(act: ActOnResults, work: Work) -> Acted:
    return act_on_results.act_on_results(work, act)


@router.post("/inbox/delegate")
def delegate(act: Delegate, work: Work) -> Acted:
    return acts.delegate(work, act)


@router.post("/incoming-results")
def receive(incoming: IncomingResults, work: Work) -> ReceivedResults:
    return receive_results.receive_results(work, incoming)


@router.get("/unmatched-results")
def unmatched(work: Work) -> UnmatchedResults:
    return receive_results.read_unmatched(work)


@router.get("/unmatched-results/{received_id}/candidates/{patient_id}")
def candidate(received_id: str, patient_id: str, work: Work) -> MatchCandidate:
    return receive_results.judge_candidate(work, received_id, patient_id)


@router.post("/unmatched-results/{received_id}/attach")
def attach(received_id: str, act: AttachResult, work: Work) -> ReceivedResults:
    return receive_results.attach_result(work, received_id, act)


@router.post("/unmatched-results/{received_id}/set-aside")
def set_aside(received_id: str, act: SetAside, work: Work) -> ReceivedResults:
    return received.set_aside(work, received_id, act)


@router.get("/inbox/coverage")
def coverage_settings(parts: ProcessParts, work: Work) -> CoverageSettings:
    return _settings(parts, work)


@router.post("/inbox/coverage")
def add_coverage(act: AddCoverage, parts: ProcessParts, work: Work) -> CoverageSettings:
    coverage.add_coverage(work, act)
    return _settings(parts, work)


@router.post("/inbox/coverage/{coverage_id}/cancel")
def cancel_coverage(
    coverage_id: str, act: CancelCoverage, parts: ProcessParts, work: Work
) -> CoverageSettings:
    coverage.cancel_coverage(work, coverage_id, act)
    return _settings(parts, work)


@router.post("/inbox/pools")
def add_pool(act: AddPool, parts: ProcessParts, work: Work) -> CoverageSettings:
    pools.add_pool(work, act)
    return _settings(parts, work)


@router.post("/inbox/pools/{pool_id}/members")
def set_pool_members(pool_id: str, act: SetPoolMembers, parts: ProcessParts, work: Work) -> CoverageSettings:
    pools.set_members(work, pool_id, act)
    return _settings(parts, work)


def _settings(parts: Parts, work: UnitOfWork) -> CoverageSettings:
    """Names of staff and days only, no patient."""
    return CoverageSettings(
        coverages=coverage.list_coverage(work),
        pools=pools.all_pools(work),
        choices=read_inbox.read_choices(work),
        escalation_minutes=parts.settings.critical_result_minutes,
    )
