"""`_typeFilter`: searches that narrow what an export holds of a type. Several of one type widen it.

A filter is compiled like any search, with the sight of who asks: when the export is asked for, so that a mistake is
told then, and again when it runs. Source: HL7 FHIR Bulk Data Access 2.0.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import and_, or_
from sqlalchemy.dialects.postgresql import psycopg

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.repository import Store
from ehr_core.store.resource_types import resource_type
from ehr_core.store.search_conditions import conditions
from ehr_core.store.search_parameters import CONTROLS
from ehr_core.store.tables import current_table

MOST_FILTERS = 50
SHAPES = frozenset({*CONTROLS, "_include", "_revinclude", "_summary", "_elements", "_format", "_type"})
"""What shapes a search's answer and chooses no resource."""
Filter = tuple[str, tuple[Any, ...]]
"""SQL with %s, and its values."""
DIALECT = psycopg.PGDialect_psycopg(paramstyle="format")


def compiled(work: UnitOfWork, texts: Sequence[str], types: Collection[str]) -> dict[str, Filter]:
    """The condition of each type that has a filter. Raises BadRequest naming what is wrong with one."""
    if len(texts) > MOST_FILTERS:
        raise BadRequest(f"_typeFilter: at most {MOST_FILTERS} filters.")
    by_type: dict[str, list[Any]] = {}
    for text in texts:
        type_name, _, query = text.partition("?")
        if type_name not in types:
            raise BadRequest(f"_typeFilter: '{type_name[:64]}' is none of the types of this export.")
        given = parse_qsl(query, keep_blank_values=True, max_num_fields=50)
        shaping = [name for name, _ in given if name.partition(":")[0] in SHAPES]
        if not given or shaping:
            what = f"'{shaping[0][:64]}' shapes an answer" if shaping else "a filter needs a search"
            raise BadRequest(f"_typeFilter: {what}. Send filters such as Observation?category=laboratory.")
        table = current_table(type_name)
        by_type.setdefault(type_name, []).append(
            and_(*conditions(resource_type(type_name), table, given, Store(work).asking()))
        )
    return {type_name: _as_sql(or_(*wanted)) for type_name, wanted in by_type.items()}


def _as_sql(condition: Any) -> Filter:
    words = condition.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
    processors = words._bind_processors
    values = [
        processors[name](words.params[name]) if name in processors else words.params[name]
        for name in words.positiontup or ()
    ]
    return f" AND ({words})", tuple(values)
