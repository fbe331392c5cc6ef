"""Who answers a crisis is known to whoever is asked at home: without it the question about self-harm is not put."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE FUNCTION charting.crisis_coverage(wanted text) RETURNS SETOF fhir.care_team
LANGUAGE sql STABLE SECURITY DEFINER SET almoner.reach = 'all' SET search_path = pg_catalog AS $$
  SELECT * FROM fhir.care_team
  WHERE NOT deleted AND patient_id IS NULL AND status = 'active' AND category_tokens @> ARRAY[wanted]
  ORDER BY last_updated DESC LIMIT 1
$$;
COMMENT ON FUNCTION charting.crisis_coverage IS
  'The team that answers now. It belongs to no patient, so a patient would not see it; it holds nobody''s record';
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP FUNCTION charting.crisis_coverage(text)")
