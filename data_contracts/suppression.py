"""Hides small cells from readers who may not see single patients, and enough others that none can be worked out.

The one rule for whatever shows counts of people: the API and the notebooks. A count from 1 to below the limit is
small. Zero is shown: it speaks of nobody. In a set of strata that add up to a shown total, one hidden cell alone could
be subtracted out, so more are hidden until the hidden ones together reach the limit. Within one stratum, those of the
initial population are in the denominator, excluded or excepted: of these four linked counts either all are shown or
none, or the hidden one would follow by addition. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

FIELDS = ("initial_population", "denominator", "exclusions", "exceptions", "numerator", "not_evaluable")
LINKED_FIELDS = ("initial_population", "denominator", "exclusions", "exceptions")
"""The first is the sum of the other three."""


@dataclass(frozen=True)
class Cell:
    """The counts of one stratum; null once hidden."""

    initial_population: int | None
    denominator: int | None
    exclusions: int | None
    exceptions: int | None
    numerator: int | None
    not_evaluable: int | None

    @property
    def suppressed(self) -> bool:
        return any(getattr(self, name) is None for name in FIELDS)


def suppress_cell(cell: Cell, limit: int) -> Cell:
    """Hides what is small within one stratum, and what would give it away by subtraction."""
    hidden: set[str] = set()
    if any(_small(getattr(cell, name), limit) for name in LINKED_FIELDS):
        hidden |= hidden_with("denominator")
    if _small(cell.numerator, limit) or _small(_rest(cell), limit):
        hidden.add("numerator")
    if _small(cell.not_evaluable, limit):
        hidden.add("not_evaluable")
    return replace(cell, **dict.fromkeys(hidden))


def hidden_with(name: str) -> set[str]:
    """The fields that must go when this one does. A rate without its denominator says nothing: the numerator too."""
    return {*LINKED_FIELDS, "numerator"} if name in LINKED_FIELDS else {name}


def suppress_counts(counts: Sequence[int], limit: int) -> list[int | None]:
    """Counts of groups that add up to what is known: small ones null, and further ones so that none follows."""
    hidden = [place for place, count in enumerate(counts) if _small(count, limit)]
    hidden += _further_hidden(counts, hidden, limit)
    return [None if place in hidden else count for place, count in enumerate(counts)]


def hidden_groups(total: Mapping[str, int], groups: Sequence[Mapping[str, int]], limit: int) -> list[bool]:
    """Which groups are hidden whole: those with a small count or that leave a small rest of the total, and further
    ones so that none follows. Who is in no group is hidden with them where they are few.
    """
    rest = {name: count - sum(group[name] for group in groups) for name, count in total.items()}
    parts = [*groups, rest] if all(count >= 0 for count in rest.values()) else list(groups)
    hidden = {
        place
        for place, group in enumerate(parts)
        if any(
            _small(count, limit) or (place < len(groups) and _small(total[name] - count, limit))
            for name, count in group.items()
        )
    }
    before: set[int] | None = None
    while hidden != before:
        before = set(hidden)
        for name in total:
            hidden |= set(_further_hidden([group[name] for group in parts], hidden, limit))
    return [place in hidden for place in range(len(groups))]


def suppress_strata(total: Cell, strata: Sequence[Cell], limit: int) -> list[Cell]:
    """Hides small cells of strata that add up to `total`, and further ones so that none can be subtracted out."""
    shown = [suppress_cell(cell, limit) for cell in strata]
    hidden_total = suppress_cell(total, limit)
    before = None
    while shown != before:  # what is hidden for one count takes others along, which may then stand alone
        before = shown
        for name in FIELDS:
            if getattr(hidden_total, name) is not None:
                shown = _complement(strata, [*shown], name, limit)
    return shown


def _complement(strata: Sequence[Cell], shown: list[Cell], name: str, limit: int) -> list[Cell]:
    """Hides further counts of this field, and what goes with them."""
    hidden = [place for place, cell in enumerate(shown) if getattr(cell, name) is None]
    for place in _further_hidden([getattr(cell, name) for cell in strata], hidden, limit):
        shown[place] = replace(shown[place], **dict.fromkeys(hidden_with(name)))
    return shown


def _further_hidden(counts: Sequence[int], hidden: Collection[int], limit: int) -> list[int]:
    """Places to hide besides: the smallest non-zero counts, until the hidden ones cannot be worked out."""
    further: list[int] = []
    others = sorted(
        (place for place, count in enumerate(counts) if count and place not in hidden),
        key=counts.__getitem__,
    )
    while hidden and others and not _safe([counts[place] for place in (*hidden, *further)], limit):
        further.append(others.pop(0))
    return further


def _safe(hidden: Sequence[int], limit: int) -> bool:
    return len(hidden) >= 2 and sum(hidden) >= limit


def _small(count: int | None, limit: int) -> bool:
    return count is not None and 0 < count < limit


def _rest(cell: Cell) -> int | None:
    """Those in the denominator and not in the numerator: a small rest is as telling as a small numerator."""
    if cell.denominator is None or cell.numerator is None:
        return None
    return cell.denominator - cell.numerator
