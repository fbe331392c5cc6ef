"""Transaction and batch Bundles: many acts in one request.

A transaction is one database transaction: every entry or none. References among its entries ('urn:uuid:…') and
conditional references ('Practitioner?identifier=…') are resolved before anything is written. Order of work, as FHIR
says: deletes, creates, updates and patches, reads; the answer is in the order of the request. In a batch each entry
stands alone.
"""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from ehr_core.kernel.errors import AlmonerError, InvalidResource, Issue, NotFound
from ehr_core.kernel.ids import new_id
from ehr_core.store.binary_context import BINARY
from ehr_core.store.bundle_acts import (
    READS,
    WORK_ORDER,
    Act,
    Bundle,
    Door,
    read_bundle,
    refuse_doubles,
    understood,
    with_place,
)
from ehr_core.store.bundle_links import linked
from ehr_core.store.conditional import AlreadyThere, patch
from ehr_core.store.content import brought_id, instant_text
from ehr_core.store.locks import identity_key
from ehr_core.store.patches import bundled_patch
from ehr_core.store.references import (
    in_bundle,
    is_conditional,
    is_temporary,
    local_reference,
    references,
    rewrite,
)
from ehr_core.store.resource_types import resource_type
from ehr_core.store.search_parameters import parameter_list
from ehr_core.store.versions import StoredResource

if TYPE_CHECKING:
    from ehr_core.store.repository import Store

CONDITIONAL = frozenset({"POST", "PUT", "DELETE", "PATCH"})
_encode = msgspec.json.Encoder().encode


def run_bundle(store: Store, body: bytes, door: Door) -> bytes:
    """Runs the Bundle for the store's actor and returns the response Bundle.

    Raises the failing entry's error, its index and element in front; a batch reports it in the entry's outcome.
    """
    bundle = read_bundle(body)
    store.work.audit(bundle.type, resource_type="Bundle", detail={"entries": len(bundle.entry)})
    answers = _batch(store, bundle, door) if bundle.type == "batch" else _transaction(store, bundle, door)
    answer = {"resourceType": "Bundle", "type": f"{bundle.type}-response", "entry": answers}
    return _encode(answer)


def _transaction(store: Store, bundle: Bundle, door: Door) -> list[dict[str, Any]]:
    acts = [understood(index, entry, door) for index, entry in enumerate(bundle.entry)]
    refuse_doubles(acts)
    _lock_conditions(store, acts)
    targets = _find_targets(store, acts)
    brought = {f"{act.type_name}/{brought_id(act.body)}" for act in acts if act.method == "POST"}
    unkept = brought - {f"{act.type_name}/{act.resource_id}" for act in acts}
    for act in acts:
        with_place(act, lambda act=act: _resolve_references(store, act, targets, unkept))
    answers: list[dict[str, Any]] = [{} for _ in acts]
    if store.targets:
        store.targets.deferred = True
    for act in sorted(acts, key=_turn):
        if store.targets:
            store.targets.place = act.place
        answers[act.index] = with_place(act, lambda act=act: _perform(store, act, door))
    if store.targets:
        store.targets.settle()
    return answers


def _turn(act: Act) -> tuple[int, bool, str, str]:
    """A Binary after what it may belong to."""
    return WORK_ORDER[act.method], act.type_name == BINARY, act.type_name, act.resource_id or ""


def _batch(store: Store, bundle: Bundle, door: Door) -> list[dict[str, Any]]:
    answers = []
    for index, entry in enumerate(bundle.entry):
        try:
            with store.connection.begin_nested():
                act = understood(index, entry, door)
                _find_targets(store, [act])
                with_place(act, lambda act=act: _resolve_references(store, act, {}))
                answers.append(with_place(act, lambda act=act: _perform(store, act, door)))
        except AlmonerError as error:
            door.refused(entry.request, error)
            answers.append({"response": {"status": str(error.http_status), "outcome": _outcome(error)}})
    return answers


def _lock_conditions(store: Store, acts: list[Act]) -> None:
    """Takes every condition's lock in one fixed order, so that two Bundles cannot wait for each other."""
    conditions = [
        (act.type_name, parameter_list(act.query))
        for act in acts
        if act.query and not act.resource_id and act.method in CONDITIONAL
    ]
    for type_name, given in sorted(conditions, key=lambda condition: identity_key(*condition)):
        store.lock_condition(type_name, given)


def _find_targets(store: Store, acts: list[Act]) -> dict[str, str]:
    """Decides every entry's id and returns what each fullUrl stands for.

    Two entries that create under the same condition are one resource.
    """
    targets: dict[str, str] = {}
    promised: dict[int, str] = {}
    for act in acts:
        if act.method in CONDITIONAL and act.query and not act.resource_id:
            act.found = with_place(act, lambda act=act: store.match_one(act.type_name, act.query, lock=True))
            act.resource_id = act.found.id if act.found else None
            if act.method in ("POST", "PUT"):
                key = identity_key(act.type_name, parameter_list(act.query))
                act.repeats = key in promised
                sent_id = brought_id(act.body) if act.method == "PUT" else None
                act.resource_id = promised.setdefault(key, act.resource_id or sent_id or new_id())
        elif act.method == "POST":
            act.resource_id = new_id()
        if act.full_url and act.resource_id:
            targets[act.full_url] = f"{act.type_name}/{act.resource_id}"
    return targets


