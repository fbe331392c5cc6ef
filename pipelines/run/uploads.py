"""Checks uploads of official packages by the same judgement as the command line, and tells the core what it says."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from data_contracts.api.official_measures import CheckedPackage, PackageReport, SurveyedMeasure, UploadWork
from ehr_core.client import AlmonerClient
from ehr_core.kernel.errors import AlmonerError
from ehr_core.kernel.logging import get_logger
from pipelines.measures.elm.survey import MeasureSurvey
from pipelines.run.importing import Judged, judge

log = get_logger(__name__)

LOOK_SECONDS = 3.0
TELL_SECONDS = 1.0
CHECK = (sys.executable, "-m", "ehr_core.cli", "measures", "check-uploads")


def check_waiting(client: AlmonerClient, report: Callable[[str], None] = lambda _: None) -> int:
    """Checks one upload after another until none waits; returns how many."""
    checked = 0
    while (upload := client.pipeline.claim_upload()) is not None:
        said = _check(client, upload)
        client.pipeline.upload_checked(upload.upload_id, said)
        report(f"{upload.file_name}: {len(said.report.problems)} problems")
        checked += 1
    return checked


def report_of(judged: Judged) -> PackageReport:
    """The judgement as the core keeps it and a screen shows it."""
    return PackageReport(
        problems=judged.problems,
        notes=judged.notes,
        measures=[_surveyed(one) for one in judged.surveys],
        libraries=judged.libraries,
        value_sets=judged.value_sets,
    )


def _check(client: AlmonerClient, upload: UploadWork) -> CheckedPackage:
    """What stands against a file that breaks the judgement altogether is a problem of the file, told in words."""
    tell = _Telling(client, upload.upload_id)
    with TemporaryDirectory(prefix="upload-") as folder:
        place = Path(folder) / upload.file_name
        place.write_bytes(client.pipeline.upload_content(upload.upload_id))
        try:
            judged = judge(place, done=tell)
        except AlmonerError as error:
            return _refused(error.message)
        except (
            Exception
        ) as error:  # whatever one file does, the next one is checked; its words may hold a part of it
            log.error("upload_broke_the_check", upload_id=upload.upload_id, error=type(error).__name__)
            return _refused(f"The file cannot be read as a package ({type(error).__name__})")
    good = not judged.problems
    return CheckedPackage.model_construct(
        report=report_of(judged),
        measures=judged.measures if good else [],
        content=judged.content if good else None,
    )


def _refused(problem: str) -> CheckedPackage:
    return CheckedPackage(
        report=PackageReport(problems=[problem], notes=[], measures=[], libraries=0, value_sets=0)
    )


def _surveyed(one: MeasureSurvey) -> SurveyedMeasure:
    return SurveyedMeasure(
        measure=one.measure,
        version=one.version,
        title=one.title,
        runs=one.runs and not one.missing_value_sets,
        problem=one.problem,
        unsupported=one.unsupported,
        missing_value_sets=one.missing_value_sets,
        cut_value_sets=one.cut_value_sets,
        not_evaluable=one.not_evaluable,
        retrieves=len(one.needs),
    )


class _Telling:
    """Tells the core how far the check is, at most once a second."""

    def __init__(self, client: AlmonerClient, upload_id: str):
        self._client, self._upload_id, self._told_at = client, upload_id, 0.0

    def __call__(self, number: int, of: int, measure: str) -> None:
        if time.monotonic() - self._told_at >= TELL_SECONDS:
            self._told_at = time.monotonic()
            words = f"Checking measure {number} of {of}: {measure}"
            self._client.pipeline.tell_upload_progress(self._upload_id, words)


class UploadWatch:
    """Starts the check in a process of its own when an upload waits: compiling must not hold up a re-measure."""

    def __init__(self, client: AlmonerClient, command: tuple[str, ...] = CHECK):
        self._client, self._command = client, command
        self._running: subprocess.Popen | None = None
        self._look_at = 0.0

    def look(self) -> bool:
        """Every few seconds; says whether a check was started."""
        if time.monotonic() < self._look_at or self._is_running():
            return False
        self._look_at = time.monotonic() + LOOK_SECONDS
        if not self._client.pipeline.uploads_waiting():
            return False
        self._running = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)
        return True

    def close(self) -> None:
        """Ends a check under way; its upload is taken up again later."""
        if self._is_running():
            self._running.terminate()
            self._running.wait(timeout=10)

    def _is_running(self) -> bool:
        return self._running is not None and self._running.poll() is None
