"""Puts packages into force and takes them out again: stored with who and when, audited, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Conflict, NotFound
from ehr_core.store.guides.contents import PROFILE, Contents, contents_of
from ehr_core.store.guides.package import Package
from ehr_core.store.guides.shelf import forget, guides_in
from ehr_core.store.resource_types import RESOURCE_TYPES

AT_ONCE = 500
ONE_AT_A_TIME = text("SELECT revision FROM guide.state FOR UPDATE")
GROWN = text("UPDATE guide.state SET revision = revision + 1 RETURNING revision")
ADD_PACKAGE = text(
    "INSERT INTO guide.package (name, version, title, digest, imported_at, imported_by, revision, left_out) "
    "VALUES (:name, :version, :title, :digest, :at, :by, :revision, CAST(:left_out AS jsonb))"
)
ADD_PART = text(
    "INSERT INTO guide.part (name, version, kind, url, part_version, facts) "
    "VALUES (:name, :version, :kind, :url, :part_version, CAST(:facts AS jsonb))"
)
SAME = text("SELECT digest FROM guide.package WHERE name = :name AND version = :version")
REMOVE = text("DELETE FROM guide.package WHERE name = :name AND version = :version")
LISTED = text(
    "SELECT g.name, g.version, g.title, g.imported_at, g.imported_by, g.left_out, "
    "g.revision = max(g.revision) OVER (PARTITION BY g.name) AS in_force, "
    "(SELECT jsonb_object_agg(kind, count) FROM (SELECT kind, count(*) FROM guide.part p "
    " WHERE p.name = g.name AND p.version = g.version GROUP BY kind) k) AS counts "
    "FROM guide.package g ORDER BY g.name, g.revision DESC"
)
WANTED_SEARCHES = text(
    "SELECT DISTINCT ON (t.key, p.facts->>'name') t.key AS resource_type, p.facts->>'name' AS name, "
    "p.facts->>'kind' AS kind, t.value AS paths, p.url "
    "FROM guide.part p JOIN guide.package g USING (name, version), jsonb_each(p.facts->'paths') t "
    "WHERE p.kind = 'search' AND g.revision = "
    "(SELECT max(revision) FROM guide.package same WHERE same.name = g.name) "
    "ORDER BY t.key, p.facts->>'name', g.revision DESC, p.url"
)
HELD_SEARCHES = text("SELECT resource_type, name, kind, paths, url FROM guide.search")
DROP_SEARCH = text("DELETE FROM guide.search WHERE resource_type = :resource_type AND name = :name")
ADD_SEARCH = text(
    "INSERT INTO guide.search (resource_type, name, kind, paths, url, since, indexed) "
    "VALUES (:resource_type, :name, :kind, CAST(:paths AS jsonb), :url, :since, false)"
)
WAITING = text(
    "SELECT resource_type || ':' || name AS name, done, total FROM guide.search WHERE NOT indexed ORDER BY 1"
)
REQUIRE = text("INSERT INTO guide.required (resource_type, url) VALUES (:type, :url) ON CONFLICT DO NOTHING")
RELAX = text("DELETE FROM guide.required WHERE url = :url RETURNING resource_type")


@dataclass(frozen=True)
class Held:
    """A package that is stored. `counts` by kind of part; `in_force` is the newest import of its name."""

    name: str
    version: str
    title: str
    imported_at: datetime
    imported_by: str
    left_out: Sequence[str]
    in_force: bool
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Imported:
    """What an import did; `changed` False when the same package was there already.

    `unchecked` says what of its profiles is not checked here, as where they stand on a package that is not held.
    """

    changed: bool
    contents: Contents
    new_searches: Sequence[str]
    unchecked: Sequence[str]


def import_package(work: UnitOfWork, package: Package) -> Imported:
    """Puts a package into force for everybody, from the commit on.

    Raises Conflict when another content is stored under the same name and version: a version means one thing.
    """
    work.actor.require("fhir.write")
    work.connection.execute(ONE_AT_A_TIME)
    known = guides_in(work.connection).profiles
    contents = contents_of(package, lambda url: known[url]["type"] if url in known else None)
    names = {"name": package.name, "version": package.version}
    stored = work.connection.execute(SAME, names).scalar()
    if stored is not None:
        if bytes(stored) != package.digest:
            raise Conflict(
                f"Another package is stored as {package.name}#{package.version}. Remove it first: "
                f"almoner profiles remove {package.name}#{package.version}."
            )
        return Imported(False, contents, (), _unchecked(work, contents))
    revision = work.connection.execute(GROWN).scalar_one()
    work.connection.execute(
        ADD_PACKAGE,
        names
        | {
            "title": package.title,
            "digest": package.digest,
            "at": work.now(),
            "by": work.actor.actor_id,
            "revision": revision,
            "left_out": json.dumps(contents.left_out),
        },
    )
    rows = [
        names
        | {
            "kind": part.kind,
            "url": part.url,
            "part_version": part.version if part.version.isprintable() else "",
            "facts": json.dumps(part.facts, ensure_ascii=False).replace("\\u0000", ""),
        }
        for part in contents.parts
    ]
    for start in range(0, len(rows), AT_ONCE):
        work.connection.execute(ADD_PART, rows[start : start + AT_ONCE])
    new = _settle_searches(work.connection, revision)
    work.audit("guide_imported", detail=names | contents.counts() | {"sha256": package.digest.hex()})
    forget(work.connection)
    return Imported(True, contents, new, _unchecked(work, contents))


def _unchecked(work: UnitOfWork, contents: Contents) -> list[str]:
    guides = guides_in(work.connection)
    profiles = [guides.profile(part.url) for part in contents.parts if part.kind == PROFILE]
    return [
        f"{each.name} is checked in part: {words}" for each in profiles if each for words in each.unchecked
    ]


def remove_package(work: UnitOfWork, name: str, version: str | None) -> list[Held]:
    """Takes a package out, all its versions or one; what an earlier import said is in force again.

    Raises NotFound, or Conflict while a profile that only it has is required.
    """
    work.actor.require("fhir.write")
    work.connection.execute(ONE_AT_A_TIME)
    found = [each for each in packages(work) if each.name == name and version in (None, each.version)]
    if not found:
        raise NotFound(
            f"There is no package {name}{f'#{version}' if version else ''}. See almoner profiles list."
        )
    for each in found:
        work.connection.execute(REMOVE, {"name": each.name, "version": each.version})
        work.audit("guide_removed", detail={"name": each.name, "version": each.version})
    _settle_searches(work.connection, work.connection.execute(GROWN).scalar_one())
    forget(work.connection)
    _refuse_orphans(work)
    return found


def _refuse_orphans(work: UnitOfWork) -> None:
    """A profile that is required has to be held: what cannot be checked would be let through."""
    guides = guides_in(work.connection)
    for urls in guides.required.values():
        for url in urls:
            if guides.profile(url) is None:
                raise Conflict(
                    f"The profile {url} is required. Lift that first: almoner profiles relax {url}."
                )


def packages(work: UnitOfWork) -> list[Held]:
    """Every stored package, by name, the version in force first."""
    rows = work.connection.execute(LISTED).mappings()
    return [Held(**(dict(row) | {"counts": row["counts"] or {}})) for row in rows]


def waiting_searches(work: UnitOfWork) -> list[tuple[str, int, int | None]]:
    """('Type:name', resources gone through, resources in all) of the parameters that are not indexed yet."""
    return [(row.name, row.done, row.total) for row in work.connection.execute(WAITING)]


def require_profile(work: UnitOfWork, url: str) -> str:
    """Every resource of the profile's type has to keep it from now on; gives the type. Raises NotFound."""
    work.actor.require("fhir.write")
    work.connection.execute(ONE_AT_A_TIME)
    profile = guides_in(work.connection).profile(url)
    if profile is None or profile.type_name not in RESOURCE_TYPES:
        raise NotFound(f"No profile of a type kept here has the address {url}. Import its package first.")
    work.connection.execute(REQUIRE, {"type": profile.type_name, "url": profile.url})
    work.connection.execute(GROWN)
    work.audit("profile_required", resource_type=profile.type_name, detail={"profile": profile.url})
    forget(work.connection)
    return profile.type_name


