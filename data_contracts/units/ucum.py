"""Tells a unit from typed words: is this one that we write, or an expression of UCUM's atoms?"""

from __future__ import annotations

import re
import tomllib
from functools import cache

from data_contracts.units import FOLDER, known_units

LONGEST = 40


def is_unit(code: str) -> bool:
    """True for a written unit that is listed, and for an expression of listed atoms, exponents and annotations."""
    return code in known_units() or (len(code) <= LONGEST and _expression().fullmatch(code) is not None)


@cache
def _expression() -> re.Pattern[str]:
    atoms = tomllib.loads((FOLDER / "ucum.toml").read_text(encoding="utf-8"))
    prefixes, metric, plain = (_any_of(atoms[name]) for name in ("prefixes", "metric", "plain"))
    annotations = _any_of({part for unit in known_units() for part in re.findall(r"\{[^}]*\}", unit)})
    power = r"(?:[+-]?\d{1,2})?"
    part = rf"(?:(?:(?:{prefixes})?(?:{metric})|{plain}){power}(?:{annotations})?|{annotations}|\d{{1,3}})"
    group = rf"(?:{part}|\({part}(?:[./]{part})*\))"
    return re.compile(rf"/?{group}(?:[./]{group})*", re.ASCII)


def _any_of(words) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
