"""Every setting of Almoner, described; read from the environment, `ALMONER_…` unless another name is given."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """One class for all settings; a test notices a field without a description."""

    model_config = SettingsConfigDict(env_prefix="ALMONER_", extra="ignore", populate_by_name=True)

    state: Path = Field(
        default=Path(".almoner"),
        description="Folder for everything that lasts: database, lake, secrets, logs. May be moved.",
    )
    environment: Literal["demo", "production"] = Field(
        default="demo",
        description="`demo` prints demo sign-ins and seeds synthetic patients; `production` refuses both.",
    )
    database_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("DATABASE_URL", "database_url"),
        description="A PostgreSQL server to use in place of the embedded one, as its owner: "
        "postgresql://owner:password@host:5432/database. Almoner makes its own, weaker role there.",
    )
    app_database_url: str | None = Field(
        default=None,
        description="The same database as the weaker application role: what the API connects to. `almoner up` "
        "sets it for the processes that it starts; never the owner's address.",
    )
    patients: int = Field(
        default=1000,
        ge=12,
        validation_alias=AliasChoices("PATIENTS", "patients"),
        description="Synthetic patients to seed when the database is empty (count; the twelve named stories are "
        "among them).",
    )
    seed: int = Field(default=2026, description="Seed of the synthetic population: same seed, same people.")
    site_name: str = Field(
        default="Riverside Community Health", description="The site's name on every screen."
    )
    site_time_zone: str = Field(
        default="America/New_York",
        description="IANA time zone that decides age, measurement period, due dates and the schedule's day.",
    )
    host: str = Field(default="127.0.0.1", description="Address that every service listens on.")
    api_port: int = Field(default=8700, description="Port of the API (FHIR, sign-in, rooms).")
    staff_port: int = Field(default=8701, description="Port of the staff workspace.")
    portal_port: int = Field(default=8702, description="Port of the patients' portal.")
    dagster_port: int = Field(default=8703, description="Port of Dagster's web UI.")
    postgres_port: int = Field(default=8704, description="Port of the embedded PostgreSQL.")
    access_token_seconds: int = Field(default=300, description="Life of an access token (seconds).")
    session_idle_minutes: int = Field(
        default=30, description="A session ends after this time unused (minutes)."
    )
    session_hours: int = Field(default=12, description="A session ends after this time in any case (hours).")
    bulk_file_hours: int = Field(
        default=24, description="Bulk export files are deleted after this time (hours)."
    )
    remeasure_poll_seconds: float = Field(
        default=0.15, description="How often the re-measure worker looks for changes (seconds)."
    )
    pipeline_shards: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Parts of the panel that the nightly run evaluates one after another, as Dagster partitions. "
        "One holds some hundred thousand patients.",
    )
    small_cell: int = Field(
        default=11, description="Aggregate counts below this are suppressed for analysts."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log event that is written."
    )

    @property
    def state_folder(self) -> Path:
        return self.state.expanduser().resolve()

    @property
    def lake_folder(self) -> Path:
        return self.state_folder / "lake"

    @property
    def api_url(self) -> str:
        return f"http://{self.host}:{self.api_port}"

    @property
    def staff_url(self) -> str:
        return f"http://{self.host}:{self.staff_port}"

    @property
    def portal_url(self) -> str:
        """On the loopback address under the name `localhost`: browsers share cookies between ports of one host,
        and a patient's sign-in must not replace a staff member's."""
        host = "localhost" if self.host == "127.0.0.1" else self.host
        return f"http://{host}:{self.portal_port}"

    @property
    def dagster_url(self) -> str:
        return f"http://{self.host}:{self.dagster_port}"
