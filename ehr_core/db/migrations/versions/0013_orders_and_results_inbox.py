"""Order drafts, signatures and repeats; the results inbox with its arrivals, coverage, pools and unmatched results.

What is ordered and what came back stay FHIR resources. Here is only the state of the work: who prepared, who signed,
who has to look, who covers. Triggers put every result that may be news into `results_inbox.arrival`, in the
transaction that stores it, whichever way it was written.
"""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import APP_ROLE, protect, protect_staff_only

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ORDERS = """
CREATE SCHEMA orders;

CREATE TABLE orders.draft (
  draft_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  place bigint GENERATED ALWAYS AS IDENTITY,
  patient_id text NOT NULL,
  item_key text,
  kind text NOT NULL,
  code_system text NOT NULL,
  code text NOT NULL,
  display text NOT NULL,
  details jsonb NOT NULL,
  gap_id text,
  result_item_id text,
  prepared_at timestamptz NOT NULL,
  prepared_by text NOT NULL,
  prepared_by_name text NOT NULL,
  state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'signed', 'discarded')),
  settled_at timestamptz,
  settled_by text,
  settled_by_name text,
  version bigint NOT NULL DEFAULT 1,
  CONSTRAINT settled_by_somebody CHECK ((state = 'draft') = (settled_at IS NULL))
);
COMMENT ON COLUMN orders.draft.draft_id IS 'The ServiceRequest that signing makes has this id: it cannot be made twice';
COMMENT ON COLUMN orders.draft.item_key IS 'Of the catalogue; null for a code that the catalogue does not list';
CREATE INDEX draft_waiting ON orders.draft (patient_id, place) WHERE state = 'draft';

CREATE TABLE orders.signature (
  sign_key uuid PRIMARY KEY,
  patient_id text NOT NULL,
  signed_at timestamptz NOT NULL,
  signed_by text NOT NULL,
  draft_ids uuid[] NOT NULL
);
COMMENT ON TABLE orders.signature IS
  'One act of signing. The same key again answers what was signed, and signs nothing';

CREATE TABLE orders.repeat (
  order_id text PRIMARY KEY,
  patient_id text NOT NULL,
  mode text NOT NULL CHECK (mode IN ('recurring', 'standing')),
  every integer CHECK (every > 0),
  unit text CHECK (unit IN ('day', 'week', 'month')),
  first_on date NOT NULL,
  next_due_on date,
  ends_on date,
  most integer CHECK (most > 0),
  made integer NOT NULL DEFAULT 0,
  ended_at timestamptz,
  version bigint NOT NULL DEFAULT 1,
  CONSTRAINT recurring_has_a_rhythm CHECK (mode = 'standing' OR (every IS NOT NULL AND unit IS NOT NULL)),
  CONSTRAINT it_ends CHECK (ends_on IS NOT NULL OR most IS NOT NULL)
);
COMMENT ON COLUMN orders.repeat.order_id IS 'The ServiceRequest that was signed; each instance is based on it';
CREATE INDEX repeat_due ON orders.repeat (next_due_on) WHERE ended_at IS NULL AND mode = 'recurring';
CREATE INDEX repeat_by_patient ON orders.repeat (patient_id);

CREATE INDEX service_request_open ON fhir.service_request (date_low, id) WHERE NOT deleted AND status = 'active';
"""

