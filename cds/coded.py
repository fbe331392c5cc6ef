"""Groups of codes that a rule asks for: from the shared value sets, or from `condition_groups.toml`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from cds.facts import Code, Condition, Facts
from cds.knowledge import FOLDER, read_toml
from data_contracts.code_systems import ICD_10_CM, code_system
from data_contracts.valuesets import value_set

SNOMED_PART = "snomed/condition_groups.toml"


@dataclass(frozen=True)
class CodeGroup:
    """Tokens (`uri|code`) and beginnings of tokens; a code is in the group when it is one or begins with one."""

    tokens: frozenset[str]
    prefixes: tuple[str, ...] = ()

    def holds(self, codes: Iterable[Code]) -> bool:
        return any(
            one.token in self.tokens or (self.prefixes and one.token.startswith(self.prefixes))
            for one in codes
        )

    def __or__(self, other: CodeGroup) -> CodeGroup:
        return CodeGroup(self.tokens | other.tokens, (*self.prefixes, *other.prefixes))


@cache
def codes_of(*names: str) -> CodeGroup:
    """The codes of value sets of `data_contracts`, together. Raises NotFound where there is none of that name."""
    return _grouped(token for name in names for token in value_set(name).tokens)


@cache
def condition_group(name: str) -> CodeGroup:
    """One group of `condition_groups.toml`; raises KeyError where there is none of that name."""
    group = read_toml("condition_groups.toml")[name]
    if "value_set" in group:
        return codes_of(group["value_set"])
    codes = {"icd-10-cm": group["icd-10-cm"], "snomed": _snomed_concepts().get(name, [])}
    return _grouped(f"{code_system(system).uri}|{code}" for system in codes for code in codes[system])


@cache
def icd_10_cm(*codes: str) -> CodeGroup:
    """These ICD-10-CM codes; one ending in * stands for all that begin with it."""
    return _grouped(f"{ICD_10_CM.uri}|{code}" for code in codes)


def _snomed_concepts() -> dict[str, list[str]]:
    """The optional SNOMED CT part; empty where a site has left it out."""
    return read_toml(SNOMED_PART) if (FOLDER / SNOMED_PART).is_file() else {}


def active_conditions(facts: Facts, group: CodeGroup) -> tuple[Condition, ...]:
    """Active problems of that group; raises MissingFact where problems could not be seen."""
    return tuple(one for one in facts.conditions_with(group.tokens, group.prefixes) if one.is_active)


def ever_conditions(facts: Facts, group: CodeGroup) -> tuple[Condition, ...]:
    """Problems of that group of any status; raises MissingFact where problems could not be seen."""
    return facts.conditions_with(group.tokens, group.prefixes)


def _grouped(tokens: Iterable[str]) -> CodeGroup:
    found = tuple(tokens)
    whole = frozenset(one for one in found if not one.endswith("*"))
    return CodeGroup(whole, tuple(sorted(one[:-1] for one in found if one.endswith("*"))))
