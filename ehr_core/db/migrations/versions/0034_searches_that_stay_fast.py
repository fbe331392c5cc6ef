"""Searches that stay fast as the panel grows: indexes by date, code and name, and a chart that is judged once.

A row whose dates are close together is found by its first one; the few others have a small index of their own.
"""

from __future__ import annotations

import re

from alembic import op

from ehr_core.db.row_security import chart_condition

revision = "0034"
down_revision = "0032"
branch_labels = None
depends_on = None

JUDGE_ONCE = f"""
CREATE OR REPLACE FUNCTION access.chart_is_open(whose text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT coalesce({chart_condition("whose")}, false) $$;

CREATE FUNCTION access.open_chart(whose text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('almoner.chart', '', true);
  IF access.chart_is_open(whose) THEN
    PERFORM set_config('almoner.chart', whose, true);
    RETURN true;
  END IF;
  RETURN false;
END $$;
COMMENT ON FUNCTION access.open_chart IS
  'May this transaction open the chart? Then its rows are known to be open until the transaction ends';
"""
JUDGE_EACH = f"""
DROP FUNCTION access.open_chart;
CREATE OR REPLACE FUNCTION access.chart_is_open(whose text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT {chart_condition("whose")} $$;
"""
DATED = """
Account AllergyIntolerance Appointment Basic CarePlan CareTeam ChargeItem Claim ClaimResponse ClinicalImpression
Communication CommunicationRequest Condition Consent CoverageEligibilityRequest CoverageEligibilityResponse
DetectedIssue DeviceRequest DiagnosticReport DocumentReference Encounter EpisodeOfCare ExplanationOfBenefit
FamilyMemberHistory Flag Goal ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation Invoice List
MeasureReport Media MedicationAdministration MedicationDispense MedicationRequest MedicationStatement NutritionOrder
Observation Procedure Provenance Questionnaire QuestionnaireResponse RequestGroup RiskAssessment Schedule ServiceRequest
Slot Specimen Task VisionPrescription
""".split()  # noqa: SIM905 (a list of words reads best as words)
CODED = """
Account AllergyIntolerance Appointment Basic BodyStructure ChargeItem ClinicalImpression Condition Coverage
DetectedIssue Device DeviceRequest DiagnosticReport DocumentReference Encounter EpisodeOfCare FamilyMemberHistory Flag
Goal Immunization Invoice List Media Medication MedicationAdministration MedicationDispense MedicationRequest
MedicationStatement Observation Procedure RequestGroup RiskAssessment ServiceRequest Specimen Task
""".split()  # noqa: SIM905

BY_DATE = """
ALTER TABLE fhir."{table}" ADD COLUMN lasting boolean GENERATED ALWAYS AS
  (date_low IS NULL OR date_high IS NULL OR date_high - date_low > interval '2 days') STORED;
COMMENT ON COLUMN fhir."{table}".lasting IS 'Does not end within two days of its beginning: found apart from the rest';
CREATE INDEX {table}_newest ON fhir."{table}" (date_low DESC NULLS LAST, id) WHERE NOT deleted;
CREATE INDEX {table}_lasting ON fhir."{table}" (date_low) WHERE lasting;
"""
BY_CODE = """
CREATE INDEX {table}_by_code ON fhir."{table}" USING gin (code_tokens)
  WITH (fastupdate = off) WHERE code_tokens IS NOT NULL;
"""
BY_NAME = "CREATE INDEX patient_in_order ON fhir.patient (name_text, id) WHERE NOT deleted"

FORGET = "PERFORM set_config('almoner.chart', '', true);"
"""A chart is judged anew for another actor, and when somebody's panel, team or site has changed."""
ENTER = "access.enter_staff(text, text, text, text, text, text)"
FOLLOW = "access.follow_links()"


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    driver.execute(JUDGE_ONCE)
    for table in map(_snake, DATED):
        op.execute(BY_DATE.format(table=table))
    for table in map(_snake, CODED):
        op.execute(BY_CODE.format(table=table))
    op.execute(BY_NAME)
    for function, at in ((ENTER, "BEGIN\n"), (FOLLOW, "BEGIN\n")):
        _change(function, at, f"{at}  {FORGET}\n")


def downgrade() -> None:
    for function, at in ((ENTER, "BEGIN\n"), (FOLLOW, "BEGIN\n")):
        _change(function, f"{at}  {FORGET}\n", at)
    op.get_bind().connection.driver_connection.execute(JUDGE_EACH)
    op.execute("DROP INDEX fhir.patient_in_order")
    for table in map(_snake, CODED):
        op.execute(f"DROP INDEX fhir.{table}_by_code")
    for table in map(_snake, DATED):
        op.execute(f"DROP INDEX fhir.{table}_newest")
        op.execute(f'ALTER TABLE fhir."{table}" DROP COLUMN lasting')


def _change(function: str, old: str, new: str) -> None:
    """The function with one place of its text changed; fails where the text is another."""
    driver = op.get_bind().connection.driver_connection
    (words,) = driver.execute(f"SELECT pg_get_functiondef('{function}'::regprocedure)").fetchone()
    if words.count(old) != 1:
        raise RuntimeError(f"{function} is not as this migration knows it.")
    driver.execute(words.replace(old, new))


def _snake(resource_type: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", resource_type).lower()
