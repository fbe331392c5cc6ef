"""Ages and intervals as schedules write them: "6 weeks", "12 months", "3 months + 4 weeks", "5 months - 4 days"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

from cds.dates import months_after

PART = re.compile(r"\s*([+-]?)\s*(\d{1,4}) (day|week|month|year)s?")
NEVER = "never"
WHOLE = re.compile(rf"(?:{PART.pattern})+")


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: calendar months first, then days. `words` are as written."""

    months: int
    days: int
    words: str

    def after(self, day: date) -> date:
        """The day that is this long after `day`."""
        return months_after(day, self.months) + timedelta(days=self.days)

    @property
    def is_never(self) -> bool:
        """Written "never": a variant takes a limit away with it."""
        return self.words == NEVER

    def __str__(self) -> str:
        return self.words


def read_span(words: Any) -> Span:
    """The span those words mean; raises ValueError with an example where they mean none."""
    if isinstance(words, Span):
        return words
    if words == NEVER:
        return Span(0, 0, NEVER)
    if not WHOLE.fullmatch(str(words)):
        raise ValueError(f"'{words}' is not a span. Write '6 weeks', '12 months' or '3 months + 4 weeks'.")
    months = days = 0
    for sign, number, unit in PART.findall(str(words)):
        amount = -int(number) if sign == "-" else int(number)
        if unit in ("month", "year"):
            months += amount * (12 if unit == "year" else 1)
        else:
            days += amount * (7 if unit == "week" else 1)
    return Span(months, days, str(words))


SpanText = Annotated[Span, BeforeValidator(read_span)]
