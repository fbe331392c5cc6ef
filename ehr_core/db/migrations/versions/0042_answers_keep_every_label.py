"""A gap or a measure's answer keeps every label of what it rests on: who may not see one of them does not see it.

The strictest label alone stood in front of the others: who may see substance use, and not HIV, saw what rests on both.
`evidence_sensitivity` of the chart's own tables has all of them now, in order, a space between.
"""

from __future__ import annotations

from importlib import import_module

from alembic import op

from ehr_core.db.row_security import APP_ROLE

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

BEFORE = import_module("ehr_core.db.migrations.versions.0041_answers_rest_on_all_their_facts")
AS_THE_WHOLE_RECORD = BEFORE.AS_THE_WHOLE_RECORD.replace("pg_catalog, public", BEFORE.NAMED_LAST)
LABELLED = (*BEFORE.ANSWERS, *BEFORE.NAMING_ONE_FACT)

JOINED = """
CREATE FUNCTION access.labels_joined(held text, more text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT string_agg(label, ' ' ORDER BY label COLLATE "C") FROM (
    SELECT DISTINCT label FROM unnest(string_to_array(held, ' ') || more) AS label WHERE label <> '') AS said $$;
COMMENT ON FUNCTION access.labels_joined IS 'Labels, a space between them, and more: each once, in order';
"""
COMMENTS = "".join(
    f"COMMENT ON COLUMN {table}.evidence_sensitivity IS "
    "'Every sensitivity label of what it rests on, in order, a space between';"
    for table in LABELLED
)


def _raise(table: str, which: str, labels: str) -> str:
    joined = f"access.labels_joined(held.evidence_sensitivity, {labels})"
    return (
        f"UPDATE {table} AS held SET evidence_sensitivity = {joined} WHERE held.patient_id = NEW.patient_id "
        f"AND {which} AND held.evidence_sensitivity IS DISTINCT FROM {joined};"
    )


FOLLOW = f"""
CREATE OR REPLACE FUNCTION access.labels_follow() RETURNS trigger {AS_THE_WHOLE_RECORD} AS $$
BEGIN
  IF NEW.sensitivity IS NOT NULL THEN
    {" ".join(_raise(table, BEFORE.RESTS_ON_IT, "NEW.sensitivity") for table in BEFORE.ANSWERS)}
    {" ".join(_raise(table, BEFORE.NAMES_IT, "NEW.sensitivity") for table in BEFORE.NAMING_ONE_FACT)}
    PERFORM quality.inherit_labels(ARRAY[NEW.patient_id]);
  END IF;
  IF EXISTS (SELECT FROM risk.driver AS held WHERE held.patient_id = NEW.patient_id
      AND held.evidence_type = TG_ARGV[0] AND held.evidence_id = NEW.id) THEN
    PERFORM risk.relabel(ARRAY[NEW.patient_id]);
  END IF;
  RETURN NULL;
END $$;
"""
INHERITED = "access.labels_joined(held.evidence_sensitivity, said.labels)"
MORE = (
    f"held.evidence_sensitivity IS DISTINCT FROM {INHERITED} "
    "AND held.patient_id = ANY (whose) AND said.patient_id = ANY (whose) AND said.patient_id = held.patient_id"
)
OFFICIAL = f"""
CREATE VIEW quality.official_label WITH (security_invoker = true) AS
SELECT fact.patient_id, fact.measure_id, fact.period_begin, array_agg(DISTINCT label) AS labels,
  NOT EXISTS (SELECT FROM quality.measure_flag AS later WHERE later.patient_id = fact.patient_id
    AND later.measure_id = fact.measure_id AND later.period_begin > fact.period_begin) AS is_newest
FROM quality.measure_evidence AS fact, unnest(string_to_array(fact.evidence_sensitivity, ' ')) AS label
GROUP BY fact.patient_id, fact.measure_id, fact.period_begin;
COMMENT ON VIEW quality.official_label IS
  'The labels of the facts behind an official answer; a gap is of the newest period';

CREATE OR REPLACE FUNCTION quality.inherit_labels(whose text[]) RETURNS void {AS_THE_WHOLE_RECORD} AS $$
BEGIN
  UPDATE quality.measure_flag AS held SET evidence_sensitivity = {INHERITED} FROM quality.official_label AS said
  WHERE said.measure_id = held.measure_id AND said.period_begin = held.period_begin AND {MORE};
  UPDATE care_gaps.gap AS held SET evidence_sensitivity = {INHERITED} FROM quality.official_label AS said
  WHERE held.source_kind = 'measure' AND said.measure_id = held.source_id AND said.is_newest AND {MORE};
END $$;
COMMENT ON FUNCTION quality.inherit_labels IS
  'Official answers of these people take the labels of the facts behind them';
"""
EVERYTHING = (
    "SELECT set_config('almoner.reach', 'all', true), set_config('almoner.labels', 'whole', true), "
    "set_config('almoner.actor', 'migration', true)"
)
OF_PATIENTS = import_module("ehr_core.db.migrations.versions.0040_labels_follow").OF_PATIENTS
CATCH_UP = """
UPDATE {table} AS held SET evidence_sensitivity = access.labels_joined(held.evidence_sensitivity, found.labels)
FROM (
  SELECT held.ctid AS place, array_agg(DISTINCT label) AS labels FROM {table} AS held
  JOIN fhir."{facts}" AS fact ON fact.patient_id = held.patient_id AND fact.sensitivity IS NOT NULL AND ({which}),
  unnest(fact.sensitivity) AS label GROUP BY held.ctid) AS found
WHERE held.ctid = found.place"""


