"""What an order still lacks before it can be signed, and who is asked about pregnancy. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from data_contracts.api.orders import CatalogueItem, OrderDetails, Repeat
from ehr_core.orders.catalogue import EXPECTED_DAYS_OF_OTHERS

LONGEST_REPEAT_DAYS = 366
"""A repeating or standing order is looked at again and signed anew at least once a year. Ours: many policies say so."""

PREGNANCY_AGES = (10, 55)
"""Completed years within which the pregnancy question is asked before ionising radiation; both ends included. Ours,
following the usual wording of imaging departments; outside it a clinician may still answer it."""

FURTHEST_START_DAYS = 366

Missing = tuple[str, str]
"""(field, sentence)."""


@dataclass(frozen=True)
class Ordered:
    """What is ordered: of the catalogue, or a bare code that the catalogue does not list (`item` is None)."""

    kind: str
    code_system: str
    code: str
    name: str
    item: CatalogueItem | None = None


@dataclass(frozen=True)
class Subject:
    """The patient as ordering sees them. None is not recorded."""

    patient_id: str
    gender: str | None
    birth_sex: str | None
    age_years: int | None

    @property
    def could_be_pregnant(self) -> bool:
        """Unless the record rules it out, yes: an unknown sex or age is asked about."""
        youngest, oldest = PREGNANCY_AGES
        if self.age_years is not None and not youngest <= self.age_years <= oldest:
            return False
        return not (self.gender == "male" and self.birth_sex in (None, "M"))


def missing(what: Ordered, details: OrderDetails, subject: Subject, today: date) -> list[Missing]:
    """Everything that must be filled in or changed before signing; empty when the order is complete."""
    item = what.item
    found = [*_dates(details, today)]
    if item is None:
        return found
    if item.kind == "imaging" and not _said(details.indication):
        found.append(("indication", "Imaging needs an indication: what is looked for, and why."))
    if item.kind == "referral" and not _said(details.question):
        found.append(("question", "A referral needs the question that the specialist is to answer."))
    if item.kind == "laboratory" and not _said(details.specimen or item.specimen):
        found.append(("specimen", "A laboratory order names its specimen."))
    if item.sides and details.laterality is None:
        found.append(("laterality", "Say which side: left, right or bilateral."))
    if item.contrast and details.contrast is None:
        found.append(("contrast", "Say whether contrast is given, or that the radiologist decides."))
    if item.ionising and subject.could_be_pregnant:
        found += _pregnancy(details)
    return found


def _said(words: str | None) -> bool:
    return bool(words and words.strip())


def _pregnancy(details: OrderDetails) -> Iterator[Missing]:
    if details.pregnancy is None:
        yield "pregnancy", "Say whether the patient is pregnant, or that it is not known."
    elif details.pregnancy != "not_pregnant" and not _said(details.pregnancy_reason):
        yield "pregnancy_reason", "Say why it is to be done although pregnancy is not ruled out."


def _dates(details: OrderDetails, today: date) -> Iterator[Missing]:
    start = details.start_on
    if start is not None and not today <= start <= today + timedelta(days=FURTHEST_START_DAYS):
        yield "start_on", "The start lies between today and one year from now."
    if details.repeat is not None and details.standing_until is not None:
        yield "repeat", "An order repeats in a rhythm or stands until a day, not both."
    yield from _end("repeat", details.repeat.until if details.repeat else None, start or today)
    yield from _end("standing_until", details.standing_until, start or today)
    if details.repeat is not None:
        yield from _rhythm(details.repeat, start or today)


def _end(field: str, until: date | None, start: date) -> Iterator[Missing]:
    if until is not None and not start < until <= start + timedelta(days=LONGEST_REPEAT_DAYS):
        yield field, "The last day lies after the start and within one year of it: then it is signed anew."


def _rhythm(repeat: Repeat, start: date) -> Iterator[Missing]:
    if repeat.until is None and repeat.times is None:
        yield "repeat", "Say until when it repeats, or how many times."
    elif repeat.until is None:
        last = due_of(start, repeat, repeat.times - 1)
        if last > start + timedelta(days=LONGEST_REPEAT_DAYS):
            yield (
                "repeat",
                "So many times would run over more than a year. Order fewer: then it is signed anew.",
            )


def due_of(first: date, repeat: Repeat, number: int) -> date:
    """The day of the instance of that number, counted from 0; months keep the day of the first one where there is one.

    31 January and a month later is 28 or 29 February; the month after that is 31 March again.
    """
    steps = repeat.every * number
    if repeat.unit == "day":
        return first + timedelta(days=steps)
    if repeat.unit == "week":
        return first + timedelta(weeks=steps)
    months = first.month - 1 + steps
    year, month = first.year + months // 12, months % 12 + 1
    return date(year, month, min(first.day, _days_in(year, month)))


def _days_in(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).day


def expected_by(what: Ordered, details: OrderDetails, start: date) -> date:
    """The day by which its result is expected; past it the order is overdue."""
    days = (
        what.item.due_days.get(details.priority, EXPECTED_DAYS_OF_OTHERS)
        if what.item
        else EXPECTED_DAYS_OF_OTHERS
    )
    return start + timedelta(days=days)


def usual_details(item: CatalogueItem, given: OrderDetails) -> OrderDetails:
    """What was given, filled in with what is usual for the item."""
    usual = {
        "specimen": given.specimen or item.specimen,
        "fasting": given.fasting if given.fasting is not None else item.fasting,
        "laterality": given.laterality or item.usual_side,
    }
    return given.model_copy(update=usual)
