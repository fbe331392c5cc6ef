"""Value sets and code systems of a package: expansions, lists of codes, and compositions of other sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

Pair = tuple[str, str]
"""(system, code)"""


@dataclass(frozen=True)
class ValueSet:
    """An expanded value set: (system, code) pairs. `total` is what the publisher says the expansion holds."""

    url: str
    version: str | None
    name: str | None
    codes: tuple[Pair, ...]
    total: int | None = None


@dataclass(frozen=True)
class CodeSystem:
    """The codes of a system, and of each the codes right above it."""

    url: str
    complete: bool
    above: dict[str, frozenset[str]]

    def subsumes(self, code: str, other: str) -> bool:
        """Is the code the other one, or above it?"""
        seen, waiting = set(), [other]
        while waiting:
            one = waiting.pop()
            if one == code:
                return True
            if one not in seen:
                seen.add(one)
                waiting += self.above.get(one, ())
        return False


class CannotExpand(Exception):
    """The package does not hold what a value set is composed of."""


Find = Callable[[str], ValueSet | None]


def read_value_set(content: dict) -> ValueSet | None:
    """A value set that lists its codes itself; None where it has to be composed."""
    if "codes" in content:
        codes = tuple(dict.fromkeys(_pair(one) for one in content["codes"]))
        return _value_set(content, codes, content.get("expansion_total"))
    if "expansion" in content:
        expansion = content["expansion"]
        contains = tuple(dict.fromkeys(_contained(expansion.get("contains", []))))
        if contains or not content.get("compose"):
            return _value_set(content, contains, expansion.get("total"))
    if not content.get("compose"):
        return _value_set(content, (), None)
    return None


def _value_set(content: dict, codes: tuple[Pair, ...], total: int | None) -> ValueSet:
    return ValueSet(address_of(content), content.get("version"), content.get("name"), codes, total)


def address_of(content: dict) -> str:
    return content.get("url") or f"ValueSet/{content.get('id', '')}"


def _pair(one) -> Pair:
    if isinstance(one, dict):
        return one.get("system") or "", one["code"]
    system, code = one
    return system or "", code


def _contained(contains: Iterable[dict]) -> Iterator[Pair]:
    for one in contains:
        if "code" in one and not one.get("abstract"):
            yield one.get("system", ""), one["code"]
        yield from _contained(one.get("contains", []))


def compose(content: dict, find: Find, code_systems: dict[str, CodeSystem]) -> ValueSet:
    """The value set that the parts make up. Raises CannotExpand where one of them is not in the package."""
    parts = content["compose"]
    codes = dict.fromkeys(
        pair for part in parts.get("include", []) for pair in _part(part, find, code_systems)
    )
    for part in parts.get("exclude", []):
        for pair in _part(part, find, code_systems):
            codes.pop(pair, None)
    return _value_set(content, tuple(codes), None)


def _part(part: dict, find: Find, code_systems: dict[str, CodeSystem]) -> set[Pair] | list[Pair]:
    """The codes of an include or exclude: those of the system that are in every set it names."""
    sets = [_codes_of(url, find) for url in part.get("valueSet", [])]
    if part.get("system"):
        sets.append(_of_system(part, code_systems))
    if not sets:
        return []
    first, *others = sets
    return [pair for pair in first if all(pair in other for other in others)]


def _codes_of(url: str, find: Find) -> dict[Pair, None]:
    found = find(url)
    if found is None:
        raise CannotExpand(f"the value set {url} is missing")
    return dict.fromkeys(found.codes)


def _of_system(part: dict, code_systems: dict[str, CodeSystem]) -> dict[Pair, None]:
    system = part["system"]
    if part.get("concept"):
        return dict.fromkeys((system, concept["code"]) for concept in part["concept"])
    loaded = code_systems.get(system)
    if loaded is None or not loaded.complete:
        raise CannotExpand(f"the code system {system} is missing")
    codes = set(loaded.above)
    for rule in part.get("filter", []):
        codes &= _filtered(rule, loaded)
    return dict.fromkeys((system, code) for code in sorted(codes))


def _filtered(rule: dict, loaded: CodeSystem) -> set[str]:
    kind, value = rule.get("op"), rule.get("value", "")
    if rule.get("property") == "concept" and kind in ("is-a", "descendent-of", "is-not-a"):
        below = {code for code in loaded.above if loaded.subsumes(value, code)}
        if kind == "is-not-a":
            return set(loaded.above) - below
        return below - {value} if kind == "descendent-of" else below
    if rule.get("property") == "code" and kind == "in":
        return {code.strip() for code in value.split(",")}
    raise CannotExpand(f"the filter {rule.get('property')} {kind} is not supported")


def read_code_system(content: dict) -> CodeSystem:
    above: dict[str, set[str]] = {}
    waiting = [(concept, None) for concept in content.get("concept", [])]
    while waiting:
        concept, parent = waiting.pop()
        code = concept["code"]
        above.setdefault(code, set()).update({parent} - {None})
        waiting += [(below, code) for below in concept.get("concept", [])]
        for one in concept.get("property", []):
            if one.get("code") == "parent":
                above[code].add(one.get("valueCode"))
            elif one.get("code") == "child":
                above.setdefault(one.get("valueCode"), set()).add(code)
    complete = content.get("content", "complete") == "complete"
    return CodeSystem(content["url"], complete, {code: frozenset(one) for code, one in above.items()})
