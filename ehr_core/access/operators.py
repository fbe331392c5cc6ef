"""The person at the command line as an actor: whoever can read the database's password may do what commands do."""

from __future__ import annotations

import getpass

from ehr_core.access.actor import Actor
from ehr_core.access.audit_words import OPERATOR


def operator(*permissions: str) -> Actor:
    """The operating system's user, by name, so that the audit log says who it was. Each command names what it needs."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as containers have
        name = "unnamed"
    return Actor(f"{OPERATOR}{name}", "service", f"Command line ({name})", (), frozenset(permissions))
