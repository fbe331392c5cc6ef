"""An application that publishes its keys at an address of this machine, and a certificate for an address with TLS."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from joserfc.jwk import ECKey
from sqlalchemy import text

from ehr_core.access.application_keys import FETCHER
from tests.lib.api import RunningApi
from tests.lib.receiver import Receiver, receiver
from tests.lib.smart_app import SmartApp, jwks_of, key_pair

PAUSE = timedelta(seconds=11)
KIND = {"kind": "backend", "scopes": ("system/Observation.rs",)}


class Published:
    """An application and the address where it shows its keys."""

    def __init__(self, api: RunningApi, there: Receiver):
        self.api, self.there = api, there
        self.app = SmartApp(api, **KIND, jwks_uri=f"{there.url}/jwks.json")
        self.content: bytes = jwks_of(self.app.key).encode()
        self.status = 200
        there.answer = lambda taken: (self.status, self.content)

    def rotate(self) -> ECKey:
        """A new key in place of the old one, which is given back."""
        old, self.app.key = self.app.key, key_pair()
        self.content = jwks_of(self.app.key).encode()
        return old

    def ask(self, key: ECKey | None = None, **changes: object) -> int:
        """The status that a token request gets."""
        proof = self.app.assertion_form(**({"key": key} if key else {}), **changes)
        asked = {"grant_type": "client_credentials", "scope": "system/Observation.rs"}
        return self.api.http().post("/auth/token", data=asked | proof).status_code

    def later(self, span: timedelta = PAUSE) -> None:
        self.api.clock.instant += span

    def audited(self) -> list[tuple[str, dict]]:
        with self.api.work() as work:
            rows = work.connection.execute(
                text(
                    "SELECT outcome, detail FROM audit.event WHERE actor_id = :by AND detail->>'client' = :client "
                    "ORDER BY at, id"
                ),
                {"by": FETCHER.actor_id, "client": self.app.client_id},
            )
            return [tuple(row) for row in rows]


@contextmanager
def publishing(api: RunningApi, **headers: str) -> Iterator[Published]:
    """`headers` of its answers, with _ for -."""
    with receiver(headers={name.replace("_", "-"): value for name, value in headers.items()}) as there:
        yield Published(api, there)


def certificate_for(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server with a certificate for this name speaks, and what believes it."""
    key, subject = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
    )
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    kept, secret = folder / "certificate.pem", folder / "key.pem"
    kept.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(kept, secret)
    return served, ssl.create_default_context(cafile=str(kept))