def relax_profile(work: UnitOfWork, url: str) -> str:
    """The profile is checked where it is claimed, again. Raises NotFound."""
    work.actor.require("fhir.write")
    work.connection.execute(ONE_AT_A_TIME)
    type_name = work.connection.execute(RELAX, {"url": url}).scalar()
    if type_name is None:
        raise NotFound(f"The profile {url} is not required of anything.")
    work.connection.execute(GROWN)
    work.audit("profile_relaxed", resource_type=type_name, detail={"profile": url})
    forget(work.connection)
    return type_name


def _settle_searches(connection: Connection, revision: int) -> list[str]:
    """Makes the table of searches say what the packages in force say; gives the new ones as 'Type:name'."""

    def by_name(rows: Any) -> dict[tuple[str, str], Any]:
        return {(row.resource_type, row.name): row for row in rows}

    wanted, held = (
        by_name(connection.execute(WANTED_SEARCHES)),
        by_name(connection.execute(HELD_SEARCHES)),
    )
    new = []
    for key in sorted(wanted.keys() | held.keys()):
        row, old = wanted.get(key), held.get(key)
        if row is not None and old is not None and (row.kind, row.paths) == (old.kind, old.paths):
            continue
        if old is not None:
            connection.execute(DROP_SEARCH, {"resource_type": key[0], "name": key[1]})
        if row is not None:
            values = {"resource_type": key[0], "name": key[1], "kind": row.kind, "url": row.url}
            connection.execute(ADD_SEARCH, values | {"paths": json.dumps(row.paths), "since": revision})
            new.append(":".join(key))
    return new
