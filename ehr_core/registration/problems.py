"""Collects what is wrong in a form, each with its field and what to do: everything is said at once. Pure."""

from __future__ import annotations

import re
from datetime import date

from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.registration.ages import possible_days

OLDEST_AGE_YEARS = 125
"""Nobody is known to have lived longer: the oldest person on record died at 122 years (J. Calment, 1875 to 1997)."""
PARTIAL_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
POSTAL_CODE = re.compile(r"\d{5}(-\d{4})?")
FEWEST_DIGITS, MOST_DIGITS = 7, 15
STATE_CODES = """
AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY
NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY AS GU MP PR VI UM AA AE AP
""".split()  # noqa: SIM905 (a list of words reads best as words)
"""Two-letter codes of the states, territories and military addresses. Source: USPS Publication 28, appendix B."""
US = frozenset({"", "US", "USA"})


class Problems:
    """What is wrong so far. `raise_any` ends the collecting."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []

    def add(self, field: str, sentence: str) -> None:
        self.issues.append(Issue(field, sentence, "value"))

    def raise_any(self) -> None:
        """Raises InvalidResource with every sentence; returns when nothing is wrong."""
        if self.issues:
            raise InvalidResource(self.issues)

    def day(self, field: str, written: str | None, *, what: str) -> tuple[date, date] | None:
        """The first and last day that it may mean; None when it is absent, or wrong and noted."""
        if not written:
            return None
        days = possible_days(written) if PARTIAL_DATE.fullmatch(written[:10]) else None
        if days is None:
            self.add(field, f"There is no such {what}. Write it as 1972-03-14, 1972-03 or 1972.")
        return days

    def birth_date(self, field: str, written: str | None, *, today: date) -> tuple[date, date] | None:
        days = self.day(field, written, what="birth date")
        if days is None:
            return None
        if days[0] > today:
            self.add(field, "The birth date lies in the future. Check the year.")
        elif today.year - days[1].year > OLDEST_AGE_YEARS:
            self.add(field, f"That would be an age of more than {OLDEST_AGE_YEARS} years. Check the year.")
        return days

    def death(self, field: str, written: str | None, *, born: tuple[date, date] | None, today: date) -> None:
        days = self.day(field, written, what="date of death")
        if days is None:
            return
        if days[0] > today:
            self.add(field, "The date of death lies in the future.")
        if born is not None and days[1] < born[0]:
            self.add(field, "The date of death lies before the birth date. One of the two is wrong.")

    def period(self, field: str, start: str | None, end: str | None) -> None:
        first, last = (
            self.day(f"{field}.start", start, what="date"),
            self.day(f"{field}.end", end, what="date"),
        )
        if first and last and last[1] < first[0]:
            self.add(f"{field}.end", "The end lies before the beginning.")

    def phone(self, field: str, number: str | None) -> None:
        digits = re.sub(r"\D", "", number or "")
        if number and not FEWEST_DIGITS <= len(digits) <= MOST_DIGITS:
            self.add(field, "A phone number has 7 to 15 digits, such as 716 555 0142.")

    def email(self, field: str, address: str | None) -> None:
        if address and not EMAIL.fullmatch(address.strip()):
            self.add(field, "An e-mail address looks like name@example.org.")

    def address(self, field: str, *, state: str | None, postal_code: str | None, country: str | None) -> None:
        """Only of the United States: other countries write theirs as they do."""
        if (country or "").upper() not in US:
            return
        if state and state.upper() not in STATE_CODES:
            self.add(
                f"{field}.state", "This is no code of a state or territory. Write two letters, such as NY."
            )
        if postal_code and not POSTAL_CODE.fullmatch(postal_code.strip()):
            self.add(
                f"{field}.postal_code", "A ZIP code has five digits, or five and four: 14201 or 14201-2207."
            )
