"""Says about which ingredients nothing is written on doses, kidney, liver, pregnancy: for where no alert stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from cds.engine import registry
from cds.ingredients import ingredient_name

TOPICS = {
    "dose_limits": "largest doses",
    "kidney": "kidney function",
    "liver": "liver disease",
    "pregnancy": "pregnancy",
    "lactation": "breastfeeding",
    "lab_check": "laboratory checks",
}


@cache
def _written() -> dict[str, frozenset[str]]:
    """The ingredients that each topic speaks of."""
    found: dict[str, set[str]] = {topic: set() for topic in TOPICS}
    for check in registry().checks:
        if check.ingredients is not None and check.rules[0].topic in found:
            found[check.rules[0].topic] |= check.ingredients
    return {topic: frozenset(rxcuis) for topic, rxcuis in found.items()}


def is_written(topic: str, rxcui: str) -> bool:
    """Whether our knowledge speaks of the ingredient on that topic; raises KeyError for another topic."""
    return rxcui in _written()[topic]


def label_coverage_words(rxcuis: Iterable[str]) -> str:
    """What is not written about these ingredients, a sentence for those that lack the same; silence is not safety."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for rxcui in dict.fromkeys(rxcuis):
        lacking = tuple(words for topic, words in TOPICS.items() if not is_written(topic, rxcui))
        alike.setdefault(lacking, []).append(ingredient_name(rxcui))
    return " ".join(
        f"Nothing is written about {_listed(lacking, 'or')} for {_listed(names, 'and')}: that was not checked."
        for lacking, names in alike.items()
        if lacking
    )


def _listed(words: Sequence[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
