"""Which items a label keeps from whom: one rule for the chart, the portal and the gaps. Pure.

A patient of age reads the own record with the labels that roles.toml names. Minors, proxies, and applications that act
for a patient, see nothing that carries a label, except labels known to mean no more than "ordinary". Which labels
somebody of the staff sees is said by role and by rules about the patient, and held by the database (row_security.py).
An unknown label hides: nobody can say what it protects.
What carries no restricting label is judged by its codes (sensitive_codes.py), as if its sender had labelled it: the
rule is the same for labelled and unlabelled items.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from data_contracts.sensitivity import ORDINARY_LABELS, short_label
from ehr_core.access.sensitive_codes import derived_labels

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
    """Those labels that keep the item from somebody: from every proxy."""
    return [label for label in found if label not in ORDINARY_LABELS]


def may_see(actor_kind: str, sees: Collection[str], found: Iterable[tuple[str, str]]) -> bool:
    """May this kind of actor ('user', 'service', 'patient'), who sees these labels, see an item with those found?

    Staff are judged by the database. Anybody else is denied every label that is not named: also a kind of actor that
    this rule has never heard of.
    """
    return actor_kind in STAFF_KINDS or {short_label(*label) for label in restricting(found)} <= set(sees)
