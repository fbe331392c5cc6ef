"""A date, a time, a name, an age, a dose, a quantity, a language, a phone number: as text for a screen.

Clinician screens write dates as dd-Mmm-yyyy whatever the browser's locale, and say in words what is not known.
Pure: nothing here looks anything up, and no function guesses a missing part.
"""

from __future__ import annotations

import io
import re
import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import segno

from data_contracts.api.patients import PatientName
from ehr_core.kernel.clock import in_zone

NOT_RECORDED = "not recorded"

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

DAYS_SHOWN_UNTIL = 28
"""Younger than this many days, an age is written in days."""
WEEKS_SHOWN_UNTIL_MONTHS = 3
"""Younger than this many months (and 28 days or more), an age is written in weeks."""
MONTHS_SHOWN_UNTIL_YEARS = 2
"""Younger than this many years, an age is written in months."""

PARTIAL_DATE = re.compile(r"^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$")

UNIT_WORDS = {
    "mm[Hg]": "mmHg",
    "Cel": "°C",
    "[degF]": "°F",
    "kg/m2": "kg/m²",
    "m2": "m²",
    "ug": "mcg",
    "umol/L": "µmol/L",
    "mL/min/{1.73_m2}": "mL/min/1.73 m²",
    "mL/min/1.73.m2": "mL/min/1.73 m²",
    "10*3/uL": "×10³/µL",
    "10*6/uL": "×10⁶/µL",
    "10*9/L": "×10⁹/L",
    "[lb_av]": "lb",
    "[in_i]": "in",
    "[IU]": "units",
    "m[IU]/L": "mIU/L",
    "u[IU]/mL": "µIU/mL",
    "[IU]/L": "IU/L",
    "{score}": "",
    "{count}": "",
    "1": "",
}
"""UCUM codes whose spelling is not what people read. `ug` is written mcg: ISMP's list of error-prone abbreviations."""


def show_date(value: date | datetime | str | None, time_zone: str | None = None) -> str:
    """dd-Mmm-yyyy. A partial FHIR date says what is missing; an instant is turned into the zone when one is given.

    Text that is not a date is shown as it stands: the record's own words are never hidden.
    """
    if value is None or value == "":
        return NOT_RECORDED
    if isinstance(value, datetime):
        return _day(_in_zone(value, time_zone).date())
    if isinstance(value, date):
        return _day(value)
    partial = PARTIAL_DATE.match(value)
    return _partial(partial, value) if partial else _instant_day(value, time_zone)


def _partial(match: re.Match[str], written: str) -> str:
    year, month, day = match.groups()
    if month is None:
        return f"{year} (month not recorded)"
    if not 1 <= int(month) <= 12:
        return written
    if day is None:
        return f"{MONTHS[int(month) - 1]}-{year} (day not recorded)"
    try:
        return _day(date(int(year), int(month), int(day)))
    except ValueError:
        return written


def _instant_day(written: str, time_zone: str | None) -> str:
    try:
        return _day(_in_zone(datetime.fromisoformat(written), time_zone).date())
    except ValueError:
        return written


def _day(day: date) -> str:
    return f"{day.day:02d}-{MONTHS[day.month - 1]}-{day.year:04d}"


def _in_zone(instant: datetime, time_zone: str | None) -> datetime:
    return in_zone(instant, ZoneInfo(time_zone)) if time_zone and instant.tzinfo else instant


def show_time(value: datetime | str | None, time_zone: str | None = None) -> str:
    """HH:mm on the 24-hour clock. A date without a time of day has none, and that is said."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if "T" in value else None
        except ValueError:
            value = None
    return _in_zone(value, time_zone).strftime("%H:%M") if value else "time not recorded"


def show_instant(value: datetime | None, time_zone: str | None = None) -> str:
    """dd-Mmm-yyyy HH:mm, with the zone's letters: '22-Nov-2026 14:05 EST'. Without a zone given, UTC."""
    if value is None:
        return NOT_RECORDED
    there = in_zone(value, ZoneInfo(time_zone) if time_zone else UTC)
    return f"{_day(there.date())} {there.strftime('%H:%M %Z')}"


def show_name(name: PatientName | None) -> str:
    """FAMILY, Given (Title) – and the name in use, when it differs."""
    if name is None:
        return "Name not recorded"
    family = name.family.upper() if name.family else None
    parts = ", ".join(part for part in (family, name.given) if part)
    if not parts:
        return f"{name.used} (name in use)" if name.used else "Name not recorded"
    title = f" ({name.prefix})" if name.prefix else ""
    used = f" “{name.used}”" if name.used and name.used != name.given else ""
    return f"{parts}{title}{used}"


def say_name(name: PatientName | None) -> str:
    """As one is called: 'Ana Reyes'."""
    parts = (name.used or name.given, name.family) if name else ()
    return " ".join(filter(None, parts)) or "Name not recorded"


def show_age(age_years: int | None) -> str:
    """Completed years, as an API answer carries them: '54 y'."""
    if age_years is None:
        return "age not known"
    return f"{age_years} y" if age_years >= 1 else "under 1 y"


