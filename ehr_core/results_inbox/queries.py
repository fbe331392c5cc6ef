"""Reads the inbox: whose items come to whom today, one page of cards, and the counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import Row, text

from data_contracts.api.results_inbox import InboxCounts
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.results_inbox.coverage import covered_by, covers_on, final_covers
from ehr_core.results_inbox.pools import pools_of

CARDS_A_PAGE = 20

View = Literal["open", "acknowledged", "closed"]

VIEWS: dict[View, str] = {
    "open": "state = 'new'",
    "acknowledged": "state = 'acknowledged'",
    "closed": "state = 'closed' AND closed_at >= :since",
}
CLOSED_SHOWN_DAYS = 7

THEIRS = """(CAST(:everybody AS boolean)
  OR owner_practitioner = ANY(:practitioners) OR owner_pool = ANY(:pools)
  OR escalated_practitioner = ANY(:practitioners) OR escalated_pool = ANY(:pools))"""

PAGE = """
SELECT group_key, patient_id, min(grade_rank) AS rank, min(notified_at) AS since, count(*) OVER () AS total
FROM results_inbox.item WHERE {view} AND {theirs}
GROUP BY patient_id, group_key ORDER BY rank, since, group_key LIMIT :limit OFFSET :offset
"""

COUNTS = f"""
SELECT count(*) FILTER (WHERE state = 'new' AND grade = 'critical') AS critical,
       count(*) FILTER (WHERE state = 'new' AND grade = 'not_checked') AS not_checked,
       count(*) FILTER (WHERE state = 'new' AND grade = 'abnormal') AS abnormal,
       count(*) FILTER (WHERE state = 'new' AND grade IN ('normal', 'not_flagged')) AS other,
       count(*) FILTER (WHERE state = 'acknowledged') AS acknowledged,
       (SELECT count(*) FROM results_inbox.received WHERE state = 'waiting') AS unmatched
FROM results_inbox.item WHERE state <> 'closed' AND {THEIRS}
"""


@dataclass(frozen=True)
class Reader:
    """Whose inbox it is: a clinician with those they cover for and their pools, or everybody's."""

    everybody: bool = False
    practitioner_id: str | None = None
    covering: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    covers: tuple[tuple[str | None, str | None], ...] = field(default=())

    def values(self) -> dict[str, Any]:
        own = [self.practitioner_id] if self.practitioner_id else []
        return {
            "everybody": self.everybody,
            "practitioners": [*own, *self.covering],
            "pools": list(self.pools),
        }


def reader_of(work: UnitOfWork, practitioner_id: str | None, *, everybody: bool = False) -> Reader:
    """The inbox of a clinician today; without one, the pools that are everybody's."""
    if everybody:
        return Reader(everybody=True)
    own = [practitioner_id] if practitioner_id else []
    covers = covers_on(work, work.today())
    pools = pools_of(work, own)
    covering = covered_by(covers, practitioner_id or "", pools)
    return Reader(
        practitioner_id=practitioner_id,
        covering=tuple(covering),
        pools=tuple(pools),
        covers=tuple(final_covers(covers, practitioner_id)) if practitioner_id else (),
    )


def page_of_items(
    work: UnitOfWork, reader: Reader, view: View, page: int
) -> tuple[list[list[Row[Any]]], int]:
    """The items of one page, card by card, and how many cards there are."""
    values: Mapping[str, Any] = reader.values() | {
        "since": work.now() - timedelta(days=CLOSED_SHOWN_DAYS),
        "limit": CARDS_A_PAGE,
        "offset": (page - 1) * CARDS_A_PAGE,
    }
    groups = work.connection.execute(text(PAGE.format(view=VIEWS[view], theirs=THEIRS)), dict(values)).all()
    items = work.connection.execute(
        text(
            f"SELECT * FROM results_inbox.item WHERE {VIEWS[view]} AND {THEIRS} AND group_key = ANY(:groups) "
            "ORDER BY grade_rank, code_token, item_id"
        ),
        dict(values) | {"groups": [group.group_key for group in groups]},
    ).all()
    cards = [
        [item for item in items if (item.patient_id, item.group_key) == (group.patient_id, group.group_key)]
        for group in groups
    ]
    return cards, groups[0].total if groups else 0


def count_items(work: UnitOfWork, reader: Reader) -> InboxCounts:
    row = work.connection.execute(text(COUNTS), reader.values()).one()
    return InboxCounts(**row._mapping)


def open_item_of(work: UnitOfWork, resource_type: str, resource_id: str) -> Row[Any] | None:
    """The locked item of a result while it is open."""
    return work.connection.execute(
        text(
            "SELECT * FROM results_inbox.item WHERE resource_type = :type AND resource_id = :id "
            "AND state <> 'closed' FOR UPDATE"
        ),
        {"type": resource_type, "id": resource_id},
    ).one_or_none()


def names_of_pools(work: UnitOfWork) -> dict[str, str]:
    return {
        row.pool_id: row.name
        for row in work.connection.execute(text("SELECT pool_id, name FROM results_inbox.pool"))
    }


def items_by_id(work: UnitOfWork, item_ids: Sequence[str]) -> list[Row[Any]]:
    return list(
        work.connection.execute(
            text("SELECT * FROM results_inbox.item WHERE item_id::text = ANY(:ids)"), {"ids": list(item_ids)}
        )
    )
