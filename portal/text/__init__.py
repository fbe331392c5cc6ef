"""The portal's words by language: one TOML a language, the same keys in each (a test holds them equal)."""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from functools import cache
from pathlib import Path

LANGUAGES = {"en": "English", "es": "Español"}
MONTHS = {
    "en": tuple(
        "January February March April May June July August September October November December".split()  # noqa: SIM905
    ),
    "es": tuple(
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split()  # noqa: SIM905
    ),
}


class Words:
    """`words("home.hello", name="Ana")`: a sentence with its places filled. An unknown key is an error."""

    def __init__(self, language: str):
        self.language = language if language in LANGUAGES else "en"
        self._texts = _texts(self.language)

    def __call__(self, key: str, **places: object) -> str:
        section, name = key.split(".")
        return self._texts[section][name].format(**places)

    def long_date(self, day: date | None) -> str:
        """'5 March 2026', '5 de marzo de 2026'."""
        if day is None:
            return ""
        month = MONTHS[self.language][day.month - 1]
        return (
            f"{day.day} de {month} de {day.year}"
            if self.language == "es"
            else f"{day.day} {month} {day.year}"
        )

    def clock(self, moment: datetime) -> str:
        """'9:30 am', '9:30 a. m.'."""
        half = ("am", "pm") if self.language == "en" else ("a. m.", "p. m.")
        return f"{moment.hour % 12 or 12}:{moment:%M} {half[moment.hour >= 12]}"

    def recorded_date(self, recorded: str | None) -> str:
        """A date as the record has it, perhaps only a month or a year."""
        if not recorded:
            return ""
        parts = recorded[:10].split("-")
        if len(parts) == 3:
            return self.long_date(date.fromisoformat(recorded[:10]))
        if len(parts) == 2:
            month = MONTHS[self.language][int(parts[1]) - 1]
            return f"{month} de {parts[0]}" if self.language == "es" else f"{month} {parts[0]}"
        return parts[0]


@cache
def _texts(language: str) -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name(f"{language}.toml").read_text(encoding="utf-8"))


def page_language(chosen: str | None, record: str | None, browser: str | None) -> str:
    """One language for the whole page: chosen on the page, else the record's, else the browser's, else English.

    Each is a BCP 47 tag ('es-MX' is Spanish) or null; one that we do not speak counts as none.
    """
    return next(filter(None, map(_spoken, (chosen, record, browser))), "en")


def _spoken(tag: str | None) -> str | None:
    primary = (tag or "").split("-")[0].lower()
    return primary if primary in LANGUAGES else None