def show_age_on(birth_date: str | date | None, on: date) -> str:
    """The age on a day, finer for the young: days, weeks, months, then years. Partial birth dates give ranges."""
    if birth_date is None or birth_date == "":
        return "age not known"
    if isinstance(birth_date, str):
        partial = PARTIAL_DATE.match(birth_date)
        if partial is None:
            return "age not known"
        if partial.group(3) is None:
            return _age_of_partial(partial, on)
        birth_date = date.fromisoformat(birth_date)
    return _age_words(birth_date, on)


def _age_words(born: date, on: date) -> str:
    if born > on:
        return "not yet born"
    days, months = (on - born).days, _completed_months(born, on)
    if days < DAYS_SHOWN_UNTIL:
        return f"{days} day" if days == 1 else f"{days} days"
    if months < WEEKS_SHOWN_UNTIL_MONTHS:
        return f"{days // 7} weeks"
    if months < MONTHS_SHOWN_UNTIL_YEARS * 12:
        return f"{months} months"
    return f"{months // 12} y"


def _age_of_partial(partial: re.Match[str], on: date) -> str:
    year, month = int(partial.group(1)), int(partial.group(2) or 0)
    earliest = date(year, month or 1, 1)
    oldest = _completed_months(earliest, on) // 12
    last_month = month or 12
    after = date(year + 1, 1, 1) if last_month == 12 else date(year, last_month + 1, 1)
    youngest = max(_completed_months(after, on) // 12, 0)
    if after > on and earliest > on:
        return "not yet born"
    return f"{oldest} y" if youngest == oldest else f"{youngest} or {oldest} y"


def _completed_months(born: date, on: date) -> int:
    return (on.year - born.year) * 12 + on.month - born.month - (on.day < born.day)


def show_unit(unit: str | None) -> str:
    """A UCUM code as people read it; an annotation without its braces; any other as it stands."""
    if not unit:
        return ""
    annotation = re.fullmatch(r"\{([^{}]+)\}", unit)
    return UNIT_WORDS.get(unit, annotation[1] if annotation else unit)


def show_quantity(value: Decimal | str | None, unit: str | None) -> str:
    """A measured value, digit for digit as recorded ('7.10 %'), never rounded and never in exponent notation."""
    if value is None:
        return NOT_RECORDED
    digits = f"{value:f}" if isinstance(value, Decimal) else str(value)
    words = show_unit(unit)
    return f"{digits} {words}" if words else digits


def show_dose(value: Decimal | str | None, unit: str | None) -> str:
    """A dose to give: no trailing zero, a leading zero, commas from 1,000, a space before the unit.

    The opposite rule to a measured value: '1.0 mg' has been read as 10 mg. Source: ISMP error-prone dose designations.
    """
    if value is None:
        return "dose not recorded"
    try:
        number = Decimal(value)
    except InvalidOperation:
        return f"{value} {show_unit(unit)}".strip()
    whole, _, fraction = f"{number:f}".partition(".")
    fraction = fraction.rstrip("0")
    digits = f"{int(whole):,}" if int(whole) else ("-0" if number < 0 else "0")
    return f"{digits}{'.' + fraction if fraction else ''} {show_unit(unit)}".strip()


@lru_cache(maxsize=1)
def _languages() -> tuple[dict[str, str], dict[str, str]]:
    path = Path(__file__).with_name("language_names.toml")
    listed = tomllib.loads(path.read_text(encoding="utf-8"))
    return listed["names"], listed["regions"]


def show_language(tag: str | None) -> str:
    """A BCP 47 tag in words: 'es' is Spanish, 'pt-BR' Portuguese (Brazil). An unlisted one keeps its code."""
    if not tag:
        return NOT_RECORDED
    names, regions = _languages()
    primary, *rest = tag.replace("_", "-").split("-")
    name = names.get(primary.lower())
    if name is None:
        return f"language code {tag}"
    region = next((part.upper() for part in rest if len(part) == 2), None)
    if region is None or (primary.lower(), region) in (("en", "US"), ("es", "US")):
        return name
    return f"{name} ({regions.get(region, region)})"


@lru_cache(maxsize=1)
def language_choices() -> dict[str, str]:
    """BCP 47 tag to words, by words: what a form offers."""
    names, _ = _languages()
    return dict(sorted(names.items(), key=lambda item: item[1]))


def show_phone(number: str | None) -> str:
    """(555) 012-3456 for a North American number of ten digits; any other as recorded."""
    if not number:
        return NOT_RECORDED
    match = re.fullmatch(r"(?:\+?1)?(\d{3})(\d{3})(\d{4})", re.sub(r"[\s().-]", "", number))
    return f"({match[1]}) {match[2]}-{match[3]}" if match else number


def qr_svg(text: str, *, scale: int = 5) -> str:
    """A text as a QR picture: SVG without styles or scripts, black on white in dark mode too, as scanners need it."""
    drawn = io.BytesIO()
    made = segno.make(text, error="m", micro=False)
    made.save(drawn, kind="svg", scale=scale, border=4, light="white", dark="black", xmldecl=False)
    return drawn.getvalue().decode()
