"""The named stories: one TOML file each, told in docs and held by tests. Their ids never change."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from ehr_core.kernel.ids import stable_id

NAMESPACE = "https://almoner.dev/population/story"


@cache
def stories() -> dict[str, dict[str, Any]]:
    """Every story by key, in the order of their places in the panel."""
    found = []
    for file in files(__package__).iterdir():
        if file.name.endswith(".toml"):
            found.append(tomllib.loads(file.read_text(encoding="utf-8")))
    return {story["key"]: story for story in sorted(found, key=lambda story: story["place"])}


@cache
def story_patient_id(key: str) -> str:
    """The patient id of a story: fixed, and without a name in it."""
    return stable_id(NAMESPACE, key)
