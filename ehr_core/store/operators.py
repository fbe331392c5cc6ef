"""The person at the command line as an actor: whoever has the database's password may import, export, rotate keys."""

from __future__ import annotations

import getpass

from ehr_core.access.actor import Actor

PERMISSIONS = frozenset({"fhir.write", "bulk.export", "pseudonym_key.rotate"})


def operator() -> Actor:
    """The operating system's user, by name, so that the audit log says who it was."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as containers have
        name = "unnamed"
    return Actor(f"operator:{name}", "service", f"Command line ({name})", (), PERMISSIONS)
