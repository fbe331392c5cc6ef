"""The state folder: made on first use, and refused in one sentence when this account cannot keep anything there."""

from __future__ import annotations

import os
from pathlib import Path

from ehr_core.kernel.errors import StartupFailed

PASSABLE = 0o711
"""PostgreSQL's account must reach its data inside: others may pass through the folder, not list it."""


def make_state_folder(folder: Path) -> None:
    """Leaves one that is there as it is. Raises StartupFailed naming the folder and the setting."""
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True)
            folder.chmod(PASSABLE)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(None, "Permission denied")
    except FileExistsError as error:
        if not folder.is_dir():
            raise _unusable(folder, "there is a file of that name") from error
    except OSError as error:
        raise _unusable(folder, error.strerror or type(error).__name__) from error


def _unusable(folder: Path, why: str) -> StartupFailed:
    return StartupFailed(
        f"The state folder '{folder}' cannot be used: {why}. Set ALMONER_STATE to a folder that this account may "
        "write to, or run as the account that owns it."
    )
