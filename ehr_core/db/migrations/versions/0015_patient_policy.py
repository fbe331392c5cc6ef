"""Who may open whose chart: rules, panels, broken glass, proxies, and the labels of what is sensitive.

Every resource gets a column with its sensitive labels, its own and those that its codes call for.
"""

from __future__ import annotations

import json

from alembic import op
from sqlalchemy import text

from data_contracts.sensitivity import ORDINARY_LABELS, short_label
from data_contracts.valuesets import value_set
from ehr_core.db.row_security import (
    APP_ROLE,
    EVERYONE,
    OWN,
    chart_condition,
    label_condition,
)

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SETTING = "coalesce(current_setting('almoner.{name}', true), '')"
ACTOR, ROLES, SEEN = (SETTING.format(name=name) for name in ("actor", "roles", "labels"))

TABLES = """
ALTER TABLE access.account ADD COLUMN sites text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN access.account.sites IS 'Organization/id of the places whose patients a role of reach site opens';

CREATE TABLE access.role_policy (
  role text PRIMARY KEY,
  reach text NOT NULL CHECK (reach IN ('all', 'site', 'panel', 'none')),
  labels text[] NOT NULL,
  changed_at timestamptz NOT NULL,
  changed_by text NOT NULL
);
COMMENT ON TABLE access.role_policy IS 'What this site says of a role in place of roles.toml; labels {*} are all';

CREATE TABLE access.chart_rule (
  id text PRIMARY KEY,
  patient_id text NOT NULL,
  effect text NOT NULL CHECK (effect IN ('allow', 'deny')),
  subject_kind text NOT NULL CHECK (subject_kind IN ('account', 'role', 'everyone')),
  subject text,
  label text,
  even_in_emergency boolean NOT NULL DEFAULT false,
  asked_by text NOT NULL CHECK (asked_by IN ('patient', 'site', 'law')),
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  starts_at timestamptz NOT NULL,
  ends_at timestamptz,
  made_by text NOT NULL,
  made_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_by text,
  CHECK ((subject_kind = 'everyone') = (subject IS NULL))
);
COMMENT ON COLUMN access.chart_rule.label IS 'The sensitive label it is about; null: the whole chart';
CREATE INDEX chart_rule_by_patient ON access.chart_rule (patient_id) WHERE ended_at IS NULL;

CREATE TABLE access.break_glass (
  id text PRIMARY KEY,
  account_id text NOT NULL REFERENCES access.account (id),
  patient_id text NOT NULL,
  reason text NOT NULL CHECK (reason IN ('emergency', 'covering', 'patient_asked', 'safety_check')),
  words text NOT NULL CHECK (length(words) BETWEEN 10 AND 500),
  opened_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  closed_at timestamptz,
  reviewed_at timestamptz,
  reviewed_by text,
  review text CHECK (review IN ('justified', 'not_justified', 'follow_up')),
  review_words text,
  CHECK ((reviewed_at IS NULL) = (review IS NULL))
);
CREATE INDEX break_glass_by_account ON access.break_glass (account_id, ends_at DESC);
CREATE INDEX break_glass_to_review ON access.break_glass (opened_at) WHERE reviewed_at IS NULL;

CREATE TABLE access.proxy_grant (
  id text PRIMARY KEY,
  account_id text NOT NULL REFERENCES access.account (id),
  patient_id text NOT NULL,
  relationship text NOT NULL CHECK (relationship IN ('parent', 'guardian', 'caregiver', 'power_of_attorney')),
  scope text[] NOT NULL CHECK (cardinality(scope) > 0),
  legally_renewed boolean NOT NULL DEFAULT false,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz,
  made_by text NOT NULL,
  made_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_by text
);
COMMENT ON COLUMN access.proxy_grant.legally_renewed IS 'A court or the adult patient renewed it: age does not end it';
CREATE INDEX proxy_grant_by_account ON access.proxy_grant (account_id) WHERE ended_at IS NULL;
ALTER TABLE access.session ADD COLUMN acting_for text;
COMMENT ON COLUMN access.session.acting_for IS 'The patient whose record a proxy looks at in this session';

CREATE TABLE access.chart_link (
  patient_id text NOT NULL,
  holder text NOT NULL,
  via text NOT NULL CHECK (via IN ('panel', 'site', 'care_team')),
  source_id text NOT NULL,
  PRIMARY KEY (holder, patient_id, via, source_id)
);
COMMENT ON TABLE access.chart_link IS 'Whose panel, care team and site a patient is of; triggers keep it';
CREATE INDEX chart_link_by_source ON access.chart_link (via, source_id);
"""

