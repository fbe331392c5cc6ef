"""JSON Patch (RFC 6902) on a resource: all operations or none."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.store.exact_json import parse, written

MOST_OPERATIONS = 1000
MOST_COPIED = 1024 * 1024
"""Bytes that the copies of one patch add: copied into itself, a value doubles with each operation."""
INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
"""A place in a list."""
NEEDED = {
    "add": ("value",),
    "remove": (),
    "replace": ("value",),
    "test": ("value",),
    "move": ("from",),
    "copy": ("from",),
}


class PatchFails(InvalidResource):
    """An operation that cannot be done; `expression` is its place in the patch."""

    def __init__(self, place: str, reason: str):
        super().__init__([Issue(place, reason, "processing")])


def json_patched(body: bytes, patch: bytes) -> bytes:
    """The resource after the patch. Raises PatchFails naming the operation, BadRequest when the patch is no JSON."""
    operations = parse(patch, "The patch")
    if not isinstance(operations, list) or len(operations) > MOST_OPERATIONS:
        raise PatchFails("patch", f"must be a list of at most {MOST_OPERATIONS} operations")
    tree = parse(body, "The resource")
    room = MOST_COPIED
    for index, operation in enumerate(operations):
        place = f"patch[{index}]"
        room -= _copied_bytes(tree, operation, place)
        if room < 0:
            raise PatchFails(place, f"copies more than {MOST_COPIED // 1024**2} MB with those before it")
        tree = _applied(tree, operation, place)
    if not isinstance(tree, dict):
        raise PatchFails("patch", "leaves something that is no resource")
    return written(tree)


def _copied_bytes(tree: Any, operation: Any, place: str) -> int:
    """What a copy adds to the resource; 0 for any other operation, and for one that will be refused."""
    if not isinstance(operation, dict) or operation.get("op") != "copy" or "from" not in operation:
        return 0
    return len(written(_at(tree, _steps(operation["from"], f"{place}.from"), f"{place}.from")))


def _applied(tree: Any, operation: Any, place: str) -> Any:
    named = operation.get("op") if isinstance(operation, dict) else None
    if not isinstance(named, str) or named not in NEEDED:
        raise PatchFails(f"{place}.op", f"must be one of: {', '.join(NEEDED)}")
    act = named
    for member in ("path", *NEEDED[act]):
        if member not in operation:
            raise PatchFails(f"{place}.{member}", "is required")
    path = _steps(operation["path"], f"{place}.path")
    if act in ("move", "copy"):
        source = _steps(operation["from"], f"{place}.from")
        if act == "move" and path[: len(source)] == source and path != source:
            raise PatchFails(f"{place}.path", "is inside what is to be moved")
        value = copy.deepcopy(_at(tree, source, f"{place}.from"))
        if act == "move":
            tree = _changed(tree, source, f"{place}.from", _remove)
        return _changed(tree, path, f"{place}.path", _adding(value))
    if act == "test":
        if not _same(_at(tree, path, f"{place}.path"), operation["value"]):
            raise PatchFails(place, "tests for a value that is not there")
        return tree
    doing = {"add": _adding, "replace": _replacing}.get(act)
    return _changed(tree, path, f"{place}.path", doing(operation["value"]) if doing else _remove)


def _steps(pointer: Any, place: str) -> list[str]:
    """A JSON Pointer's steps (RFC 6901); '' is the whole resource."""
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise PatchFails(place, "must be a JSON Pointer such as /name/0/family")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _at(node: Any, steps: list[str], place: str) -> Any:
    for step in steps:
        node = node[_key(node, step, place)]
    return node


def _key(node: Any, step: str, place: str, *, end_counts: bool = False) -> Any:
    """The key or index of what is there; `end_counts` also takes the place after a list's last item."""
    if isinstance(node, dict) and (step in node or end_counts):
        return step
    if isinstance(node, list):
        if end_counts and step == "-":
            return len(node)
        index = int(step) if INDEX.fullmatch(step) else -1
        if 0 <= index < len(node) + end_counts:
            return index
    raise PatchFails(place, "leads to nothing in this resource")


Change = Callable[[Any, str, str], None]


def _changed(tree: Any, steps: list[str], place: str, change: Change) -> Any:
    """The tree after the change at these steps; the whole resource can be replaced only."""
    if not steps:
        holder = {"": tree}
        change(holder, "", place)
        if "" not in holder:
            raise PatchFails(place, "is the whole resource: delete it instead")
        return holder[""]
    change(_at(tree, steps[:-1], place), steps[-1], place)
    return tree


def _adding(value: Any) -> Change:
    def add(node: Any, step: str, place: str) -> None:
        key = _key(node, step, place, end_counts=True)
        if isinstance(node, list):
            node.insert(key, value)
        else:
            node[key] = value

    return add


def _replacing(value: Any) -> Change:
    def replace(node: Any, step: str, place: str) -> None:
        node[_key(node, step, place)] = value

    return replace


def _remove(node: Any, step: str, place: str) -> None:
    del node[_key(node, step, place)]


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON is: true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other
