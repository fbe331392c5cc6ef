"""The CapabilityStatement, made from what is really there: the routes, the store's types and its search parameters."""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version

from ehr_core.api.errors import FHIR_JSON
from ehr_core.store.patches import JSON_PATCH, MERGE_PATCH
from ehr_core.store.resource_types import RESOURCE_TYPES, ResourceType
from ehr_core.store.search_parameters import KnownParameters, Parameter, Reference, Search, known_parameters
from ehr_core.store.tables import current_table
from ehr_core.store.visible import NOBODY, Sight

FHIR_VERSION = "4.0.1"
PUBLISHED = "2026-11-28"

BY_ROUTE = {
    "read": ("GET", "/fhir/{resource_type}/{resource_id}"),
    "vread": ("GET", "/fhir/{resource_type}/{resource_id}/_history/{version_id}"),
    "update": ("PUT", "/fhir/{resource_type}/{resource_id}"),
    "patch": ("PATCH", "/fhir/{resource_type}/{resource_id}"),
    "delete": ("DELETE", "/fhir/{resource_type}/{resource_id}"),
    "history-instance": ("GET", "/fhir/{resource_type}/{resource_id}/_history"),
    "history-type": ("GET", "/fhir/{resource_type}/_history"),
    "create": ("POST", "/fhir/{resource_type}"),
    "search-type": ("GET", "/fhir/{resource_type}"),
}
CONDITIONAL_UPDATE, CONDITIONAL_DELETE = ("PUT", "/fhir/{resource_type}"), ("DELETE", "/fhir/{resource_type}")
Routes = frozenset[tuple[str, str]]


@cache
def capability_statement(
    base_url: str,
    routes: Routes,
    operations: tuple[tuple[str, str], ...] = (),
    others: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """The statement of the server at this address, as JSON. `operations` are (type or '', name).

    `others` are types that are kept outside the store: (type, what is said of it, as JSON).
    """
    known = {name: dict(_parameters(row)) for name, row in RESOURCE_TYPES.items()}
    references = [
        (f"{name}:{each}", parameter.reference)
        for name, parameters in known.items()
        for each, parameter in parameters.items()
        if parameter.reference
    ]
    told = {name: json.loads(words) for name, words in others}
    elsewhere = sorted(({of for of, _ in operations} | told.keys()) - RESOURCE_TYPES.keys() - {""})
    system = [{"code": code} for code in ("transaction", "batch") if ("POST", "/fhir") in routes]
    if ("GET", "/fhir") in routes:
        system.append({"code": "search-system"})
    if ("GET", "/fhir/_history") in routes:
        system.append({"code": "history-system"})
    return json.dumps(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": PUBLISHED,
            "kind": "instance",
            "software": {"name": "Almoner", "version": version("almoner")},
            "implementation": {"description": "Almoner", "url": base_url},
            "fhirVersion": FHIR_VERSION,
            "format": [FHIR_JSON, "json"],
            "patchFormat": [JSON_PATCH, MERGE_PATCH, FHIR_JSON],
            "rest": [
                {
                    "mode": "server",
                    "security": {
                        "cors": False,
                        "service": [_oauth()],
                        "description": "Bearer tokens of this server's sign-in.",
                    },
                    "resource": [
                        _resource(row, known[row.name], references, routes, operations)
                        for _, row in sorted(RESOURCE_TYPES.items())
                    ]
                    + [
                        {"type": name} | told.get(name, {}) | _operations(operations, name)
                        for name in elsewhere
                    ],
                    "interaction": system,
                }
                | _operations(operations, "")
            ],
        }
    ).encode()


def _resource(
    row: ResourceType,
    own: dict[str, Parameter],
    references: list[tuple[str, Reference]],
    routes: Routes,
    operations: tuple[tuple[str, str], ...],
) -> dict[str, object]:
    leading = [name for name, reference in references if reference.leads_to(row.name)]
    return {
        "type": row.name,
        "interaction": [{"code": code} for code, route in BY_ROUTE.items() if route in routes],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": CONDITIONAL_UPDATE in routes,
        "conditionalDelete": "single" if CONDITIONAL_DELETE in routes else "not-supported",
        "referencePolicy": ["literal", "logical"],
        "searchInclude": [
            f"{row.name}:{name}" for name, parameter in sorted(own.items()) if parameter.reference
        ],
        "searchRevInclude": leading,
        "searchParam": [{"name": name, "type": parameter.kind} for name, parameter in sorted(own.items())],
    } | _operations(operations, row.name)


def _parameters(row: ResourceType) -> KnownParameters:
    return known_parameters(row, current_table(row.name), Search(Sight(NOBODY), "UTC"))


def _operations(operations: tuple[tuple[str, str], ...], type_name: str) -> dict[str, object]:
    listed = [
        {"name": name, "definition": f"http://hl7.org/fhir/OperationDefinition/{of or 'Resource'}-{name}"}
        for of, name in operations
        if of == type_name
    ]
    return {"operation": listed} if listed else {}


def _oauth() -> dict[str, object]:
    system = "http://terminology.hl7.org/CodeSystem/restful-security-service"
    return {"coding": [{"system": system, "code": "OAuth"}]}