FUNCTIONS = f"""
CREATE FUNCTION access.moment() RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT coalesce(nullif(current_setting('almoner.at', true), '')::timestamptz, now()) $$;

CREATE VIEW access.rule_in_force WITH (security_invoker = true) AS
SELECT r.patient_id, r.effect, r.label, r.even_in_emergency FROM access.chart_rule r
WHERE r.ended_at IS NULL AND r.starts_at <= access.moment()
  AND (r.ends_at IS NULL OR r.ends_at > access.moment()) AND {ROLES} <> '' AND CASE r.subject_kind
    WHEN 'everyone' THEN current_setting('almoner.reach', true) <> 'own'
    WHEN 'account' THEN r.subject = {ACTOR}
    ELSE r.subject = ANY(string_to_array({ROLES}, ',')) END;

CREATE VIEW access.glass_broken WITH (security_invoker = true) AS
SELECT patient_id, ends_at FROM access.break_glass
WHERE account_id = {ACTOR} AND closed_at IS NULL AND opened_at <= access.moment() AND ends_at > access.moment();

CREATE FUNCTION access.shut_patients() RETURNS SETOF text LANGUAGE sql STABLE ROWS 10 AS $$
  SELECT r.patient_id FROM access.rule_in_force r
  WHERE r.effect = 'deny' AND r.label IS NULL
    AND (r.even_in_emergency OR r.patient_id NOT IN (SELECT g.patient_id FROM access.glass_broken g)) $$;

CREATE FUNCTION access.let_in() RETURNS SETOF text LANGUAGE sql STABLE ROWS 10 AS $$
  SELECT r.patient_id FROM access.rule_in_force r WHERE r.effect = 'allow' AND r.label IS NULL
  UNION ALL SELECT g.patient_id FROM access.glass_broken g $$;

CREATE FUNCTION access.open_patients() RETURNS SETOF text LANGUAGE sql STABLE ROWS 500 AS $$
  SELECT o.patient_id FROM (
    SELECT l.patient_id FROM access.account a
    JOIN access.chart_link l ON l.holder = 'Practitioner/' || a.practitioner_id
    WHERE a.id = {ACTOR}
    UNION ALL SELECT l.patient_id FROM access.account a JOIN access.chart_link l ON l.holder = ANY(a.sites)
    WHERE a.id = {ACTOR} AND current_setting('almoner.base', true) = 'site'
    UNION ALL SELECT r.patient_id FROM access.rule_in_force r WHERE r.effect = 'allow' AND r.label IS NULL
    UNION ALL SELECT g.patient_id FROM access.glass_broken g
  ) AS o WHERE o.patient_id NOT IN (SELECT access.shut_patients()) $$;

CREATE FUNCTION access.label_open(labels text[], whose text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
  seen text := {SEEN};
  broken boolean := EXISTS (SELECT FROM access.glass_broken g WHERE g.patient_id = whose);
BEGIN
  IF seen = 'whole' THEN
    RETURN true;
  END IF;
  IF EXISTS (SELECT FROM access.rule_in_force r WHERE r.patient_id = whose AND r.effect = 'deny'
      AND r.label = ANY(labels) AND (r.even_in_emergency OR NOT broken)) THEN
    RETURN false;
  END IF;
  RETURN seen = '*' OR broken OR labels <@ (string_to_array(seen, ',') || ARRAY(
    SELECT r.label FROM access.rule_in_force r
    WHERE r.patient_id = whose AND r.effect = 'allow' AND r.label IS NOT NULL));
END $$;

CREATE FUNCTION access.chart_is_open(whose text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT {chart_condition("whose")} $$;

CREATE FUNCTION access.chart_is_shut_for_good(whose text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM access.rule_in_force r
    WHERE r.patient_id = whose AND r.effect = 'deny' AND r.label IS NULL AND r.even_in_emergency) $$;

CREATE FUNCTION access.birth_date_of(whose text) RETURNS date
LANGUAGE sql STABLE SECURITY DEFINER SET almoner.reach = 'all' SET search_path = pg_catalog, public AS $$
  SELECT p.birth_date FROM fhir.patient p WHERE p.id = whose AND NOT p.deleted $$;
COMMENT ON FUNCTION access.birth_date_of IS 'At sign-in, before anybody reaches a record: age narrows and ends a proxy';

CREATE FUNCTION access.enter_staff(who text, their_roles text, base text, seen text, one text, at text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  reach text;
BEGIN
  PERFORM set_config('almoner.actor', who, true), set_config('almoner.roles', their_roles, true),
    set_config('almoner.base', base, true), set_config('almoner.labels', seen, true),
    set_config('almoner.at', at, true), set_config('almoner.patient', one, true),
    set_config('almoner.reach', 'all', true), set_config('almoner.holders', array_to_string(ARRAY(
      SELECT 'Practitioner/' || a.practitioner_id FROM access.account a
      WHERE a.id = who AND a.practitioner_id IS NOT NULL
      UNION ALL SELECT unnest(a.sites) FROM access.account a WHERE a.id = who AND base = 'site'), ','), true),
    set_config('almoner.rules', '', true);
  IF NOT EXISTS (SELECT FROM access.rule_in_force r WHERE r.label IS NULL)
      AND NOT EXISTS (SELECT FROM access.glass_broken g) THEN
    PERFORM set_config('almoner.rules', 'none', true);
  END IF;
  reach := CASE WHEN base IN ('site', 'panel') THEN 'listed' WHEN base <> 'all' THEN 'none'
    WHEN EXISTS (SELECT FROM access.shut_patients()) THEN 'all_but' ELSE 'all' END;
  IF one <> '' THEN
    reach := CASE
      WHEN reach = 'listed' THEN
        (SELECT CASE WHEN one IN (SELECT access.open_patients()) THEN 'one' ELSE 'none' END)
      WHEN reach = 'none' OR one IN (SELECT access.shut_patients()) THEN 'none' ELSE 'one' END;
  END IF;
  PERFORM set_config('almoner.reach', reach, true);
END $$;
COMMENT ON FUNCTION access.enter_staff IS 'Begins a transaction of staff: how far this one reaches, by rules and role';

CREATE FUNCTION access.links_of(what text, ids text[])
RETURNS TABLE (patient_id text, holder text, via text, source_id text)
LANGUAGE sql STABLE AS $$
  SELECT p.id, substr(token, strpos(token, ':') + 1),
    CASE WHEN token LIKE 'organization:%' THEN 'site' ELSE 'panel' END, p.id
  FROM fhir.patient p, unnest(p.reference_tokens) AS token
  WHERE what = 'patient' AND p.id = ANY(ids) AND NOT p.deleted
    AND (token LIKE 'general-practitioner:Practitioner/%' OR token LIKE 'organization:Organization/%')
  UNION SELECT t.patient_id, substr(token, strpos(token, ':') + 1), 'care_team', t.id
  FROM fhir.care_team t, unnest(t.reference_tokens) AS token
  WHERE what = 'care_team' AND t.id = ANY(ids) AND NOT t.deleted AND t.patient_id IS NOT NULL
    AND coalesce(t.status, 'active') = 'active' AND token LIKE 'participant:Practitioner/%' $$;

CREATE FUNCTION access.follow_links() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET almoner.reach = 'all' SET search_path = pg_catalog, public AS $$
DECLARE
  ids text[] := ARRAY(SELECT id FROM written);
BEGIN
  DELETE FROM access.chart_link l WHERE l.source_id = ANY(ids)
    AND l.via IN ('care_team', 'panel', 'site') AND (l.via = 'care_team') = (TG_ARGV[0] = 'care_team');
  INSERT INTO access.chart_link (patient_id, holder, via, source_id)
  SELECT f.patient_id, f.holder, f.via, f.source_id FROM access.links_of(TG_ARGV[0], ids) f ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
"""

