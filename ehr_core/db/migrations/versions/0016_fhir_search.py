"""Columns for FHIR's other search parameters, and the snapshots behind page links."""

from __future__ import annotations

import re

from alembic import op

from ehr_core.db.row_security import APP_ROLE

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TYPES = """
Account AllergyIntolerance Appointment AppointmentResponse Basic Binary BodyStructure CarePlan CareTeam ChargeItem
Claim ClaimResponse ClinicalImpression Communication CommunicationRequest Condition Consent Coverage
CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device DeviceRequest DiagnosticReport
DocumentReference Encounter Endpoint EpisodeOfCare ExplanationOfBenefit FamilyMemberHistory Flag Goal Group
GuidanceResponse HealthcareService ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation Invoice
List Location MeasureReport Media Medication MedicationAdministration MedicationDispense MedicationRequest
MedicationStatement NutritionOrder Observation Organization Patient Practitioner PractitionerRole Procedure Provenance
Questionnaire QuestionnaireResponse RelatedPerson RequestGroup RiskAssessment Schedule ServiceRequest Slot Specimen
SupplyDelivery Task VisionPrescription
""".split()  # noqa: SIM905 (a list of words reads best as words)

COLUMNS = """
ALTER TABLE fhir."{table}"
  ADD COLUMN search_tokens text[],
  ADD COLUMN search_values jsonb;
CREATE INDEX {table}_by_search_tokens ON fhir."{table}" USING gin (search_tokens)
  WITH (fastupdate = off) WHERE search_tokens IS NOT NULL;
"""

SNAPSHOT = f"""
CREATE TABLE core.search_snapshot (
  id text PRIMARY KEY,
  actor_id text NOT NULL,
  resource_type text NOT NULL,
  as_of timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  criteria jsonb NOT NULL,
  total bigint
);
CREATE INDEX search_snapshot_by_end ON core.search_snapshot (expires_at);
COMMENT ON TABLE core.search_snapshot IS
  'What a search found when it was asked, so that its pages hold together; its owner alone can turn them';

CREATE TABLE core.search_snapshot_part (
  snapshot_id text NOT NULL REFERENCES core.search_snapshot (id) ON DELETE CASCADE,
  part int NOT NULL,
  ids text[] NOT NULL,
  PRIMARY KEY (snapshot_id, part)
);

ALTER TABLE core.search_snapshot ENABLE ROW LEVEL SECURITY;
ALTER TABLE core.search_snapshot FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON core.search_snapshot USING (actor_id = current_setting('almoner.actor', true))
  WITH CHECK (actor_id = current_setting('almoner.actor', true));
GRANT SELECT, INSERT, DELETE ON core.search_snapshot TO {APP_ROLE};

ALTER TABLE core.search_snapshot_part ENABLE ROW LEVEL SECURITY;
ALTER TABLE core.search_snapshot_part FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON core.search_snapshot_part USING (snapshot_id IN (SELECT id FROM core.search_snapshot))
  WITH CHECK (snapshot_id IN (SELECT id FROM core.search_snapshot));
GRANT SELECT, INSERT, DELETE ON core.search_snapshot_part TO {APP_ROLE};
"""


def upgrade() -> None:
    for name in map(_snake, TYPES):
        op.execute(COLUMNS.format(table=name))
    op.execute(SNAPSHOT)


def downgrade() -> None:
    op.execute("DROP TABLE core.search_snapshot_part, core.search_snapshot")
    for name in map(_snake, TYPES):
        op.execute(f'ALTER TABLE fhir."{name}" DROP COLUMN search_tokens, DROP COLUMN search_values')


def _snake(resource_type: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", resource_type).lower()
