"""How long a fact counts, as a clinician writes it: "24 months", "ever", "while active and 12 months after"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator

MONTHS = re.compile(r"(\d{1,3}) months")
AT_MOST = re.compile(r"while active, at most (\d{1,3}) months")
AND_AFTER = re.compile(r"while active and (\d{1,3}) months after")
PERIOD_AND_BEFORE = re.compile(r"the period and (\d{1,3}) months before")


@dataclass(frozen=True)
class Duration:
    """`mode`: ever · months (from the fact's day) · active (its own span, at most `months`) · season
    · after (its own span and `months` more: what goes on counts, however long ago it began)."""

    mode: str
    months: int | None
    words: str


@dataclass(frozen=True)
class Window:
    """Where in a measure's period a fact counts. `mode`: ever · active (overlaps) · months (before the period)."""

    mode: str
    months_before: int
    words: str


def read_duration(words: object) -> Duration:
    """The duration those words mean; raises ValueError with the forms that are understood."""
    if isinstance(words, Duration):
        return words
    text = str(words)
    if text in ("ever", "while active", "this season"):
        return Duration({"ever": "ever", "while active": "active", "this season": "season"}[text], None, text)
    if found := MONTHS.fullmatch(text):
        return Duration("months", int(found[1]), text)
    if found := AT_MOST.fullmatch(text):
        return Duration("active", int(found[1]), text)
    if found := AND_AFTER.fullmatch(text):
        return Duration("after", int(found[1]), text)
    raise ValueError(
        f"'{text}' is not a duration. Write 'ever', '24 months', 'while active', "
        "'while active, at most 10 months', 'while active and 12 months after' or 'this season'."
    )


def read_window(words: object) -> Window:
    """The window those words mean; raises ValueError with the forms that are understood."""
    if isinstance(words, Window):
        return words
    text = str(words)
    if text == "ever":
        return Window("ever", 0, text)
    if text == "active in the period":
        return Window("active", 0, text)
    if text == "the period":
        return Window("months", 0, text)
    if found := PERIOD_AND_BEFORE.fullmatch(text):
        return Window("months", int(found[1]), text)
    raise ValueError(
        f"'{text}' is not a window. Write 'ever', 'the period', 'the period and 24 months before' "
        "or 'active in the period'."
    )


def usual_window(duration: Duration) -> Window:
    """The window a measure uses when the pack names none."""
    active = "active in the period"
    words = {"ever": "ever", "active": active, "after": active}.get(duration.mode, "the period")
    return read_window(words)


DurationText = Annotated[Duration, BeforeValidator(read_duration)]
WindowText = Annotated[Window, BeforeValidator(read_window)]
