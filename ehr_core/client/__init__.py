"""The one door to the API for apps, pipelines and tests: typed rooms over one transport."""

from __future__ import annotations

import httpx

from ehr_core.client.account import AccountRoom
from ehr_core.client.audit import AuditRoom
from ehr_core.client.fhir import FhirRoom
from ehr_core.client.transport import TokenSource, Transport

__all__ = ["AlmonerClient"]


class AlmonerClient:
    """Speaks to the API as whoever the token source stands for. Safe to share between threads.

    `token_source` is a SessionToken, a ServiceTokens or any function that returns a token; `transport` is for
    tests, which stay in the process (see in_process.py).
    """

    def __init__(
        self, base_url: str, token_source: TokenSource | None, transport: httpx.BaseTransport | None = None
    ):
        speaking = Transport(base_url, token_source, transport)
        self.transport = speaking
        self.account = AccountRoom(speaking)
        self.audit = AuditRoom(speaking)
        self.fhir = FhirRoom(speaking)

    def close(self) -> None:
        self.transport.close()
