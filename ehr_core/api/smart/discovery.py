"""Tells OpenID Connect clients where everything is and which keys verify our ID tokens."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from ehr_core.access import application_id_token, id_token
from ehr_core.access.client_assertion import ALGORITHMS
from ehr_core.access.scopes import LASTING, LAUNCHES, SIGN_ON
from ehr_core.api.dependencies import ProcessParts

router = APIRouter(tags=["sign-in"])

SMART_CAPABILITIES = [
    *("launch-ehr", "launch-standalone", "client-public", "client-confidential-asymmetric"),
    *("sso-openid-connect", "context-banner", "context-ehr-patient", "context-ehr-encounter"),
    *("context-standalone-patient", "permission-offline", "permission-online", "permission-patient"),
    *("permission-user", "permission-v1", "permission-v2"),
]

SCOPES = [*sorted(SIGN_ON | LASTING | LAUNCHES), "patient/*.rs", "user/*.cruds", "system/*.rs"]
GRANTS = ["authorization_code", "client_credentials", "refresh_token"]
OF_APPLICATIONS = ["private_key_jwt", "none"]
"""How outside applications prove themselves; our own have a secret."""


@router.get("/.well-known/openid-configuration")
def openid_configuration(parts: ProcessParts) -> dict[str, Any]:
    issuer = parts.identity.issuer
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/auth/authorize",
        "token_endpoint": f"{issuer}/auth/token",
        "userinfo_endpoint": f"{issuer}/auth/userinfo",
        "end_session_endpoint": f"{issuer}/auth/logout",
        "jwks_uri": f"{issuer}/auth/jwks",
        "revocation_endpoint": f"{issuer}/auth/revoke",
        "introspection_endpoint": f"{issuer}/auth/introspect",
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GRANTS,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            *OF_APPLICATIONS,
        ],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "id_token_signing_alg_values_supported": [application_id_token.ALGORITHM, id_token.ALGORITHM],
        "request_uri_parameter_supported": False,
        "subject_types_supported": ["public"],
        "authorization_response_iss_parameter_supported": True,
        "claims_supported": [
            "sub",
            "name",
            "preferred_username",
            "roles",
            "fhirUser",
            "sid",
            "iss",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
        ],
    }


@router.get("/fhir/.well-known/smart-configuration")
@router.get("/.well-known/smart-configuration")
def smart_configuration(parts: ProcessParts) -> dict[str, Any]:
    """What SMART applications need to know. Source: HL7 SMART App Launch 2.2, Conformance."""
    issuer = parts.identity.issuer
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/auth/jwks",
        "authorization_endpoint": f"{issuer}/auth/authorize",
        "token_endpoint": f"{issuer}/auth/token",
        "revocation_endpoint": f"{issuer}/auth/revoke",
        "introspection_endpoint": f"{issuer}/auth/introspect",
        "grant_types_supported": GRANTS,
        "token_endpoint_auth_methods_supported": OF_APPLICATIONS,
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "capabilities": SMART_CAPABILITIES,
    }


@router.get("/auth/jwks")
def jwks(parts: ProcessParts) -> dict[str, Any]:
    return parts.identity.public_keys()


@router.get("/auth/outside-keys")
def outside_keys(request: Request, parts: ProcessParts) -> dict[str, Any]:
    """The keys by which receivers check what this server sends out: notifications and calls of decision support."""
    with parts.identity.transaction() as connection:
        return request.app.state.outside_signer.public_keys(connection, parts.clock.now())
