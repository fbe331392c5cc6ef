"""Whether a resource keeps the profiles it claims, told by elements that have kept them before.

A profile's demands on a top-level element are met or not by the element alone, and its rules for the whole read the
elements that they name. So what was found once to be kept is kept wherever the same bytes stand. Only checking.py
judges and finds words: what is not known to be kept is asked there, of the element first and then of the whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from ehr_core.store.elements import RESOURCE_TYPE, Element, Elements
from ehr_core.store.fhirpath.nodes import Node
from ehr_core.store.fhirpath.scope import THIS
from ehr_core.store.guides.checking import Check, elements_of, rules_of
from ehr_core.store.guides.guides import Guides
from ehr_core.store.guides.spec import UNSET, Profile, Rule, Spec

REMEMBERED = 4096
"""Sets of elements by which a profile's rules for the whole were kept; when there are more, all are forgotten."""
FindProfile = Callable[[str], Profile | None]
_json = msgspec.json.Decoder().decode


class ProfileMemory:
    """What is remembered of the profiles of one set of guides."""

    def __init__(self, guides: Guides):
        self.guides = guides
        self._profiles: dict[str, _Remembered | None] = {}
        self._demands: dict[Any, _Demand] = {}

    def all_kept(self, type_name: str, resource: Struct, elements: Elements) -> bool:
        """True when nothing of what its profiles ask is broken; False says nothing yet: ask the guides."""
        meta = elements.get("meta")
        asked = (
            self.guides.asked_of(type_name, resource)
            if meta is None
            else meta.found(self, lambda _: self.guides.asked_of(type_name, resource))
        )
        for canonical in asked:
            if canonical not in self._profiles:
                self._profiles[canonical] = self._remembered(canonical)
            known = self._profiles[canonical]
            if known is not None and not (known.type_name == type_name and known.is_kept(elements)):
                return False
        return True

    def _remembered(self, canonical: str) -> _Remembered | None:
        profile = self.guides.profile(canonical)
        if profile is None:
            return None
        demands = [
            self._demands.setdefault(_likeness(child), _Demand(profile, child, self.guides.profile))
            for child in profile.root.children.values()
        ]
        return _Remembered(profile, demands, self.guides.profile)


class _Remembered:
    """One profile: its demands on elements and its rules for the whole."""

    def __init__(self, profile: Profile, demands: list[_Demand], find: FindProfile):
        self.type_name, self._profile, self._demands, self._find = profile.type_name, profile, demands, find
        self._required = [demand for demand in demands if not demand.is_met_by_nothing]
        self._about: dict[str, tuple[tuple[_Demand, ...], bool, bool]] = {}
        self._complete: set[tuple[str, ...]] = set()
        self._rules_met: set[tuple[bytes, ...]] = set()
        rules = [rule.expression.scope for rule in profile.root.rules if rule.severity != "warning"]
        self._cannot_tell = any(
            [
                *(scope.farther or THIS in scope.read for scope in rules),
                *(rule.expression.scope.farther for rule in _rules_below(profile.root, find, set())),
            ]
        )
        self._read = frozenset[str]().union(*(scope.read for scope in rules))
        self._asked = frozenset[str]().union(*(scope.asked for scope in rules))

    def is_kept(self, elements: Elements) -> bool:
        """False also where this cannot tell."""
        if self._cannot_tell:
            return False
        key: list[bytes] = []
        for name, element in elements.items():
            demands, is_read, is_asked = self._about.get(name) or self._look_up(name)
            for demand in demands:
                met = element.kept.get(demand)
                if met is None:
                    met = element.kept[demand] = demand.is_met_by(element)
                if not met:
                    return False
            if is_read:
                key.append(element.pair)
            elif is_asked:
                key.append(name.encode())
        names = tuple(elements)
        return (names in self._complete or self._is_complete(names)) and (
            not self._profile.root.rules
            or tuple(key) in self._rules_met
            or self._rules_hold(tuple(key), elements)
        )

    def _look_up(self, name: str) -> tuple[tuple[_Demand, ...], bool, bool]:
        """The demands on an element, and whether rules read it or ask whether it is there."""
        demands = tuple(demand for demand in self._demands if demand.is_about(name))
        self._about[name] = demands, _is_named(name, self._read), _is_named(name, self._asked)
        return self._about[name]

    def _is_complete(self, names: tuple[str, ...]) -> bool:
        """Whether everything that is required stands there."""
        if not all(any(map(demand.is_about, names)) for demand in self._required):
            return False
        _remember(self._complete, names)
        return True

    def _rules_hold(self, key: tuple[bytes, ...], elements: Elements) -> bool:
        node = {
            name: _json(one.raw)
            for name, one in elements.items()
            if name == RESOURCE_TYPE or any(self._look_up(name)[1:])
        }
        check = Check(node, self._find, errors_only=True)
        rules_of(check, self._profile, self._profile.root, Node(node), self.type_name)
        if check.issues:
            return False
        _remember(self._rules_met, key)
        return True


class _Demand:
    """What a profile asks of one top-level element; several profiles ask the same. Work left undone is no proof."""

    def __init__(self, profile: Profile, child: Spec, find: FindProfile):
        self._profile, self._child, self._find = profile, child, find
        self._only = Spec(profile.root.name, children={child.name: child})
        self.is_met_by_nothing = self._is_met({})

    def is_about(self, name: str) -> bool:
        """Of a choice, under whichever name."""
        return name == self._child.name or (self._child.is_choice and _is_chosen(name, self._child.stem))

    def is_met_by(self, element: Element) -> bool:
        return self._is_met({element.name: _json(element.raw)})

    def _is_met(self, node: dict[str, Any]) -> bool:
        check = Check(node, self._find, errors_only=True)
        elements_of(check, self._profile, self._only, node, self._profile.type_name)
        return not check.issues


def _remember(known: set[Any], new: Any) -> None:
    if len(known) >= REMEMBERED:
        known.clear()
    known.add(new)


def _is_chosen(name: str, stem: str) -> bool:
    return name.startswith(stem) and name[len(stem) :][:1].isupper()


def _is_named(name: str, names: frozenset[str]) -> bool:
    return name in names or any(_is_chosen(name, stem) for stem in names)


def _likeness(spec: Spec) -> Any:
    """Equal for demands that ask the same; bindings are equal by address, as they are within one set of guides."""
    return (
        (spec.name, spec.low, spec.high, spec.types, spec.to, spec.profiles, spec.closed, tuple(spec.by)),
        (_said(spec.fixed), _said(spec.pattern)),
        tuple((binding.strength, binding.url) for binding in spec.bindings),
        tuple((rule.severity, rule.expression) for rule in spec.rules),
        tuple((name, _likeness(part)) for name, part in spec.children.items()),
        tuple((name, part.fits is None, _likeness(part)) for name, part in spec.slices.items()),
    )


def _said(value: Any) -> str | None:
    return None if value is UNSET else json.dumps(value, sort_keys=True)


def _rules_below(spec: Spec, find: FindProfile, seen: set[str]) -> Iterator[Rule]:
    """The rules of all elements below, of their slices, and of the profiles that those are held to."""
    for part in (*spec.children.values(), *spec.slices.values()):
        yield from part.rules
        yield from _rules_below(part, find, seen)
        for url in part.profiles:
            inner = None if url in seen else find(url)
            seen.add(url)
            if inner is not None:
                yield from inner.root.rules
                yield from _rules_below(inner.root, find, seen)
