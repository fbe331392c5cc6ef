"""Searches that stay fast as the panel grows: indexes by date, code and name, and a chart that is judged once.

A row whose dates are close together is found by its first one; the few others have a small index of their own.
"""

from __future__ import annotations

import re
from importlib import import_module

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
OF_VISITS = """
AllergyIntolerance CarePlan CareTeam ChargeItem ClinicalImpression Communication CommunicationRequest Condition
DeviceRequest DiagnosticReport DocumentReference Flag GuidanceResponse ImagingStudy Immunization List Media
MedicationAdministration MedicationDispense MedicationRequest MedicationStatement NutritionOrder Observation Procedure
QuestionnaireResponse RequestGroup RiskAssessment ServiceRequest Task VisionPrescription
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
BY_ENCOUNTER = """
CREATE INDEX {table}_by_encounter ON fhir."{table}" (encounter_id) WHERE encounter_id IS NOT NULL;
"""
BY_NAME = "CREATE INDEX patient_in_order ON fhir.patient (left(name_text, 100), id) WHERE NOT deleted"
"""An index has no room for the longest names: the first hundred characters are a name's place in a list."""

ENTER_STAFF = """
CREATE OR REPLACE FUNCTION access.enter_staff(who text, their_roles text, base text, seen text, one text, at text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  reach text := CASE base WHEN 'all' THEN 'all' WHEN 'site' THEN 'listed' WHEN 'panel' THEN 'listed' ELSE 'none' END;
  holders text := '';
BEGIN
  IF reach = 'listed' THEN
    holders := array_to_string(ARRAY(
      SELECT 'Practitioner/' || a.practitioner_id FROM access.account a
      WHERE a.id = who AND a.practitioner_id IS NOT NULL
      UNION ALL SELECT unnest(a.sites) FROM access.account a WHERE a.id = who AND base = 'site'), ',');
  END IF;
  PERFORM set_config('almoner.actor', who, true), set_config('almoner.roles', their_roles, true),
    set_config('almoner.base', base, true), set_config('almoner.labels', seen, true),
    set_config('almoner.at', at, true), set_config('almoner.patient', one, true),
    set_config('almoner.chart', '', true), set_config('almoner.reach', 'all', true),
    set_config('almoner.holders', holders, true), set_config('almoner.rules', '', true);
  IF NOT EXISTS (SELECT FROM access.rule_in_force r WHERE r.label IS NULL)
      AND NOT EXISTS (SELECT FROM access.glass_broken g) THEN
    PERFORM set_config('almoner.rules', 'none', true);
  ELSIF reach = 'all' AND EXISTS (SELECT FROM access.shut_patients()) THEN
    reach := 'all_but';
  END IF;
  IF one <> '' THEN
    reach := CASE
      WHEN reach = 'listed' THEN
        (SELECT CASE WHEN one IN (SELECT access.open_patients()) THEN 'one' ELSE 'none' END)
      WHEN reach = 'none' OR one IN (SELECT access.shut_patients()) THEN 'none' ELSE 'one' END;
  END IF;
  PERFORM set_config('almoner.reach', reach, true);
END $$;
"""
FOLLOW = "access.follow_links()"
BEGIN, FORGET = "BEGIN\n", "BEGIN\n  PERFORM set_config('almoner.chart', '', true);\n"
"""A chart is judged anew when somebody's panel, team or site has changed."""


def upgrade() -> None:
    driver = op.get_bind().connection.driver_connection
    driver.execute(JUDGE_ONCE)
    for table in map(_snake, DATED):
        op.execute(BY_DATE.format(table=table))
    for table in map(_snake, CODED):
        op.execute(BY_CODE.format(table=table))
    for table in map(_snake, OF_VISITS):
        op.execute(BY_ENCOUNTER.format(table=table))
    op.execute(BY_NAME)
    driver.execute(ENTER_STAFF)
    _change(FOLLOW, BEGIN, FORGET)


def downgrade() -> None:
    _change(FOLLOW, FORGET, BEGIN)
    for name in ("enter_staff", "chart_is_open"):
        op.get_bind().connection.driver_connection.execute(_as_it_was(name))
    op.execute("DROP FUNCTION access.open_chart")
    op.execute("DROP INDEX fhir.patient_in_order")
    for table in map(_snake, OF_VISITS):
        op.execute(f"DROP INDEX fhir.{table}_by_encounter")
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


def _as_it_was(function: str) -> str:
    """The words that migration 0015 made it with."""
    made = import_module("ehr_core.db.migrations.versions.0015_patient_policy").FUNCTIONS
    (words,) = re.findall(rf"CREATE (FUNCTION access\.{function}\(.*?\$\$;)", made, re.DOTALL)
    return f"CREATE OR REPLACE {words}"
