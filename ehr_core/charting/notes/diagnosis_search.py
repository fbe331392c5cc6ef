"""Finds ICD-10-CM codes by word or by code, in the list that ships with Almoner. Pure.

Source: ICD-10-CM, release of April 2026, National Center for Health Statistics (public domain): every code that may be
billed, with its description. `RELEASE` is shown beside the search. A newer list replaces icd_10_cm.tsv.gz, one
`code<TAB>description` a line.
"""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

from data_contracts.api.notes import DiagnosisCode
from ehr_core.kernel.errors import BadRequest

RELEASE = "ICD-10-CM, April 2026"
MOST_HITS = 25
FEWEST_LETTERS = 2


@cache
def code_list() -> tuple[tuple[str, str, str], ...]:
    """(code, description, both in lower case for searching), in the order of the codes."""
    path = Path(__file__).with_name("icd_10_cm.tsv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        pairs = (line.rstrip("\n").split("\t") for line in lines)
        return tuple((code, name, f"{code} {name}".lower()) for code, name in pairs)


@cache
def names_by_code() -> dict[str, str]:
    return {code: name for code, name, _ in code_list()}


def find_diagnoses(query: str) -> list[DiagnosisCode]:
    """At most MOST_HITS: codes that begin with what was typed, then names holding every word, short ones first.

    Raises BadRequest for less than two letters. The dot of a code may be left out.
    """
    words = query.lower().split()
    if sum(map(len, words)) < FEWEST_LETTERS:
        raise BadRequest("Type at least two letters of the diagnosis, or its code.")
    by_code = _beginning_with(query.strip().upper().replace(".", ""))
    found = by_code or sorted(
        ((code, name) for code, name, searched in code_list() if all(word in searched for word in words)),
        key=lambda hit: (not hit[1].lower().startswith(words[0]), len(hit[1]), hit[0]),
    )
    return [DiagnosisCode(code=code, name=name) for code, name in found[:MOST_HITS]]


def _beginning_with(code: str) -> list[tuple[str, str]]:
    """By code, once a digit was typed: 'E11' is a code, 'co' the beginning of a word."""
    if not any(letter.isdigit() for letter in code) or " " in code:
        return []
    return [(known, name) for known, name, _ in code_list() if known.replace(".", "").startswith(code)]
