"""Says what was looked at in an order that is no medication, for the place where no alert stands."""

from __future__ import annotations

from cds.facts import OrderedService
from data_contracts.code_systems import CVX

ALWAYS = "whether the same was ordered or reported a short while ago"
IMAGING = (
    "pregnancy before ionising radiation and gadolinium, and contrast media against kidney function, metformin and "
    "reactions before"
)
VACCINE = (
    "pregnancy, weak immunity, reactions to the vaccine and to its substances, and the distance to other live vaccines "
    "and antibodies"
)


def order_coverage_words(order: OrderedService) -> str:
    """One or two sentences; silence about the rest is not safety."""
    return f"Looked at: {_looked_at(order)}. Nothing else was checked."


def _looked_at(order: OrderedService) -> str:
    if order.code.system == CVX.uri:
        return f"{ALWAYS}; {VACCINE}; not whether it is due"
    return f"{ALWAYS}; {IMAGING}" if order.kind == "imaging" else ALWAYS
