"""A newcomer clones the repository and types the commands of the README: as an ordinary user, as root, on each Python.

Each newcomer has a clone, a home and an environment of their own. Of this machine's they are given only its way to the
packages (pip's own settings), which a newcomer's machine has too.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.lib.postgres import temporary_folder
from tests.lib.running_system import PORT_SETTINGS, REPOSITORY, free_ports

pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]

PATIENTS = 30
INSTALL_SECONDS = 1200
READY_SECONDS = 600
STOP_SECONDS = 90
SERVICES = (
    "PostgreSQL",
    "API",
    "Staff workspace",
    "Patient portal",
    "Dagster",
    "Dagster daemon",
    "Re-measure",
)
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
WAY_TO_PACKAGES = ("PIP_", "SSL_", "HTTP_", "HTTPS_", "NO_PROXY", "http_", "https_", "no_proxy")
ROOT = os.geteuid() == 0


@dataclass(frozen=True)
class Newcomer:
    """`account` is None for the account of these tests; `python_folder` goes first on the PATH."""

    folder: Path
    account: pwd.struct_passwd | None
    python_folder: str | None
    ports: dict[str, int]

    @property
    def clone(self) -> Path:
        return self.folder / "almoner"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name.startswith(WAY_TO_PACKAGES)}
        ports = {f"ALMONER_{name}_PORT": str(port) for name, port in self.ports.items()}
        path = ":".join(filter(None, (self.python_folder, SYSTEM_PATH)))
        own = {"HOME": str(self.folder / "home"), "PATH": path, "PATIENTS": str(PATIENTS), "COLUMNS": "200"}
        return kept | ports | own

    def types(self, *command: str, seconds: float = 120) -> str:
        done = subprocess.run(
            command,
            **self._where(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}"
        return done.stdout

    def starts(self, *command: str, output: Path) -> subprocess.Popen[bytes]:
        with output.open("wb") as file:
            return subprocess.Popen(
                command,
                **self._where(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def _where(self) -> dict[str, object]:
        as_account = (
            {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
            if self.account
            else {}
        )
        return {"cwd": self.clone, "env": self.environment, **as_account}

    def processes(self) -> list[psutil.Process]:
        """Everything that runs from this clone or on its data."""
        return [
            process
            for process in psutil.process_iter(["cmdline", "status"])
            if process.info["status"] != psutil.STATUS_ZOMBIE
            and any(str(self.clone) in word for word in process.info["cmdline"] or ())
        ]


@pytest.fixture(
    params=[
        pytest.param((True, None), id="an ordinary user"),
        pytest.param((False, "3.12"), id="Python 3.12"),
        pytest.param((False, "3.13"), id="Python 3.13"),
    ]
)
def newcomer(request: pytest.FixtureRequest) -> Iterator[Newcomer]:
    ordinary, version = request.param
    account = pwd.getpwnam("nobody") if ordinary and ROOT else None
    python_folder = folder_of_python(version) if version else None
    if version and python_folder is None:
        pytest.skip(f"Python {version} is not on this machine")
    with temporary_folder("almoner-newcomer-") as folder:
        folder.chmod(0o755)
        clone, home = folder / "almoner", folder / "home"
        subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], check=True)
        give_a_home(home)
        if account is not None:
            for path in (clone, home):
                subprocess.run(["chown", "-R", f"{account.pw_uid}:{account.pw_gid}", str(path)], check=True)
        yield Newcomer(folder, account, python_folder, free_ports())


def folder_of_python(version: str) -> str | None:
    """Where an interpreter of this version lies: on the PATH, or where pyenv keeps those that are not chosen."""
    kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python{version}"))
    found = [shutil.which(f"python{version}"), *map(str, kept)]
    for candidate in filter(None, found):
        if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return str(Path(candidate).parent)
    return None


def give_a_home(home: Path) -> None:
    home.mkdir()
    settings = Path.home() / ".config" / "pip" / "pip.conf"
    if settings.is_file():
        (home / ".config" / "pip").mkdir(parents=True)
        shutil.copy(settings, home / ".config" / "pip" / "pip.conf")


def test_install_up_status_and_ctrl_c(newcomer: Newcomer, capsys: pytest.CaptureFixture):
    began = time.monotonic()
    newcomer.types("make", "install", seconds=INSTALL_SECONDS)
    installed = time.monotonic()
    assert newcomer.types("make", "install") == ""

    output = newcomer.folder / "up.txt"
    up = newcomer.starts("make", "up", output=output)
    try:
        wait_until_ready(up, output)
        ready = time.monotonic()
        status = newcomer.types("make", "status")
        assert [title for title in SERVICES if f"{title}" not in status] == []
        assert status.count("healthy") == len(SERVICES)
        assert newcomer.processes()
    finally:
        os.killpg(up.pid, signal.SIGINT)
        up.wait(STOP_SECONDS)
    assert newcomer.processes() == []
    assert "Traceback" not in output.read_text()
    assert all(f":{newcomer.ports[name]}" in output.read_text() for name in set(PORT_SETTINGS) - {"POSTGRES"})
    newcomer.types("make", "reset")
    assert not (newcomer.clone / ".almoner").exists()
    with capsys.disabled():
        print(f"\n    install {installed - began:.0f} s, first start {ready - installed:.0f} s")


def wait_until_ready(up: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while "Ready after" not in output.read_text():
        assert up.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.5)
