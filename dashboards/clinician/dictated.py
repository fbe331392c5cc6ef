"""Dictated words: what to listen for, and which doses in them must be looked at. Pure.

A speech engine hears a number wrongly now and then, and writes it as surely as a right one. So its words are only a
suggestion, and every dose in them is picked out to be confirmed one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST_PROMPT = 600
"""Characters: an engine hears only the last two hundred or so pieces of words of a longer prompt."""
OPENING = "Medical dictation. "

UNITS = (
    "milligrams?|mg|micrograms?|mcg|ug|grams?|g|milliliters?|ml|liters?|units?|iu|meq|percent|%|puffs?|drops?|tablets?"
    "|tabs?|capsules?|pills?|sprays?|patch(?:es)?|teaspoons?|tablespoons?"
)
NUMBER = (
    r"\d+(?:[.,]\d+)*|half|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty"
    r"|forty|fifty|sixty|seventy|eighty|ninety|hundred"
)
DOSE = re.compile(
    rf"\b(?:(?:{NUMBER})(?:[\s-]+(?:and|a|{NUMBER}))*)[\s-]*(?:{UNITS})(?![a-z])", re.IGNORECASE
)


def prompt_of(medications: Iterable[str], problems: Iterable[str] = ()) -> str:
    """What the engine is told to expect: this chart's drugs and problems, by whole names, the drugs before all.

    Small letters: of metFORMIN an engine makes two words.
    """
    drugs = _as_many_as_fit((first_word(name).lower() for name in medications), MOST_PROMPT - len(OPENING))
    room = MOST_PROMPT - len(OPENING) - sum(len(name) + 2 for name in drugs)
    return OPENING + ", ".join([*_as_many_as_fit(problems, room), *drugs])


def _as_many_as_fit(names: Iterable[str], room: int) -> list[str]:
    kept: list[str] = []
    for name in filter(None, dict.fromkeys(names)):
        room -= len(name) + 2
        if room < 0:
            break
        kept.append(name)
    return kept


def first_word(name: str) -> str:
    """'metformin hydrochloride 500 MG Oral Tablet' is spoken as 'metformin hydrochloride'."""
    return re.split(r"\s\d", name, maxsplit=1)[0].strip()


def doses_in(words: str) -> list[str]:
    """Every amount with a unit, in the order of the words, each once."""
    return list(dict.fromkeys(match.group(0).strip() for match in DOSE.finditer(words)))


def unknown_drugs(doses: Iterable[str], words: str, medications: Iterable[str]) -> bool:
    """Whether a dose is spoken of while no drug of the chart is named: then the name may have been misheard."""
    said = words.lower()
    return any(doses) and not any(
        first_word(name).lower().split(" ")[0] in said for name in medications if name
    )
