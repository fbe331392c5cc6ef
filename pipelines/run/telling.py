"""What the core is told of a run, whether it is the night's own or one beside it: that it is good, or why it is not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from data_contracts.api.pipeline import RunReport
from data_contracts.expectations import ContractBreached
from ehr_core.client import AlmonerClient
from ehr_core.kernel.logging import get_logger
from pipelines.run.code_version import code_version
from pipelines.run.draft import Draft

log = get_logger(__name__)
RunKind = Literal["nightly", "official"]


def tell_failure(
    client: AlmonerClient, draft: Draft, breach: ContractBreached, *, kind: RunKind = "nightly"
) -> None:
    """The screens keep the last good results and say why; the log names sample keys (pseudonyms)."""
    for one in breach.breaches:
        log.error(
            "contract_breach",
            run=kind,
            table=one.table,
            column=one.column,
            should=one.expectation,
            rows=one.rows_failing,
            keys=one.sample_keys,
        )
    client.pipeline.tell_run(run_report(draft, {}, kind=kind, failure=breach.short[:500]))


def run_report(
    draft: Draft,
    counts: dict[str, int],
    *,
    kind: RunKind = "nightly",
    not_checked: Sequence[str] = (),
    failure: str | None = None,
) -> RunReport:
    """A run beside the night's own is known by its kind and the snapshot that it read."""
    facts = draft.facts
    return RunReport(
        run_id=facts.run_id if kind == "nightly" else f"{kind}-{facts.snapshot_id}",
        kind=kind,
        snapshot_id=facts.snapshot_id,
        key_id=facts.key_id,
        as_of=facts.as_of,
        outbox_transaction=facts.outbox_transaction,
        started_at=facts.started_at,
        finished_at=datetime.now(UTC),
        code_version=code_version(),
        counts=counts,
        not_checked=list(not_checked),
        failure=failure,
    )
