"""The harness keeps its own promises: a skipped browser story fails in CI, and no test leaves the machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STORY = """
import pytest

@pytest.mark.browser
def test_story():
    pytest.skip("no Chromium on this machine")

def test_other():
    pytest.skip("not today")
"""


SKIPPED_FILE = """
import pytest

pytest.importorskip("a_package_that_nobody_has", reason="no Chromium on this machine")

def test_story(): ...
"""


@pytest.mark.parametrize(
    ("stories", "required", "summary"),
    [
        (STORY, "1", "1 failed, 1 skipped"),
        (STORY, "0", "2 skipped"),
        (SKIPPED_FILE, "1", "1 error"),
        (SKIPPED_FILE, "0", "1 skipped"),
    ],
)
def test_a_skipped_story_or_file_fails_where_browsers_are_required(tmp_path, stories, required, summary):
    story = tmp_path / "test_story.py"
    story.write_text(stories)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(story), "-p", "tests.conftest", "-ra", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env={**os.environ, "ALMONER_REQUIRE_BROWSER": required},
        capture_output=True,
        text=True,
        check=False,
    )
    assert summary in done.stdout, done.stdout
    assert "no Chromium on this machine" in done.stdout


def test_no_test_leaves_this_machine():
    with socket.socket() as outside, pytest.raises(PermissionError, match="do not leave this machine"):
        outside.connect(("192.0.2.1", 80))
