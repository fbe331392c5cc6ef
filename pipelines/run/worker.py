"""The re-measure worker: follows the outbox, batch after batch, and never lets one record stop the queue."""

from __future__ import annotations

import threading
import time

from data_contracts.api.pipeline import ChangeBatch
from ehr_core.client import AlmonerClient
from ehr_core.kernel.errors import AlmonerError, Gone, SignInRequired, Unavailable
from ehr_core.kernel.heartbeat import Heartbeat
from ehr_core.kernel.logging import get_logger
from pipelines.run.changed import Bench, get_ready, measure_changed
from pipelines.run.uploads import UploadWatch

log = get_logger(__name__)

ROWS_A_CLAIM = 100
AWAY_PAUSE_SECONDS = 1.0
GET_READY_SECONDS = 30.0
"""How often an idle worker asks which official measures are active."""
GIVE_UP_SECONDS = 60.0
"""A batch is tried again for so long while the API is away; shorter than its lease, so nobody else has it yet."""


class Worker:
    """One worker. `stop` ends it after the batch at hand; a kill loses nothing, the lease ends by itself.

    `heartbeat` shows that it gets on: at every look for work and at every try of a batch or a patient. While idle it
    looks whether `uploads` of official packages wait to be checked.
    """

    def __init__(
        self,
        client: AlmonerClient,
        site_time_zone: str,
        poll_seconds: float,
        heartbeat: Heartbeat | None = None,
        uploads: UploadWatch | None = None,
    ):
        self._uploads = uploads
        self._heartbeat = heartbeat
        self._client = client
        self._bench = Bench(site_time_zone)
        self._poll_seconds = poll_seconds
        self._stopping = threading.Event()
        self._ready_again_at = 0.0

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        """Works until it is stopped. While the API is away it waits and says so once."""
        away = False
        while not self._stopping.is_set():
            self._beat()
            try:
                worked = self.work_once()
                if not worked and not self._stopping.is_set():
                    self._get_ready()
                    if self._uploads is not None:
                        self._uploads.look()
                away = False
            except (Unavailable, SignInRequired) as error:
                if not away:
                    log.warning("api_away", why=error.message)
                away = True
                self._stopping.wait(AWAY_PAUSE_SECONDS)
                continue
            if not worked:
                self._stopping.wait(self._poll_seconds)
        self._bench.close()
        if self._uploads is not None:
            self._uploads.close()

    def work_once(self) -> bool:
        """Takes one batch, if there is one; says whether there was. Raises Unavailable while the API is away."""
        batch = self._client.pipeline.claim(ROWS_A_CLAIM)
        if batch is None:
            return False
        started = time.perf_counter()
        failed = self._measure(batch)
        try:
            self._client.pipeline.done(batch.batch_id, failed)
        except Gone:
            log.warning("batch_was_taken_over", batch_id=batch.batch_id)
        log.info(
            "remeasured",
            batch_id=batch.batch_id,
            patients=len(batch.patients),
            failed=len(failed),
            milliseconds=round((time.perf_counter() - started) * 1000),
        )
        return True

    def _get_ready(self) -> None:
        """While nothing waits: compiles what was made active, so that the next change need not wait for it."""
        if time.monotonic() < self._ready_again_at:
            return
        self._ready_again_at = time.monotonic() + GET_READY_SECONDS
        get_ready(self._client, self._bench)

    def _measure(self, batch: ChangeBatch) -> list[str]:
        """Measures the batch; when that fails, each patient alone, so that one bad record is found out."""
        if self._succeeds(batch):
            return []
        if len(batch.patients) == 1:
            return [batch.patients[0].patient_id]
        alone = (batch.model_copy(update={"patients": [patient]}) for patient in batch.patients)
        return [one.patients[0].patient_id for one in alone if not self._succeeds(one)]

    def _succeeds(self, batch: ChangeBatch) -> bool:
        give_up_at = time.monotonic() + GIVE_UP_SECONDS
        while True:
            self._beat()
            try:
                measure_changed(self._client, self._bench, batch)
                return True
            except Unavailable:
                if time.monotonic() > give_up_at or self._stopping.is_set():
                    raise
                self._stopping.wait(AWAY_PAUSE_SECONDS)
            except SignInRequired:
                raise
            except Exception as error:  # whatever one record does, the queue goes on; the core quarantines it
                self._failed(batch, error)
                return False

    def _beat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.beat()

    def _failed(self, batch: ChangeBatch, error: Exception) -> None:
        """The class only: an error's words may hold a value of the record."""
        log.error(
            "remeasure_failed",
            batch_id=batch.batch_id,
            patients=len(batch.patients),
            error=type(error).__name__,
            why=error.message if isinstance(error, AlmonerError) else None,
        )
        self._bench.close()
        self._bench = Bench(self._bench.site_time_zone, self._bench.packages)
