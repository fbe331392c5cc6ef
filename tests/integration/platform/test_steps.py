"""A step runs in a process of its own: its progress is heard, its failure is one sentence, it can be interrupted."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from ehr_core.kernel.errors import StartupFailed
from ehr_core.supervisor.guardian import Guardian
from ehr_core.supervisor.steps import run_step

STEPS = """
import time
from ehr_core.kernel.errors import StartupFailed

def good(settings, report):
    report("half of it")
    print("chatter")
    report(f"all of it in {settings.site_time_zone}")

def refusing(settings, report):
    raise StartupFailed("The cellar is flooded. Pump it dry.")

def crashing(settings, report):
    raise ValueError("patient Ana Reyes")

def endless(settings, report):
    report("begun")
    time.sleep(600)
"""
NAMES = ("good", "refusing", "crashing", "endless")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A package with four steps, registered by entry point as an installed one is."""
    (tmp_path / "cellar.py").write_text(STEPS)
    folder = tmp_path / "cellar-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: cellar\nVersion: 1.0\n")
    lines = "\n".join(f"{name} = cellar:{name}" for name in NAMES)
    (folder / "entry_points.txt").write_text(f"[almoner.steps]\n{lines}\n")
    root = Path(__file__).parents[3]
    return {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}",
        "ALMONER_SITE_TIME_ZONE": "America/Denver",
    }


@pytest.fixture
def guardian():
    made = Guardian()
    yield made
    made.dismiss()


def test_progress_is_heard_and_chatter_is_not(environment, guardian, tmp_path):
    heard: list[str] = []
    run_step("good", environment, heard.append, log_folder=tmp_path, guardian=guardian)
    assert heard == ["half of it", "all of it in America/Denver"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("refusing", "The cellar is flooded. Pump it dry."),
        ("crashing", "The step 'crashing' failed. What went wrong is in"),
        ("unknown", "has no step 'unknown'"),
    ],
)
def test_a_failure_is_one_sentence(environment, guardian, tmp_path, name, said):
    with pytest.raises(StartupFailed) as failed:
        run_step(name, environment, lambda _: None, log_folder=tmp_path, guardian=guardian)
    assert said in failed.value.message
    assert "Ana Reyes" not in failed.value.message


def test_an_interrupted_step_leaves_no_process(environment, guardian, tmp_path):
    children: list[psutil.Process] = []

    def interrupt(_: str) -> None:
        children.extend(child for child in psutil.Process().children() if "endless" in child.cmdline())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_step("endless", environment, interrupt, log_folder=tmp_path, guardian=guardian)
    assert len(children) == 1
    assert not children[0].is_running()
