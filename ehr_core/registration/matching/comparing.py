"""Compares two people fact by fact: the same, alike, different or unknown, each with why in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import product

from jellyfish import damerau_levenshtein_distance, jaro_winkler_similarity

from ehr_core.kernel.name_sounds import sound
from ehr_core.registration.ages import possible_days
from ehr_core.registration.matching.identity import Identity, PersonName
from ehr_core.registration.matching.nicknames import one_persons
from ehr_core.registration.matching.numbers import Agreement, numbers

FEWEST_LETTERS_OF_A_SHORT_FORM = 3
CLOSER = {"same": 0, "alike": 1, "different": 2, "unknown": 3}


@dataclass(frozen=True)
class Comparison:
    """How two people agree on one fact. `why` is a sentence for the screen; it holds no value of the record."""

    fact: str
    agreement: Agreement
    why: str


def compare(first: Identity, second: Identity) -> list[Comparison]:
    """Every fact, in the order in which a person would look."""
    return [
        *_names(first, second),
        _birth_date(first.birth_date, second.birth_date),
        _sex(first.sex, second.sex),
        _in_common("phone", "phone number", first.phones, second.phones),
        _in_common("email", "e-mail address", first.emails, second.emails),
        _address(first.addresses, second.addresses),
        _in_common("identifier", "record or identity number", first.identifiers, second.identifiers),
        _birth_order(first.birth_order, second.birth_order),
    ]


def _names(first: Identity, second: Identity) -> list[Comparison]:
    """The pair of names that agrees best, of all that each person has or had; the generation over all of them."""
    pairs = list(product(first.names or (PersonName(),), second.names or (PersonName(),)))
    compared = [_pair_of_names(one, other) for one, other in pairs]
    best = min(compared, key=lambda found: [CLOSER[comparison.agreement] for comparison in found])
    return [*best, _generation(first, second)]


def _pair_of_names(one: PersonName, other: PersonName) -> list[Comparison]:
    if _turned_round(one, other):
        return [
            Comparison("family", "alike", "First and family name the other way round"),
            Comparison("given", "alike", "First and family name the other way round"),
            Comparison("middle", "unknown", ""),
        ]
    return [
        _family(one.family, other.family),
        _given(one.given, other.given),
        _middle(one.given, other.given),
    ]


def _turned_round(one: PersonName, other: PersonName) -> bool:
    """Family and first name stand in each other's place, as in many countries and on many forms."""
    if not (one.family and one.given and other.family and other.given) or one.family == other.family:
        return False
    return set(one.family) <= set(other.given) and set(other.family) <= set(one.given)


def _family(one: tuple[str, ...], other: tuple[str, ...]) -> Comparison:
    if not one or not other:
        return Comparison("family", "unknown", "Family name not recorded")
    if one == other or "".join(one) == "".join(other):
        return Comparison("family", "same", "Same family name")
    if set(one) & set(other):
        return Comparison("family", "alike", "Part of the family name is the same")
    if how := _alike("".join(one), "".join(other)):
        return Comparison("family", "alike", f"Family name {how}")
    return Comparison("family", "different", "Another family name")


def _given(one: tuple[str, ...], other: tuple[str, ...]) -> Comparison:
    if not one or not other:
        return Comparison("given", "unknown", "First name not recorded")
    first, second = one[0], other[0]
    if first == second or "".join(one) == "".join(other):
        return Comparison("given", "same", "Same first name")
    if how := _alike_given(first, second):
        return Comparison("given", "alike", f"First name {how}")
    if first in other[1:] or second in one[1:]:
        return Comparison("given", "alike", "First name of one is a middle name of the other")
    if any(_alike_given(first, name) for name in other[1:]) or any(
        _alike_given(second, name) for name in one[1:]
    ):
        return Comparison("given", "alike", "First name of one is like a middle name of the other")
    return Comparison("given", "different", "Another first name")


def _alike_given(first: str, second: str) -> str | None:
    if one_persons(first, second):
        return "is a form of the other"
    shorter, longer = sorted((first, second), key=len)
    if len(shorter) >= FEWEST_LETTERS_OF_A_SHORT_FORM and longer.startswith(shorter):
        return "is a short form of the other"
    if len(shorter) == 1 and longer.startswith(shorter):
        return "is an initial"
    return _alike(first, second)


