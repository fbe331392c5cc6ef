"""A gap or a measure's answer keeps every fact that it rests on, and is as restricted as the strictest of them.

And functions that act with their owner's rights: nobody but the application calls them, and none looks up a name where
a caller may have put another thing.
"""

from __future__ import annotations

from alembic import op

from data_contracts.guidelines.sql import sensitivity_rank
from ehr_core.db.row_security import APP_ROLE

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

AS_THE_WHOLE_RECORD = """LANGUAGE plpgsql SECURITY DEFINER SET almoner.reach = 'all' SET almoner.labels = 'whole'
  SET search_path = pg_catalog, public"""
ANSWERS = ("care_gaps.gap", "quality.measure_flag")
NAMING_ONE_FACT = ("quality.measure_evidence", "quality.data_record")

HELD, STRICTEST = (sensitivity_rank(label) for label in ("held.evidence_sensitivity", "strictest"))
NAMES_IT = "held.evidence_type = TG_ARGV[0] AND held.evidence_id = NEW.id"
RESTS_ON_IT = f"({NAMES_IT} OR held.rests_also_on_ids @> ARRAY[TG_ARGV[0] || '/' || NEW.id])"


def _raise(table: str, which: str) -> str:
    return (
        f"UPDATE {table} AS held SET evidence_sensitivity = strictest WHERE held.patient_id = NEW.patient_id "
        f"AND {which} AND ({HELD} < {STRICTEST} OR held.evidence_sensitivity IS NULL);"
    )


RAISE_BEFORE = " ".join(_raise(table, NAMES_IT) for table in (*ANSWERS, *NAMING_ONE_FACT))
RAISE = " ".join(
    (
        *(_raise(table, RESTS_ON_IT) for table in ANSWERS),
        *(_raise(table, NAMES_IT) for table in NAMING_ONE_FACT),
        "PERFORM quality.inherit_labels(ARRAY[NEW.patient_id]);",
    )
)
FOLLOW = f"""
CREATE OR REPLACE FUNCTION access.labels_follow() RETURNS trigger {AS_THE_WHOLE_RECORD} AS $$
DECLARE
  strictest text := (
    SELECT label FROM unnest(NEW.sensitivity) AS label ORDER BY {sensitivity_rank("label")} DESC LIMIT 1);
BEGIN
  IF strictest IS NOT NULL THEN
    {{raised}}
  END IF;
  IF EXISTS (SELECT FROM risk.driver AS held WHERE held.patient_id = NEW.patient_id
      AND held.evidence_type = TG_ARGV[0] AND held.evidence_id = NEW.id) THEN
    PERFORM risk.relabel(ARRAY[NEW.patient_id]);
  END IF;
  RETURN NULL;
END $$;
"""
COLUMNS = "".join(
    f"""
ALTER TABLE {table} ADD COLUMN rests_also_on text, ADD COLUMN rests_also_on_ids text[];
COMMENT ON COLUMN {table}.rests_also_on IS 'Other facts that the answer rests on, as the run names them';
COMMENT ON COLUMN {table}.rests_also_on_ids IS 'The same as Type/id: a label on one of them restricts the answer';
"""
    for table in ANSWERS
)
STRICTER = (
    f"(held.evidence_sensitivity IS NULL OR {HELD} < {sensitivity_rank('said.label')}) "
    "AND held.patient_id = ANY (whose) AND said.patient_id = ANY (whose) AND said.patient_id = held.patient_id"
)
OFFICIAL = f"""
CREATE VIEW quality.official_label WITH (security_invoker = true) AS
SELECT DISTINCT ON (fact.patient_id, fact.measure_id, fact.period_begin)
  fact.patient_id, fact.measure_id, fact.period_begin, fact.evidence_sensitivity AS label,
  NOT EXISTS (SELECT FROM quality.measure_flag AS later WHERE later.patient_id = fact.patient_id
    AND later.measure_id = fact.measure_id AND later.period_begin > fact.period_begin) AS is_newest
FROM quality.measure_evidence AS fact WHERE fact.evidence_sensitivity IS NOT NULL
ORDER BY fact.patient_id, fact.measure_id, fact.period_begin, {sensitivity_rank("fact.evidence_sensitivity")} DESC;
COMMENT ON VIEW quality.official_label IS
  'The strictest label of any fact behind an official answer; a gap is of the newest period';

CREATE FUNCTION quality.inherit_labels(whose text[]) RETURNS void {AS_THE_WHOLE_RECORD} AS $$
BEGIN
  UPDATE quality.measure_flag AS held SET evidence_sensitivity = said.label FROM quality.official_label AS said
  WHERE said.measure_id = held.measure_id AND said.period_begin = held.period_begin AND {STRICTER};
  UPDATE care_gaps.gap AS held SET evidence_sensitivity = said.label FROM quality.official_label AS said
  WHERE held.source_kind = 'measure' AND said.measure_id = held.source_id AND said.is_newest AND {STRICTER};
END $$;
COMMENT ON FUNCTION quality.inherit_labels IS
  'Official answers of these people become as restricted as the strictest of the facts behind them';
"""

OF_THE_APPLICATION = (
    "access.birth_date_of(text)",
    "access.hold_context(text, text, text)",
    "core.wrap_again(text, text, bigint, text, text)",
    "quality.inherit_labels(text[])",
    "risk.relabel(text[])",
    "scheduling.free_again(text, timestamptz, timestamptz)",
    "scheduling.let_go(timestamptz)",
    "scheduling.take_in(text)",
)
"""What the application calls; all others are called by triggers and by these."""
WITH_OWNERS_RIGHTS = (
    "SELECT made.oid::regprocedure::text FROM pg_proc AS made JOIN pg_namespace AS space ON space.oid = pronamespace "
    "WHERE prosecdef AND nspname !~ '^pg_' ORDER BY 1"
)
NAMED_LAST = "pg_catalog, public, pg_temp"
"""Left out, a caller's own temporary tables and types would be found first."""
WITHOUT_PATH = (
    "scheduling.follow_appointments()",
    "scheduling.follow_hold()",
    "scheduling.follow_slots()",
    "scheduling.free_again(text, timestamptz, timestamptz)",
    "scheduling.let_go(timestamptz)",
    "scheduling.take_in(text)",
)


def upgrade() -> None:
    op.get_bind().connection.driver_connection.execute(
        "".join((COLUMNS, OFFICIAL, FOLLOW.format(raised=RAISE)))
    )
    op.execute(f"GRANT SELECT ON quality.official_label TO {APP_ROLE}")
    for function in _with_owners_rights():
        op.execute(f"ALTER FUNCTION {function} SET search_path = {NAMED_LAST}")
        op.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
    for function in OF_THE_APPLICATION:
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}")


def _with_owners_rights() -> list[str]:
    return list(op.get_bind().exec_driver_sql(WITH_OWNERS_RIGHTS).scalars())


def downgrade() -> None:
    """Who may call a function stays as it is: going back opens no door."""
    for function in _with_owners_rights():
        path = "pg_catalog" if function.startswith("core.wrap_again") else "pg_catalog, public"
        op.execute(f"ALTER FUNCTION {function} SET search_path = {path}")
    for function in WITHOUT_PATH:
        op.execute(f"ALTER FUNCTION {function} RESET search_path")
    op.get_bind().connection.driver_connection.execute(FOLLOW.format(raised=RAISE_BEFORE))
    op.execute("DROP FUNCTION quality.inherit_labels")
    op.execute("DROP VIEW quality.official_label")
    for table in ANSWERS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN rests_also_on, DROP COLUMN rests_also_on_ids")
