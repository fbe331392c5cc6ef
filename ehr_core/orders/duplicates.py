"""Finds what was ordered or done a short while ago: the same code, within the days that its item names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, text

from data_contracts.api.orders import ORDER_STATUS_WORDS
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.display import show_date
from ehr_core.kernel.fhir_json import decode
from ehr_core.orders.lines import Ordered

AGAIN_DAYS_OF_OTHERS = 14
"""For an order that the catalogue does not list (days). Ours, no authority's."""

LONGEST_LOOK_BACK_DAYS = 400

TWICE = "It stands in the basket more than once."

EARLIER = text("""
SELECT 'order' AS what, code_tokens, status, date_low, body FROM fhir.service_request
 WHERE patient_id = :patient AND NOT deleted AND status IN ('active', 'on-hold', 'completed')
   AND code_tokens && CAST(:codes AS text[]) AND date_low >= :since
UNION ALL
SELECT 'result', code_tokens, status, date_low, '' FROM fhir.observation
 WHERE patient_id = :patient AND NOT deleted AND status IN ('final', 'amended', 'corrected')
   AND code_tokens && CAST(:codes AS text[]) AND date_low >= :since
ORDER BY date_low DESC
""")


def seen_before(work: UnitOfWork, patient_id: str, lines: Mapping[str, Ordered]) -> dict[str, list[str]]:
    """Sentences by the key of each line. A repeating order of the past counts by the day it was signed."""
    codes = {_token(line) for line in lines.values()}
    since = work.now() - timedelta(days=LONGEST_LOOK_BACK_DAYS)
    rows = (
        work.connection.execute(
            EARLIER, {"patient": patient_id, "codes": sorted(codes), "since": since}
        ).all()
        if codes
        else []
    )
    twice = {token for token, number in Counter(map(_token, lines.values())).items() if number > 1}
    return {
        key: [*_of_line(line, rows, work.today()), *([TWICE] if _token(line) in twice else [])]
        for key, line in lines.items()
    }


def _token(line: Ordered) -> str:
    return f"{line.code_system}|{line.code}"


def _of_line(line: Ordered, rows: Iterable[Row[Any]], today: date) -> list[str]:
    """The newest order and the newest result of the same code that are too fresh; one of each is enough."""
    since = today - timedelta(days=line.item.again_days if line.item else AGAIN_DAYS_OF_OTHERS)
    found: dict[str, str] = {}
    for row in rows:
        if _token(line) in row.code_tokens and row.date_low.date() >= since and row.what not in found:
            found[row.what] = _order_words(row) if row.what == "order" else _result_words(row)
    return list(found.values())


def _order_words(row: Row[Any]) -> str:
    by = (decode(row.body).get("requester") or {}).get("display") or "a name that is not recorded"
    return (
        f"Ordered already on {show_date(row.date_low.date())} by {by} "
        f"({ORDER_STATUS_WORDS.get(row.status, row.status).lower()})."
    )


def _result_words(row: Row[Any]) -> str:
    return f"A result of {show_date(row.date_low.date())} is in the chart."
