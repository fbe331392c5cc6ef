"""Checks a resource against profiles: every finding has its element, one plain sentence, and how grave it is.

Must-support is no demand on a single resource and is not checked. What cannot be told is not held against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from ehr_core.kernel.errors import Issue
from ehr_core.store.fhirpath.nodes import COMPLEX, Node, TooMuchWork, Unknown, Walk
from ehr_core.store.guides.slicing import EXTENSIONS, covers, same
from ehr_core.store.guides.spec import UNSET, Profile, Rule, Spec
from ehr_core.store.references import named_type

MOST_ISSUES = 50
BY_PROFILE = ["profile:$this"]
FindProfile = Callable[[str], Profile | None]


@dataclass
class Check:
    """One resource on its way through profiles. `errors_only` asks nothing that would only be a warning."""

    resource: dict[str, Any]
    find: FindProfile
    errors_only: bool = False
    issues: list[Issue] = field(default_factory=list)
    walk: Walk | None = None

    def __post_init__(self) -> None:
        self.walk = self.walk or Walk(self.resource)

    def against(self, profile: Profile) -> None:
        """Adds what this profile has to say."""
        path = profile.type_name
        rules_of(self, profile, profile.root, Node(self.resource), path)
        elements_of(self, profile, profile.root, self.resource, path)

    def say(self, profile: Profile, path: str, words: str, code: str, severity: str = "error") -> None:
        """`words` follow the element's name, as in 'Patient.name: is required by …'."""
        if len(self.issues) < MOST_ISSUES:
            issue = Issue(path, words.replace("{profile}", profile.name), code, severity)
            if issue not in self.issues:
                self.issues.append(issue)


Item = tuple[Any, Any, str | None, str]
"""A value, what stands beside it, its type where a choice says it, and its path."""


def elements_of(check: Check, profile: Profile, spec: Spec, node: dict, path: str) -> None:
    for child in spec.children.values():
        if child.is_choice:
            items = _chosen(node, child, path)
        elif child.name in node or child.beside in node:
            items = _listed(node.get(child.name), node.get(child.beside), None, f"{path}.{child.name}")
        elif child.low or child.slices:
            items = []
        else:
            continue
        count = len(items)
        if count < child.low or (child.high is not None and count > child.high):
            _count(check, profile, child, count, f"{path}.{child.name}")
        for item in items:
            _element(check, profile, child, item)
        if child.slices:
            _slices(check, profile, child, items, f"{path}.{child.name}")


def _chosen(node: dict, spec: Spec, path: str) -> list[Item]:
    """The values of a choice, under whichever name."""
    stem, length = spec.stem, len(spec.stem)
    found: dict[str, None] = {}
    for key in node:
        if key.startswith(stem) or key.startswith(stem, 1):
            bare = key.removeprefix("_")
            if bare.startswith(stem) and bare[length : length + 1].isupper():
                found[bare] = None
    items: list[Item] = []
    for name in found:
        kind = name[length:]
        type_name = kind if kind in COMPLEX else kind[0].lower() + kind[1:]
        items += _listed(node.get(name), node.get(f"_{name}"), type_name, f"{path}.{name}")
    return items


def _listed(value: Any, beside: Any, type_name: str | None, path: str) -> list[Item]:
    if not isinstance(value, list) and not isinstance(beside, list):
        return [(value, beside, type_name, path)]
    values = value if isinstance(value, list) else []
    sides = beside if isinstance(beside, list) else []
    if not sides:
        return [(each, None, type_name, f"{path}[{index}]") for index, each in enumerate(values)]
    pairs = zip_longest(values, sides)
    return [(each, side, type_name, f"{path}[{index}]") for index, (each, side) in enumerate(pairs)]


def _count(check: Check, profile: Profile, spec: Spec, count: int, path: str, what: str = "") -> None:
    """`what` names a slice: 'the item systolic'."""
    if count < spec.low:
        if what:
            words = f"lacks {what}, which the profile {{profile}} requires: add it"
        elif spec.low == 1:
            words = "is required by the profile {profile}: add it"
        else:
            words = f"stands {count} times where the profile {{profile}} requires {spec.low}: add the others"
        check.say(profile, path, words, "required")
    elif spec.high is not None and count > spec.high:
        if what:
            words = (
                f"has {what} {count} times; the profile {{profile}} allows {spec.high}: leave the others out"
            )
        elif spec.high == 0:
            words = "has no place in the profile {profile}: leave it out"
        else:
            words = f"stands {count} times; the profile {{profile}} allows {spec.high}: leave the others out"
        check.say(profile, path, words, "structure")


def _element(check: Check, profile: Profile, spec: Spec, item: Item) -> None:
    value, beside, type_name, path = item
    if spec.types is not None and type_name is not None and type_name not in spec.types:
        kinds = " or ".join(sorted(spec.types))
        check.say(profile, path, f"must be a {kinds} in the profile {{profile}}: send it as one", "structure")
        return
    if spec.fixed is not UNSET and value is not None and not same(spec.fixed, value):
        check.say(profile, path, f"must be exactly {_told(spec.fixed)} in the profile {{profile}}", "value")
    if spec.pattern is not UNSET and value is not None and not covers(spec.pattern, value):
        check.say(
            profile, path, f"must hold {_told(spec.pattern)} in the profile {{profile}}: add it", "value"
        )
    if spec.to is not None and isinstance(value, dict):
        _target(check, profile, spec.to, value, path)
    if spec.bindings and value is not None:
        _bound(check, profile, spec, value, path)
    if spec.rules:
        rules_of(check, profile, spec, Node(value, type_name, beside), path)
    if isinstance(value, dict):
        elements_of(check, profile, spec, value, path)
        for url in spec.profiles:
            inner = check.find(url)
            if inner is not None:
                rules_of(check, inner, inner.root, Node(value), path)
                elements_of(check, inner, inner.root, value, path)
    elif isinstance(beside, dict) and spec.children:
        elements_of(check, profile, spec, beside, path)


