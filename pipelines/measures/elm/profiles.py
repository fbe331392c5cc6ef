"""Profiles: which resources a retrieve of a profile means."""

from __future__ import annotations

import numpy as np

from pipelines.measures.elm.columns import Listing, Text
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.records import ElementTable
from pipelines.measures.elm.texts import Texts


def has_profile(table: ElementTable, profile: str | None, texts: Texts) -> np.ndarray:
    """Rows that say they follow the profile."""
    if profile is None or table.type_name == "Patient":
        return np.ones(len(table), bool)
    declared = system(table.part("meta").part("profile")) if len(table) else None
    result = np.zeros(len(table), bool)
    if isinstance(declared, Listing) and isinstance(declared.items, Text):
        names = texts.mapped(declared.items.values, lambda text: text.split("|")[0])
        result[declared.owners()[names == texts.number(profile)]] = True
    return result
