"""The source of a rule, as its knowledge file states it."""

from __future__ import annotations

from cds.cards import Source
from cds.knowledge import read_toml


def source_of(file_name: str, section: str = "source") -> Source:
    """The `[source]` table of a knowledge file as a Source; raises KeyError where the file names none."""
    stated = read_toml(file_name)[section]
    return Source(**{**stated, "uses": frozenset(stated.get("uses", ()))})
