"""What the order of a vaccine is about: live or not, what it holds, and which recorded allergies may be to it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from cds.facts import Allergy, Facts, Proposal
from cds.immunization.schedule import Vaccine, plain, vaccines
from cds.ingredients import resolve
from cds.knowledge import read_toml
from data_contracts.code_systems import CVX

KNOWLEDGE = "vaccine_safety.toml"


@dataclass(frozen=True)
class Component:
    """A substance in vaccines. `cvx` hold it; of `some`, a few makers' products do."""

    key: str
    title: str
    words: tuple[str, ...]
    members: frozenset[str]
    cvx: frozenset[str]
    some: frozenset[str]

    def is_in(self, allergy: Allergy) -> bool:
        return not self.members.isdisjoint(allergy.ingredients) or _names(allergy, self.words)


def known() -> dict[str, Any]:
    return read_toml(KNOWLEDGE)


def ordered_cvx(proposal: Proposal) -> str | None:
    """The CVX code that is ordered or about to be given; None where the order is no vaccine."""
    if proposal.order is None or proposal.order.code.system != CVX.uri:
        return None
    return plain(proposal.order.code.code)


def product_of(cvx: str) -> Vaccine | None:
    return vaccines().get(cvx)


def live_entry(cvx: str) -> dict[str, Any] | None:
    """The entry of a live vaccine; None for one that is not live."""
    return next((entry for entry in known()["live"].values() if cvx in entry["cvx"]), None)


def is_live(cvx: str) -> bool:
    return live_entry(cvx) is not None


def by_mouth(cvx: str) -> bool:
    return cvx in known()["live"]["by_mouth"]["cvx"]


@cache
def components() -> tuple[Component, ...]:
    return tuple(
        Component(
            key=key,
            title=one["title"],
            words=tuple(one["words"]),
            members=resolve(one.get("members", ())),
            cvx=frozenset(one["cvx"]),
            some=frozenset(one.get("some", ())),
        )
        for key, one in known()["component"].items()
    )


def all_allergies(facts: Facts) -> tuple[Allergy, ...]:
    """Drugs, foods and the rest. Raises MissingFact where they could not be seen."""
    facts.need("allergies")
    return (*facts.allergies, *facts.other_allergies)


def is_to_vaccine(allergy: Allergy, product: Vaccine) -> bool | None:
    """Whether it is to a vaccine of the product's groups; None where it is to a vaccine and nobody said which."""
    given = {plain(code.code) for code in allergy.codes if code.system == CVX.uri}
    if given:
        return any(_share_groups(one, product) for one in given)
    named = {group for group, words in known()["named"].items() if _names(allergy, words)}
    if named:
        return not named.isdisjoint(product.groups)
    return None if _names(allergy, known()["any_vaccine"]["words"]) else False


def _share_groups(cvx: str, product: Vaccine) -> bool:
    other = product_of(cvx)
    return cvx == product.cvx or (other is not None and not set(other.groups).isdisjoint(product.groups))


def _names(allergy: Allergy, words: Iterable[str]) -> bool:
    said = " ".join([allergy.name, *(code.display for code in allergy.codes)]).lower()
    return bool(_pattern(tuple(words)).search(said))


@cache
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Whole words, so that eggplant is no egg."""
    return re.compile(rf"\b(?:{'|'.join(re.escape(one) for one in words)})s?\b")
