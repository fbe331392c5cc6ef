"""The floors and rooms hold: every import goes down, no room knows its neighbour."""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / ".importlinter"


def check(*options: str) -> subprocess.CompletedProcess:
    program = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    return subprocess.run(
        [*program, "--config", str(CONTRACTS), "--no-cache", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_import_respects_the_floors():
    done = check()
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.parametrize("package", ["ehr_core", "pipelines"])
def test_no_room_is_left_out_of_the_plan(package):
    plan = configparser.ConfigParser()
    plan.read(CONTRACTS)
    said = " ".join(plan[section].get("layers", "") for section in plan.sections())
    rooms = {path.stem for path in (ROOT / package).iterdir() if path.is_dir() or path.suffix == ".py"}
    unplanned = {room for room in rooms - {"__init__", "__pycache__"} if f"{package}.{room}" not in said}
    assert unplanned == set()
