"""Marks an entry of the record as entered in error, and takes that back. The content itself never changes. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ehr_core.charting.parts import Resource
from ehr_core.kernel.errors import BadRequest

IN_ERROR = "entered-in-error"


def retracted(resource: Resource) -> Resource:
    """The next version, entered in error: it stays in the record, struck out, and counts for nothing."""
    if resource.get("status") == IN_ERROR:
        raise BadRequest("This is already marked as entered in error.")
    return {**resource, "status": IN_ERROR}


def reinstated(resource: Resource, earlier: Iterable[Resource]) -> Resource:
    """The next version, in the status of the newest of the `earlier` versions that was not in error."""
    if resource.get("status") != IN_ERROR:
        raise BadRequest("This is not marked as entered in error, so there is nothing to take back.")
    before = next(
        (version["status"] for version in earlier if version.get("status", IN_ERROR) != IN_ERROR), None
    )
    if before is None:
        raise BadRequest("This came into the record as entered in error. Record it anew if it is right.")
    return {**resource, "status": before}
