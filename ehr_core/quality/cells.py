"""Summary cells: how many people stand where, per measure and stratum, moved along with each person's flags.

A change subtracts what a person counted before and adds what the person counts now, in the same transaction. The
nightly run counts everything anew and says how many cells differed: that number should be zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

NOT_RECORDED = "not_recorded"
STRATUM_KINDS = ("all", "clinic", "clinician", "sex", "age_band", "race", "ethnicity", "payer")
COUNTS = ("initial_population", "denominator", "exclusions", "exceptions", "numerator", "not_evaluable")

_KINDS = "('all', 'all'), " + ", ".join(f"('{kind}', stratum.{kind})" for kind in STRATUM_KINDS[1:])

CONTRIBUTIONS = f"""
SELECT flag.measure_id, flag.period_begin, counted.kind AS stratum_kind,
       coalesce(counted.value, '{NOT_RECORDED}') AS stratum_value,
       (flag.evaluable AND flag.initial_population)::int AS initial_population,
       (flag.evaluable AND flag.denominator AND NOT flag.denominator_exclusion
         AND NOT flag.denominator_exception)::int AS denominator,
       (flag.evaluable AND flag.denominator_exclusion)::int AS exclusions,
       (flag.evaluable AND flag.denominator_exception AND NOT flag.denominator_exclusion)::int AS exceptions,
       (flag.evaluable AND flag.numerator AND flag.denominator AND NOT flag.denominator_exclusion
         AND NOT flag.denominator_exception)::int AS numerator,
       (NOT flag.evaluable)::int AS not_evaluable
FROM quality.measure_flag AS flag
LEFT JOIN quality.patient_stratum AS stratum ON stratum.patient_id = flag.patient_id
CROSS JOIN LATERAL (VALUES {_KINDS}) AS counted (kind, value)
WHERE (flag.initial_population OR NOT flag.evaluable)"""

_SUMS = ", ".join(f"sum({name})::int AS {name}" for name in COUNTS)
_CELL = "measure_id, period_begin, stratum_kind, stratum_value"


@contextmanager
def moving_cells(connection: Connection, patients: str) -> Iterator[None]:
    """Around a change of flags or strata of the patients in the temporary table `patients` (column patient_id)."""
    names = ", ".join(f"{name} integer" for name in COUNTS)
    connection.execute(
        text(
            "CREATE TEMP TABLE IF NOT EXISTS moved_cells (measure_id text, period_begin date, stratum_kind text, "
            f"stratum_value text, {names}) ON COMMIT DELETE ROWS"
        )
    )
    connection.execute(text("DELETE FROM moved_cells"))
    _collect(connection, patients, sign="-")
    yield
    _collect(connection, patients, sign="")
    _move(connection)


def recount_cells(connection: Connection) -> int:
    """Counts every cell anew; returns how many differed from what the moves had left."""
    columns = ", ".join(COUNTS)
    connection.execute(
        text("CREATE TEMP TABLE IF NOT EXISTS recounted (LIKE quality.summary_cell) ON COMMIT DELETE ROWS")
    )
    connection.execute(text("DELETE FROM recounted"))
    connection.execute(
        text(
            f"INSERT INTO recounted ({_CELL}, {columns}) SELECT {_CELL}, {_SUMS} FROM ({CONTRIBUTIONS}) AS each "
            f"GROUP BY {_CELL}"
        )
    )
    differing = connection.execute(
        text(
            f"SELECT count(*) FROM (SELECT {_CELL}, {columns} FROM recounted EXCEPT "
            f"SELECT {_CELL}, {columns} FROM quality.summary_cell) AS different"
        )
    ).scalar_one()
    superfluous = connection.execute(
        text(
            f"DELETE FROM quality.summary_cell WHERE ({_CELL}) NOT IN (SELECT {_CELL} FROM recounted) "
            f"RETURNING ({' + '.join(COUNTS)}) > 0"
        )
    ).scalars()
    differing += sum(superfluous)
    updates = ", ".join(f"{name} = excluded.{name}" for name in COUNTS)
    connection.execute(
        text(
            f"INSERT INTO quality.summary_cell ({_CELL}, {columns}) SELECT {_CELL}, {columns} FROM recounted "
            f"ON CONFLICT ({_CELL}) DO UPDATE SET {updates}"
        )
    )
    return differing


def _collect(connection: Connection, patients: str, *, sign: str) -> None:
    columns = ", ".join(COUNTS)
    signed = ", ".join(f"{sign}sum({name})::int" for name in COUNTS)
    connection.execute(
        text(
            f"INSERT INTO moved_cells ({_CELL}, {columns}) SELECT {_CELL}, {signed} FROM ({CONTRIBUTIONS} AND "
            f"flag.patient_id IN (SELECT patient_id FROM {patients})) AS each GROUP BY {_CELL}"
        )
    )


def _move(connection: Connection) -> None:
    """In key order, so that two writers never wait for each other in a circle."""
    moved = ", ".join(f"sum({name})::int AS {name}" for name in COUNTS)
    anything = " OR ".join(f"sum({name}) <> 0" for name in COUNTS)
    updates = ", ".join(f"{name} = cell.{name} + excluded.{name}" for name in COUNTS)
    connection.execute(
        text(
            f"INSERT INTO quality.summary_cell AS cell ({_CELL}, {', '.join(COUNTS)}) "
            f"SELECT {_CELL}, {moved} FROM moved_cells GROUP BY {_CELL} HAVING {anything} ORDER BY {_CELL} "
            f"ON CONFLICT ({_CELL}) DO UPDATE SET {updates}"
        )
    )
