"""What keeps searches and exports fast takes nothing away: windows of time, indexes behind the wall, lines of COPY."""

from __future__ import annotations

import itertools
from datetime import datetime

import psycopg
import pytest
from sqlalchemy import create_engine, text

from ehr_core.db.bootstrap import driver_url
from ehr_core.db.indexed_looks import LOOKS, index_the_looks
from ehr_core.kernel.errors import BadRequest
from tests.integration.store.conftest import patient

STRETCHES = {
    "instant": ("2026-03-05T09:00:00Z", "2026-03-05T09:00:00Z"),
    "visit": ("2026-03-10T09:00:00Z", "2026-03-10T10:00:00Z"),
    "two-days": ("2026-03-10T09:00:00Z", "2026-03-12T09:00:00Z"),
    "stay": ("2026-02-01T09:00:00Z", "2026-03-20T09:00:00Z"),
    "still-here": ("2026-02-01T09:00:00Z", None),
    "since-ever": (None, "2026-03-10T09:30:00Z"),
}
DAYS = ("2026-01-01", "2026-03-05", "2026-03-10", "2026-03-11", "2026-04-01")
AFTER = {
    "ge": lambda low, high, first, last: high is None or high >= first,
    "gt": lambda low, high, first, last: high is None or high > last,
    "sa": lambda low, high, first, last: low is not None and low > last,
}
BEFORE = {
    "lt": lambda low, high, first, last: low is None or low < first,
    "le": lambda low, high, first, last: low is None or low <= last,
    "eb": lambda low, high, first, last: high is not None and high < first,
}


def test_a_window_of_time_finds_what_both_its_sides_find(opened) -> None:
    with opened() as store:
        store.create("Patient", patient(), id="ana")
        for name, (start, end) in STRETCHES.items():
            period = {key: value for key, value in (("start", start), ("end", end)) if value}
            visit = {"class": {"code": "AMB"}, "subject": {"reference": "Patient/ana"}, "period": period}
            store.create("Encounter", {"resourceType": "Encounter", "status": "finished", **visit}, id=name)
        looked_for = itertools.product(AFTER, DAYS, BEFORE, DAYS)
        for after, begin_day, before, end_day in looked_for:
            found = store.search(
                "Encounter", [("date", f"{after}{begin_day}"), ("date", f"{before}{end_day}")]
            )
            due = {
                name
                for name in STRETCHES
                if AFTER[after](*_instants(name), *_day(begin_day))
                and BEFORE[before](*_instants(name), *_day(end_day))
            }
            assert {one.id for one in found.resources} == due, (after, begin_day, before, end_day)


def _instants(name: str) -> list[datetime | None]:
    return [None if one is None else datetime.fromisoformat(one) for one in STRETCHES[name]]


def _day(day: str) -> tuple[datetime, datetime]:
    """In New York, whose clocks change on 8 March."""
    offset = "-04:00" if "2026-03-08" < day < "2026-11-01" else "-05:00"
    return (
        datetime.fromisoformat(f"{day}T00:00:00{offset}"),
        datetime.fromisoformat(f"{day}T23:59:59.999999{offset}"),
    )


def test_lists_and_words_are_looked_up_in_their_indexes_behind_the_wall(admin_url, opened) -> None:
    """The positive control: without the mark the wall would let no index be used."""
    looks = {
        "identifier_tokens": "patient WHERE identifier_tokens && ARRAY['a|b']",
        "name_text": "patient WHERE name_text LIKE '% rivera%'",
        "code_tokens": "observation WHERE code_tokens @> ARRAY['a|b']",
    }

    def unindexed() -> list[str]:
        with opened() as store:
            store.connection.execute(text("SET LOCAL enable_seqscan = off"))
            plans = {
                column: str(store.connection.execute(text(f"EXPLAIN SELECT id FROM fhir.{look}")).all())
                for column, look in looks.items()
            }
        return [column for column, plan in plans.items() if f"Index Cond: ({column}" not in plan]

    assert unindexed() == []
    with psycopg.connect(admin_url, autocommit=True) as owner:
        for look in LOOKS:
            owner.execute(f"ALTER FUNCTION {look} NOT LEAKPROOF")
        assert unindexed() == list(looks)


def test_the_looks_are_marked_again_after_a_server_was_made_anew(admin_url, opened) -> None:
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute(f"ALTER FUNCTION {LOOKS[0]} NOT LEAKPROOF")
    with opened() as store:
        assert not index_the_looks(store.connection), "the application's role may not, and says so"
    engine = create_engine(driver_url(admin_url))
    with engine.begin() as connection:
        assert index_the_looks(connection)
    engine.dispose()
    with opened() as store:
        assert index_the_looks(store.connection)


def test_a_pooled_connection_whose_server_has_ended_it_is_replaced_unasked(
    admin_url, database, opened
) -> None:
    with opened() as one, opened() as other:
        assert one.connection.execute(text("SELECT 1")).scalar_one() == 1
        assert other.connection.execute(text("SELECT 1")).scalar_one() == 1
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'almoner_app'"
        )
    for _ in range(3):
        with opened() as store, pytest.raises(BadRequest):
            store.search("Patient", "nothing=1")
