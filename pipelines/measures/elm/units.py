"""Units: UCUM expressions and calendar words as a dimension and a factor, so that quantities can be compared.

Not a full UCUM: the atoms that laboratories, vital signs, doses and durations use. A unit that cannot be read is a
dimension of its own: it equals itself and is comparable with nothing else. Calendar units above a week are kept apart
from UCUM's mean year and month only in date arithmetic, not here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Unit:
    """canonical value = value × factor + offset; values with the same dimension can be compared."""

    dimension: tuple[tuple[str, int], ...]
    factor: float = 1.0
    offset: float = 0.0


PREFIXES = {
    **{
        "Y": 1e24,
        "Z": 1e21,
        "E": 1e18,
        "P": 1e15,
        "T": 1e12,
        "G": 1e9,
        "M": 1e6,
        "k": 1e3,
        "h": 1e2,
        "da": 1e1,
    },
    **{"d": 1e-1, "c": 1e-2, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15, "a": 1e-18},
}
METRIC = {
    "m": ("m", 1.0),
    "g": ("g", 1.0),
    "s": ("s", 1.0),
    "l": ("m3", 1e-3),
    "L": ("m3", 1e-3),
    "mol": ("mol", 1.0),
    "eq": ("eq", 1.0),
    "osm": ("osm", 1.0),
    "U": ("U", 1.0),
    "kat": ("kat", 1.0),
    "[IU]": ("[IU]", 1.0),
    "[iU]": ("[IU]", 1.0),
    "K": ("K", 1.0),
    "J": ("J", 1.0),
    "cal": ("J", 4.184),
    "Pa": ("Pa", 1.0),
    "bar": ("Pa", 1e5),
    "m[Hg]": ("Pa", 133322.0),
    "m[H2O]": ("Pa", 9806.65),
    "W": ("W", 1.0),
    "Hz": ("Hz", 1.0),
    "Gy": ("Gy", 1.0),
    "Sv": ("Sv", 1.0),
    "Bq": ("Bq", 1.0),
    "A": ("A", 1.0),
    "V": ("V", 1.0),
    "Ohm": ("Ohm", 1.0),
    "N": ("N", 1.0),
    "Ci": ("Bq", 3.7e10),
    "G": ("T", 1e-4),
    "T": ("T", 1.0),
}
PLAIN = {
    "%": ("", 1e-2),
    "[ppm]": ("", 1e-6),
    "[ppb]": ("", 1e-9),
    "10*": ("", 10.0),
    "10^": ("", 10.0),
    "min": ("s", 60.0),
    "h": ("s", 3600.0),
    "d": ("s", 86400.0),
    "wk": ("s", 604800.0),
    "mo": ("s", 2629800.0),
    "a": ("s", 31557600.0),
    "[in_i]": ("m", 0.0254),
    "[ft_i]": ("m", 0.3048),
    "[yd_i]": ("m", 0.9144),
    "[lb_av]": ("g", 453.59237),
    "[oz_av]": ("g", 28.349523125),
    "[mi_i]": ("m", 1609.344),
    "[in_us]": ("m", 100 / 3937),
    "[ft_us]": ("m", 1200 / 3937),
    "[stone_av]": ("g", 6350.29318),
    "[gr]": ("g", 0.06479891),
    "[oz_tr]": ("g", 31.1034768),
    "[gal_us]": ("m3", 3.785411784e-3),
    "[qt_us]": ("m3", 9.46352946e-4),
    "[pt_us]": ("m3", 4.73176473e-4),
    "[drp]": ("m3", 5e-8),
    "[foz_us]": ("m3", 2.95735295625e-5),
    "[tsp_us]": ("m3", 4.92892159375e-6),
    "[tbs_us]": ("m3", 1.478676478125e-5),
    "[cup_us]": ("m3", 2.365882365e-4),
    "[pH]": ("[pH]", 1.0),
    "[ppth]": ("", 1e-3),
    "mo_j": ("s", 2629800.0),
    "mo_s": ("s", 2551442.976),
    "a_j": ("s", 31557600.0),
    "a_t": ("s", 31556925.216),
    "deg": ("deg", 1.0),
}
SPECIAL = {"Cel": Unit((("K", 1),), 1.0, 273.15), "[degF]": Unit((("K", 1),), 5 / 9, 459.67 * 5 / 9)}
CALENDAR = {
    "year": "a",
    "month": "mo",
    "week": "wk",
    "day": "d",
    "hour": "h",
    "minute": "min",
    "second": "s",
    "millisecond": "ms",
}
DURATION = {code: word for word, code in CALENDAR.items()}
PART = re.compile(r"^(?P<atom>.*?)(?P<power>[+-]?\d+)?$")
ANNOTATION = re.compile(r"\{[^}]*\}")


def calendar_unit(unit: str) -> str | None:
    """`day` for `day`, `days` and `d`; None when the unit is no duration."""
    word = unit.removesuffix("s") if unit not in DURATION else DURATION[unit]
    return word if word in CALENDAR else None


@cache
def unit_of(text: str) -> Unit:
    """The unit of an expression."""
    if text in SPECIAL:
        return SPECIAL[text]
    word = text.removesuffix("s")
    if word in CALENDAR:
        text = CALENDAR[word]
    try:
        return _read(ANNOTATION.sub("", text))
    except ValueError:
        return Unit(((text, 1),))


def _read(text: str) -> Unit:
    powers: dict[str, int] = {}
    factor = 1.0
    for sign, part in _parts(text):
        for dimension, power, value in _atom(part):
            powers[dimension] = powers.get(dimension, 0) + sign * power
            factor *= value**sign
    kept = tuple(sorted((name, power) for name, power in powers.items() if power and name))
    return Unit(kept, factor)


def _parts(text: str) -> list[tuple[int, str]]:
    """(1 or -1, part) of an expression; a division stands before one part or one group in brackets."""
    parts: list[tuple[int, str]] = []
    around, sign = [1], 1
    for word in re.findall(r"[./()]|[^./()]+", text):
        if word == "(":
            around.append(around[-1] * sign)
            sign = 1
        elif word == ")":
            around.pop()
            sign = 1
        elif word in "./":
            sign = -1 if word == "/" else 1
        else:
            parts.append((around[-1] * sign, word))
        if not around:
            raise ValueError(text)
    if len(around) > 1:
        raise ValueError(text)
    return parts


def _atom(part: str) -> list[tuple[str, int, float]]:
    if part.isdigit():
        return [("", 0, float(part))]
    for candidate, power in _readings(part):
        found = _lookup(candidate)
        if found:
            dimension, factor = found
            return [_cubed(dimension, power, factor)]
    raise ValueError(part)


def _readings(part: str) -> list[tuple[str, int]]:
    found = PART.match(part)
    readings = [(part, 1)]
    if found and found["power"] and found["atom"]:
        readings.append((found["atom"], int(found["power"])))
    return readings


def _cubed(dimension: str, power: int, factor: float) -> tuple[str, int, float]:
    if dimension == "m3":
        return "m", 3 * power, factor**power
    return dimension, power, factor**power


def _lookup(atom: str) -> tuple[str, float] | None:
    if atom in PLAIN:
        return PLAIN[atom]
    if atom in METRIC:
        return METRIC[atom]
    for prefix, size in PREFIXES.items():
        if atom.startswith(prefix) and atom[len(prefix) :] in METRIC:
            dimension, factor = METRIC[atom[len(prefix) :]]
            return dimension, size * factor
    return None
