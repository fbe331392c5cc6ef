"""Writes to what a condition finds: update, patch and delete. The condition is locked until the transaction ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ehr_core.kernel.errors import BadRequest, Conflict, InvalidResource, Issue, NotFound
from ehr_core.kernel.ids import new_id
from ehr_core.store.content import brought_id
from ehr_core.store.versions import StoredResource, check_version

if TYPE_CHECKING:
    from ehr_core.store.repository import Store, Written

Patched = Callable[[bytes], bytes]
"""From a resource to the resource that it becomes."""


class AlreadyThere(Conflict):
    """If-None-Match: * asks for nothing to be there."""

    http_status = 412


def update_found(
    store: Store, type_name: str, body: bytes, query: str, *, if_match: int | None = None
) -> Written:
    """Updates the one that is found; creates it when none is. Raises SeveralMatch.

    An id in the body has to be that of the one found, and no other's when none is.
    """
    found = store.match_one(type_name, query, lock=True)
    sent_id = brought_id(body)
    if found is not None:
        if sent_id not in (None, found.id):
            raise InvalidResource([Issue(f"{type_name}.id", "is not the id of the resource that was found")])
        return store.put(type_name, found.id, body, if_match=if_match)
    if sent_id and store.is_there(type_name, sent_id):
        raise Conflict(f"A {type_name} with this id is there, and the condition does not find it.")
    return store.put(type_name, sent_id or new_id(), body, if_match=if_match)


def delete_found(
    store: Store, type_name: str, query: str, *, if_match: int | None = None
) -> StoredResource | None:
    """Deletes the one that is found; None when there is none. Raises SeveralMatch."""
    found = store.match_one(type_name, query, lock=True)
    return None if found is None else store.delete(type_name, found.id, if_match=if_match)


def patch_found(
    store: Store, type_name: str, query: str, patched: Patched, *, if_match: int | None = None
) -> Written:
    """Patches the one that is found. Raises NotFound when there is none, and SeveralMatch."""
    found = store.match_one(type_name, query, lock=True)
    if found is None:
        raise NotFound(f"No {type_name} matches the condition.")
    return patch(store, type_name, found.id, patched, if_match=if_match)


def patch(
    store: Store, type_name: str, resource_id: str, patched: Patched, *, if_match: int | None = None
) -> Written:
    """A new version made from the current one, which stays locked meanwhile. Raises NotFound, Gone, StaleVersion."""
    current = store.read_locked(type_name, resource_id)
    check_version(current, if_match)
    body = patched(current.body)
    if brought_id(body) != resource_id:
        raise BadRequest("A patch cannot change the resource's id.")
    return store.put(type_name, resource_id, body, if_match=if_match)
