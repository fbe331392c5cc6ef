"""Outside applications: registered by administrators, opened from a chart, let in and put out by each person."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel

AppKind = Literal["public", "confidential", "backend"]


class NewApp(ApiModel):
    """A confidential or backend application has public keys (`jwks`, a JSON Web Key Set) or publishes them at
    `jwks_uri`.
    """

    name: str = Field(min_length=1, max_length=100)
    kind: AppKind
    redirect_uris: list[str] = Field(default=[], max_length=10)
    launch_uri: str | None = Field(default=None, max_length=500)
    scopes: list[str] = Field(min_length=1, max_length=60)
    jwks: str | None = Field(default=None, max_length=20_000)
    jwks_uri: str | None = Field(default=None, max_length=2000)
    audience: list[Literal["staff", "patients"]] = ["staff", "patients"]
    sees: list[str] = Field(
        default=[], description="Sensitive labels that a backend service reads; * for all."
    )
    bulk: bool = Field(default=False, description="A backend service may export and import in bulk.")


class NewKeys(ApiModel):
    """In place of those of before: keys themselves or the address where the application publishes them."""

    jwks: str | None = Field(default=None, max_length=20_000)
    jwks_uri: str | None = Field(default=None, max_length=2000)


class FetchedKeys(ApiModel):
    """How the last fetch from `jwks_uri` went. From `good_until` on the keys open nothing."""

    fetched_at: datetime | None
    good_until: datetime | None
    failure: str | None


class App(ApiModel):
    client_id: str
    name: str
    kind: AppKind
    redirect_uris: list[str]
    launch_uri: str | None
    scopes: list[str]
    audience: list[str]
    closed: bool
    jwks_uri: str | None = None
    fetched_keys: FetchedKeys | None = Field(
        default=None, description="Of an application whose jwks_uri was asked; for administrators."
    )


class Apps(ApiModel):
    apps: list[App]


class AppMade(ApiModel):
    client_id: str


class OpenApp(ApiModel):
    """From the chart of this patient, and of a visit when one is open."""

    patient_id: str = Field(min_length=1, max_length=64)
    encounter_id: str | None = Field(default=None, max_length=64)


class AppOpened(ApiModel):
    """Where the browser goes; good for five minutes, for the person who asked."""

    address: str


class LetIn(ApiModel):
    """An application that this person has let in. `may` says what, in words."""

    grant_id: str
    name: str
    may: list[str]
    patient_id: str | None
    since: datetime
    until: datetime


class AllLetIn(ApiModel):
    apps: list[LetIn]