LINKED = ("patient", "care_team")
OLD_EVERYONE = f"USING ({EVERYONE}) WITH CHECK ({EVERYONE})"
LABEL_OF_SET = {
    "sensitive_hiv": "HIV",
    "sensitive_reproductive": "SEX",
    "sensitive_substance_use": "SUD",
    "sensitive_mental_health": "PSY",
}
RESOURCES = "SELECT tablename FROM pg_tables WHERE schemaname = 'fhir' ORDER BY 1"
OF_PATIENTS = (
    "SELECT tablename FROM pg_policies WHERE schemaname = 'fhir' AND policyname = 'by_patient' ORDER BY 1"
)


def upgrade() -> None:
    connection = op.get_bind()
    op.execute(TABLES)
    op.execute(
        "SELECT set_config('almoner.actor', 'migration', true), set_config('almoner.reach', 'all', true)"
    )
    for table in connection.exec_driver_sql(RESOURCES).scalars().all():
        op.execute(f'ALTER TABLE fhir."{table}" ADD COLUMN sensitivity text[]')
    connection.connection.driver_connection.execute(FUNCTIONS)
    for table in LINKED:
        for event, name in (("INSERT", "follow_new_links"), ("UPDATE", "follow_changed_links")):
            op.execute(
                f"CREATE TRIGGER {name} AFTER {event} ON fhir.{table} REFERENCING NEW TABLE AS written "
                f"FOR EACH STATEMENT EXECUTE FUNCTION access.follow_links('{table}')"
            )
        op.execute(
            "INSERT INTO access.chart_link (patient_id, holder, via, source_id) SELECT patient_id, holder, via, "
            f"source_id FROM access.links_of('{table}', ARRAY(SELECT id FROM fhir.{table})) ON CONFLICT DO NOTHING"
        )
    tables = list(connection.exec_driver_sql(OF_PATIENTS).scalars())
    _protect(tables)
    _label_what_is_there(connection, tables)
    op.execute("SELECT set_config('almoner.actor', '', true), set_config('almoner.reach', '', true)")


