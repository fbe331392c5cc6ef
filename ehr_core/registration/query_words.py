"""What a person typed into the patient search, taken apart: dates, phones, numbers and name words. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date

from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.name_sounds import folded, name_words, sound
from ehr_core.registration.matching.nicknames import other_forms

LONGEST_QUERY = 200
FEWEST_LETTERS = 2
HEARD_FROM, TELLING_SOUND = 4, 2
"""Letters from which a word is a name and not its beginning, and signs of a sound from which it tells people apart."""
PHONE_LENGTHS = (7, 10, 11)
OLDEST_BIRTH_YEAR = 1890

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"

DATE_SHAPES = (
    re.compile(r"\b(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})\b"),  # ISO 1972-03-14
    re.compile(r"\b(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})\b"),  # US 03/14/1972
    re.compile(r"\b(?P<m>\d{1,2})-(?P<d>\d{1,2})-(?P<y>\d{4})\b"),  # US 03-14-1972
    re.compile(r"\b(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})\b"),  # 14.03.1972
    re.compile(rf"\b(?P<d>\d{{1,2}})[\s-](?P<n>{MONTH})[\s,-]+(?P<y>\d{{4}})\b", re.I),  # 14-Mar-1972
    re.compile(rf"\b(?P<n>{MONTH})\s(?P<d>\d{{1,2}}),?\s(?P<y>\d{{4}})\b", re.I),  # Mar 14, 1972
)
PHONE_SHAPE = re.compile(
    r"(?<!\w)(?:\+?1[\s.-]?)?(?:\(\d{3}\)|\d{3})[\s.-]?\d{3}[\s.-]?\d{4}(?!\w)|(?<!\w)\d{3}[.-]\d{4}(?!\w)"
)


@dataclass(frozen=True)
class Token:
    """One typed word and what it may mean; any of the meanings may match, every token must."""

    text: str
    identifier: str | None = None
    phone_digits: str | None = None
    birth_date: date | None = None
    birth_year: int | None = None
    name_word: str | None = None

    @property
    def sounds(self) -> list[str]:
        """The sounds of the name that was typed and of its other forms; empty for what is no whole name."""
        words = [
            word
            for typed in name_words(self.name_word or "")
            for word in (typed, *sorted(other_forms(typed)))
        ]
        heard = [sound(word) for word in words if len(word) >= HEARD_FROM or word != self.name_word]
        return [key for key in dict.fromkeys(heard) if len(key) >= TELLING_SOUND]


@dataclass(frozen=True)
class SearchWords:
    tokens: tuple[Token, ...]
    name_words: tuple[str, ...] = field(default=())


def read_query(query: str, *, today: date) -> SearchWords:
    """The meanings of a query. Raises BadRequest when there is too little to search by, or an impossible date."""
    text = " ".join(query.split())
    if len(text) > LONGEST_QUERY:
        raise BadRequest(f"A search has at most {LONGEST_QUERY} characters.")
    tokens: list[Token] = []
    for shape in DATE_SHAPES:
        text = shape.sub(lambda found: _keep(tokens, _date_token(found)), text)
    text = PHONE_SHAPE.sub(lambda found: _keep(tokens, _phone_token(found.group())), text)
    for word in re.split(r"[\s,;]+", text):
        token = _word_token(word, today)
        if token is not None:
            tokens.append(token)
    names = tuple(token.name_word for token in tokens if token.name_word)
    if not tokens or (len(names) == len(tokens) and sum(map(len, names)) < FEWEST_LETTERS):
        raise BadRequest(
            "Type at least two letters of a name, or a record number, birth date or phone number."
        )
    return SearchWords(tuple(tokens), names)


def _keep(tokens: list[Token], token: Token) -> str:
    tokens.append(token)
    return " "


def _date_token(found: re.Match[str]) -> Token:
    parts = found.groupdict()
    month = int(parts["m"]) if parts.get("m") else MONTHS.index(parts["n"][:3].lower()) + 1
    try:
        return Token(found.group(), birth_date=date(int(parts["y"]), month, int(parts["d"])))
    except ValueError:
        raise BadRequest(
            "There is no such date. Write a birth date as 1972-03-14, 03/14/1972 or 14-Mar-1972."
        ) from None


def _phone_token(written: str) -> Token:
    """Digits only; a run of bare digits may be a record number as well."""
    digits = re.sub(r"\D", "", written)
    bare = written.strip().isdigit()
    return Token(
        written,
        phone_digits=digits.removeprefix("1") if len(digits) == 11 else digits,
        identifier=written.strip() if bare else None,
    )


def _word_token(word: str, today: date) -> Token | None:
    if any(character.isdigit() for character in word):
        digits = word if word.isdigit() else None
        return Token(
            word,
            identifier=word,
            phone_digits=digits if digits and len(digits) in PHONE_LENGTHS else None,
            birth_date=_compact_date(word),
            birth_year=_year(word, today),
        )
    name = folded(word).strip(".")
    return Token(word, name_word=name) if any(character.isalpha() for character in name) else None


def _compact_date(word: str) -> date | None:
    """19720314; any other eight digits are no date."""
    if len(word) != 8 or not word.isdigit():
        return None
    try:
        return date(int(word[:4]), int(word[4:6]), int(word[6:]))
    except ValueError:
        return None


def _year(word: str, today: date) -> int | None:
    return (
        int(word)
        if word.isdigit() and len(word) == 4 and OLDEST_BIRTH_YEAR <= int(word) <= today.year
        else None
    )