def _resolve_references(
    store: Store, act: Act, targets: dict[str, str], unkept: Collection[str] = ()
) -> None:
    """Puts the real references into the entry's bytes. Raises InvalidResource for one that leads nowhere.

    `unkept` are the 'Type/id' that created entries brought: what still refers to one of them would find a stranger.
    """
    if act.method in READS:
        return
    resolved: dict[str, str] = {}
    for reference in set(references(act.body)):
        target = in_bundle(reference, act.full_url, targets)
        if target is None and is_temporary(reference):
            raise InvalidResource(
                [Issue("Resource.reference", "refers to nothing in this Bundle", "not-found")]
            )
        if target is None and local_reference(reference) in unkept:
            raise InvalidResource(
                [Issue("Resource.reference", "is to an id that a POST does not keep; refer to its fullUrl")]
            )
        if target is None and is_conditional(reference):
            target = look_up(store, reference)
        if target is not None:
            resolved[reference] = target
    if resolved:
        act.body = rewrite(act.body, resolved.get)
    if targets and act.method in ("POST", "PUT"):
        act.body = linked(act.type_name, act.body, targets)


def look_up(store: Store, reference: str) -> str:
    """'Type/id' for a conditional reference. Raises InvalidResource when not exactly one resource matches."""
    type_name, _, query = reference.partition("?")
    resource_type(type_name)
    found = store.match_one(type_name, query, lock=False)
    if found is None:
        raise InvalidResource(
            [Issue("Resource.reference", "is conditional and matches nothing", "not-found")]
        )
    return found.reference


def _perform(store: Store, act: Act, door: Door) -> dict[str, Any]:
    """Does one act and gives its entry of the answer."""
    if act.method in READS:
        return door.read(act) if door.read else _read(store, act)
    if act.method == "DELETE":
        if act.resource_id:
            store.delete(act.type_name, act.resource_id, if_match=act.if_match)
        return {"response": {"status": _status(HTTPStatus.NO_CONTENT)}}
    if act.method == "POST" and (act.found or act.repeats):
        found = act.found or store.read(act.type_name, str(act.resource_id))
        return _answer(found, HTTPStatus.OK, door.represents)
    if act.method == "POST":
        made = store.create(act.type_name, act.body, id=act.resource_id)
        return _answer(made, HTTPStatus.CREATED, door.represents)
    if act.method == "PATCH":
        return _patch(store, act, door)
    if act.repeats:
        raise InvalidResource([Issue("request.url", "means the same resource as an earlier entry")])
    if act.if_none_match == "*" and act.resource_id and store.is_there(act.type_name, act.resource_id):
        raise AlreadyThere(f"This {act.type_name} is there already.")
    written = store.put(act.type_name, act.resource_id or new_id(), act.body, if_match=act.if_match)
    status = HTTPStatus.CREATED if written.created else HTTPStatus.OK
    return _answer(written.resource, status, door.represents)


def _patch(store: Store, act: Act, door: Door) -> dict[str, Any]:
    if act.resource_id is None:
        raise NotFound(f"No {act.type_name} matches the condition.")
    written = patch(store, act.type_name, act.resource_id, bundled_patch(act.body), if_match=act.if_match)
    return _answer(written.resource, HTTPStatus.OK, door.represents)


def _read(store: Store, act: Act) -> dict[str, Any]:
    if act.resource_id:
        return _answer(store.read(act.type_name, act.resource_id), HTTPStatus.OK, represents=True)
    page = store.search(act.type_name, act.query or "")
    entries = [{"fullUrl": found.reference, "resource": Raw(found.body)} for found in page.resources]
    result = {"resourceType": "Bundle", "type": "searchset", "total": page.total, "entry": entries}
    return {"resource": result, "response": {"status": _status(HTTPStatus.OK)}}


def _answer(resource: StoredResource, status: HTTPStatus, represents: bool = False) -> dict[str, Any]:
    shown = {"resource": Raw(resource.body)} if represents and resource.body else {}
    return shown | {
        "response": {
            "status": _status(status),
            "location": f"{resource.reference}/_history/{resource.version_id}",
            "etag": resource.etag,
            "lastModified": instant_text(resource.last_updated),
        }
    }


def _status(status: HTTPStatus) -> str:
    return f"{status.value} {status.phrase}"


def _outcome(error: AlmonerError) -> dict[str, Any]:
    if isinstance(error, InvalidResource):
        issues = [
            {
                "severity": "error",
                "code": issue.code,
                "diagnostics": issue.message,
                "expression": [issue.expression],
            }
            for issue in error.issues
        ]
    else:
        issues = [{"severity": "error", "code": error.fhir_issue_code, "diagnostics": error.message}]
    return {"resourceType": "OperationOutcome", "issue": issues}
