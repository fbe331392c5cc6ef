"""Links among the entries of a Bundle that are no references: an attachment's url, an extension's uri, the narrative.

Source: FHIR R4, http.html#transaction: what stands for a fullUrl is replaced in elements of the types uri, url, oid
and uuid, and in the narrative's href and src. A resource's own `url` says who it is, and stays; so do canonicals.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ehr_core.kernel.fhir_definitions import ANY_RESOURCE, Definition, definition
from ehr_core.store.exact_json import parse, written

LINK = re.compile(
    rb'"(?:url|uri|\w+(?:Url|Uri|Oid|Uuid))"\s*:\s*"([^"]+)"|(?:href|src)\s*=\s*\\?["\']([^"\'\\]+)'
)
"""Where a link may stand, for a look at the bytes before anything is taken apart. Slashes may be escaped."""
IN_NARRATIVE = re.compile(r"((?:href|src)\s*=\s*)([\"'])([^\"']+)\2")
LINKING = frozenset({"uri", "url", "oid", "uuid"})
OWN_ADDRESS = "url"


def linked(type_name: str, body: bytes, targets: Mapping[str, str]) -> bytes:
    """The resource with 'Type/id' in place of each link to another entry; the very same bytes when it has none.

    `targets` says what each fullUrl stands for.
    """
    found = ((one or two).decode(errors="replace").replace("\\/", "/") for one, two in LINK.findall(body))
    if not any(link in targets for link in found):
        return body
    tree = parse(body, "The resource")
    _follow(definition(type_name), tree, targets, outermost=True)
    return written(tree)


def _follow(described: Definition, node: Any, targets: Mapping[str, str], *, outermost: bool = False) -> None:
    """Changes the node. What is not as its type has it is left to the structural check."""
    if not isinstance(node, dict):
        return
    for name, value in node.items():
        element = described.elements.get(name)
        if element is None or (outermost and name == OWN_ADDRESS):
            continue
        if element.type == "xhtml" and isinstance(value, str):
            node[name] = IN_NARRATIVE.sub(lambda link: _rewritten(link, targets), value)
        elif element.type in LINKING:
            node[name] = _replaced(value, targets)
        elif not element.primitive:
            for each in value if isinstance(value, list) else [value]:
                if element.type != ANY_RESOURCE:
                    _follow(definition(element.type), each, targets)
                elif isinstance(each, dict) and isinstance(each.get("resourceType"), str):
                    _follow(definition(each["resourceType"]), each, targets, outermost=True)


def _replaced(value: Any, targets: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_replaced(each, targets) for each in value]
    return targets.get(value, value) if isinstance(value, str) else value


def _rewritten(link: re.Match[str], targets: Mapping[str, str]) -> str:
    return f"{link[1]}{link[2]}{targets.get(link[3], link[3])}{link[2]}"