def _protect(tables: list[str]) -> None:
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON access.role_policy TO {APP_ROLE}")
    op.execute(f"GRANT SELECT ON access.rule_in_force, access.glass_broken TO {APP_ROLE}")
    for table in ("access.chart_rule", "access.break_glass"):
        _of_staff(table, "SELECT, INSERT, UPDATE")
    _of_staff("access.chart_link", "SELECT")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON access.proxy_grant TO {APP_ROLE}")
    for table in tables:
        column = "id" if table in ("patient", "patient_history") else "patient_id"
        op.execute(
            f'CREATE POLICY by_label ON fhir."{table}" AS RESTRICTIVE USING ({label_condition("sensitivity", column)}) '
            "WITH CHECK (true)"
        )


def _of_staff(table: str, grants: str) -> None:
    """Read by the conditions of every other table, so its own must not call them."""
    own = OWN.format(column="patient_id")
    named = f"current_setting('almoner.reach', true) IN ('all', 'all_but', 'listed', 'one') OR ({own})"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY conditions_read ON {table} USING ({named}) WITH CHECK ({named})")
    op.execute(f"GRANT {grants} ON {table} TO {APP_ROLE}")


def _label_what_is_there(connection, tables: list[str]) -> None:
    """The labels of what was stored before there was a column for them."""
    exact, prefixes = _sensitive_codes()
    for table in tables:
        rows = connection.execute(text(f"SELECT id, version_id, body FROM fhir.\"{table}\" WHERE body <> ''"))
        found = [
            {"id": row.id, "version": row.version_id, "labels": labels}
            for row in rows
            if (labels := _labels(json.loads(row.body), exact, prefixes))
        ]
        if found:
            connection.execute(
                text(
                    f'UPDATE fhir."{table}" SET sensitivity = :labels WHERE id = :id AND version_id = :version'
                ),
                found,
            )


def _sensitive_codes() -> tuple[dict[str, str], list[tuple[str, str]]]:
    exact, prefixes = {}, []
    for name, label in LABEL_OF_SET.items():
        for code in value_set(name).codes:
            token = f"{code.system.uri}|{code.code}"
            if code.is_prefix:
                prefixes.append((token, label))
            else:
                exact[token] = label
    return exact, prefixes


