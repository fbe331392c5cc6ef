"""One JSON object of the allow-list as a msgspec struct: fields, treatments and parts."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Set
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from pipelines.deidentify.treatments import GONE

PART_STEPS = ("    part = self.{name}", "    if part is not GONE and empty_{n}(part): self.{name} = GONE")
LIST_STEPS = (
    "    parts = self.{name}",
    "    if parts is not GONE: self.{name} = [part for part in parts if not empty_{n}(part)] or GONE",
)


class _AnyValue(type):
    """msgspec asks whether a treated value is an instance of its field's type: it always is.

    Borrowing `object`'s own check keeps the question in C; a method of ours would cost a call per value.
    """

    __instancecheck__ = object.__instancecheck__


def treated_type(treat: Callable[[Any], Any]) -> type:
    """A field type that stands for a treatment of whatever JSON value comes."""
    return _AnyValue("Treated", (), {"treat": staticmethod(treat)})


def decode_treated(kind: Any, value: Any) -> Any:
    """msgspec's decoding hook: hands the value of a field to the field's treatment."""
    return kind.treat(value)


@dataclass
class Shape:
    """One JSON object of the allow-list: its struct fields, the treatments of raw fields, and the parts within."""

    path: str
    dropped: list[Any]
    fields: list[tuple[str, Any, Any]] = field(default_factory=list)
    treated: list[tuple[str, Callable[[Any], Any]]] = field(default_factory=list)
    parts: dict[str, Shape] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    kept: list[str] = field(default_factory=list)
    after: list[Callable[[Any], None]] = field(default_factory=list)

    def only(self, names: Set[str]) -> Shape:
        """The same shape with just these elements, and those that are required."""
        fields = [entry for entry in self.fields if entry[0] in names or entry[2] is ...]
        left = {name for name, _, _ in fields}
        return replace(
            self,
            fields=fields,
            treated=[entry for entry in self.treated if entry[0] in {attribute(name) for name in left}],
            parts={name: part for name, part in self.parts.items() if name in left},
            names=left,
            kept=[name for name in self.kept if name in left],
        )

    def add(self, name: str, kind: Any, default: Any = GONE) -> None:
        self.fields.append((name, kind, default))
        self.names.add(name)
        self.kept.append(name)

    def add_dropped(self, name: str, treat: Callable[[Any], Any]) -> None:
        """A well-known element of which nothing is kept (or which refuses the resource)."""
        self.fields.append((name, treated_type(treat), GONE))
        self.names.add(name)

    def add_treated(self, name: str, kind: Any, treat: Callable[[Any], Any], default: Any = GONE) -> None:
        """A kept element whose decoded value (a string, a list of them, or raw bytes) goes through a treatment."""
        self.add(name, kind, default)
        self.treated.append((attribute(name), treat))


def attribute(name: str) -> str:
    """The Python attribute that holds a FHIR element (`class` becomes `class_`)."""
    return f"{name}_" if keyword.iskeyword(name) else name


def struct_of(shape: Shape, *, strict: bool) -> type[msgspec.Struct]:
    """The struct of a shape. `strict` refuses unlisted elements, so that they can be counted before they fall away."""
    fields = []
    for name, kind, default in shape.fields:
        if name in shape.parts:
            part = struct_of(shape.parts[name], strict=strict)
            kind = list[part] if kind is list else part
        fields.append((attribute(name), kind) if default is ... else (attribute(name), kind, default))
    finish = _finish(shape)
    return msgspec.defstruct(
        shape.path.replace(".", "_"),
        fields,
        kw_only=True,
        omit_defaults=True,
        forbid_unknown_fields=strict,
        rename={attribute(name): name for name, _, _ in shape.fields},
        namespace={"__post_init__": finish} if finish else None,
        gc=False,
    )


def _finish(shape: Shape) -> Callable[[Any], None] | None:
    """What runs after an object is decoded: treats its fields, lets empty parts go, then what needs all fields.

    Written out line by line and compiled, because a loop over the fields doubles its cost. Only names of the
    allow-list enter the text.
    """
    known: dict[str, Any] = {"GONE": GONE, "tally": shape.dropped.append}
    lines = ["def finish(self, GONE=GONE):"]
    for number, (name, treat) in enumerate(shape.treated):
        known[f"treat_{number}"], known[f"passed_{number}"] = treat, getattr(treat, "passed", None)
        lines += [line.format(name=name, n=number) for line in _steps(treat)]
    for number, (name, kind) in enumerate(
        (name, kind) for name, kind, _ in shape.fields if name in shape.parts
    ):
        known[f"empty_{number}"] = emptiness(shape.parts[name])
        steps = LIST_STEPS if kind is list else PART_STEPS
        lines += [line.format(name=attribute(name), n=number) for line in steps]
    for number, act in enumerate(shape.after):
        known[f"after_{number}"] = act
        lines.append(f"    after_{number}(self)")
    if len(lines) == 1:
        return None
    exec("\n".join(lines), known)  # noqa: S102
    return known["finish"]


def emptiness(shape: Shape) -> Callable[[Any], bool]:
    """Tells whether nothing is left of a decoded object: an empty object or list must not be written (FHIR ele-1)."""
    known: dict[str, Any] = {"GONE": GONE}
    nothing = " and ".join(f"part.{attribute(name)} is GONE" for name in shape.kept) or "True"
    exec(f"def empty(part): return {nothing}", known)  # noqa: S102
    return known["empty"]


def _steps(treat: Callable[[Any], Any]) -> tuple[str, ...]:
    """The lines that treat one field; values that passed before are looked up without a call."""
    passed = getattr(treat, "passed", None)
    if isinstance(passed, dict):
        return (
            "    value = self.{name}",
            "    if value is not GONE:",
            "        found = passed_{n}.get(bytes(value))",
            "        if found is None: found = treat_{n}(value)",
            "        self.{name}, lost = found",
            "        if lost: tally(lost)",
        )
    unknown = " and value not in passed_{n}" if passed is not None else ""
    return "    value = self.{name}", f"    if value is not GONE{unknown}: self.{{name}} = treat_{{n}}(value)"
