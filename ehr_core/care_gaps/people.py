"""The names of the places and clinicians on a list."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text

from ehr_core.access.unit_of_work import UnitOfWork


def practitioner_names(work: UnitOfWork, ids: Iterable[str | None]) -> dict[str, str]:
    rows = work.connection.execute(
        text(
            "SELECT id, display_name FROM fhir.practitioner WHERE id = ANY(:ids) AND display_name IS NOT NULL"
        ),
        {"ids": sorted({id_ for id_ in ids if id_})},
    )
    return {row.id: row.display_name for row in rows}


def organization_names(work: UnitOfWork, ids: Iterable[str | None]) -> dict[str, str]:
    rows = work.connection.execute(
        text(
            "SELECT id, display_name FROM fhir.organization WHERE id = ANY(:ids) AND display_name IS NOT NULL"
        ),
        {"ids": sorted({id_ for id_ in ids if id_})},
    )
    return {row.id: row.display_name for row in rows}
