"""Which contrast medium an ordered study may give, and the reactions to it that are on record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from cds.facts import Allergy, OrderedService
from cds.knowledge import read_toml

KNOWLEDGE = "imaging.toml"
Agent = Literal["iodinated", "gadolinium"]


def limits() -> dict[str, Any]:
    return read_toml(KNOWLEDGE)["limits"]


def agent_of(order: OrderedService | None) -> Agent | None:
    """The contrast medium that the order may give; None where it gives none."""
    if order is None or not order.may_give_contrast:
        return None
    agents = read_toml(KNOWLEDGE)["agents"]
    return next(
        (one for one in ("iodinated", "gadolinium") if order.modality in agents[one]["modalities"]), None
    )


def reactions_to(agent: Agent, allergies: Iterable[Allergy]) -> list[Allergy]:
    """Recorded allergies whose words name this medium, or contrast without saying which."""
    return [one for one in allergies if _is_to(agent, _words(one))]


def _is_to(agent: Agent, words: str) -> bool:
    agents = read_toml(KNOWLEDGE)["agents"]
    named = {kind for kind in ("iodinated", "gadolinium") if _has(words, agents[kind]["words"])}
    return agent in named or (not named and _has(words, agents["any_words"]))


def _has(words: str, listed: Iterable[str]) -> bool:
    return any(one in words for one in listed)


def _words(allergy: Allergy) -> str:
    return " ".join([allergy.name, *(code.display for code in allergy.codes)]).lower()
