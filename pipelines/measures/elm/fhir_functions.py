"""The functions that FHIRHelpers declares external and that only read the record: extensions and primitive values."""

from __future__ import annotations

import numpy as np

from pipelines.measures.elm.columns import Bool, Column, Listing, Null, Text, offsets_of
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.fhir_model import SYSTEM_TYPE
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.records import Elements
from pipelines.measures.elm.run import Frame, Run, operation
from pipelines.measures.elm.values import part_of


@operation("FhirExtension", "FhirModifierExtension")
def extension(run: Run, node: Node, frame: Frame) -> Column:
    """The extensions of an element that have the address."""
    element, address = run.args(node, frame)
    path = "extension" if node.op == "FhirExtension" else "modifierExtension"
    found, wanted = part_of(element, path), system(address)
    if not isinstance(found, Listing) or isinstance(found.items, Null) or not isinstance(wanted, Text):
        return Listing(np.zeros(frame.rows + 1, np.int64), Null(0))
    addresses = system(part_of(found.items, "url"))
    owners = found.owners()
    same = (
        addresses.values == wanted.values[owners]
        if isinstance(addresses, Text)
        else np.zeros(len(owners), bool)
    )
    kept = np.flatnonzero(same & (wanted.values[owners] >= 0))
    return Listing(offsets_of(np.bincount(owners[kept], minlength=frame.rows)), found.items.take(kept))


@operation("FhirHasValue")
def has_value(run: Run, node: Node, frame: Frame) -> Bool:
    """Is it a primitive with a value of its own, not only with extensions?"""
    return Bool.of(~_value(run.value(node.args[0], frame)).nulls())


@operation("FhirGetValue")
def get_value(run: Run, node: Node, frame: Frame) -> Column:
    return _value(run.value(node.args[0], frame))


def _value(column: Column) -> Column:
    if isinstance(column, Elements):
        return system(column) if column.table.type_name in SYSTEM_TYPE else Null(len(column))
    return column
