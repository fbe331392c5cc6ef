"""Which codes pass: the words of a listed code system, or what has the form and the check digit of its numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from data_contracts.units.ucum import is_unit
from pipelines.deidentify.treatments import GONE, Tools

Fits = Callable[[str], bool]
RESTRICTED = ("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "R")

_TIMES = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)
_MOVED = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)


def has_loinc_digit(code: str) -> bool:
    """True when the last digit is the check digit of the others (mod 10). An answer's (LA…) is made in another way.

    Source: LOINC Users' Guide, appendix on the mod 10 check digit.
    """
    if code.startswith("LA"):
        return True
    digits = [int(one) for one in reversed(code) if one.isdigit()]
    doubled = (sum(divmod(2 * one, 10)) for one in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def has_verhoeff_digit(code: str) -> bool:
    """True when the last digit is the check digit of the others, as SNOMED CT makes it.

    Source: Verhoeff's dihedral scheme, SNOMED CT Release File Specification, appendix on check digits.
    """
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = int(_TIMES[check][int(_MOVED[place % 8][int(digit)])])
    return check == 0


CHECKS: Mapping[str | None, Fits] = {
    None: lambda _code: True,
    "loinc": has_loinc_digit,
    "verhoeff": has_verhoeff_digit,
    "unit": is_unit,
}


def fitting(rule: Sequence[str] | Mapping[str, Any]) -> Fits:
    """What tells whether a code is one of its system: the words as listed, or a shape with a check."""
    if not isinstance(rule, Mapping):
        return frozenset(rule).__contains__
    has_shape, checks = re.compile(rule["shape"], re.ASCII).fullmatch, CHECKS[rule.get("check")]
    also = frozenset(rule.get("also", ()))
    return lambda code: (has_shape(code) is not None and checks(code)) or code in also


def keep_listed_code(path: str, tools: Tools) -> Callable[[Any], None]:
    """Takes the code out of a coding that is not one of its system, and all of it when the system is not listed.

    A security label is never lost that way: it becomes "restricted".
    """
    listed, tally = tools.code_systems, tools.dropped.append
    unlisted, misfit = f"{path} (not a listed code system)", f"{path}.code (not a code of its system)"
    is_label = path.endswith("meta.security")

    def keep(coding: Any) -> None:
        judge(coding)
        if coding.code is GONE:
            coding.display = GONE

    def judge(coding: Any) -> None:
        if coding.system is GONE and coding.code is GONE:
            return
        fits = listed.get(coding.system)
        if fits is None:
            tally(unlisted)
            coding.system = coding.code = GONE
        elif coding.code is not GONE and not fits(coding.code):
            tally(misfit)
            coding.code = GONE
            if is_label:
                coding.system, coding.code = RESTRICTED

    return keep
