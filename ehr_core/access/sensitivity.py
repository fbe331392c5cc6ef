"""Which items a label keeps from whom: one rule for the chart, the portal and the gaps. Pure.

Until a site's consent policy says more, staff see everything, and patients and proxies see nothing that carries
a label, except labels known to mean no more than "ordinary". An unknown label hides: nobody can say what it protects.
What carries no restricting label is judged by its codes (sensitive_codes.py), as if its sender had labelled it: the
rule is the same for adults and minors, and for labelled and unlabelled items.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from data_contracts.sensitivity import ORDINARY_LABELS
from ehr_core.access.sensitive_codes import derived_labels

ORDINARY_CODES = frozenset(code for _, code in ORDINARY_LABELS)

STAFF_KINDS = frozenset({"user", "service"})


def labels(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each (system, code) of `meta.security`; a label without a code counts, with ''. Without a restricting one, also
    those that the resource's codes call for."""
    given = [
        (coding.get("system", ""), coding.get("code", ""))
        for coding in (resource.get("meta") or {}).get("security") or ()
    ]
    yield from given
    if not restricting(given):
        yield from derived_labels(resource)


def restricting(found: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those labels that keep the item from patients and proxies."""
    return [label for label in found if label not in ORDINARY_LABELS]


def may_see(actor_kind: str, found: Iterable[tuple[str, str]]) -> bool:
    """May this kind of actor ('user', 'service', 'patient', 'proxy') see an item with these labels?

    Anything but staff is denied a labelled item: also a kind of actor that this rule has never heard of.
    """
    return actor_kind in STAFF_KINDS or not restricting(found)


def may_see_label(actor_kind: str, label: str | None) -> bool:
    """The same for an item that carries one inherited label, such as a gap: its code, or `system|code`."""
    return actor_kind in STAFF_KINDS or not label or label.rpartition("|")[2] in ORDINARY_CODES


def split_visible(actor_kind: str, resources: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """The resources that this actor may see, and how many were held back: never silently missing."""
    listed = list(resources)
    visible = [resource for resource in listed if may_see(actor_kind, labels(resource))]
    return visible, len(listed) - len(visible)