INBOX = """
CREATE SCHEMA results_inbox;

CREATE TABLE results_inbox.arrival (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  resource_type text NOT NULL,
  resource_id text NOT NULL,
  patient_id text,
  arrived_at timestamptz NOT NULL DEFAULT now(),
  tries smallint NOT NULL DEFAULT 0,
  try_again_at timestamptz
);
COMMENT ON TABLE results_inbox.arrival IS
  'What was stored and nobody has routed yet; a row goes in the transaction that routes it, never before';
CREATE INDEX arrival_of_resource ON results_inbox.arrival (resource_type, resource_id);

CREATE TABLE results_inbox.item (
  item_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  resource_type text NOT NULL,
  resource_id text NOT NULL,
  patient_id text NOT NULL,
  result_version bigint NOT NULL,
  content_hash text NOT NULL,
  state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'acknowledged', 'closed')),
  grade text NOT NULL,
  grade_rank smallint NOT NULL,
  grade_reason text NOT NULL,
  notice text NOT NULL CHECK (notice IN ('new', 'corrected', 'cancelled', 'withdrawn', 'unreadable')),
  code_token text,
  group_key text NOT NULL,
  order_id text,
  owner_practitioner text,
  owner_pool text,
  owner_reason text NOT NULL,
  arrived_at timestamptz NOT NULL,
  notified_at timestamptz NOT NULL,
  acknowledged_version bigint,
  acknowledged_at timestamptz,
  acknowledged_by text,
  acknowledged_by_name text,
  seen_version bigint,
  closed_at timestamptz,
  closed_by_name text,
  closing_act text,
  escalation_level smallint NOT NULL DEFAULT 0,
  escalated_at timestamptz,
  escalated_practitioner text,
  escalated_pool text,
  version bigint NOT NULL DEFAULT 1,
  CONSTRAINT one_item_a_result UNIQUE (resource_type, resource_id),
  CONSTRAINT somebody_owns_it CHECK ((owner_practitioner IS NULL) <> (owner_pool IS NULL)),
  CONSTRAINT closed_by_an_act CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);
COMMENT ON COLUMN results_inbox.item.content_hash IS 'Of the result without its review: another one is a correction';
COMMENT ON COLUMN results_inbox.item.seen_version IS 'The last version that somebody acknowledged before a correction';
COMMENT ON COLUMN results_inbox.item.notified_at IS 'When it last became new; the clock of the escalation';
CREATE INDEX item_of_owner ON results_inbox.item (owner_practitioner, grade_rank, notified_at) WHERE state <> 'closed';
CREATE INDEX item_of_pool ON results_inbox.item (owner_pool, grade_rank, notified_at) WHERE state <> 'closed';
CREATE INDEX item_unacknowledged ON results_inbox.item (notified_at) WHERE state = 'new' AND grade = 'critical';
CREATE INDEX item_by_patient ON results_inbox.item (patient_id, group_key);

CREATE TABLE results_inbox.event (
  event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  item_id uuid NOT NULL,
  patient_id text NOT NULL,
  at timestamptz NOT NULL,
  actor_id text NOT NULL,
  actor_name text NOT NULL,
  act text NOT NULL,
  reference text,
  note text
);
CREATE INDEX event_of_item ON results_inbox.event (item_id, event_id);

CREATE TABLE results_inbox.received (
  received_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  source text NOT NULL,
  message_id text NOT NULL,
  received_at timestamptz NOT NULL,
  body text NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'stored', 'set_aside')),
  why text,
  grade text NOT NULL,
  grade_rank smallint NOT NULL,
  grade_reason text NOT NULL,
  resource_type text,
  resource_id text,
  patient_id text,
  order_id text,
  settled_at timestamptz,
  settled_by_name text,
  note text,
  version bigint NOT NULL DEFAULT 1,
  CONSTRAINT received_once UNIQUE (source, message_id),
  CONSTRAINT settled CHECK ((state = 'waiting') = (settled_at IS NULL))
);
COMMENT ON TABLE results_inbox.received IS
  'Results as they were sent, kept whatever became of them; also a stored result that names no patient';
CREATE INDEX received_waiting ON results_inbox.received (grade_rank, received_at) WHERE state = 'waiting';

CREATE TABLE results_inbox.coverage (
  coverage_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  away_practitioner text NOT NULL,
  covering_practitioner text,
  covering_pool text,
  starts_on date NOT NULL,
  ends_on date NOT NULL,
  made_at timestamptz NOT NULL,
  made_by text NOT NULL,
  made_by_name text NOT NULL,
  cancelled_at timestamptz,
  cancelled_by_name text,
  version bigint NOT NULL DEFAULT 1,
  CONSTRAINT somebody_covers CHECK ((covering_practitioner IS NULL) <> (covering_pool IS NULL)),
  CONSTRAINT nobody_covers_for_themselves CHECK (covering_practitioner IS DISTINCT FROM away_practitioner),
  CONSTRAINT it_lasts CHECK (ends_on >= starts_on)
);
CREATE INDEX coverage_in_force ON results_inbox.coverage (ends_on) WHERE cancelled_at IS NULL;

CREATE TABLE results_inbox.pool (
  pool_id text PRIMARY KEY,
  name text NOT NULL UNIQUE,
  purpose text NOT NULL CHECK (purpose IN ('unassigned', 'on_call', 'team'))
);
INSERT INTO results_inbox.pool (pool_id, name, purpose) VALUES
  ('unassigned', 'Results without a clinician', 'unassigned'),
  ('on_call', 'On call', 'on_call');

CREATE TABLE results_inbox.pool_member (
  pool_id text NOT NULL REFERENCES results_inbox.pool (pool_id),
  practitioner_id text NOT NULL,
  PRIMARY KEY (pool_id, practitioner_id)
);
COMMENT ON TABLE results_inbox.pool_member IS 'A pool without members is everybody''s who may act on results';
"""

SEEN = (
    "'{"
    + ",".join(
        f"http://terminology.hl7.org/CodeSystem/observation-category|{kind}"
        for kind in ("vital-signs", "survey", "social-history", "exam", "activity", "therapy")
    )
    + "}'::text[]"
)
UNSEEN = (
    "'{"
    + ",".join(
        f"http://terminology.hl7.org/CodeSystem/observation-category|{kind}"
        for kind in ("laboratory", "imaging")
    )
    + "}'::text[]"
)
REVIEW_URL = "https://almoner.dev/fhir/StructureDefinition/result-review"

