"""What of an audit row its hash is made of: everything, as one line of JSON that PostgreSQL's own functions write.

The trigger that chains rows and the check that reads them use the same words. Neither may change: old rows would break.
"""

from __future__ import annotations

CONTENT = """jsonb_build_array(
    {row}.id, to_char({row}.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), {row}.transaction_id::text,
    {row}.actor_id, {row}.actor_kind, {row}.session_id, {row}.act, {row}.resource_type, {row}.resource_id,
    {row}.patient_id, to_jsonb({row}.patient_ids), {row}.patient_ids_sealed, {row}.outcome, {row}.detail,
    {row}.writer, {row}.sequence)::text"""


def content_sql(row: str) -> str:
    """The content of the row of this name, as SQL."""
    return CONTENT.format(row=row)
