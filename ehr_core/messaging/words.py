"""The words of a message: its kind, channel and language; day and time at the clinic, and nothing about who or why."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

LANGUAGES = ("en", "es")
DAYS = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "es": ("lun", "mar", "mié", "jue", "vie", "sáb", "dom"),
}
MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "es": ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"),
}


@dataclass(frozen=True)
class Composed:
    """`subject` is null for a text message."""

    subject: str | None
    body: str


def compose(
    kind: str,
    channel: str,
    language: str,
    *,
    site: str,
    starts_at: datetime | None,
    time_zone: str,
    link: str | None,
) -> Composed:
    """`starts_at` null: the time is not told in the message, only on the page of the link."""
    texts = _texts(spoken(language))
    when = short_time(starts_at, time_zone, language) if starts_at else texts["no_time"]
    said = texts[kind][channel].format(site=site, when=when, link=link or "")
    if channel == "sms":
        return Composed(None, said)
    return Composed(texts[kind]["subject"], f"{texts['greeting']}\n\n{said}\n\n{texts['footer']}\n")


def short_time(instant: datetime, time_zone: str, language: str) -> str:
    """'Mon 23 Nov, 9:20 am'; 'lun 23 nov, 9:20 a. m.'."""
    language = spoken(language)
    local = instant.astimezone(ZoneInfo(time_zone))
    half = (("am", "pm") if language == "en" else ("a. m.", "p. m."))[local.hour >= 12]
    day, month = DAYS[language][local.weekday()], MONTHS[language][local.month - 1]
    return f"{day} {local.day} {month}, {local.hour % 12 or 12}:{local:%M} {half}"


def spoken(language: str | None) -> str:
    """A language that messages are written in: that of the tag, else English."""
    primary = (language or "").split("-")[0].lower()
    return primary if primary in LANGUAGES else "en"


def kinds() -> tuple[str, ...]:
    return tuple(name for name, value in _texts("en").items() if isinstance(value, dict))


@cache
def _texts(language: str) -> dict[str, Any]:
    path = Path(__file__).with_name("texts") / f"{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def plan() -> dict[str, dict[str, int]]:
    """When people are told what; see plan.toml."""
    return tomllib.loads(Path(__file__).with_name("plan.toml").read_text(encoding="utf-8"))
