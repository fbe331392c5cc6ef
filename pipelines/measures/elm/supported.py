"""The page of supported operators: every expression of ELM by chapter, from what the engine has registered."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from pipelines.measures.elm import engine  # noqa: F401 - it registers the operations
from pipelines.measures.elm.compiler import HANDLERS
from pipelines.measures.elm.natives import EXTERNAL, FHIR_HELPERS
from pipelines.measures.elm.run import OPERATIONS

KNOWN = Path(__file__).with_name("operators.toml")
INNER = frozenset(
    {"Unsupported", "Row", "Parameter", "ValueSet", "FhirToSystem", "FhirToInterval"}
) | frozenset(EXTERNAL.values())
"""Operations of the intermediate form that no file names."""


@cache
def chapters() -> dict[str, list[str]]:
    return tomllib.loads(KNOWN.read_text(encoding="utf-8"))["chapters"]


@cache
def notes() -> dict[str, str]:
    return tomllib.loads(KNOWN.read_text(encoding="utf-8"))["notes"]


def supported() -> frozenset[str]:
    """The expressions that the engine evaluates."""
    return frozenset(HANDLERS) | (frozenset(OPERATIONS) - INNER)


def operators_page() -> str:
    lines = [
        "# Operators of the measure language",
        "",
        "What `pipelines/measures/elm` evaluates of ELM r1, the compiled form of CQL 1.5. Written by `almoner measures",
        "operators`. An operator that is not supported is named with its library and definition when a package is",
        "imported; only the definitions that need it are not evaluable.",
        "",
    ]
    known = supported()
    for chapter, names in chapters().items():
        lines += [f"## {chapter}", "", "| operator | supported | note |", "| --- | --- | --- |"]
        for name in sorted(names):
            lines.append(f"| `{name}` | {'yes' if name in known else 'no'} | {notes().get(name, '')} |")
        lines.append("")
    lines += ["## Functions of FHIRHelpers done by the engine", ""]
    names = sorted({*FHIR_HELPERS, *(name for name, _ in EXTERNAL)})
    lines.append(", ".join(f"`{name}`" for name in names) + ".")
    return "\n".join(lines) + "\n"
