"""Tells OpenID Connect clients where everything is and which keys verify our ID tokens."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ehr_core.access.id_token import ALGORITHM
from ehr_core.api.dependencies import ProcessParts

router = APIRouter(tags=["sign-in"])


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
        "scopes_supported": ["openid", "profile"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "subject_types_supported": ["public"],
        "authorization_response_iss_parameter_supported": True,
        "claims_supported": [
            "sub",
            "name",
            "preferred_username",
            "roles",
            "sid",
            "iss",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
        ],
    }


@router.get("/auth/jwks")
def jwks(parts: ProcessParts) -> dict[str, Any]:
    return parts.identity.signer.public_keys()
