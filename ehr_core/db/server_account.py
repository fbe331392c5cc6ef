"""Which operating-system account runs the embedded server, and what that account can reach.

PostgreSQL refuses to run as root. As root we hand the server to an account that owns nothing else; the parents of
its files are never loosened: what it cannot reach is put elsewhere instead.
"""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from ehr_core.kernel.errors import StartupFailed

CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """A user and group; `switch` says that we are root and must change to it."""

    user_id: int
    group_id: int
    switch: bool

    def hand_over(self, path: Path) -> None:
        if self.switch:
            os.chown(path, self.user_id, self.group_id)


def server_account(data_folder: Path) -> Account:
    """Ourselves, or as root the owner of existing data, else `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), switch=False)
    if data_folder.exists():
        owner = data_folder.stat()
        if owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid, switch=True)
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, switch=True)
    raise StartupFailed(
        "PostgreSQL does not run as root and this machine has neither a 'postgres' nor a 'nobody' account. "
        "Run as an ordinary user, or set DATABASE_URL."
    )


def can_reach(account: Account, path: Path) -> bool:
    """Whether the account may enter every parent of an existing path and read (and enter) the path itself."""
    if not account.switch:
        return os.access(path, os.R_OK | os.X_OK)
    resolved = path.resolve()
    entered = all(_allowed(account, parent.stat(), 0o1) for parent in resolved.parents)
    return entered and _allowed(account, resolved.stat(), 0o5)


def _allowed(account: Account, found: os.stat_result, wanted: int) -> bool:
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid == account.user_id:
        mode >>= 6
    elif found.st_gid == account.group_id:
        mode >>= 3
    return mode & wanted == wanted
