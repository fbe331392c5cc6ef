"""The TerminologyCapabilities, made from what is held: code systems, value sets, and how the operations work over them.

R4 has no place in it for value sets: each is named in an extension of `expansion`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from data_contracts.code_systems import CODE_SYSTEMS
from data_contracts.valuesets import value_sets
from ehr_core.api.fhir.capabilities import PUBLISHED
from ehr_core.store.guides.guides import Guides

VALUE_SET_URL = "https://almoner.dev/fhir/StructureDefinition/value-set-held"
EXPANDED_BY = {
    "url": "The value set, by its address.",
    "filter": "A part of the display, or the whole code.",
    "offset": "Codes to leave out at the beginning.",
    "count": "The most codes in the answer; the rest follows by `offset`.",
}
"""What `$expand` takes. The routes of the operation read the names here."""
TEXT_FILTER = (
    "A code is kept when its display holds the words, or when it is the word; case and accents do not count."
)


@lru_cache(maxsize=8)
def terminology_capabilities(base_url: str, guides: Guides) -> bytes:
    """The statement of the server at this address, as JSON."""
    return json.dumps(
        {
            "resourceType": "TerminologyCapabilities",
            "status": "active",
            "date": PUBLISHED,
            "kind": "instance",
            "software": {"name": "Almoner", "version": version("almoner")},
            "implementation": {"description": "Almoner", "url": base_url},
            "lockedDate": False,
            "codeSystem": list(_code_systems(guides)),
            "expansion": {
                "extension": [{"url": VALUE_SET_URL, "valueCanonical": each} for each in _value_sets(guides)],
                "hierarchical": False,
                "paging": True,
                "incomplete": False,
                "parameter": [{"name": name, "documentation": words} for name, words in EXPANDED_BY.items()],
                "textFilter": TEXT_FILTER,
            },
            "validateCode": {"translations": False},
        }
    ).encode()


def _code_systems(guides: Guides) -> Iterator[dict[str, Any]]:
    """Ours know hierarchies that stand in the code itself; of a guide's every code has its parent.

    Where one of ours has the same address as a guide's, ours is asked.
    """
    ours = {each.uri: each for each in CODE_SYSTEMS.values()}
    for uri, each in sorted(ours.items()):
        yield {"uri": uri, "subsumption": each.prefixes}
    for uri, facts in sorted(guides.code_systems.items()):
        if uri not in ours:
            told = {"version": [{"code": facts["version"], "isDefault": True}]} if facts["version"] else {}
            yield {"uri": uri, **told, "subsumption": True}


def _value_sets(guides: Guides) -> list[str]:
    """Canonical addresses, with their versions."""
    held = {each.url: each.version for each in value_sets().values()}
    found = {url: facts["version"] for url, facts in guides.value_sets.items()} | held
    return [f"{url}|{of}" if of else url for url, of in sorted(found.items())]
