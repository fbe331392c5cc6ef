"""Says about which ingredients nothing is written on doses, kidney, liver, pregnancy: for where no alert stands."""

from __future__ import annotations

from collections.abc import Iterable
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
    """What is not written about these ingredients, one sentence each; silence about them is not safety."""
    said = (_about(rxcui) for rxcui in dict.fromkeys(rxcuis))
    return " ".join(one for one in said if one)


def _about(rxcui: str) -> str:
    lacking = [words for topic, words in TOPICS.items() if not is_written(topic, rxcui)]
    if not lacking:
        return ""
    listed = lacking[0] if len(lacking) == 1 else f"{', '.join(lacking[:-1])} or {lacking[-1]}"
    return f"Nothing is written about {listed} for {ingredient_name(rxcui)}: that was not checked."
