"""A name's letters and sounds as keys: folded for comparing, and Metaphone for what is spelled otherwise."""

from __future__ import annotations

import re
import unicodedata

from jellyfish import metaphone

PARTICLES = frozenset(
    ["da", "de", "del", "der", "di", "do", "dos", "du", "el", "la", "las", "le", "los", "van", "von", "y"]
)
"""Words that many names share and that tell nobody apart."""
GENERATIONS = {"jr": "jr", "junior": "jr", "sr": "sr", "senior": "sr", "ii": "ii", "iii": "iii", "iv": "iv"}
"""Words that set a father apart from a son who bears his name."""
LETTERS_OF_ONE_PIECE = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
"""What Unicode does not take apart into a letter and its mark."""
APOSTROPHES = re.compile("['’‘`´]")
LONGEST_SOUND = 40
"""Characters of a key: an index takes no more than some thousand bytes, and no name is as long."""


def folded(text: str) -> str:
    """Lower case, without accents, single spaces: 'José  Núñez' and 'jose nunez' are one name, Søren is soren."""
    apart = unicodedata.normalize("NFKD", text)
    bare = "".join(character for character in apart if not unicodedata.combining(character))
    return " ".join(bare.casefold().translate(LETTERS_OF_ONE_PIECE).split())


def name_words(text: str) -> list[str]:
    """The folded words that a name is told apart by: 'García-López, José de la' gives garcia, lopez and jose.

    O'Brien is one word; particles and the words of a generation (Jr.) are left out.
    """
    words = re.split(r"[\W\d_]+", APOSTROPHES.sub("", folded(text)))
    return [word for word in words if word and word not in PARTICLES and word not in GENERATIONS]


def sound(word: str) -> str:
    """How a folded word sounds, as a key: 'smyth' and 'smith' have one. A word of other letters is its own key.

    Method: Metaphone (Philips, 1990), made for English; other languages' names meet in it less often.
    """
    return (metaphone(word[:LONGEST_SOUND]) or word.upper())[:LONGEST_SOUND]


def sounds(text: str | None) -> list[str] | None:
    """The sounds of a name's words, each once; None without any."""
    return list(dict.fromkeys(sound(word) for word in name_words(text or ""))) or None
