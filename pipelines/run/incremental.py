"""Works off the changes that wait, for when the re-measure worker is not there to do it."""

from __future__ import annotations

from ehr_core.kernel.settings import Settings
from pipelines.run.nightly import remeasure_client
from pipelines.run.worker import Worker


def work_off_changes(settings: Settings, most_batches: int = 1000) -> int:
    """Takes batch after batch until nothing waits; returns how many. Safe beside a running worker."""
    worker = Worker(remeasure_client(settings), settings.site_time_zone, settings.remeasure_poll_seconds)
    done = 0
    while done < most_batches and worker.work_once():
        done += 1
    return done
