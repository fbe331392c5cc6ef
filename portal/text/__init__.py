"""The portal's words by language: one TOML a language, the same keys in each (a test holds them equal)."""

from __future__ import annotations

import tomllib
from datetime import date
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

    def recorded_date(self, recorded: str | None) -> str:
        """A date as the record has it, perhaps only a month or a year."""
        if not recorded:
            return ""
        parts = recorded[:10].split("-")
        if len(parts) == 3:
            return self.long_date(date.fromisoformat(recorded[:10]))
        if len(parts) == 2:
            return f"{MONTHS[self.language][int(parts[1]) - 1]} {parts[0]}"
        return parts[0]


@cache
def _texts(language: str) -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name(f"{language}.toml").read_text(encoding="utf-8"))


def primary_language(tag: str | None) -> str:
    """The portal's language for a BCP 47 tag: 'es-MX' is Spanish; what we do not speak becomes English."""
    primary = (tag or "en").split("-")[0].lower()
    return primary if primary in LANGUAGES else "en"