def _labels(resource: dict, exact: dict[str, str], prefixes: list[tuple[str, str]]) -> list[str]:
    given = [
        (one.get("system", ""), one.get("code", ""))
        for one in (resource.get("meta") or {}).get("security") or ()
    ]
    restricting = [short_label(*label) for label in given if label not in ORDINARY_LABELS]
    if restricting:
        return sorted(set(restricting))
    concepts = [
        holder.get(element)
        for holder in (resource, *(resource.get("component") or ()))
        if isinstance(holder, dict)
        for element in ("code", "valueCodeableConcept", "vaccineCode", "medicationCodeableConcept")
    ]
    for element in ("reasonCode", "conclusionCode"):
        concepts += resource.get(element) or []
    tokens = {
        f"{coding.get('system', '')}|{coding.get('code', '')}"
        for concept in concepts
        if isinstance(concept, dict)
        for coding in concept.get("coding") or ()
    }
    found = {exact[token] for token in tokens if token in exact}
    found |= {label for start, label in prefixes if any(token.startswith(start) for token in tokens)}
    return sorted(found)


def downgrade() -> None:
    connection = op.get_bind()
    _take_policies_back(connection)
    for table in LINKED:
        for name in ("follow_new_links", "follow_changed_links"):
            op.execute(f"DROP TRIGGER {name} ON fhir.{table}")
    for table in connection.exec_driver_sql(OF_PATIENTS).scalars().all():
        op.execute(f'DROP POLICY by_label ON fhir."{table}"')
    for table in connection.exec_driver_sql(RESOURCES).scalars().all():
        op.execute(f'ALTER TABLE fhir."{table}" DROP COLUMN sensitivity')
    op.execute("DROP FUNCTION access.chart_is_open, access.chart_is_shut_for_good, access.birth_date_of")
    op.execute(
        "DROP FUNCTION access.enter_staff, access.let_in, access.label_open, access.open_patients, access.shut_patients"
    )
    op.execute("DROP FUNCTION access.follow_links, access.links_of")
    op.execute("DROP VIEW access.rule_in_force, access.glass_broken")
    op.execute("DROP FUNCTION access.moment")
    op.execute(
        "DROP TABLE access.chart_link, access.proxy_grant, access.break_glass, access.chart_rule, access.role_policy"
    )
    op.execute("ALTER TABLE access.session DROP COLUMN acting_for")
    op.execute("ALTER TABLE access.account DROP COLUMN sites")


def _take_policies_back(connection) -> None:
    """The conditions as they were when each table was made."""
    own_news = (
        "current_setting('almoner.reach', true) = 'own' "
        "AND patient_ids = ARRAY[current_setting('almoner.patient', true)]"
    )
    op.execute(f"ALTER POLICY own_reads ON core.outbox USING ({own_news})")
    op.execute(f"ALTER POLICY own_writes ON core.outbox WITH CHECK ({own_news})")
    op.execute(f"ALTER POLICY own_reads ON audit.event USING ({OWN.format(column='patient_id')})")
    op.execute(f"ALTER POLICY everyone_reads ON audit.event USING ({EVERYONE})")
    op.execute(f"ALTER POLICY everyone ON core.outbox USING ({EVERYONE})")
    rows = connection.execute(
        text(
            "SELECT format('%I.%I', schemaname, tablename) AS place, policyname AS policy FROM pg_policies WHERE "
            "policyname IN ('by_patient', 'everyone_only', 'everyone_writes') OR "
            "(policyname = 'everyone' AND schemaname = 'scheduling')"
        )
    )
    for place, policy in rows.all():
        if policy == "by_patient":
            column = "id" if place in ("fhir.patient", "fhir.patient_history") else "patient_id"
            allowed = f"{EVERYONE} OR ({OWN.format(column=column)})"
            op.execute(f"ALTER POLICY by_patient ON {place} USING ({allowed}) WITH CHECK ({allowed})")
        else:
            op.execute(f"ALTER POLICY {policy} ON {place} {OLD_EVERYONE}")
