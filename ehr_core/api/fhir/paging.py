"""The next page of a search as a sealed address: search values never stand in a URL or a log because of us."""

from __future__ import annotations

import base64
import json

from ehr_core.access.actor import Actor
from ehr_core.access.sealing import NotSealedHere, Seal
from ehr_core.api.dependencies import Parts
from ehr_core.kernel.errors import BadRequest

PAGE_PARAMETER = "_page"


def next_page(parts: Parts, actor: Actor, resource_type: str, criteria: list[tuple[str, str]]) -> str:
    """The criteria of the next page, sealed for this actor and this type."""
    content = json.dumps(criteria).encode()
    return base64.urlsafe_b64encode(_seal(parts).close(content, _context(actor, resource_type))).decode()


def read_page(parts: Parts, actor: Actor, resource_type: str, sealed: str) -> list[tuple[str, str]]:
    """The criteria; raises BadRequest for a page that was not given to this actor."""
    try:
        content = _seal(parts).open(base64.urlsafe_b64decode(sealed), _context(actor, resource_type))
    except (NotSealedHere, ValueError) as error:
        raise BadRequest("This page link was not given to you. Start the search again.") from error
    return [(name, value) for name, value in json.loads(content)]


def _seal(parts: Parts) -> Seal:
    return Seal(parts.identity.signing_secret, "search-page")


def _context(actor: Actor, resource_type: str) -> str:
    return f"{actor.actor_id} {resource_type}"
