"""The CapabilityStatement, made from what the store really has: its types and its search parameters."""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version

from ehr_core.store.resource_types import RESOURCE_TYPES, ResourceType
from ehr_core.store.search_parameters import known_parameters
from ehr_core.store.tables import current_table

FHIR_VERSION = "4.0.1"
PUBLISHED = "2026-11-22"

INTERACTIONS = ("read", "vread", "history-instance", "search-type", "create", "update", "delete")
STRINGS = frozenset({"name", "family", "given"})
DATES = frozenset({"_lastUpdated"})
REFERENCES = frozenset({"patient", "subject", "beneficiary", "encounter", "practitioner", "location"})
"""Parameters of which the name alone tells the kind; the rest is known from the type's own row."""


@cache
def capability_statement(base_url: str) -> bytes:
    """The statement of the server at this address, as JSON."""
    return json.dumps(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": PUBLISHED,
            "kind": "instance",
            "software": {"name": "Almoner", "version": version("almoner")},
            "implementation": {"description": "Almoner", "url": base_url},
            "fhirVersion": FHIR_VERSION,
            "format": ["application/fhir+json", "json"],
            "rest": [
                {
                    "mode": "server",
                    "security": {
                        "service": [_oauth()],
                        "description": "Bearer tokens of this server's sign-in.",
                    },
                    "resource": [_resource(row) for _, row in sorted(RESOURCE_TYPES.items())],
                    "interaction": [{"code": "transaction"}, {"code": "batch"}],
                }
            ],
        }
    ).encode()


def _resource(row: ResourceType) -> dict[str, object]:
    parameters = known_parameters(row, current_table(row.name), "UTC")
    return {
        "type": row.name,
        "interaction": [{"code": code} for code in INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "searchParam": [{"name": name, "type": _kind(row, name)} for name in sorted(parameters)],
    }


def _kind(row: ResourceType, name: str) -> str:
    """FHIR's kind of a search parameter."""
    if name in DATES or name == row.date_search:
        return "date"
    if name in STRINGS and row.named:
        return "string"
    if name in row.references or name in REFERENCES:
        return "reference"
    return "token"


def _oauth() -> dict[str, object]:
    system = "http://terminology.hl7.org/CodeSystem/restful-security-service"
    return {"coding": [{"system": system, "code": "OAuth"}]}
