"""What is known here of official measures beyond their packages: who asks alike, and which way is better."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from data_contracts.guidelines.pack import PatientWords

KNOWN = Path(__file__).parent / "known.toml"
NUMBER = re.compile(r"CMS(?:FHIR)?0*(\d+)", re.IGNORECASE)


class Known(BaseModel):
    """One entry. A corrected `improvement` needs its reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asks_like: str | None = None
    improvement: Literal["increase", "decrease"] | None = None
    why: str | None = None
    patient: PatientWords | None = None

    @model_validator(mode="after")
    def _says_why(self) -> Known:
        if (self.improvement is None) != (self.why is None):
            raise ValueError("'improvement' and 'why' belong together")
        return self


@cache
def known_measures() -> Mapping[str, Known]:
    """By number, 'CMS122'."""
    entries = tomllib.loads(KNOWN.read_text(encoding="utf-8"))
    return {number: Known.model_validate(entry) for number, entry in entries.items()}


def known_of(name: str) -> Known:
    """What is known of a measure by its name; nothing where it has no number or is not listed."""
    found = NUMBER.match(name)
    return known_measures().get(f"CMS{int(found[1])}", Known()) if found else Known()