def _target(check: Check, profile: Profile, allowed: frozenset[str], value: dict, path: str) -> None:
    """What a reference says of its target: the type in its address, or in `type`."""
    text = value.get("reference")
    named = named_type(text) if isinstance(text, str) else value.get("type")
    if isinstance(named, str) and named not in allowed and not (text or "").startswith("#"):
        kinds = " or ".join(sorted(allowed))
        check.say(profile, path, f"must be to a {kinds} in the profile {{profile}}: name one", "value")


def _bound(check: Check, profile: Profile, spec: Spec, value: Any, path: str) -> None:
    """A quantity without a code is no breach: its unit may be a word, or it has none."""
    for binding in spec.bindings:
        if check.errors_only and binding.strength != "required":
            continue
        found = binding.codes.has_any(value)
        if found is not False:
            continue
        required = binding.strength == "required"
        uncoded = isinstance(value, dict) and "coding" not in value and "code" not in value
        if uncoded and (not required or "value" in value):
            continue
        words = f"has no code of the value set '{binding.codes.title}' that the profile {{profile}} "
        words += "requires: use one" if required else "prefers: use one where one fits"
        check.say(profile, path, words, "code-invalid", "error" if required else "warning")


def rules_of(check: Check, profile: Profile, spec: Spec, this: Node, path: str) -> None:
    for rule in spec.rules:
        if check.errors_only and rule.severity == "warning":
            continue
        if not _holds(check, profile, rule, this, path):
            words = f"breaks {rule.key} of the profile {{profile}}: {rule.sentence}"
            check.say(profile, path, words, "invariant", rule.severity)


def _holds(check: Check, profile: Profile, rule: Rule, this: Node, path: str) -> bool:
    """A rule that hangs on what is not here is not held against the resource."""
    try:
        return rule.expression.holds(check.walk, this)
    except Unknown:
        return True
    except TooMuchWork:
        words = f"was not checked by {rule.key} of the profile {{profile}}: it takes too long"
        check.say(profile, path, words, "too-costly", "warning")
        return True


def _slices(check: Check, profile: Profile, spec: Spec, items: list[Item], path: str) -> None:
    """An element that is required and not there has been told already; its slices are not told too."""
    if not items and spec.low:
        return
    counts = dict.fromkeys(spec.slices, 0)
    for item in items:
        for name, part in spec.slices.items():
            if _fits(check, spec, part, item):
                counts[name] += 1
                _element(check, profile, part, item)
                break
        else:
            if spec.closed and all(part.fits or spec.by == BY_PROFILE for part in spec.slices.values()):
                words = "is none of the items that the profile {profile} allows here: leave it out"
                check.say(profile, item[3], words, "structure")
    for name, part in spec.slices.items():
        told_apart = part.fits is not None or spec.by == BY_PROFILE
        count = counts[name]
        if told_apart and (count < part.low or (part.high is not None and count > part.high)):
            _count(check, profile, part, count, path, _slice_words(spec, name, part))


def _fits(check: Check, spec: Spec, part: Spec, item: Item) -> bool:
    if part.fits is not None:
        return part.fits(item[0], item[2])
    if spec.by != BY_PROFILE or not isinstance(item[0], dict):
        return False
    return any(_keeps(check, inner, item[0]) for url in part.profiles if (inner := check.find(url)))


def _keeps(check: Check, profile: Profile, value: dict) -> bool:
    """Whether an item keeps a profile, without a word said of it."""
    quiet = Check(check.resource, check.find, errors_only=True, walk=check.walk)
    rules_of(quiet, profile, profile.root, Node(value), profile.type_name)
    elements_of(quiet, profile, profile.root, value, profile.type_name)
    return not any(issue.severity == "error" for issue in quiet.issues)


def _slice_words(spec: Spec, name: str, part: Spec) -> str:
    if spec.name in EXTENSIONS and part.profiles:
        return f"the extension {part.profiles[0]}"
    if part.pattern is not UNSET:
        return f"the item '{name}' with {_told(part.pattern)}"
    code = part.children.get("code")
    if code is not None and code.pattern is not UNSET:
        return f"the item '{name}' with the code {_told(code.pattern)}"
    return f"the item '{name}'"


def _told(value: Any) -> str:
    """A fixed value or pattern in words: 'system|code' where it is a coding."""
    if isinstance(value, dict):
        if "coding" in value:
            return " and ".join(_told(each) for each in value["coding"])
        if "code" in value and "system" in value:
            return f"{value['system']}|{value['code']}"
        return ", ".join(f"{key} {_told(each)}" for key, each in value.items())
    if isinstance(value, list):
        return " and ".join(map(_told, value))
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
