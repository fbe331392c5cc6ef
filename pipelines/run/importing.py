"""Imports official measures: judged here, where they can be run; kept and made active in the core, audited there."""

from __future__ import annotations

import base64
import getpass
from collections.abc import Collection
from datetime import date

from data_contracts.api.official_measures import Activation, KeptMeasures, PackageImport
from ehr_core.client import AlmonerClient
from ehr_core.kernel.errors import BadRequest
from pipelines.measures.official.validation import Judged, judge

__all__ = ["Judged", "activate", "import_package", "judge"]


def import_package(
    client: AlmonerClient, judged: Judged, source: str, *, activated: bool = False
) -> KeptMeasures:
    """Keeps a judged package and, when asked to, makes all of it active. Raises BadRequest for a bad one.

    Activating is an act for each measure; the first that fails leaves those before it active.
    """
    if judged.problems:
        raise BadRequest(f"The package was not imported: {judged.problems[0]}.")
    kept = client.quality.import_official(
        PackageImport(
            source=source,
            operator=operator(),
            measures=judged.measures,
            content=base64.b64encode(judged.content),
        )
    )
    if activated:
        kept = activate(client, [one.measure_id for one in judged.measures], versions=_versions(judged))
    return kept


def activate(
    client: AlmonerClient,
    measure_ids: Collection[str],
    *,
    active: bool = True,
    versions: dict[str, str] | None = None,
    active_from: date | None = None,
    active_until: date | None = None,
    reason: str = "",
) -> KeptMeasures:
    """Makes measures active (for some days, for a reason), or no longer; raises NotFound for one never imported."""
    for measure_id in measure_ids:
        asked = Activation(
            operator=operator(),
            version=(versions or {}).get(measure_id),
            active_from=active_from if active else None,
            active_until=active_until if active else None,
            reason=reason,
        )
        act = client.quality.activate if active else client.quality.deactivate
        act(measure_id, asked)
    return client.quality.official()


def operator() -> str:
    """Who sits at the machine, for the audit row."""
    try:
        return getpass.getuser()[:100]
    except (KeyError, OSError):
        return "operator"


def _versions(judged: Judged) -> dict[str, str]:
    return {one.measure_id: one.version for one in judged.measures}
