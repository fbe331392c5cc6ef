"""The guides in force: profiles, value sets and search parameters of packages over what is shipped.

A set of guides never changes; another revision is another set. Trees are built when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.store.guides.checking import Check
from ehr_core.store.guides.reading import known_type
from ehr_core.store.guides.shipped import R4, shipped
from ehr_core.store.guides.spec import Profile, Spec, bind, build
from ehr_core.store.guides.value_sets import Codes, CodeSystem
from ehr_core.store.search_facts import SearchFact

DEEPEST_BASE = 20
_json = msgspec.json.Decoder()


@dataclass(eq=False)
class Guides:
    """`searches` are the packages' search parameters by type, `waiting` (type, name) of those not indexed yet."""

    revision: int = 0
    profiles: Mapping[str, dict[str, Any]] = field(default_factory=lambda: shipped().profiles)
    value_sets: Mapping[str, dict[str, Any]] = field(default_factory=lambda: shipped().value_sets)
    code_systems: Mapping[str, dict[str, Any]] = field(default_factory=lambda: shipped().code_systems)
    searches: Mapping[str, tuple[SearchFact, ...]] = field(default_factory=dict)
    waiting: frozenset[tuple[str, str]] = frozenset()
    required: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    packages: Sequence[str] = ()
    _profiles: dict[str, Profile] = field(default_factory=dict)
    _roots: dict[str, tuple[Spec, list[str]]] = field(default_factory=dict)
    _codes: dict[str, Codes] = field(default_factory=dict)
    _systems: dict[str, CodeSystem] = field(default_factory=dict)

    def profile(self, canonical: str) -> Profile | None:
        """The profile of an address, with or without its version; None when it, or that version, is not held."""
        url, _, version = canonical.partition("|")
        facts = self.profiles.get(url)
        if facts is None or (version and version != facts["version"]):
            return None
        made = self._profiles.get(url)
        if made is None:
            root, unchecked = self._root(url, 0) or (Spec(facts["type"]), [])
            told = list(unchecked)
            bind(root, self.codes, told)
            made = Profile(url, facts["version"], facts["type"], root, tuple(dict.fromkeys(told)))
            self._profiles[url] = made
        return made

    def _root(self, url: str, depth: int) -> tuple[Spec, list[str]] | None:
        if url not in self._roots:
            facts = self.profiles.get(url.partition("|")[0])
            if facts is None or depth > DEEPEST_BASE:
                name = url.removeprefix(R4)
                return (Spec(name), []) if known_type(name) else None
            unchecked: list[str] = []

            def base(canonical: str) -> Spec | None:
                inherited = self._root(canonical, depth + 1)
                unchecked.extend(inherited[1] if inherited else ())
                return inherited[0] if inherited else None

            root, own = build(facts, base)
            self._roots[url] = (root, [*unchecked, *own])
        return self._roots[url]

    def codes(self, canonical: str) -> Codes | None:
        """The value set of an address; None when it, or that version, is not held."""
        url, _, version = canonical.partition("|")
        facts = self.value_sets.get(url)
        if facts is None or (version and version != facts["version"]):
            return None
        if url not in self._codes:
            self._codes[url] = Codes.of(facts, self.codes, self.system)
        return self._codes[url]

    def system(self, url: str) -> CodeSystem | None:
        facts = self.code_systems.get(url)
        if facts is not None and url not in self._systems:
            self._systems[url] = CodeSystem.of(facts)
        return self._systems.get(url)

    def profiles_of(self, type_name: str) -> list[str]:
        """The addresses of the profiles of a resource type."""
        return sorted(url for url, facts in self.profiles.items() if facts["type"] == type_name)

    def asked_of(self, type_name: str, resource: Struct) -> list[str]:
        """The profiles that a resource claims, and those that are required of its type."""
        meta: Any = getattr(resource, "meta", UNSET)
        claimed = () if meta is UNSET or meta.profile is UNSET else meta.profile
        return list(dict.fromkeys([*(each for each in claimed if each), *self.required.get(type_name, ())]))

    def check(
        self, type_name: str, resource: Struct, body: bytes, *, errors_only: bool = False
    ) -> list[Issue]:
        """What its profiles have to say of a resource that is built as R4 has it; warnings too, unless told."""
        asked = self.asked_of(type_name, resource)
        known = [profile for each in asked if (profile := self.profile(each))]
        return self.check_against(type_name, body, known, errors_only=errors_only) if known else []

    def check_against(
        self, type_name: str, body: bytes, profiles: Sequence[Profile], *, errors_only: bool = False
    ) -> list[Issue]:
        check = Check(_json.decode(body), self.profile, errors_only)
        for profile in profiles:
            if profile.type_name == type_name:
                check.against(profile)
            else:
                words = f"names {profile.name}, a profile of {profile.type_name}: name one of {type_name}"
                check.say(profile, f"{type_name}.meta.profile", words, "value")
        return check.issues

    def require(self, type_name: str, resource: Struct, body: bytes) -> list[Issue]:
        """The warnings. Raises InvalidResource when a profile is broken."""
        issues = self.check(type_name, resource, body)
        errors = [issue for issue in issues if issue.severity == "error"]
        if errors:
            raise InvalidResource(errors)
        return issues

    def not_held(self, type_name: str, resource: Struct) -> Iterator[str]:
        """The claimed profiles that nothing is known of."""
        return (each for each in self.asked_of(type_name, resource) if self.profile(each) is None)


SHIPPED = Guides()
"""What is in force where no package has been imported."""
