"""A nightly run in a process of its own that ends, as by kill -9, at a moment that the test names.

Run as a program: state folder, API port, day, moment. A fork or a spawn would carry over what else a test run has done
to its process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from data_contracts.lake import Lake
from ehr_core.client import AlmonerClient
from ehr_core.kernel.settings import Settings
from pipelines.run.nightly import nightly, pipeline_client

PATIENCE_SECONDS = 120
LINES_BEFORE_DEATH = 40


def die_in_the_night(state: Path, api_port: int, as_of: date, moment: str) -> None:
    """Runs the night in another process, which must not live past the moment."""
    night = subprocess.run(
        [sys.executable, "-m", __name__, str(state), str(api_port), as_of.isoformat(), moment],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    if night.returncode != -signal.SIGKILL:
        raise AssertionError(
            f"the night did not die at '{moment}': it ended with {night.returncode}\n{night.stderr}"
        )


def _night(state: Path, api_port: int, as_of: date, moment: str) -> None:
    settings = Settings(state=state, api_port=api_port)
    client = pipeline_client(settings)
    report = MOMENTS[moment](client)
    nightly(client, settings, report, as_of=as_of, deep_checks=False)


def _die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _quiet(_: str) -> None:
    """A night that tells nobody."""


def _after(step: str) -> Callable[[AlmonerClient], Callable[[str], None]]:
    """Dies when the run says that it has done the step."""

    def prepare(_: AlmonerClient) -> Callable[[str], None]:
        return lambda said: _die() if said.startswith(step) else None

    return prepare


def _while_it_is_exported(client: AlmonerClient) -> Callable[[str], None]:
    """Dies as soon as the core has begun the export, however soon that would be over."""
    client.bulk.wait = _die
    return _quiet


def _amid_the_lines(client: AlmonerClient) -> Callable[[str], None]:
    """Dies with a resource type half de-identified."""
    lines = client.bulk.lines

    def few(file: Any) -> Iterator[bytes]:
        for number, line in enumerate(lines(file)):
            if file.type == "Observation" and number == LINES_BEFORE_DEATH:
                _die()
            yield line

    client.bulk.lines = few
    return _quiet


def _while_the_core_writes(client: AlmonerClient) -> Callable[[str], None]:
    """Dies as soon as the gaps are on the wire: the core gets a part of the body and no more."""
    write_back = client.pipeline.write_back

    def cut_off(table: str, body: bytes, **scope: Any) -> Any:
        if table != "care_gaps":
            return write_back(table, body, **scope)

        def half() -> Iterator[bytes]:
            yield body[: len(body) // 2]
            _die()

        return write_back(table, half(), **scope)

    client.pipeline.write_back = cut_off
    return _quiet


def _between_the_zones(_: AlmonerClient) -> Callable[[str], None]:
    """Dies when one zone has been published and the other has not."""
    publish = Lake.publish

    def once(lake: Lake, manifest: Any) -> None:
        if manifest.zone == "results":
            _die()
        publish(lake, manifest)

    Lake.publish = once
    return _quiet


def _before_it_is_told(client: AlmonerClient) -> Callable[[str], None]:
    """Dies with everything published, before the core hears of it."""
    client.pipeline.tell_run = _die
    return _quiet


BEFORE_WRITE_BACK = {
    "the export is under way": _while_it_is_exported,
    "lines are being de-identified": _amid_the_lines,
    "the snapshot is taken": _after("snapshot:"),
    "the flat tables are made": _after("flatten:"),
    "recommendations are evaluated": _after("recommendations:"),
    "results are checked": _after("check results:"),
}
DURING_WRITE_BACK = {
    "strata are written back": _after("patient_strata:"),
    "flags are written back": _after("measure_results:"),
    "gaps are on the wire": _while_the_core_writes,
    "everything is written back": _after("write back:"),
}
DURING_PUBLICATION = {
    "one zone is published": _between_the_zones,
    "the core has not been told": _before_it_is_told,
}
MOMENTS = {**BEFORE_WRITE_BACK, **DURING_WRITE_BACK, **DURING_PUBLICATION}


if __name__ == "__main__":
    _night(Path(sys.argv[1]), int(sys.argv[2]), date.fromisoformat(sys.argv[3]), sys.argv[4])
