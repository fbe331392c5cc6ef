"""Value sets and code systems of packages: what is in them, as far as that can be told without asking anybody.

The answer has three values: a code is in, it is not, or it cannot be told (a system that is not held whole, a filter).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ehr_core.kernel.errors import BadRequest, TooMuch

Facts = dict[str, Any]
DEEPEST = 20
"""Value sets that include value sets that include…"""
MOST_LISTED = 50_000
"""Codes of an expansion; a longer one is refused rather than held in memory."""
Code = tuple[str, str, str]
"""System, code and display."""


class NotListable(BadRequest):
    """A value set whose codes cannot be listed here; membership of some may still be known."""

    fhir_issue_code = "not-supported"


class TooManyCodes(TooMuch):
    http_status, fhir_issue_code = 422, "too-costly"


def value_set_facts(resource: Mapping[str, Any]) -> Facts:
    """`url`, `version`, `title`, and what it includes and excludes, or the codes of an expansion that is whole."""
    compose = resource.get("compose") if isinstance(resource.get("compose"), dict) else {}
    facts: Facts = {
        "url": resource["url"],
        "version": str(resource.get("version", "")),
        "title": str(resource.get("title") or resource.get("name") or resource["url"]),
        "include": [_part(each) for each in compose.get("include", ()) if isinstance(each, dict)],
        "exclude": [_part(each) for each in compose.get("exclude", ()) if isinstance(each, dict)],
    }
    expansion = resource.get("expansion")
    if isinstance(expansion, dict) and (codes := list(_expanded(expansion.get("contains", ())))):
        told = expansion.get("total")
        if not isinstance(told, int) or told <= len(codes):
            by_system: dict[str, list[list[str]]] = {}
            for system, code, display in codes:
                by_system.setdefault(system, []).append([code, display])
            facts["include"] = [{"system": system, "codes": each} for system, each in by_system.items()]
            facts["exclude"] = []
    return facts


def _part(part: Mapping[str, Any]) -> Facts:
    said: Facts = {}
    if isinstance(part.get("system"), str):
        said["system"] = part["system"]
    if isinstance(part.get("concept"), list):
        said["codes"] = [list(each) for each in _coded(part["concept"])]
    if isinstance(part.get("filter"), list):
        said["filter"] = [
            [str(each.get(name, "")) for name in ("property", "op", "value")]
            for each in part["filter"]
            if isinstance(each, dict)
        ]
    if isinstance(part.get("valueSet"), list):
        said["sets"] = [str(each) for each in part["valueSet"]]
    return said


def _coded(concepts: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for each in concepts:
        if isinstance(each, dict) and isinstance(each.get("code"), str):
            yield each["code"], str(each.get("display", ""))


def _expanded(contains: Iterable[Any]) -> Iterator[Code]:
    waiting = list(contains)
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, dict):
            if isinstance(each.get("code"), str) and not each.get("abstract"):
                yield str(each.get("system", "")), each["code"], str(each.get("display", ""))
            waiting = list(each.get("contains", ())) + waiting


def code_system_facts(resource: Mapping[str, Any]) -> Facts:
    """`url`, `version`, `title`, whether it is `whole`, and its codes as [code, display, parent]."""
    codes: list[list[str]] = []
    waiting = [("", each) for each in resource.get("concept", ())]
    while waiting:
        parent, each = waiting.pop()
        if isinstance(each, dict) and isinstance(each.get("code"), str):
            codes.append([each["code"], str(each.get("display", "")), parent])
            waiting += [(each["code"], inner) for inner in each.get("concept", ())]
    return {
        "url": resource["url"],
        "version": str(resource.get("version", "")),
        "title": str(resource.get("title") or resource.get("name") or resource["url"]),
        "whole": resource.get("content") == "complete",
        "codes": sorted(codes),
    }


@dataclass(eq=False)
class CodeSystem:
    """A code system that a package brought: its codes with display and parent."""

    url: str
    title: str
    whole: bool
    codes: dict[str, tuple[str, str]]

    @classmethod
    def of(cls, facts: Facts) -> CodeSystem:
        codes = {code: (display, parent) for code, display, parent in facts["codes"]}
        return cls(facts["url"], facts["title"], facts["whole"], codes)

    def has(self, code: str) -> bool | None:
        return True if code in self.codes else False if self.whole else None

    def is_under(self, code: str, ancestor: str) -> bool:
        """Whether the code is the ancestor or stands below it."""
        seen: set[str] = set()
        while code in self.codes and code not in seen:
            if code == ancestor:
                return True
            seen.add(code)
            code = self.codes[code][1]
        return False


FindSystem = Callable[[str], CodeSystem | None]


@dataclass(eq=False)
class Part:
    """One include or exclude."""

    system: str | None
    codes: dict[str, str] | None
    filters: list[list[str]]
    sets: list[str]


@dataclass(eq=False)
class Codes:
    """A value set in force."""

    url: str
    version: str
    title: str
    include: list[Part]
    exclude: list[Part]
    find_set: Callable[[str], Codes | None]
    find_system: FindSystem
    _known: dict[tuple[str, str], bool | None] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Facts, find_set: Callable[[str], Codes | None], find_system: FindSystem) -> Codes:
        def parts(name: str) -> list[Part]:
            return [
                Part(
                    each.get("system"),
                    None if "codes" not in each else dict(each["codes"]),
                    each.get("filter", []),
                    each.get("sets", []),
                )
                for each in facts[name]
            ]

        return cls(
            facts["url"],
            facts["version"],
            facts["title"],
            parts("include"),
            parts("exclude"),
            find_set,
            find_system,
        )

    def has(self, system: str | None, code: str, depth: int = 0) -> bool | None:
        """Whether a code is in; None when that cannot be told. `system` None: a plain code, of any system."""
        if depth > DEEPEST:
            return None
        key = (system or "", code)
        if key in self._known:
            return self._known[key]
        found = _any(self._in(part, system, code, depth) for part in self.include)
        if found is not False and self.exclude:
            out = _any(self._in(part, system, code, depth) for part in self.exclude)
            found = False if out else None if out is None else found
        if len(self._known) < MOST_LISTED:
            self._known[key] = found
        return found

    def has_any(self, value: Any) -> bool | None:
        """The same of a code, Coding, CodeableConcept or Quantity; False for one that has no code at all."""
        if isinstance(value, str):
            return self.has(None, value)
        codings = value.get("coding", [value]) if isinstance(value, dict) else ()
        return _any(
            self.has(each.get("system", ""), each["code"])
            for each in codings
            if isinstance(each, dict) and isinstance(each.get("code"), str)
        )

    def _in(self, part: Part, system: str | None, code: str, depth: int) -> bool | None:
        """Every limit of a part holds: system, listed codes or filters, and the value sets it names."""
        found: bool | None = True
        if part.system is not None:
            if system is not None and system != part.system:
                return False
            found = self._listed(part, code)
        for url in part.sets:
            inner = self.find_set(url)
            other = inner.has(system, code, depth + 1) if inner else None
            found = False if found is False or other is False else None if None in (found, other) else True
        return found

    def _listed(self, part: Part, code: str) -> bool | None:
        if part.codes is not None:
            return code in part.codes
        held = self.find_system(part.system or "")
        if part.filters:
            return None if held is None else self._filtered(held, part.filters, code)
        return None if held is None else held.has(code)

    @staticmethod
    def _filtered(held: CodeSystem, filters: list[list[str]], code: str) -> bool | None:
        for name, operator, value in filters:
            if operator not in ("is-a", "descendent-of") or name not in ("concept", "code") or not held.whole:
                return None
            below = held.is_under(code, value) and not (operator == "descendent-of" and code == value)
            if not below:
                return False
        return True

    def listed(self, depth: int = 0) -> list[Code]:
        """Every code. Raises NotListable, or TooManyCodes."""
        found: dict[tuple[str, str], str] = {}
        for part in self.include:
            for system, code, display in self._codes_of(part, depth):
                found.setdefault((system, code), display)
                if len(found) > MOST_LISTED:
                    raise TooManyCodes(
                        f"This value set has more than {MOST_LISTED:,} codes. Ask with a filter."
                    )
        for part in self.exclude:
            for key in [key for key in found if self._in(part, *key, depth)]:
                del found[key]
        return [(system, code, display) for (system, code), display in found.items()]

    def tokens(self) -> tuple[list[str], list[str]]:
        """'system|code' of every code, and 'system|' of every system that is in whole. Raises NotListable."""
        whole: list[str] = []
        kept: list[Part] = []
        for part in self.include:
            plain_system = part.system and part.codes is None and not part.filters and not part.sets
            held = self.find_system(part.system) if plain_system and part.system else None
            if plain_system and not self.exclude and not (held and held.whole):
                whole.append(f"{part.system}|")
            else:
                kept.append(part)
        rest = replace(self, include=kept, _known={})
        return [f"{system}|{code}" for system, code, _ in rest.listed()], whole

    def _codes_of(self, part: Part, depth: int) -> Iterator[Code]:
        if depth > DEEPEST:
            raise NotListable("This value set includes others in a circle.")
        if part.codes is not None:
            candidates = [(part.system or "", code, display) for code, display in part.codes.items()]
        elif part.system is not None:
            candidates = self._system_codes(part)
        elif part.sets:
            inner = self.find_set(part.sets[0])
            if inner is None:
                raise NotListable(f"This value set includes {part.sets[0]}, which is not held here.")
            candidates = inner.listed(depth + 1)
        else:
            candidates = []
        for system, code, display in candidates:
            if not part.sets or self._in(part, system, code, depth):
                yield system, code, display

    def _system_codes(self, part: Part) -> list[Code]:
        held = self.find_system(part.system or "")
        if held is None or not held.whole:
            raise NotListable(
                f"This value set includes codes of {part.system}, which is not held here whole."
            )
        kept = []
        for code, (display, _) in held.codes.items():
            fits = self._filtered(held, part.filters, code)
            if fits is None:
                raise NotListable("This value set has a filter that is not evaluated here.")
            if fits:
                kept.append((held.url, code, display))
        return kept


def _any(answers: Iterable[bool | None]) -> bool | None:
    unsure = False
    for answer in answers:
        if answer:
            return True
        unsure = unsure or answer is None
    return None if unsure else False
