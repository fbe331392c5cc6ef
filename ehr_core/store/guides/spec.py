"""A profile, ready to be checked: its facts as a tree of what each element must be."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ehr_core.store.fhirpath.evaluating import Compiled, compiled
from ehr_core.store.fhirpath.parsing import NotUnderstood
from ehr_core.store.guides.slicing import Fits, fits_of
from ehr_core.store.guides.value_sets import Codes

UNSET = object()
"""No fixed value or pattern: null is one that nobody has, but false and 0 are."""


@dataclass(eq=False)
class Rule:
    key: str
    severity: str
    sentence: str
    expression: Compiled


@dataclass(eq=False)
class Binding:
    strength: str
    url: str
    codes: Codes


@dataclass(eq=False)
class Spec:
    """What one element or slice must be. `high` None: as often as R4 lets it."""

    name: str
    low: int = 0
    high: int | None = None
    types: frozenset[str] | None = None
    to: frozenset[str] | None = None
    profiles: tuple[str, ...] = ()
    fixed: Any = UNSET
    pattern: Any = UNSET
    bound: list[list[str]] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    by: list[str] = field(default_factory=list)
    closed: bool = False
    children: dict[str, Spec] = field(default_factory=dict)
    slices: dict[str, Spec] = field(default_factory=dict)
    fits: Fits | None = None

    def __post_init__(self) -> None:
        self.is_choice = self.name.endswith("[x]")
        self.stem = self.name.removesuffix("[x]")
        self.beside = f"_{self.name}"

    def child(self, name: str) -> Spec:
        return self.children.setdefault(name, Spec(name))


@dataclass(eq=False)
class Profile:
    """A profile in force. `unchecked` says in words what of it is not checked here, and why."""

    url: str
    version: str
    type_name: str
    root: Spec
    unchecked: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


FindCodes = Callable[[str], Codes | None]
FindBase = Callable[[str], Spec | None]


def build(facts: Mapping[str, Any], base: FindBase) -> tuple[Spec, list[str]]:
    """The tree of a profile with its base's taken in, and what of it cannot be checked."""
    root, unchecked = Spec(facts["type"]), []
    if not facts["whole"]:
        inherited = base(facts["base"])
        if inherited is None:
            unchecked.append(f"its base {facts['base']} is not held here")
        else:
            root = copy.deepcopy(inherited)
    for key, said in facts["elements"].items():
        _apply(_place(root, key), said, facts["rules"], unchecked)
    return root, unchecked


def _place(root: Spec, key: str) -> Spec:
    """The element or slice of an id; what is on the way is made."""
    spec = root
    for part in key.split(".") if key else ():
        name, *slices = part.split(":")
        spec = spec.child(name)
        for each in slices[:1]:
            spec = spec.slices.setdefault(each, Spec(name))
    return spec


def _apply(spec: Spec, said: Mapping[str, Any], rules: Mapping[str, Any], unchecked: list[str]) -> None:
    spec.low = said.get("min", spec.low)
    spec.high = said.get("max", spec.high)
    spec.types = frozenset(said["types"]) if "types" in said else spec.types
    spec.to = frozenset(said["to"]) if "to" in said else spec.to
    spec.profiles = tuple(said.get("profiles", spec.profiles))
    spec.fixed = said.get("fixed", spec.fixed)
    spec.pattern = said.get("pattern", spec.pattern)
    spec.by = said.get("by", spec.by)
    spec.closed = said.get("closed", spec.closed)
    given = [said[name] for name in ("binding", "limit") if name in said]
    spec.bound = given or spec.bound
    known = {rule.key for rule in spec.rules}
    for key in said.get("rules", ()):
        if key in known or key not in rules:
            continue
        rule = rules[key]
        try:
            made = compiled(rule["expression"])
        except NotUnderstood as why:
            unchecked.append(f"its rule {key} {why}")
            continue
        spec.rules.append(Rule(key, rule["severity"], rule["sentence"], made))


def bind(spec: Spec, find: FindCodes, unchecked: list[str]) -> None:
    """Puts value sets and the tests of slices into a tree that is built."""
    for strength, url in spec.bound:
        codes = find(url)
        if codes is not None:
            spec.bindings.append(Binding(strength, url, codes))
        elif strength == "required":
            unchecked.append(f"the value set {url} is not held here")
    for part in (*spec.children.values(), *spec.slices.values()):
        bind(part, find, unchecked)
    for name, part in spec.slices.items():
        part.fits = fits_of(spec, name, part)
        if part.fits is None and not (spec.by == ["profile:$this"] and part.profiles):
            unchecked.append(
                f"its slice {spec.name}:{name} is told apart in a way that is not evaluated here"
            )