def _alike(first: str, second: str) -> str | None:
    """How two words are alike, as the end of a sentence; None when they are not."""
    if min(len(first), len(second)) < numbers().shortest_spelled.value:
        return "sounds the same" if first[:1] == second[:1] and sound(first) == sound(second) else None
    if jaro_winkler_similarity(first, second) >= numbers().spelled_alike.value:
        return "is spelled alike"
    return "sounds the same" if sound(first) == sound(second) else None


def _middle(one: tuple[str, ...], other: tuple[str, ...]) -> Comparison:
    first, second = one[1:], other[1:]
    if not first or not second:
        return Comparison("middle", "unknown", "")
    if set(first) & set(second):
        return Comparison("middle", "same", "Same middle name")
    if any(_alike_given(a, b) for a in first for b in second):
        return Comparison("middle", "alike", "Middle names fit")
    return Comparison("middle", "different", "Another middle name")


def _generation(first: Identity, second: Identity) -> Comparison:
    one = {name.generation for name in first.names} - {None}
    other = {name.generation for name in second.names} - {None}
    if not one or not other:
        return Comparison("generation", "unknown", "")
    if one & other:
        return Comparison("generation", "same", "Same suffix")
    return Comparison("generation", "different", "Another suffix: perhaps father and son")


def _birth_date(one: str | None, other: str | None) -> Comparison:
    first, second = possible_days(one), possible_days(other)
    if first is None or second is None:
        return Comparison("birth_date", "unknown", "Birth date not recorded")
    if first[0] == first[1] and second[0] == second[1]:
        return _whole_dates(first[0], second[0])
    if first[0] <= second[1] and second[0] <= first[1]:
        return Comparison("birth_date", "alike", "Birth dates fit, as far as they are known")
    return Comparison("birth_date", "different", "Another birth date")


def _whole_dates(one: date, other: date) -> Comparison:
    if one == other:
        return Comparison("birth_date", "same", "Same birth date")
    if swapped(one) == other:
        return Comparison("birth_date", "alike", "Day and month of the birth date are swapped")
    if damerau_levenshtein_distance(one.strftime("%Y%m%d"), other.strftime("%Y%m%d")) == 1:
        return Comparison(
            "birth_date", "alike", "Birth dates differ by one digit, or by two that are turned round"
        )
    return Comparison("birth_date", "different", "Another birth date")


def swapped(day: date) -> date | None:
    """The date with day and month in each other's place; None when there is no such date."""
    try:
        return day.replace(month=day.day, day=day.month)
    except ValueError:
        return None


def near_dates(day: date) -> Iterator[date]:
    """The date itself and every one that a slip of the fingers makes of it; see `_whole_dates`."""
    written = day.strftime("%Y%m%d")
    slips = {written}
    for place in range(len(written)):
        slips |= {written[:place] + digit + written[place + 1 :] for digit in "0123456789"}
        if place:
            slips.add(written[: place - 1] + written[place] + written[place - 1] + written[place + 1 :])
    if turned := swapped(day):
        slips.add(turned.strftime("%Y%m%d"))
    for slip in sorted(slips):
        try:
            yield date(int(slip[:4]), int(slip[4:6]), int(slip[6:]))
        except ValueError:
            continue


def _sex(one: str | None, other: str | None) -> Comparison:
    if one is None or other is None:
        return Comparison("sex", "unknown", "Sex not recorded")
    return (
        Comparison("sex", "same", "Same sex")
        if one == other
        else Comparison("sex", "different", "Another sex")
    )


def _in_common(fact: str, words: str, one: frozenset, other: frozenset) -> Comparison:
    if not one or not other:
        return Comparison(fact, "unknown", "")
    if one & other:
        return Comparison(fact, "same", f"Same {words}")
    return Comparison(fact, "different", f"Another {words}")


def _address(one: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> Comparison:
    if not one or not other:
        return Comparison("address", "unknown", "")
    least = numbers().address_alike.value
    for (street, postal_code), (other_street, other_code) in product(one, other):
        if postal_code == other_code and _one_street(street, other_street, least):
            return Comparison("address", "same", "Same address")
    return Comparison("address", "different", "Another address")


def _one_street(one: str, other: str, least: float) -> bool:
    """Streets spelled alike with the same house number: neighbours do not live at one address."""
    return one.split(" ")[0] == other.split(" ")[0] and jaro_winkler_similarity(one, other) >= least


def _birth_order(one: int | None, other: int | None) -> Comparison:
    if one is None or other is None:
        return Comparison("birth_order", "unknown", "")
    if one == other:
        return Comparison("birth_order", "same", "Same place in a multiple birth")
    return Comparison("birth_order", "different", "Another place in a multiple birth: two children")