def upgrade() -> None:
    connection = op.get_bind()
    op.execute("DROP VIEW quality.official_label")
    connection.connection.driver_connection.execute("".join((JOINED, OFFICIAL, FOLLOW, COMMENTS)))
    op.execute(f"GRANT SELECT ON quality.official_label TO {APP_ROLE}")
    op.execute(EVERYTHING)
    held = [one for one in LABELLED if connection.exec_driver_sql(f"SELECT FROM {one} LIMIT 1").rowcount]
    for facts in connection.exec_driver_sql(OF_PATIENTS).scalars().all() if held else ():
        kind = "".join(word.capitalize() for word in facts.split("_"))
        for table in held:
            which = f"held.evidence_type = '{kind}' AND held.evidence_id = fact.id"
            if table in BEFORE.ANSWERS:
                which += f" OR held.rests_also_on_ids @> ARRAY['{kind}/' || fact.id]"
            op.execute(CATCH_UP.format(table=table, facts=facts, which=which))
    op.execute("SELECT quality.inherit_labels(ARRAY(SELECT DISTINCT patient_id FROM quality.official_label))")


def downgrade() -> None:
    """Back to one label: the strictest of what is kept; the next run says what it was."""
    op.execute(EVERYTHING)
    op.execute("DROP VIEW quality.official_label")
    for table in LABELLED:
        rank = BEFORE.sensitivity_rank("label")
        op.execute(
            f"UPDATE {table} SET evidence_sensitivity = (SELECT label FROM unnest(string_to_array("
            f"evidence_sensitivity, ' ')) AS label ORDER BY {rank} DESC LIMIT 1) WHERE evidence_sensitivity LIKE '% %'"
        )
    before = BEFORE.OFFICIAL.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    follow = BEFORE.FOLLOW.format(raised=BEFORE.RAISE)
    op.get_bind().connection.driver_connection.execute(before + follow)
    for function in ("quality.inherit_labels(text[])", "access.labels_follow()"):
        op.execute(f"ALTER FUNCTION {function} SET search_path = {BEFORE.NAMED_LAST}")
    op.execute(f"GRANT SELECT ON quality.official_label TO {APP_ROLE}")
    op.execute("DROP FUNCTION access.labels_joined")
