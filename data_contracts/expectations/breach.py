"""A breach: which table and column, what was expected, how many rows fail and the keys of some. Never a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ehr_core.kernel.errors import ContractBreached

SAMPLE_KEYS = 5
WHOLE_TABLE = "*"


@dataclass(frozen=True)
class Breach:
    """`expectation` reads after "should"; `column` is `*` for the whole table.

    `sample_keys` are pseudonyms of rows (of the resource, else of the patient), at most five: they mean nothing
    outside the core. A key that is not in a pseudonym's form is never among them, since it could be an identifier.
    """

    table: str
    column: str
    expectation: str
    rows_failing: int
    sample_keys: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """For a screen: no keys."""
        place = self.table if self.column == WHOLE_TABLE else f"{self.table}.{self.column}"
        rows = "1 row fails" if self.rows_failing == 1 else f"{self.rows_failing} rows fail"
        return f"'{place}' should {self.expectation}: {rows}"

    def sentence(self) -> str:
        """For a log and for whoever repairs it."""
        keys = f" (for example {', '.join(self.sample_keys)})" if self.sample_keys else ""
        return f"{self.short}{keys}"


def breached(breaches: Sequence[Breach]) -> ContractBreached:
    """The error that stops a run, with all breaches in its message and the first one for screens."""
    more = f", and {len(breaches) - 1} more" if len(breaches) > 1 else ""
    listed = "; ".join(breach.sentence() for breach in breaches)
    return ContractBreached(
        f"The data breaks its contract: {listed}. Nothing downstream was touched and the last good results stay. "
        "Look the keys up in the draft snapshot, repair the record or the step that made the table, and run again.",
        short=f"The data breaks its contract: {breaches[0].short}{more}.",
        breaches=tuple(breaches),
    )
