"""The nightly run from end to end, without Dagster: snapshot, flatten, check, evaluate, check, write back, publish."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from typing import TypeVar

from data_contracts.api.pipeline import RunReport
from data_contracts.expectations import ContractBreached
from data_contracts.lake import Manifest
from ehr_core.client import AlmonerClient
from ehr_core.client.tokens import ServiceTokens
from ehr_core.kernel.secrets import load_or_create_secrets
from ehr_core.kernel.settings import Settings
from pipelines.run import steps
from pipelines.run.code_version import code_version
from pipelines.run.data_quality import data_quality_night
from pipelines.run.draft import Draft
from pipelines.run.official import official_night
from pipelines.run.risk import risk_night
from pipelines.run.safe_harbor import publish_safe_harbor
from pipelines.run.snapshot import take_snapshot
from pipelines.run.telling import run_report, tell_failure

Report = Callable[[str], None]
Answer = TypeVar("Answer")


def nightly(
    client: AlmonerClient,
    settings: Settings,
    report: Report = lambda _: None,
    *,
    as_of: date | None = None,
    deep_checks: bool = True,
) -> RunReport:
    """Runs every step. Whatever fails, the last good results stay; a contract breach is told to the core.

    `as_of` is the site's day that the answers are for (today unless given).
    """
    draft = _timed("snapshot", report, lambda: take_snapshot(client, settings, report, as_of=as_of))
    try:
        _timed("check resources", report, lambda: steps.check_resources(draft))
        _timed("flatten", report, lambda: steps.flatten_snapshot(draft, settings.site_time_zone))
        flat = _timed("check flat tables", report, lambda: steps.check_flat(draft, deep=deep_checks))
        _timed("recommendations", report, lambda: steps.evaluate_recommendations(draft))
        _timed("measures", report, lambda: steps.evaluate_measures(draft))
        _timed("gaps", report, lambda: steps.derive_gaps(draft))
        _timed("strata", report, lambda: steps.derive_patient_strata(draft))
        steps.join_results(draft)
        results = _timed("check results", report, lambda: steps.check_results(draft, deep=deep_checks))
    except ContractBreached as breach:
        tell_failure(client, draft, breach)
        raise
    _timed("write back", report, lambda: steps.write_back(client, draft, report))
    told = finish(client, draft, flat, results)
    zone = settings.site_time_zone
    _timed(
        "official measures",
        report,
        lambda: official_night(client, draft, zone, report, deep_checks=deep_checks),
    )
    _timed("risk", report, lambda: risk_night(client, draft))
    _timed("data quality", report, lambda: data_quality_night(client, draft, report))
    _timed("safe-harbor zone", report, lambda: publish_safe_harbor(draft, settings.site_time_zone))
    return told


def finish(client: AlmonerClient, draft: Draft, flat: dict[str, int], results: dict[str, int]) -> RunReport:
    """Publishes both zones by rename and tells the core that the run is good."""
    facts = draft.facts
    for zone, tables in (("limited", flat), ("results", results)):
        draft.lake.publish(
            Manifest(
                snapshot_id=facts.snapshot_id,
                zone=zone,
                profile="limited",
                key_id=facts.key_id,
                as_of=facts.as_of,
                taken_at=facts.taken_at,
                outbox_transaction=facts.outbox_transaction,
                code_version=code_version(),
                tables=tables,
                exported=facts.exported,
                explained=facts.explained,
            )
        )
    told = run_report(draft, {**flat, **results}, not_checked=facts.not_checked)
    client.pipeline.tell_run(told)
    return told


def pipeline_client(settings: Settings) -> AlmonerClient:
    """The API as the nightly pipeline, which signs in as itself."""
    secret = load_or_create_secrets(settings.state_folder).pipeline_client_secret
    return AlmonerClient(settings.api_url, ServiceTokens(settings.api_url, "pipeline", secret))


def remeasure_client(settings: Settings) -> AlmonerClient:
    """The API as the re-measure worker."""
    secret = load_or_create_secrets(settings.state_folder).remeasure_client_secret
    return AlmonerClient(settings.api_url, ServiceTokens(settings.api_url, "remeasure", secret))


def _timed(name: str, report: Report, act: Callable[[], Answer]) -> Answer:
    started = time.perf_counter()
    answer = act()
    report(f"{name}: {time.perf_counter() - started:.1f} s")
    return answer
