"""Takes the snapshot: identified lines stream from the core straight into de-identification, and nowhere else."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime

from data_contracts.lake import Lake
from ehr_core.client import AlmonerClient
from ehr_core.kernel.clock import SystemClock, site_date
from ehr_core.kernel.errors import Unavailable
from ehr_core.kernel.pseudonym import PseudonymKey
from ehr_core.kernel.settings import Settings
from pipelines.deidentify import Deidentifier, StreamResult, load_profile, scrub_stream
from pipelines.export import Export, exported
from pipelines.run.draft import Draft, DraftFacts, clear_unfinished
from pipelines.run.official_packages import fetch_packages, published
from pipelines.run.refused import PEOPLE_NOT_CHECKED, RefusedLines

Report = Callable[[str], None]


def take_snapshot(
    client: AlmonerClient, settings: Settings, report: Report, *, as_of: date | None = None
) -> Draft:
    """Exports everything, de-identified under the key in use, into a new draft of the limited zone.

    Lines that de-identification refuses are counted in the draft's `explained`: in equals out plus explained. Whose
    they are, the core says: nothing will be said of these people. What was dropped of the others lies in the
    snapshot's report. The key comes after the export, so that everybody in it is in the crosswalk.
    Raises Unavailable when fewer or more lines arrive than the core says it exported.
    """
    lake = Lake(settings.lake_folder)
    clear_unfinished(lake)
    started = datetime.now(UTC)
    draft = Draft(lake, f"{started:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}")
    draft.limited.mkdir(parents=True)
    official = fetch_packages(client)
    with exported(client, report=report) as export:
        grant = client.pipeline.key("limited")
        refused = RefusedLines(official.types)
        deidentifier = Deidentifier(
            load_profile("limited"),
            PseudonymKey(grant.key_id, bytes.fromhex(grant.secret_hex)),
            published=published(official.ready),
            on_refused=refused.note,
        )
        arrived, kept, set_aside = {}, {}, {}
        for resource_type in export.resource_types:
            done = scrub_stream(deidentifier, resource_type, export.lines(resource_type), draft.resources)
            _require_all(done, export)
            arrived[resource_type], kept[resource_type] = done.lines_in, done.lines_out
            set_aside[f"{resource_type} lines set aside by de-identification"] = (
                done.lines_in - done.lines_out
            )
    lake.keep_deidentification("limited", draft.snapshot_id, deidentifier.report.as_contract())
    not_checked = refused.people(client, grant.key_id, export.outbox_transaction)
    draft.keep(
        DraftFacts(
            snapshot_id=draft.snapshot_id,
            run_id=f"nightly-{draft.snapshot_id}",
            key_id=grant.key_id,
            as_of=as_of or site_date(SystemClock(), settings.site_time_zone),
            started_at=started,
            taken_at=export.taken_at,
            outbox_transaction=export.outbox_transaction,
            exported=arrived,
            kept=kept,
            not_checked=not_checked,
        )
    )
    draft.explain({**set_aside, PEOPLE_NOT_CHECKED: len(not_checked)})
    official.keep(draft)
    return draft


def _require_all(done: StreamResult, export: Export) -> None:
    """A server that does not count its files cannot be held to it; ours does."""
    counted = export.count_of(done.resource_type)
    if counted not in (None, done.lines_in):
        raise Unavailable(
            f"The export holds {counted} {done.resource_type} resources, and {done.lines_in} arrived. "
            "Nothing was published; start the run again."
        )
