"""The CapabilityStatement, made from what is really there: the routes, the store's types and its search parameters."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.metadata import version

from ehr_core.api.errors import FHIR_JSON
from ehr_core.store.guides.guides import SHIPPED, Guides
from ehr_core.store.guides.shipped import US_CORE_VERSION
from ehr_core.store.parameter_kinds import Parameter, Reference
from ehr_core.store.patches import JSON_PATCH, MERGE_PATCH
from ehr_core.store.resource_types import RESOURCE_TYPES, ResourceType
from ehr_core.store.search_parameters import Search, known_parameters
from ehr_core.store.tables import current_table
from ehr_core.store.visible import NOBODY, Sight

FHIR_VERSION = "4.0.1"
PATIENT_COMPARTMENT = "http://hl7.org/fhir/CompartmentDefinition/patient"
IN_COMPARTMENT = ("GET", "/fhir/Patient/{patient_id}/{resource_type}")
US_CORE_GUIDE = "http://hl7.org/fhir/us/core/ImplementationGuide/hl7.fhir.us.core"
BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport"
PUBLISHED = "2026-11-28"

INSTANTIATED = (
    "http://hl7.org/fhir/us/core/CapabilityStatement/us-core-server",
    "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data",
)
"""Statements of requirements that this server keeps."""
OF_GUIDES = {
    ("", "export"): "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export",
    ("Patient", "export"): "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export",
    ("Group", "export"): "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export",
    ("DocumentReference", "docref"): "http://hl7.org/fhir/us/core/OperationDefinition/docref",
    ("Patient", "member-match"): "http://hl7.org/fhir/us/davinci-hrex/OperationDefinition/member-match",
    ("Subscription", "status"): f"{BACKPORT}/OperationDefinition/backport-subscription-status",
    ("Subscription", "events"): f"{BACKPORT}/OperationDefinition/backport-subscription-events",
}
"""Operations that an implementation guide defines; R4 itself defines the others, but for our own."""
OWN_DEFINITIONS = {("", "import"): "/OperationDefinition/import"}
"""Where this server says what an operation of its own is, below its base address."""
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


@lru_cache(maxsize=8)
def capability_statement(
    base_url: str,
    routes: Routes,
    operations: tuple[tuple[str, str], ...] = (),
    others: tuple[tuple[str, str], ...] = (),
    guides: Guides = SHIPPED,
    *,
    enforced: bool = True,
) -> bytes:
    """The statement of the server at this address, as JSON. `operations` are (type or '', name).

    `others` are types that are kept outside the store: (type, what is said of it, as JSON). `guides` are those in
    force; `enforced` says that what is referred to has to be there.
    """
    known = {name: _parameters(row, guides) for name, row in RESOURCE_TYPES.items()}
    policy = ["literal", "logical", *(["enforced"] if enforced else [])]
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
            "instantiates": list(INSTANTIATED),
            "software": {"name": "Almoner", "version": version("almoner")},
            "implementation": {"description": "Almoner", "url": base_url},
            "fhirVersion": FHIR_VERSION,
            "format": [FHIR_JSON, "json"],
            "implementationGuide": [*_guides_named(guides)],
            "patchFormat": [JSON_PATCH, MERGE_PATCH, FHIR_JSON],
            "rest": [
                {
                    "mode": "server",
                    "security": _security(base_url.removesuffix("/fhir")),
                    "resource": [
                        _resource(row, known[row.name], references, routes)
                        | _operations(base_url, operations, row.name)
                        | _profiles(row.name, guides)
                        | {"referencePolicy": policy}
                        for _, row in sorted(RESOURCE_TYPES.items())
                    ]
                    + [
                        {"type": name} | told.get(name, {}) | _operations(base_url, operations, name)
                        for name in elsewhere
                    ],
                    "interaction": system,
                }
                | ({"compartment": [PATIENT_COMPARTMENT]} if IN_COMPARTMENT in routes else {})
                | _operations(base_url, operations, "")
            ],
        }
    ).encode()


def _resource(
    row: ResourceType,
    own: dict[str, Parameter],
    references: list[tuple[str, Reference]],
    routes: Routes,
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
        "searchInclude": [
            f"{row.name}:{name}" for name, parameter in sorted(own.items()) if parameter.reference
        ],
        "searchRevInclude": leading,
        "searchParam": [{"name": name, "type": parameter.kind} for name, parameter in sorted(own.items())],
    }


def _parameters(row: ResourceType, guides: Guides) -> dict[str, Parameter]:
    """Those that can be searched by now; a package's is one of them when it is indexed."""
    search = Search(Sight(NOBODY), "UTC", guides=guides)
    known = known_parameters(row, current_table(row.name), search)
    return {name: known[name] for name in known.ready()}


def _profiles(type_name: str, guides: Guides) -> dict[str, object]:
    found = guides.profiles_of(type_name)
    return {"supportedProfile": found} if found else {}


def _guides_named(guides: Guides) -> list[str]:
    """The packages in force, and US Core as it is shipped where no package of it is."""
    imported = [each.partition("#")[0] for each in guides.packages]
    own = [] if "hl7.fhir.us.core" in imported else [f"{US_CORE_GUIDE}|{US_CORE_VERSION}"]
    return [*own, *guides.packages]


def _operations(base_url: str, operations: tuple[tuple[str, str], ...], type_name: str) -> dict[str, object]:
    listed = [
        {"name": name, "definition": _definition(base_url, of, name)}
        for of, name in operations
        if of == type_name
    ]
    return {"operation": listed} if listed else {}


def _definition(base_url: str, of: str, name: str) -> str:
    if (of, name) in OWN_DEFINITIONS:
        return base_url + OWN_DEFINITIONS[of, name]
    by_r4 = f"http://hl7.org/fhir/OperationDefinition/{of or 'Resource'}-{name}"
    return OF_GUIDES.get((of, name), by_r4)


def _security(issuer: str) -> dict[str, object]:
    """Where SMART applications sign in; the discovery document says more."""
    system = "http://terminology.hl7.org/CodeSystem/restful-security-service"
    addresses = [
        {"url": name, "valueUri": f"{issuer}/auth/{name}"}
        for name in ("authorize", "token", "revoke", "introspect")
    ]
    return {
        "extension": [
            {
                "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                "extension": addresses,
            }
        ],
        "cors": True,
        "service": [{"coding": [{"system": system, "code": code}]} for code in ("SMART-on-FHIR", "OAuth")],
        "description": "Bearer tokens of this server's sign-in.",
    }
