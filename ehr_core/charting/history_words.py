"""The choices of history.toml, checked. Pure."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from data_contracts.api.history import HistoryWords
from ehr_core.charting.recordable import refused


@cache
def choices() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("history.toml").read_text(encoding="utf-8"))


def offered() -> HistoryWords:
    found = choices()
    return HistoryWords(
        relationships=_pairs("relationships"),
        social=[(item, row["words"], row.get("unit")) for item, row in found["social"].items()],
        document_kinds=_pairs("document_kinds"),
        vaccine_sites=_pairs("vaccine_sites"),
        vaccine_routes=_pairs("vaccine_routes"),
        vaccine_funding=_pairs("vaccine_funding"),
    )


def words_of(group: str, code: str, field: str) -> str:
    """What a code of that group means; raises InvalidResource naming the field and what there is."""
    found = dict(_pairs(group))
    if code not in found:
        listed = ", ".join(f"{code} ({words})" for code, words in found.items())
        raise refused(field, f"Choose one of: {listed}.")
    return found[code]


def _pairs(group: str) -> list[tuple[str, str]]:
    return [(code, words) for code, words in choices()[group]]
