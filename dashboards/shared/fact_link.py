"""The way from something computed to the fact behind it in the chart. The address holds opaque ids, nothing else."""

from __future__ import annotations

from urllib.parse import urlencode

from dashboards.shared.markup import text

FACT = "fact"
"""In the chart's address: which fact to show first, as `Type/id`."""


def fact_link(words: str | None, patient_id: str, resource_type: str, resource_id: str) -> str:
    """A link that opens the chart at the fact; its words are escaped here."""
    address = "chart?" + urlencode({"patient": patient_id, FACT: f"{resource_type}/{resource_id}"})
    return f'<a href="{text(address)}">{text(words, "unnamed")}</a>'
