"""An amount of money: exact digits and a currency, never a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from ehr_core.kernel.errors import BadRequest

WRITTEN = re.compile(r"\d{1,7}([.]\d{1,2})?")


@dataclass(frozen=True)
class Money:
    """`amount` with two decimals; `currency` is an ISO 4217 code."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.amount:.2f} {self.currency}"


def read_money(written: str, currency: str = "USD") -> Money:
    """'25' or '25.00', also after a dollar sign. Raises BadRequest for anything else, and for less than zero."""
    digits = written.strip().removeprefix("$").strip()
    if not WRITTEN.fullmatch(digits):
        raise BadRequest("amount: write it in digits with at most two decimals, such as 25.00.")
    return Money(Decimal(digits).quantize(Decimal("0.01")), currency)
