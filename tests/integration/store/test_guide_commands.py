"""`almoner profiles …` as a person types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.secrets import FILE_NAME
from ehr_core.store.commands import commands
from ehr_core.store.guides.package import BadPackage
from tests.integration.store.conftest import patient
from tests.lib import postgres
from tests.lib.guide_files import profile, search_parameter, written

ADULT = profile("Patient", {"path": "Patient.birthDate", "min": 1}, name="adult")
BY_PLACE = search_parameter("contact-city", "string", "Patient.contact.address.city", "Patient")
ODD = search_parameter("odd", "special", "Patient", "Patient")


@pytest.fixture
def profiles(database_url, tmp_path, monkeypatch):
    state = tmp_path / "state"
    state.mkdir()
    (state / FILE_NAME).write_text(postgres.TEST_SECRETS.model_dump_json())
    monkeypatch.setenv("ALMONER_STATE", str(state))
    monkeypatch.setenv("DATABASE_URL", database_url[0])

    def run(*words: str | Path) -> str:
        result = CliRunner().invoke(commands, ["profiles", *map(str, words)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return " ".join(result.output.split())

    return run


def test_a_guide_comes_is_listed_and_goes(profiles, opened, tmp_path: Path):
    with opened() as store:
        store.create("Patient", patient(contact=[{"address": {"city": "Salem"}}]), id="ana")
    package = written(tmp_path / "guide.tgz", ADULT, BY_PLACE, ODD)

    told = profiles("import", package)
    assert (
        "example.guide#1.0.0 is in force: 1 profiles, 0 value sets, 0 code systems, 1 search parameters."
        in told
    )
    assert "parameters of type special are not taken from packages" in told
    assert "The new search parameters are indexed." in told
    with opened() as store:
        assert [found.id for found in store.search("Patient", "contact-city=salem").resources] == ["ana"]
    assert "in force already" in profiles("import", package)

    assert "Every Patient that is sent has to keep" in profiles("require", ADULT["url"])
    listed = profiles("list", "--left-out")
    assert "example.guide#1.0.0 (Example guide): in force" in listed
    assert f"required of every Patient: {ADULT['url']}" in listed
    assert "not used: SearchParameter" in listed
    assert "where it claims it" in profiles("relax", ADULT["url"])
    assert "example.guide#1.0.0 is removed." in profiles("remove", "example.guide")
    assert "No guide is imported. US Core 6.1.0 is checked" in profiles("list")


def test_a_guide_that_stands_on_one_that_is_not_held_says_so(profiles, tmp_path: Path):
    high = profile("Patient", name="high", baseDefinition="http://elsewhere.example/StructureDefinition/low")
    told = profiles("import", written(tmp_path / "guide.tgz", high))
    assert (
        "high is checked in part: its base http://elsewhere.example/StructureDefinition/low is not held here"
        in told
    )


def test_what_waits_for_the_background_is_listed(profiles, tmp_path: Path):
    profiles("import", written(tmp_path / "guide.tgz", BY_PLACE), "--no-index")
    assert "being indexed: Patient:contact-city (not begun)" in profiles("list")


def test_bad_words_get_a_sentence(profiles, tmp_path: Path):
    with pytest.raises(BadPackage, match=r"There is no package 'none.tgz'"):
        profiles("import", tmp_path / "none.tgz")
    with pytest.raises(NotFound, match="almoner profiles list"):
        profiles("remove", "none")
    with pytest.raises(NotFound, match="Import its package first"):
        profiles("require", "http://example.org/none")
