"""Writes look-alike names with the letters that tell them apart in capitals: metFORMIN, metroNIDAZOLE."""

from __future__ import annotations

import re
from functools import cache

from ehr_core.medications.products import knowledge


def tall_man(name: str) -> str:
    """The name with every look-alike word in its own capitals; anything else stays as it is."""
    return _pattern().sub(lambda match: _spelled()[match[0].lower()], name)


@cache
def _spelled() -> dict[str, str]:
    return {name.lower(): name for name in knowledge("tall_man.toml")["names"]}


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, _spelled()))})\b", re.IGNORECASE)
