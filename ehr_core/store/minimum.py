"""One resource cut down to named elements, for a role that reads no more. What is left is as it is stored.

Extensions are cut at every depth, and of `meta` only version, time and the mark SUBSETTED stay: a label or an extension
can tell what the elements do not.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ehr_core.kernel.fhir_definitions import definition
from ehr_core.kernel.fhir_json import decode, encode
from ehr_core.store.subsets import SUBSETTED

NEVER = frozenset({"extension", "modifierExtension", "contained"})
OF_META = ("versionId", "lastUpdated")


def minimum(type_name: str, body: bytes, elements: Collection[str]) -> bytes:
    """`elements` names a choice without its type: `deceased` keeps deceasedBoolean and deceasedDateTime."""
    found = decode(body)
    meta = {name: found["meta"][name] for name in OF_META if name in found.get("meta", {})}
    kept: dict[str, Any] = {"resourceType": type_name}
    if "id" in found:
        kept["id"] = found["id"]
    kept["meta"] = meta | {"tag": [SUBSETTED]}
    for name, value in found.items():
        if name not in kept and name not in NEVER and _group(type_name, name) in elements:
            kept[name] = _bare(value)
    return encode(kept)


def _group(type_name: str, name: str) -> str:
    element = definition(type_name).elements.get(name)
    return name if element is None else element.choice or name


def _bare(value: Any) -> Any:
    """Without extensions, and without the siblings of primitives (`_family`), which hold nothing else."""
    if isinstance(value, dict):
        return {
            key: _bare(item) for key, item in value.items() if key not in NEVER and not key.startswith("_")
        }
    return [_bare(item) for item in value] if isinstance(value, list) else value
