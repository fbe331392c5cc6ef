"""Says what the interaction and duplicate knowledge covers, for the place where no alert stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from cds.engine import registry
from cds.ingredients import ingredient_name
from cds.pairs import pairs, pairs_by_ingredient


@dataclass(frozen=True, slots=True)
class Coverage:
    """Counts of what is written: pairs, ingredients in them, ordered ingredient pairs, and rules of every kind."""

    pairs: int
    ingredients: int
    ingredient_pairs: int
    rules: int
    reviewed: int


@cache
def coverage() -> Coverage:
    index = pairs_by_ingredient()
    rules = registry().rules.values()
    return Coverage(
        pairs=len(pairs()),
        ingredients=len(index),
        ingredient_pairs=sum(len(partners) for partners in index.values()) // 2,
        rules=len(rules),
        reviewed=sum(not rule.source.is_unreviewed for rule in rules),
    )


def covered(rxcui: str) -> bool:
    """Whether any interaction is written for this ingredient."""
    return rxcui in pairs_by_ingredient()


def coverage_words(rxcuis: Iterable[str]) -> str:
    """One or two sentences: for which of these ingredients interactions are written, and for which none is.

    Printed where no alert shows. No ingredient at all is said too: nothing was checked.
    """
    listed = list(dict.fromkeys(rxcuis))
    if not listed:
        return "No ingredient is known here, so interactions were not checked."
    known = [ingredient_name(one) for one in listed if covered(one)]
    unknown = [ingredient_name(one) for one in listed if not covered(one)]
    said = []
    if known:
        count = coverage()
        said.append(
            f"Interactions of {_and(known)} were checked against {count.pairs} written entries "
            f"({count.ingredients} ingredients), {_reviewed(count)}."
        )
    if unknown:
        said.append(f"Nothing is written about interactions of {_and(unknown)}: they were not checked.")
    return " ".join([*said, "No alert does not mean no interaction."])


def _reviewed(count: Coverage) -> str:
    return "none reviewed by a pharmacist" if not count.reviewed else f"{count.reviewed} rules reviewed"


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