ARRIVALS = f"""
CREATE FUNCTION results_inbox.is_recent(low timestamptz, stored timestamptz, body text) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT low IS NULL OR low >= stored - interval '62 days'
      OR CASE WHEN strpos(body, '"issued"') > 0
              THEN left(CAST(body AS jsonb) ->> 'issued', 10) >= to_char(stored - interval '62 days', 'YYYY-MM-DD')
              ELSE false END
$$;
COMMENT ON FUNCTION results_inbox.is_recent IS
  'Two days wider than what counts as awaiting review: routing judges exactly, in the site''s time zone';

CREATE FUNCTION results_inbox.note_results() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO results_inbox.arrival (resource_type, resource_id, patient_id)
  SELECT TG_ARGV[0], fresh.id, fresh.patient_id FROM fresh
   WHERE EXISTS (SELECT 1 FROM results_inbox.item
                  WHERE item.resource_type = TG_ARGV[0] AND item.resource_id = fresh.id)
      OR CASE WHEN fresh.deleted OR fresh.status NOT IN ('final', 'amended', 'corrected', 'appended', 'cancelled')
                OR strpos(fresh.body, '{REVIEW_URL}') > 0
                OR (coalesce(fresh.category_tokens, '{{}}') && {SEEN}
                    AND NOT coalesce(fresh.category_tokens, '{{}}') && {UNSEEN})
              THEN false
              ELSE results_inbox.is_recent(fresh.date_low, fresh.last_updated, fresh.body) END;
  RETURN NULL;
END $$;

CREATE FUNCTION results_inbox.note_answers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO results_inbox.arrival (resource_type, resource_id, patient_id)
  SELECT TG_ARGV[0], fresh.id, fresh.patient_id FROM fresh
   WHERE NOT fresh.deleted AND fresh.patient_id IS NOT NULL
     AND fresh.status IN ('final', 'amended', 'corrected', 'appended', 'completed')
     AND EXISTS (SELECT 1 FROM fhir.service_request AS asked
                  WHERE asked.patient_id = fresh.patient_id AND asked.status = 'active' AND NOT asked.deleted
                    AND asked.code_tokens && fresh.code_tokens);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION results_inbox.note_answers IS
  'What is no news to anybody may still be what an order asked for: a blood pressure, a vaccination, a procedure';

CREATE FUNCTION results_inbox.note_letters() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO results_inbox.arrival (resource_type, resource_id, patient_id)
  SELECT TG_ARGV[0], fresh.id, fresh.patient_id FROM fresh
   WHERE NOT fresh.deleted AND fresh.patient_id IS NOT NULL AND fresh.status = 'current'
     AND EXISTS (SELECT 1 FROM unnest(fresh.reference_tokens) AS token
                  WHERE starts_with(token, 'related:ServiceRequest/'));
  RETURN NULL;
END $$;
COMMENT ON FUNCTION results_inbox.note_letters IS 'A document that names an order answers it: a specialist''s letter';
"""

FOLLOWED = (
    ("note_results", "Observation", "observation"),
    ("note_results", "DiagnosticReport", "diagnostic_report"),
    ("note_answers", "Observation", "observation"),
    ("note_answers", "Immunization", "immunization"),
    ("note_answers", "Procedure", "procedure"),
    ("note_letters", "DocumentReference", "document_reference"),
)
EVENTS = ("INSERT", "UPDATE")

ALL_GRANTS = ("SELECT", "INSERT", "UPDATE", "DELETE")


def upgrade() -> None:
    for part in (ORDERS, INBOX, ARRIVALS):
        op.execute(part)
    op.execute(f"GRANT USAGE ON SCHEMA orders, results_inbox TO {APP_ROLE}")
    for table in ("orders.draft", "orders.repeat", "results_inbox.item"):
        protect(op, table)
    for table in ("orders.signature", "results_inbox.event"):
        protect(op, table, grants=("SELECT", "INSERT"))
    protect(op, "results_inbox.arrival", grants=ALL_GRANTS)
    for table in ("received", "coverage", "pool"):
        protect_staff_only(op, f"results_inbox.{table}")
    protect_staff_only(op, "results_inbox.pool_member", grants=ALL_GRANTS)
    for function, resource_type, table in FOLLOWED:
        for event in EVENTS:
            op.execute(
                f"CREATE TRIGGER {function}_on_{event.lower()} AFTER {event} ON fhir.{table} "
                f"REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT "
                f"EXECUTE FUNCTION results_inbox.{function}('{resource_type}')"
            )


def downgrade() -> None:
    for function, _, table in FOLLOWED:
        for event in EVENTS:
            op.execute(f"DROP TRIGGER {function}_on_{event.lower()} ON fhir.{table}")
    op.execute("DROP INDEX fhir.service_request_open")
    op.execute("DROP SCHEMA results_inbox CASCADE")
    op.execute("DROP SCHEMA orders CASCADE")
