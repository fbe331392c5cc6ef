"""Every setting is described, with its unit where it is a number, and can be set from the environment."""

from __future__ import annotations

import re

import pytest
from pydantic import Field
from pydantic_settings import BaseSettings

from ehr_core.kernel.settings import Settings
from ehr_core.reference import variable_name

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
    other = {int: "12", float: "0.5"}.get(field.annotation, "demo" if name == "environment" else "other")
    monkeypatch.setenv(variable_name(name, field), "debug" if name == "log_level" else other)
    assert str(getattr(Settings(), name)) in (other, "debug")


def test_a_number_that_is_not_one_is_refused(monkeypatch):
    monkeypatch.setenv("ALMONER_API_PORT", "eighty")
    with pytest.raises(ValueError, match=r"ALMONER_API_PORT|api_port"):
        Settings()
