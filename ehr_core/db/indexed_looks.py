"""Lets the indexes of lists and words serve searches under row-level security.

Of a table with a policy PostgreSQL uses an index only for a comparison that it holds to be leakproof: one that tells
nothing of the rows it is not to show, not even by an error. It is careful with lists, which may be of any type, and
with LIKE, whose pattern may be malformed. Ours are lists of text, and the patterns are escaped by `search_sql`. Whoever
could send another pattern could name another actor, too (see row_security.py), so no wall is lower for it.

Only a superuser may say so; elsewhere the searches are right and read more rows (docs/how-to/use-your-own-postgres.md).
"""

from __future__ import annotations

import sqlalchemy

LOOKS = (
    "pg_catalog.arraycontains(anyarray,anyarray)",
    "pg_catalog.arrayoverlap(anyarray,anyarray)",
    "pg_catalog.textlike(text,text)",
)
WANTING = sqlalchemy.text(
    "SELECT count(*) FILTER (WHERE NOT p.proleakproof) AS wanting, "
    "(SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS may "
    "FROM pg_proc p WHERE p.oid = ANY(CAST(CAST(:looks AS text[]) AS regprocedure[]))"
)


def index_the_looks(connection: sqlalchemy.Connection) -> bool:
    """False when the server's owner has to do it."""
    found = connection.execute(WANTING, {"looks": list(LOOKS)}).one()
    if found.wanting and found.may:
        for look in LOOKS:
            connection.exec_driver_sql(f"ALTER FUNCTION {look} LEAKPROOF")
    return bool(found.may) or not found.wanting
