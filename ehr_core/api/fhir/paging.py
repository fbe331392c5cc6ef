"""The next page as a sealed address: it tells no search value, and serves nobody else."""

from __future__ import annotations

import base64
import json
from typing import Any

from ehr_core.access.actor import Actor
from ehr_core.access.sealing import NotSealedHere, Seal
from ehr_core.api.dependencies import Parts
from ehr_core.kernel.errors import BadRequest

PAGE_PARAMETER = "_page"


def sealed_page(parts: Parts, actor: Actor, place: str, content: Any) -> str:
    """Where a page begins, sealed for this actor and this address ('Observation', 'Patient/1/_history')."""
    closed = _seal(parts).close(json.dumps(content).encode(), _context(actor, place))
    return base64.urlsafe_b64encode(closed).decode()


def opened_page(parts: Parts, actor: Actor, place: str, sealed: str) -> Any:
    """Raises BadRequest for a page that was not given to this actor at this address."""
    try:
        return json.loads(_seal(parts).open(base64.urlsafe_b64decode(sealed), _context(actor, place)))
    except (NotSealedHere, ValueError) as error:
        raise BadRequest("This page link was not given to you. Start the search again.") from error


def _seal(parts: Parts) -> Seal:
    return Seal(parts.identity.signing_secret, "search-page")


def _context(actor: Actor, place: str) -> str:
    return f"{actor.actor_id} {place}"
