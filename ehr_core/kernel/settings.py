"""Every setting of Almoner, described; read from the environment, `ALMONER_…` unless another name is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from ehr_core.kernel.errors import BadSetting
from ehr_core.kernel.proxies import EXPECTED, PROXIES, trusted_proxies

PREFIX = "ALMONER_"
LAST_PORT = 65535


class Settings(BaseSettings):
    """One class for all settings; a test notices a field without a description. An empty variable is not set.

    Raises BadSetting, which names each variable that has a wrong value and what it can be.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

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
    api_port: int = Field(
        default=8700, ge=1, le=LAST_PORT, description="Port of the API (FHIR, sign-in, rooms)."
    )
    staff_port: int = Field(default=8701, ge=1, le=LAST_PORT, description="Port of the staff workspace.")
    portal_port: int = Field(default=8702, ge=1, le=LAST_PORT, description="Port of the patients' portal.")
    dagster_port: int = Field(default=8703, ge=1, le=LAST_PORT, description="Port of Dagster's web UI.")
    postgres_port: int = Field(
        default=8704, ge=1, le=LAST_PORT, description="Port of the embedded PostgreSQL."
    )
    access_token_seconds: int = Field(default=300, ge=1, description="Life of an access token (seconds).")
    session_idle_minutes: int = Field(
        default=30, ge=1, description="A session ends after this time unused (minutes)."
    )
    session_hours: int = Field(
        default=12, ge=1, description="A session ends after this time in any case (hours)."
    )
    second_factor_roles: str = Field(
        default="",
        description="Roles whose people need a second factor to sign in, with commas, such as admin,clinician.",
    )
    account_requests_per_second: float = Field(
        default=100,
        ge=0,
        description="What one account may send over time (count of requests a second), and 200 times as many at "
        "once; 0: any.",
    )
    application_requests_per_second: float = Field(
        default=300,
        ge=0,
        description="The same for one outside application, whoever uses it (count of requests a second); 0: any.",
    )
    address_requests_per_second: float = Field(
        default=10,
        ge=0,
        description="What one address may send without a good token (count of requests a second), and 60 times as "
        "many at once; 0: any.",
    )
    oidc_issuer: str | None = Field(
        default=None,
        description="Issuer of the site's own OpenID Connect provider, such as https://login.example.org. Not set: "
        "people sign in here alone.",
    )
    oidc_client_id: str | None = Field(default=None, description="What that provider knows Almoner by.")
    oidc_client_secret: str | None = Field(
        default=None, repr=False, description="Its secret there. Not set: a public client, by PKCE alone."
    )
    oidc_name: str = Field(
        default="single sign-on", description="The provider's name on the sign-in page's button."
    )
    oidc_account_claim: str | None = Field(
        default=None,
        description="Claim that names the user name here, such as preferred_username, by which somebody's first "
        "sign-in is linked to their account. Not set: an administrator links accounts (`almoner account link`).",
    )
    oidc_new_account_roles: str = Field(
        default="",
        description="Roles, with commas, of accounts that are made for whom the provider sends and nobody here knows. "
        "Not set: none is made. Never admin.",
    )
    oidc_second_factor_amr: str = Field(
        default="mfa otp hwk fido sc pop",
        description="Methods (`amr`) that count as a second factor at the provider, with spaces.",
    )
    oidc_second_factor_acr: str = Field(
        default="",
        description="Contexts (`acr`) that count as a second factor at the provider, with spaces; they are asked for.",
    )
    breached_passwords: Path | None = Field(
        default=None,
        description="File of breached passwords: their SHA-1 hashes in capital letters, one a line, sorted. Not set: "
        "only what everybody thinks of first is refused.",
    )
    encryption_keys: str | None = Field(
        default=None,
        repr=False,
        description="Key ring that marked fields are encrypted with, as JSON: `active`, `keys` (32 bytes in base64 by "
        "id), `search`. Not set: the command's, or the file's.",
    )
    encryption_key_command: str | None = Field(
        default=None,
        description="Command that prints the key ring, such as a call of the site's key service.",
    )
    encryption_key_file: Path | None = Field(
        default=None,
        description="File of the key ring; made on first use. Not set: `encryption-keys.json` in the state folder. "
        "Keep it apart from the database's backups.",
    )
    encrypt_documents: Literal["psychotherapy", "all"] = Field(
        default="psychotherapy",
        description="Which documents' words are encrypted in the database: those labelled as psychotherapy "
        "notes, or all.",
    )
    proxy_narrowing_age: int = Field(
        default=13,
        ge=0,
        le=18,
        description="From this age of a child on a parent keeps appointments alone (years); at 18 it ends.",
    )
    watch_minutes: int = Field(
        default=5, ge=1, description="How often the watch looks through the audit log (minutes)."
    )
    watch_rules: Path | None = Field(
        default=None,
        description="File with the site's own thresholds of the watch, shaped as ehr_core/access/watch.toml.",
    )
    bulk_file_hours: int = Field(
        default=24, ge=1, description="Bulk export files are deleted after this time (hours)."
    )
    remeasure_poll_seconds: float = Field(
        default=0.15, gt=0, description="How often the re-measure worker looks for changes (seconds)."
    )
    pipeline_shards: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Parts of the panel that the nightly run evaluates one after another, as Dagster partitions. "
        "One holds some hundred thousand patients.",
    )
    speech_model: Path | None = Field(
        default=None,
        description="Folder of a faster-whisper model for dictation, on this machine. Not set: the packaged "
        "small English model.",
    )
    small_cell: int = Field(
        default=11, ge=1, description="Aggregate counts below this are suppressed for analysts."
    )
    hold_minutes: int = Field(
        default=5, ge=1, le=60, description="A time that somebody is about to book is kept so long (minutes)."
    )
    offer_minutes: int = Field(
        default=120,
        ge=5,
        le=1440,
        description="A freed time is offered to one person of the waitlist so long, then to the next (minutes).",
    )
    public_url: str | None = Field(
        default=None,
        description="Address under which patients reach the portal, such as https://portal.example.org: links in "
        "messages begin with it. Without one, the portal's own address.",
    )
    public_api_url: str | None = Field(
        default=None,
        description="Address under which browsers and outside applications reach the API, such as "
        "https://ehr.example.org: it stands in sign-ins, tokens and FHIR links. Without one, the API's own address.",
    )
    forwarded_allow_ips: str = Field(
        default="",
        validation_alias=AliasChoices(PROXIES, "forwarded_allow_ips"),
        description="Proxies whose `X-Forwarded-For` is believed: addresses and networks with commas, such as "
        "10.0.0.5, 10.1.0.0/16. Without any, and from everybody else, the header changes nothing.",
    )
    outside_networks: str = Field(
        default="",
        description="Private networks that subscriptions, outside decision support, imports and fetches of an "
        "application's keys may reach besides public https addresses, with commas, such as 10.20.0.0/16. Networks of "
        "this machine (127.0.0.0/8), and with them plain http, are for development and refused in production.",
    )
    import_hosts: str = Field(
        default="",
        description="Machines from which a bulk import may fetch files by https, with commas, such as "
        "files.example.org. Without any, only what was uploaded here is imported.",
    )
    email_sender: str | None = Field(
        default=None,
        description="Who sends e-mail: `mailbox` (kept here, sent nowhere), `smtp`, or a sender that a package brings. "
        "Without one, `smtp` where ALMONER_SMTP_URL is set, otherwise `mailbox`.",
    )
    sms_sender: str = Field(
        default="mailbox",
        description="Who sends text messages: `mailbox` (kept here, sent nowhere), or a sender that a package brings.",
    )
    smtp_url: str | None = Field(
        default=None,
        description="Mail server: smtps://user:password@host:465, or smtp://user:password@host:587 with STARTTLS.",
    )
    mail_from: str | None = Field(
        default=None, description="Sender's address of e-mail, such as 'Clinic <no-reply@example.org>'."
    )
    messages_tell: Literal["time", "nothing"] = Field(
        default="time",
        description="What a message says of a visit: its day and time, or nothing, and only the page of its link does.",
    )
    critical_result_minutes: int = Field(
        default=60,
        ge=1,
        description="A critical result that nobody has acknowledged for so long is passed on to who covers, then to "
        "the on-call pool (minutes).",
    )
    fhir_references: Literal["exist", "any"] = Field(
        default="exist",
        description="What a resource that is sent over the FHIR API may refer to here: `exist` asks that it is "
        "there, `any` only that its type is allowed. `almoner import` lists what leads nowhere, and keeps it.",
    )
    immunization_schedule: str = Field(
        default="cdc_2025_11",
        description="Schedule that vaccination forecasts follow: a folder of cds/knowledge/immunization, such as "
        "`cdc_2025_11` or `cdc_2026_01`. Whose it is and of which day is printed with every forecast.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log event that is written."
    )

    def __init__(self, **given: Any):
        try:
            super().__init__(**given)
        except ValidationError as error:
            wrong = [_field_of(str(one["loc"][0])) for one in error.errors()]
            values = [one["input"] for one in error.errors()]
            raise BadSetting(" ".join(map(_sentence, wrong, values))) from None

    @field_validator("site_time_zone")
    @classmethod
    def _is_a_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError("not a time zone") from error
        return name

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _are_proxies(cls, text: str) -> str:
        trusted_proxies(text)
        return text

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
    def issuer(self) -> str:
        """The API as everybody outside knows it."""
        return (self.public_api_url or self.api_url).rstrip("/")

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


