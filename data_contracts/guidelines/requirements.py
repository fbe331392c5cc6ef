"""What a definition reads: resource types and codes. The worker re-runs only what a change can touch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from data_contracts.guidelines import definitions
from data_contracts.guidelines.criterion import FHIR_TYPES
from data_contracts.guidelines.rules import Rules
from data_contracts.valuesets import value_set

ALWAYS_TOUCHING = ("Patient", "Flag")
"""Types whose every change may alter any answer: age, sex, death, merge, panel status."""

REFERRED_TO = {"medication_request": ("Medication",)}
"""Types whose codes a kind of record takes over when it refers to them: a prescription may name its medicine so."""


@dataclass(frozen=True)
class Requirements:
    """`resource_types` that are read, and `code_tokens` ('system|code', a trailing * meaning a prefix) by type.

    A change touches the definition when its type is one of `always`, or when one of its codes is wanted for its type.
    A discharge disposition is no coding of an encounter's type, so its tokens are among the encounter's.
    """

    resource_types: frozenset[str]
    code_tokens: frozenset[str]
    tokens_by_type: Mapping[str, frozenset[str]]
    always: frozenset[str] = frozenset(ALWAYS_TOUCHING)

    def touched_by(self, resource_type: str, code_tokens: Iterable[str]) -> bool:
        """Whether a change to such a resource can alter an answer. No codes at all counts as any code."""
        if resource_type in self.always:
            return True
        if resource_type not in self.resource_types:
            return False
        changed = list(code_tokens)
        wanted = self.tokens_by_type[resource_type]
        return not changed or any(_wanted(token, wanted) for token in changed)


def _wanted(token: str, wanted: frozenset[str]) -> bool:
    if token in wanted:
        return True
    system, _, code = token.partition("|")
    return any(f"{system}|{code[:length]}*" in wanted for length in range(1, len(code) + 1))


def requirements_of(rules_of: Callable[[frozenset[str]], Rules]) -> dict[str, Requirements]:
    """The requirements of every topic, from its compiled rules."""
    return {topic: _of(rules_of(frozenset((topic,)))) for topic in definitions()}


def _of(rules: Rules) -> Requirements:
    tokens: dict[str, set[str]] = {}
    for _, name, place in rules.sources:
        for resource_type in (FHIR_TYPES[place], *REFERRED_TO.get(place, ())):
            tokens.setdefault(resource_type, set()).update(value_set(name).tokens)
    by_type = {kind: frozenset(found) for kind, found in tokens.items()}
    return Requirements(
        resource_types=frozenset(by_type) | frozenset(ALWAYS_TOUCHING),
        code_tokens=frozenset().union(*by_type.values()),
        tokens_by_type=by_type,
    )
