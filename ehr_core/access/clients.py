"""The applications that may ask for tokens: the two apps for people, and the services. Read from the settings."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

from ehr_core.access.roles import PATIENT_ROLES, STAFF_ROLES
from ehr_core.kernel.secrets import Secrets
from ehr_core.kernel.settings import Settings

STAFF_CLIENT = "staff"
PORTAL_CLIENT = "portal"
PIPELINE_CLIENT = "pipeline"
REMEASURE_CLIENT = "remeasure"

CALLBACK = "/oauth2callback"
"""Where Streamlit takes the answer of a sign-in."""


@dataclass(frozen=True)
class Client:
    """One application. `redirect_uris` empty: a service, which signs in as itself with `service_role`."""

    client_id: str
    secret: str
    name: str
    allowed_roles: frozenset[str] = frozenset()
    redirect_uris: tuple[str, ...] = ()
    service_role: str | None = None

    def secret_matches(self, given: str) -> bool:
        return hmac.compare_digest(self.secret.encode(), given.encode())

    @property
    def origins(self) -> tuple[str, ...]:
        """Where the browser may be sent: scheme, host and port of each redirect address, or a native app's scheme."""
        parts = (urlsplit(uri) for uri in self.redirect_uris)
        return tuple(
            dict.fromkeys(
                f"{part.scheme}://{part.netloc}" if part.scheme in ("http", "https") else f"{part.scheme}:"
                for part in parts
            )
        )


def registered_clients(settings: Settings, secrets: Secrets) -> dict[str, Client]:
    """Every client by its id."""
    clients = (
        Client(
            STAFF_CLIENT,
            secrets.staff_client_secret,
            "Staff workspace",
            allowed_roles=STAFF_ROLES,
            redirect_uris=(f"{settings.staff_url}{CALLBACK}",),
        ),
        Client(
            PORTAL_CLIENT,
            secrets.portal_client_secret,
            "Patient portal",
            allowed_roles=PATIENT_ROLES,
            redirect_uris=(f"{settings.portal_url}{CALLBACK}",),
        ),
        Client(
            PIPELINE_CLIENT,
            secrets.pipeline_client_secret,
            "Nightly pipeline",
            service_role="service_pipeline",
        ),
        Client(
            REMEASURE_CLIENT,
            secrets.remeasure_client_secret,
            "Re-measure worker",
            service_role="service_remeasure",
        ),
    )
    return {client.client_id: client for client in clients}
