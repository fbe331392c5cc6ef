"""Every setting is described, with its unit where it is a number, and can be set from the environment."""

from __future__ import annotations

import re

import pytest
from pydantic import Field
from pydantic_settings import BaseSettings

from ehr_core.kernel.errors import BadSetting
from ehr_core.kernel.settings import Settings, variable_name

UNIT = re.compile(
    r"\b(seconds|minutes|hours|days|years|bytes|MB|percent|count|counts|port|seed|parts)\b", re.IGNORECASE
)


def undocumented(settings: type[BaseSettings]) -> list[str]:
    """Settings without a sentence, and numbers whose sentence does not say of what."""
    found = []
    for name, field in settings.model_fields.items():
        description = field.description or ""
        if not description.endswith(".") or (
            field.annotation in (int, float) and not UNIT.search(description)
        ):
            found.append(name)
    return found


def test_every_setting_is_described_and_every_number_has_its_unit():
    assert undocumented(Settings) == []


def test_an_undocumented_setting_and_a_number_without_a_unit_are_noticed():
    class Careless(BaseSettings):
        silent: str = "x"
        how_long: int = Field(default=5, description="How long to wait.")
        how_long_seconds: int = Field(default=5, description="How long to wait (seconds).")

    assert undocumented(Careless) == ["silent", "how_long"]


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_variable_on_the_page_is_the_one_that_is_read(name, monkeypatch):
    field = Settings.model_fields[name]
    special = {"environment": "demo", "site_time_zone": "Europe/Madrid", "messages_tell": "nothing"}
    special |= {"encrypt_documents": "all", "fhir_references": "any", "forwarded_allow_ips": "10.0.0.5"}
    other = {int: "12", float: "0.5"}.get(field.annotation, special.get(name, "other"))
    monkeypatch.setenv(variable_name(name, field), "debug" if name == "log_level" else other)
    assert str(getattr(Settings(), name)) in (other, "debug")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PATIENTS", "5", "PATIENTS is '5'. It can be a whole number of at least 12."),
        ("PATIENTS", "many", "PATIENTS is 'many'. It can be a whole number of at least 12."),
        ("ALMONER_ENVIRONMENT", "prod", "ALMONER_ENVIRONMENT is 'prod'. It can be 'demo' or 'production'."),
        (
            "ALMONER_API_PORT",
            "99999",
            "ALMONER_API_PORT is '99999'. It can be a whole number of at least 1 and at most 65535.",
        ),
        ("ALMONER_REMEASURE_POLL_SECONDS", "0", "It can be a number greater than 0."),
        ("ALMONER_SITE_TIME_ZONE", "Mars/Olympus", "an IANA time zone such as 'America/New_York'."),
        ("ALMONER_SITE_TIME_ZONE", "../../etc/passwd", "an IANA time zone such as 'America/New_York'."),
    ],
)
def test_a_value_that_cannot_be_is_one_sentence_with_the_variable_and_what_it_can_be(
    monkeypatch, variable, value, said
):
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadSetting) as refused:
        Settings()
    assert said in refused.value.message
    assert "pydantic" not in refused.value.message


def test_every_wrong_variable_is_named(monkeypatch):
    monkeypatch.setenv("PATIENTS", "5")
    monkeypatch.setenv("ALMONER_LOG_LEVEL", "loud")
    with pytest.raises(BadSetting, match=r"PATIENTS is '5'.* ALMONER_LOG_LEVEL is 'loud'|LEVEL.*PATIENTS"):
        Settings()


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch):
    monkeypatch.setenv("ALMONER_STATE", "")
    monkeypatch.setenv("PATIENTS", "")
    assert (str(Settings().state), Settings().patients) == (".almoner", 1000)
