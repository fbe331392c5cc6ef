"""Runs one step (seed, first run) in a process of its own, so that its memory is given back when it is done.

The child writes lines to standard output, `progress …` or `failed …` (a sentence); all else goes to its log.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from ehr_core.kernel.errors import AlmonerError, StartupFailed
from ehr_core.kernel.settings import Settings
from ehr_core.supervisor.catalog import step
from ehr_core.supervisor.guardian import Guardian
from ehr_core.supervisor.processes import rotate_log, stop_group

Report = Callable[[str], None]


def run_step(
    name: str,
    environment: Mapping[str, str],
    report: Report,
    *,
    log_folder: Path,
    guardian: Guardian,
) -> None:
    """Runs the step and reports its progress.

    Raises StartupFailed with the step's own sentence, or with where to read what went wrong.
    """
    log = rotate_log(log_folder, name)
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "ehr_core.supervisor.steps", name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=dict(environment),
            text=True,
            start_new_session=True,
        )
    guardian.watch_group(process.pid)
    sentence = None
    try:
        for line in process.stdout:
            kind, _, text = line.rstrip("\n").partition(" ")
            if kind == "failed":
                sentence = text
            elif kind == "progress":
                report(text)
        process.wait()
    except BaseException:
        stop_group(process.pid, first=process)
        raise
    finally:
        guardian.forget(process.pid)
    if process.returncode != 0:
        raise StartupFailed(sentence or f"The step '{name}' failed. What went wrong is in '{log}'.")


def main(name: str) -> int:
    try:
        step(name)(Settings(), lambda text: print("progress", text, flush=True))
    except AlmonerError as error:
        print("failed", error.message.replace("\n", " "), flush=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
