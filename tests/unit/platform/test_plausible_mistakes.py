"""What people get wrong when they type a command is told in one sentence, never as a traceback."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.state_folder import make_state_folder
from tests.lib.house import almoner


@pytest.mark.parametrize("command", ["up", "status", "down"])
def test_a_wrong_setting_stops_every_command_with_its_sentence(tmp_path, command):
    said = almoner(command, state=tmp_path / "state", ALMONER_ENVIRONMENT="prod")
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == "ALMONER_ENVIRONMENT is 'prod'. It can be 'demo' or 'production'.\n"


def test_a_state_folder_whose_place_is_taken_by_a_file_is_named(tmp_path):
    (tmp_path / "state").write_text("a file")
    for folder in (tmp_path / "state", tmp_path / "state" / "below"):
        said = almoner("up", state=folder)
        assert said.returncode == StartupFailed.exit_code
        assert said.stderr.startswith(f"The state folder '{folder}' cannot be used: ")
        assert "Set ALMONER_STATE to a folder" in said.stderr


def test_a_state_folder_that_this_account_may_not_write_to_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StartupFailed, match=r"cannot be used: Permission denied\. Set ALMONER_STATE"):
        make_state_folder(tmp_path)


@pytest.fixture
def read_only_disk(tmp_path: Path):
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", tmp_path], capture_output=True, check=False
    ).returncode:
        pytest.skip("a read-only disk can only be made by a root that may mount a tmpfs")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.parametrize("command", [("up",), ("account", "list")])
def test_a_state_folder_on_a_read_only_disk_is_named(read_only_disk, command):
    said = almoner(*command, state=read_only_disk / "state")
    assert said.returncode == StartupFailed.exit_code
    assert "cannot be used: Read-only file system." in said.stderr
    assert "Traceback" not in said.stderr
