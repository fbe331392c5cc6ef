"""The store's tables as SQLAlchemy sees them; the migrations make them."""

from __future__ import annotations

from functools import cache

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, LargeBinary, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from ehr_core.store.resource_types import ResourceType, resource_type

METADATA = MetaData(schema="fhir")
MOMENT = DateTime(timezone=True)

VERSION_COLUMNS = {
    "id": Text,
    "version_id": BigInteger,
    "last_updated": MOMENT,
    "deleted": Boolean,
    "patient_id": Text,
    "content_hash": LargeBinary,
    "body": Text,
    "sensitivity": ARRAY(Text),
}
CURRENT_COLUMNS = VERSION_COLUMNS | {"imported": Boolean}
"""Of the current version; `imported` says that an import wrote it, and nobody here."""
PROMOTED_COLUMNS = {
    "status": Text,
    "code_tokens": ARRAY(Text),
    "category_tokens": ARRAY(Text),
    "identifier_tokens": ARRAY(Text),
    "reference_tokens": ARRAY(Text),
    "security_tokens": ARRAY(Text),
    "date_low": MOMENT,
    "date_high": MOMENT,
    "encounter_id": Text,
    "search_tokens": ARRAY(Text),
    "search_values": JSONB(none_as_null=True),
}
EXTRA_COLUMNS = {
    "name_text": Text,
    "display_name": Text,
    "family_text": Text,
    "given_text": Text,
    "gender": Text,
    "birth_date": Date,
    "active": Boolean,
    "deceased": Boolean,
    "replaced_by": Text,
    "phone_digits": ARRAY(Text),
    "name_sounds": ARRAY(Text),
    "clinical_status": Text,
    "verification_status": Text,
    "context": Text,
}


@cache
def current_table(type_name: str) -> Table:
    """One row a resource: its current version, or the mark that it is deleted."""
    row = resource_type(type_name)
    columns = CURRENT_COLUMNS | PROMOTED_COLUMNS | {name: EXTRA_COLUMNS[name] for name in row.extra_columns}
    return _table(row.table, columns, row=row)


@cache
def history_table(type_name: str) -> Table:
    """One row for every version that is no longer current."""
    row = resource_type(type_name)
    columns = VERSION_COLUMNS | {name: EXTRA_COLUMNS[name] for name in row.kept_columns}
    return _table(f"{row.table}_history", columns, row=row)


@cache
def history_columns(type_name: str) -> tuple[str, ...]:
    """What of a current row goes into history when another version takes its place."""
    return (*VERSION_COLUMNS, *resource_type(type_name).kept_columns)


def _table(name: str, columns: dict, *, row: ResourceType) -> Table:
    """The type goes along, so that the policy on charts knows what is nobody's and what scopes are about."""
    made = (Column(column, kind) for column, kind in columns.items())
    return Table(name, METADATA, *made, info={"shared": row.shared, "type": row.name})
