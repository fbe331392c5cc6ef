"""Passwords that others have used before: a file of breached ones at this site, and what everybody thinks of first.

The file is a list of SHA-1 hashes in capital letters, one a line, sorted, with or without `:count` (the form in which
lists of breached passwords are given out). It is searched in place, so its size costs nothing; nothing leaves here.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from pathlib import Path

from ehr_core.kernel.errors import Unavailable

THOUGHT_OF_FIRST = frozenset(
    [
        "password",
        "passwort",
        "passw",
        "letmein",
        "welcome",
        "qwerty",
        "qwertyuiop",
        "qwertz",
        "azerty",
        "asdfgh",
        "zxcvbn",
        "iloveyou",
        "monkey",
        "dragon",
        "football",
        "baseball",
        "sunshine",
        "princess",
        "superman",
        "batman",
        "master",
        "shadow",
        "michael",
        "jordan",
        "summer",
        "winter",
        "spring",
        "autumn",
        "admin",
        "administrator",
        "root",
        "login",
        "changeme",
        "secret",
        "hospital",
        "clinic",
        "doctor",
        "nurse",
        "patient",
        "almoner",
        "test",
        "default",
        "trustno",
    ]
)
"""Words that lead every list of guesses; our own choice."""

LOOKS_LIKE = str.maketrans(
    {"0": "o", "1": "l", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"}
)
FEWEST_CHARACTERS = 5
"""Different characters that a password needs at least."""


def why_weak(password: str, *, username: str, breached: Path | None) -> str | None:
    """What is wrong with it, in words for whoever chose it; None when nothing is."""
    told = password.strip().lower()
    name = username.strip().lower()
    if told == name or (len(name) >= 4 and told.replace(name, "", 1).strip("0123456789 !.-_") == ""):
        return "The password must not be the user name, nor the user name with a number. Choose another."
    if len(set(told)) < FEWEST_CHARACTERS or _is_sequence(told):
        return (
            "The password repeats itself or counts up. Choose a few words that only you would put together."
        )
    core = told.strip("0123456789 !.-_")
    for read in (told, core.translate(LOOKS_LIKE)):
        if re.sub(r"[^a-z]+", "", read) in _repeated(THOUGHT_OF_FIRST):
            return "This is one of the first passwords that anybody would try. Choose another."
    if breached is not None and is_breached(password, breached):
        return "This password is in a list of stolen ones. Choose another, and change it wherever else you use it."
    return None


def is_breached(password: str, file: Path) -> bool:
    """Whether the file has the password's hash; a search by halves. Raises Unavailable when there is no such file."""
    wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
    try:
        with file.open("rb") as lines:
            low, high = 0, lines.seek(0, 2)
            while low < high:
                middle = (low + high) // 2
                lines.seek(middle)
                if middle:
                    lines.readline()
                line = lines.readline()
                if line and line[:40] < wanted:
                    low = lines.tell()
                elif line[:40] == wanted:
                    return True
                else:
                    high = middle
            lines.seek(low)
            return lines.readline()[:40] == wanted
    except OSError as error:
        raise Unavailable(
            f"The list of breached passwords '{file}' cannot be read. Check ALMONER_BREACHED_PASSWORDS."
        ) from error


def _is_sequence(text: str) -> bool:
    steps = {ord(after) - ord(before) for before, after in itertools.pairwise(text)}
    return (len(text) > 1 and steps <= {1, -9}) or steps <= {-1, 9}


def _repeated(words: frozenset[str]) -> frozenset[str]:
    return words | {word * times for word in words for times in (2, 3)}
