"""Official measures that this site keeps: packages as they were imported, and which of their measures are active."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import Row, text

from data_contracts.api.official_measures import (
    MOST_PACKAGE_BYTES,
    Activation,
    ActiveMeasures,
    KeptMeasure,
    KeptMeasures,
    OfficialMeasure,
    PackageImport,
)
from data_contracts.guidelines import definitions
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, NotFound

KEPT = """
SELECT kept.measure, kept.package_id, kept.active, kept.changed_at, kept.changed_by, kept.active_from,
       kept.active_until, kept.reason,
       package.source, package.imported_at, package.imported_by
FROM quality.official_measure AS kept JOIN quality.official_package AS package USING (package_id)"""


def keep_package(work: UnitOfWork, package: PackageImport) -> str:
    """Keeps a checked package whole, nothing of it active; returns its id. The same package again changes nothing.

    Raises BadRequest when it is too large, names a measure twice, or one that our own measures are called by.
    """
    work.actor.require("measure.manage")
    ids = [one.measure_id for one in package.measures]
    if len(package.content) > MOST_PACKAGE_BYTES:
        raise BadRequest(
            f"A package holds at most {MOST_PACKAGE_BYTES // 1_000_000} MB. Import fewer measures of it."
        )
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise BadRequest(f"The package names {', '.join(twice)} twice. Leave one of them out.")
    if ours := sorted(set(ids) & definitions().keys()):
        raise BadRequest(f"{', '.join(ours)} is the name of a measure of our own. Rename the official one.")
    package_id = hashlib.sha256(package.content).hexdigest()
    values = {"id": package_id, "source": package.source, "content": package.content, "now": work.now()}
    work.connection.execute(
        text(
            "INSERT INTO quality.official_package (package_id, source, content, imported_at, imported_by) "
            "VALUES (:id, :source, :content, :now, :by) ON CONFLICT (package_id) DO NOTHING"
        ),
        {**values, "by": acting(work, package.operator)},
    )
    for measure in package.measures:
        work.connection.execute(
            text(
                "INSERT INTO quality.official_measure (package_id, measure_id, version, measure) "
                "VALUES (:id, :measure_id, :version, CAST(:measure AS jsonb)) "
                "ON CONFLICT (package_id, measure_id) DO UPDATE SET measure = excluded.measure"
            ),
            {
                "id": package_id,
                "measure_id": measure.measure_id,
                "version": measure.version,
                "measure": measure.model_dump_json(),
            },
        )
    detail = {
        "package_id": package_id,
        "source": package.source,
        "operator": acting(work, package.operator),
        "measures": ids,
    }
    work.audit("quality.official.imported", detail=detail)
    return package_id


def set_active(work: UnitOfWork, measure_id: str, active: bool, asked: Activation) -> bool:
    """Makes one imported version the active one, or none; says whether anything changed. Audited with its reason.

    An active one may be given other days. Raises NotFound when no such measure (or version of it) was imported.
    """
    work.actor.require("measure.manage")
    condition = "kept.measure_id = :id AND (CAST(:version AS text) IS NULL OR kept.version = :version)"
    rows = work.connection.execute(
        text(f"{KEPT} WHERE {condition} ORDER BY package.imported_at DESC, package_id FOR UPDATE OF kept"),
        {"id": measure_id, "version": asked.version},
    ).all()
    if not rows:
        named = f"'{measure_id}'" + (f" of version {asked.version}" if asked.version else "")
        raise NotFound(
            f"No official measure {named} was imported. `almoner measures list` names those there are."
        )
    chosen = rows[0] if active else next((row for row in rows if row.active), None)
    days = (asked.active_from, asked.active_until)
    if chosen is None or (active and chosen.active and (chosen.active_from, chosen.active_until) == days):
        return False
    by = acting(work, asked.operator)
    values = {"id": measure_id, "package": chosen.package_id, "now": work.now(), "by": by}
    values |= {"from": asked.active_from, "until": asked.active_until, "reason": asked.reason or None}
    change = (
        "UPDATE quality.official_measure SET active = {to}, changed_at = :now, changed_by = :by, reason = :reason, "
        "active_from = :from, active_until = :until WHERE "
    )
    work.connection.execute(text(f"{change.format(to='false')} measure_id = :id AND active"), values)
    if active:
        place = "measure_id = :id AND package_id = :package"
        work.connection.execute(text(change.format(to="true") + place), values)
    work.audit(
        "quality.official.activated" if active else "quality.official.deactivated",
        detail={
            "measure_id": measure_id,
            "version": chosen.measure["version"],
            "package_id": chosen.package_id,
            "operator": by,
            "active_from": asked.active_from and asked.active_from.isoformat(),
            "active_until": asked.active_until and asked.active_until.isoformat(),
            "reason": asked.reason,
        },
    )
    return True


def past_their_days(work: UnitOfWork) -> list[str]:
    """Active measures whose last day has passed."""
    found = work.connection.execute(
        text(
            "SELECT measure_id FROM quality.official_measure WHERE active AND active_until < :today ORDER BY 1"
        ),
        {"today": work.today()},
    )
    return list(found.scalars())


def kept_measures(work: UnitOfWork) -> KeptMeasures:
    """Every imported measure, the newest import of each first; for who reads measures, and who manages them."""
    if not work.actor.may("measure.manage"):
        work.actor.require("measure.read")
    rows = work.connection.execute(text(f"{KEPT} ORDER BY kept.measure_id, package.imported_at DESC"))
    return KeptMeasures(measures=[_kept(row) for row in rows])


def active_measures(work: UnitOfWork) -> ActiveMeasures:
    """What the pipeline is to evaluate now: those that are active, on the days that they are active for."""
    rows = work.connection.execute(
        text(
            "SELECT measure_id, package_id FROM quality.official_measure WHERE active "
            "AND coalesce(active_from, :today) <= :today AND coalesce(active_until, :today) >= :today "
            "ORDER BY package_id, measure_id"
        ),
        {"today": work.today()},
    )
    packages: dict[str, list[str]] = {}
    for row in rows:
        packages.setdefault(row.package_id, []).append(row.measure_id)
    return ActiveMeasures(packages=packages)


def package_content(work: UnitOfWork, package_id: str) -> bytes:
    """Raises NotFound for a package that was never imported."""
    found = work.connection.execute(
        text("SELECT content FROM quality.official_package WHERE package_id = :id"), {"id": package_id}
    ).scalar_one_or_none()
    if found is None:
        raise NotFound("There is no such package of official measures.")
    return bytes(found)


def official_measure(work: UnitOfWork, measure_id: str) -> OfficialMeasure | None:
    """The active one of that id."""
    return next(iter(described_official(work, [measure_id])), None)


def active_official(work: UnitOfWork) -> list[OfficialMeasure]:
    rows = work.connection.execute(
        text("SELECT measure FROM quality.official_measure WHERE active ORDER BY measure_id")
    )
    return [OfficialMeasure.model_validate(measure) for measure in rows.scalars()]


def described_official(work: UnitOfWork, measure_ids: Sequence[str]) -> list[OfficialMeasure]:
    """The active ones of these ids."""
    rows = work.connection.execute(
        text("SELECT measure FROM quality.official_measure WHERE active AND measure_id = ANY(:ids)"),
        {"ids": list(measure_ids)},
    )
    return [OfficialMeasure.model_validate(measure) for measure in rows.scalars()]


def package_of_active(work: UnitOfWork, measure_id: str) -> dict[str, str]:
    """Where the logic of an active measure comes from, for who has to stand for its numbers."""
    row = work.connection.execute(
        text(f"{KEPT} WHERE kept.measure_id = :id AND kept.active"), {"id": measure_id}
    ).one_or_none()
    if row is None:
        return {}
    return {
        "Package": f"{row.source} ({row.package_id[:12]})",
        "Imported": f"{row.imported_at.date().isoformat()} by {row.imported_by}",
        "Active since": f"{row.changed_at.date().isoformat()}, set by {row.changed_by}",
        **({"Because": row.reason} if row.reason else {}),
    }


def acting(work: UnitOfWork, operator: str) -> str:
    """Who acts: a signed-in person under their own name; for the pipeline's client whoever sits at the machine."""
    return work.actor.name if work.actor.kind == "user" else operator or work.actor.name


def _kept(row: Row) -> KeptMeasure:
    return KeptMeasure(
        measure=OfficialMeasure.model_validate(row.measure),
        package_id=row.package_id,
        source=row.source,
        imported_at=row.imported_at,
        imported_by=row.imported_by,
        active=row.active,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        active_from=row.active_from,
        active_until=row.active_until,
        reason=row.reason,
    )
