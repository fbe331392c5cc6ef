"""Whose sight an export has when it runs, and what it says of that which it leaves out.

An outside application's files hold what it could read one by one: rules about charts and labels are in each query. What
they say is the same whether or not anything was held back: a number would tell who has something to hide.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable

import msgspec

from ehr_core.access.actor import Actor, ApplicationGrant
from ehr_core.access.identity import Identity
from ehr_core.access.scopes import exported_types
from ehr_core.api.bulk.selection import Selection
from ehr_core.kernel.errors import Forbidden

OF_APPLICATION = "app:"
HELD_BACK = (
    "What rules about charts and sensitive labels keep from this application is left out, in every type. "
    "Nothing here says whether there was any."
)


def exporter_today(identity: Identity, client_id: str, types: Collection[str]) -> Actor:
    """Who asked for an export of these types, as far as they may export now.

    Raises Forbidden for an application that is closed, or no longer registered for all of the types.
    """
    if not client_id.startswith(OF_APPLICATION):
        return Actor(client_id, "service", "Bulk export", (), frozenset())
    asked = ApplicationGrant(
        client_id.removeprefix(OF_APPLICATION), tuple(f"system/{name}.r" for name in types)
    )
    actor = identity.application_today(asked)
    if (
        actor is None
        or not actor.may("bulk.export")
        or exported_types(actor.application.scopes) != frozenset(types)
    ):
        raise Forbidden("The application that asked for this export may not export any more.")
    return actor


def left_out(selection: Selection) -> list[str]:
    """A sentence for each reason why something is missing."""
    sentences = []
    if selection.unresolved:
        sentences.append(
            f"{selection.unresolved} members of the group do not refer to a patient of this server whom this client "
            "may see. They are not in this export."
        )
    return sentences + ([HELD_BACK] if selection.narrowed else [])


def outcomes(sentences: Iterable[str]) -> Generator[bytes]:
    """A line for the manifest's error files for each sentence."""
    for sentence in sentences:
        issue = {"severity": "warning", "code": "suppressed", "details": {"text": sentence}}
        yield msgspec.json.encode({"resourceType": "OperationOutcome", "issue": [issue]}) + b"\n"
