"""Subsumption: is a code the same as another, or above it in its code system?"""

from __future__ import annotations

import numpy as np

from pipelines.measures.elm.columns import Bool, Code, Column, Concept, Null, alternatives_of
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.equality import coded
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.run import Frame, Run, operation


@operation("Subsumes", "SubsumedBy")
def subsumes(run: Run, node: Node, frame: Frame) -> Bool:
    """Of concepts, when any two of their codes do. Not evaluable where the code system is not in the package."""
    first, second = (_coded_column(system(column)) for column in run.args(node, frame))
    if node.op == "SubsumedBy":
        first, second = second, first
    missing = first.nulls() | second.nulls()
    if isinstance(first, Null) or isinstance(second, Null):
        return Bool(np.full(frame.rows, -1))
    owners, keys = coded(first)
    other_owners, other_keys = coded(second)
    result, unknown = np.zeros(frame.rows, bool), np.zeros(frame.rows, bool)
    for owner, key in zip(owners.tolist(), keys.tolist(), strict=True):
        for other in other_keys[other_owners == owner].tolist():
            found = _above(run, key, other)
            result[owner] |= bool(found)
            unknown[owner] |= found is None
    unknown &= ~result & ~missing
    run.fail(node, frame, unknown, "a code system that is not in the package decides what is above what")
    return Bool(np.where(missing | unknown, -1, result))


def _coded_column(column: Column) -> Column:
    return next(
        (one for one in alternatives_of(column) if isinstance(one, Code | Concept)), Null(len(column))
    )


def _above(run: Run, key: int, other: int) -> bool | None:
    """None where the code system is not there to tell."""
    if key == other:
        return True
    (code, url), (below, other_url) = (_parts(run, one) for one in (key, other))
    if url != other_url:
        return False
    loaded = run.terminology.package.code_systems.get(url or "")
    return loaded.subsumes(code, below) if loaded else None


def _parts(run: Run, key: int) -> tuple[str, str | None]:
    return run.texts.strings[key >> 31], run.texts.string(key % (1 << 31) - 1)
