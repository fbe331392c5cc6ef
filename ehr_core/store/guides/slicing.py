"""How an item of a list is recognised as a slice: by value or pattern, type, existence, or an extension's address."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ehr_core.store.references import named_type

if TYPE_CHECKING:
    from ehr_core.store.guides.spec import Spec

Fits = Callable[[Any, str | None], bool]
"""Of an item and its type, where the name of a choice says it: is it of this slice?"""
EXTENSIONS = frozenset({"extension", "modifierExtension"})


def fits_of(spec: Spec, name: str, part: Spec) -> Fits | None:
    """The test of one slice; None when it is told apart by something that is not evaluated here."""
    if spec.name in EXTENSIONS and spec.by in ([], ["value:url"]):
        return _extension(part)
    if spec.is_choice and (not spec.by or spec.by == ["type:$this"]):
        types = part.types or frozenset({_type_in(name, spec.name)})
        return lambda item, type_name: type_name in types
    if not spec.by:
        return None
    tests = [_discriminated(part, *each.split(":", 1)) for each in spec.by]
    if any(test is None for test in tests):
        return None
    return lambda item, type_name: all(test(item, type_name) for test in tests if test)


def _type_in(slice_name: str, choice: str) -> str:
    """'Quantity' in the slice 'valueQuantity' of 'value[x]'; a primitive's name begins small."""
    from ehr_core.store.fhirpath.nodes import COMPLEX

    kind = slice_name.removeprefix(choice.removesuffix("[x]"))
    return kind if kind in COMPLEX else kind[:1].lower() + kind[1:]


def _extension(part: Spec) -> Fits | None:
    child = part.children.get("url")
    urls = set(part.profiles) | ({child.fixed} if child and type(child.fixed) is str else set())
    if not urls:
        return None
    return lambda item, type_name: isinstance(item, dict) and item.get("url") in urls


def _discriminated(part: Spec, kind: str, path: str) -> Fits | None:
    steps = [] if path == "$this" else path.split(".")
    if kind in ("value", "pattern"):
        return _valued(part, steps)
    if kind == "exists":
        return _existing(part, steps)
    if kind == "type":
        return _typed(part, steps)
    return None


def _valued(part: Spec, steps: list[str]) -> Fits | None:
    """Whatever is fixed at the path, above it or below it has to be so."""
    tests = _told(part, steps)
    if not tests:
        return None
    return lambda item, type_name: all(test(item) for test in tests)


def _told(spec: Spec, steps: list[str]) -> list[Callable[[Any], bool]]:
    from ehr_core.store.guides.spec import UNSET

    tests: list[Callable[[Any], bool]] = []
    if spec.fixed is not UNSET:
        tests.append(lambda value, fixed=spec.fixed: same(fixed, value))
    if spec.pattern is not UNSET:
        tests.append(lambda value, pattern=spec.pattern: covers(pattern, value))
    names = steps[:1] or list(spec.children)
    if any("(" in name for name in steps):
        return []
    for name in names:
        child = spec.children.get(name) or spec.children.get(f"{name}[x]")
        if child is not None:
            tests += [_inside(child.name, test) for test in _told(child, steps[1:])]
            for part in child.slices.values():
                if part.low and (inner := _told(part, steps[1:])):
                    tests.append(_inside(child.name, lambda each, inner=inner: all(t(each) for t in inner)))
    if not tests and not steps:
        tests += [lambda value, b=binding: b.codes.has_any(value) is not False for binding in spec.bindings]
    return tests


def _inside(name: str, test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def some(value: Any) -> bool:
        return isinstance(value, dict) and any(test(each) for each in values_at(value, name))

    return some


def values_at(holder: dict, name: str) -> list[Any]:
    """The values of an element; of a choice, under whichever name."""
    if name.endswith("[x]"):
        stem = name.removesuffix("[x]")
        found = [
            value for key, value in holder.items() if key.startswith(stem) and key[len(stem) :][:1].isupper()
        ]
        return found
    value = holder.get(name)
    return value if isinstance(value, list) else [] if value is None else [value]


def _existing(part: Spec, steps: list[str]) -> Fits | None:
    spec = part
    for name in steps:
        inner = spec.children.get(name) or spec.children.get(f"{name}[x]")
        if inner is None:
            return None
        spec = inner
    wanted = spec.high != 0
    return lambda item, type_name: bool(_reached(item, steps)) == wanted


def _reached(item: Any, steps: list[str]) -> list[Any]:
    found = [item]
    for name in steps:
        found = [each for holder in found if isinstance(holder, dict) for each in _named(holder, name)]
    return found


def _named(holder: dict, name: str) -> list[Any]:
    return values_at(holder, name) or values_at(holder, f"{name}[x]") or values_at(holder, f"_{name}")


def _typed(part: Spec, steps: list[str]) -> Fits | None:
    """By the type of a choice, or by what a reference says of its target."""
    if not steps:
        types = part.types
        return None if types is None else lambda item, type_name: type_name in types
    if steps[-1] == "resolve()" and part.to:
        allowed = part.to
        return lambda item, type_name: any(
            named_type(text) in allowed
            for each in _reached(item, steps[:-1])
            if isinstance(each, dict) and isinstance(text := each.get("reference"), str)
        )
    return None


def same(fixed: Any, value: Any) -> bool:
    """Exactly this and nothing besides; true is not 1."""
    if isinstance(fixed, dict) and isinstance(value, dict):
        return fixed.keys() == value.keys() and all(same(each, value[key]) for key, each in fixed.items())
    if isinstance(fixed, list) and isinstance(value, list):
        return len(fixed) == len(value) and all(map(same, fixed, value))
    return fixed == value and isinstance(fixed, bool) == isinstance(value, bool)


def covers(pattern: Any, value: Any) -> bool:
    """At least this: what the pattern says is there, and more may be."""
    if isinstance(pattern, str):
        return pattern == value
    if isinstance(pattern, dict):
        if not isinstance(value, dict):
            return False
        return all(key in value and covers(each, value[key]) for key, each in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(covers(each, item) for item in value) for each in pattern)
    return same(pattern, value)
