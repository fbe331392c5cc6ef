"""Marks what came from elsewhere, and reads the mark back. Pure."""

from __future__ import annotations

from typing import Any

Resource = dict[str, Any]

ORIGIN_TAG = {
    "system": "https://almoner.dev/fhir/CodeSystem/record-origin",
    "code": "outside-record",
    "display": "Outside record",
}
"""`meta.tag` of a resource that was recorded from somebody else's record; its performer says whose."""


def is_outside(resource: Resource) -> bool:
    tags = (resource.get("meta") or {}).get("tag") or ()
    return any(
        tag.get("system") == ORIGIN_TAG["system"] and tag.get("code") == ORIGIN_TAG["code"] for tag in tags
    )


def outside_source(observation: Resource) -> str | None:
    """'Outside record: …' with who did it; None for a result of our own."""
    if not is_outside(observation):
        return None
    performers = (performer.get("display") for performer in observation.get("performer") or ())
    return f"Outside record: {next(filter(None, performers), 'source not recorded')}"
