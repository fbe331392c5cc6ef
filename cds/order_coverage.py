"""Says what was looked at in an order that is no medication, for the place where no alert stands."""

from __future__ import annotations

from cds.facts import OrderedService

ALWAYS = "whether the same was ordered or reported a short while ago"
IMAGING = (
    "pregnancy before ionising radiation and gadolinium, and contrast media against kidney function, metformin and "
    "reactions before"
)


def order_coverage_words(order: OrderedService) -> str:
    """One or two sentences; silence about the rest is not safety."""
    looked_at = f"{ALWAYS}; {IMAGING}" if order.kind == "imaging" else ALWAYS
    return f"Looked at: {looked_at}. Nothing else was checked."