def variable_name(name: str, field: FieldInfo) -> str:
    """The environment variable of a setting."""
    if isinstance(field.validation_alias, AliasChoices):
        return str(field.validation_alias.choices[0])
    return f"{PREFIX}{name.upper()}"


def allowed_values(name: str, field: FieldInfo) -> str:
    """What a setting can be, in words."""
    if get_origin(field.annotation) is Literal:
        return " or ".join(map(repr, get_args(field.annotation)))
    if name == "site_time_zone":
        return "an IANA time zone such as 'America/New_York'"
    if name == "forwarded_allow_ips":
        return EXPECTED
    kinds = {int: "a whole number", float: "a number"}
    bounds = {"ge": "of at least", "gt": "greater than", "le": "and at most"}
    found = {word: getattr(one, word) for one in field.metadata for word in bounds if hasattr(one, word)}
    limits = [f"{words} {found[word]}" for word, words in bounds.items() if word in found]
    return " ".join([kinds.get(field.annotation, "a text"), *limits])


def _field_of(location: str) -> tuple[str, FieldInfo]:
    """pydantic names a field by its variable when that is an alias, otherwise by itself."""
    return next(
        (name, field)
        for name, field in Settings.model_fields.items()
        if location in (name, variable_name(name, field))
    )


def _sentence(wrong: tuple[str, FieldInfo], value: object) -> str:
    return f"{variable_name(*wrong)} is '{value}'. It can be {allowed_values(*wrong)}."
