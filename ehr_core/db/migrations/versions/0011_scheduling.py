"""Calendars, bookings that cannot overlap, holds, the flow of a day, a waitlist, and messages with their links.

The Appointment in the store is the record. `scheduling.booking` is what it occupies: one row a person, room or device,
written by triggers in the transaction of the Appointment itself, whichever way that comes. An exclusion constraint
refuses two at once. See docs/adr/0012.
"""

from __future__ import annotations

from alembic import op

from ehr_core.db.row_security import APP_ROLE, EVERYONE, SOMEONE, protect, protect_shared, protect_staff_only

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

CALENDARS = """
CREATE SCHEMA scheduling;

CREATE TABLE scheduling.site (
  site_id text PRIMARY KEY,
  name text NOT NULL,
  time_zone text NOT NULL,
  active boolean NOT NULL DEFAULT true,
  version bigint NOT NULL DEFAULT 1
);
COMMENT ON COLUMN scheduling.site.site_id IS 'Id of the FHIR Location';

CREATE TABLE scheduling.calendar (
  actor text PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('provider', 'room', 'equipment')),
  site_id text NOT NULL REFERENCES scheduling.site (site_id),
  name text NOT NULL,
  resource_kind text,
  schedule_id text NOT NULL,
  active boolean NOT NULL DEFAULT true,
  version bigint NOT NULL DEFAULT 1,
  CONSTRAINT a_resource_has_a_kind CHECK ((kind = 'provider') = (resource_kind IS NULL))
);
COMMENT ON COLUMN scheduling.calendar.actor IS 'Practitioner/…, Location/… or Device/…, as an Appointment names it';
CREATE INDEX calendar_by_site ON scheduling.calendar (site_id, kind);

CREATE TABLE scheduling.availability (
  rule_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  actor text NOT NULL REFERENCES scheduling.calendar (actor) ON DELETE CASCADE,
  site_id text NOT NULL REFERENCES scheduling.site (site_id),
  weekday smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7),
  opens time NOT NULL,
  closes time NOT NULL,
  valid_from date,
  valid_until date,
  type_codes text[],
  CONSTRAINT opens_before_it_closes CHECK (opens < closes)
);
COMMENT ON COLUMN scheduling.availability.opens IS 'On the wall clock of the site, whatever daylight saving does';
COMMENT ON COLUMN scheduling.availability.type_codes IS 'Null: any type of appointment';
CREATE INDEX availability_by_actor ON scheduling.availability (actor, weekday);

CREATE TABLE scheduling.exception (
  exception_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  actor text NOT NULL REFERENCES scheduling.calendar (actor) ON DELETE CASCADE,
  site_id text NOT NULL REFERENCES scheduling.site (site_id),
  kind text NOT NULL CHECK (kind IN ('closed', 'open')),
  first_day date NOT NULL,
  last_day date NOT NULL,
  opens time NOT NULL DEFAULT '00:00',
  closes time NOT NULL DEFAULT '24:00',
  reason text,
  CONSTRAINT days_in_order CHECK (first_day <= last_day),
  CONSTRAINT begins_before_it_ends CHECK (opens < closes)
);
CREATE INDEX exception_by_day ON scheduling.exception (last_day, first_day);

CREATE TABLE scheduling.holiday (
  holiday_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  site_id text REFERENCES scheduling.site (site_id),
  on_day date NOT NULL,
  name text NOT NULL,
  CONSTRAINT one_holiday_a_day UNIQUE NULLS NOT DISTINCT (site_id, on_day)
);
COMMENT ON COLUMN scheduling.holiday.site_id IS 'Null: every site';

CREATE TABLE scheduling.appointment_type (
  code text PRIMARY KEY,
  name text NOT NULL,
  patient_names jsonb NOT NULL,
  minutes smallint NOT NULL CHECK (minutes BETWEEN 5 AND 480),
  every_minutes smallint NOT NULL CHECK (every_minutes BETWEEN 5 AND 240),
  mode text NOT NULL CHECK (mode IN ('office', 'video', 'phone', 'home')),
  resource_kinds text[] NOT NULL,
  needs_authorization boolean NOT NULL,
  preparation text,
  patient_preparations jsonb NOT NULL,
  patient_may_book boolean NOT NULL,
  active boolean NOT NULL DEFAULT true,
  version bigint NOT NULL DEFAULT 1
);
COMMENT ON COLUMN scheduling.appointment_type.every_minutes IS 'Grid of the starts that are offered';
COMMENT ON COLUMN scheduling.appointment_type.patient_names IS 'What the portal calls it, by language';
"""

BOOKINGS = """
CREATE TABLE scheduling.booking (
  booking_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  actor text NOT NULL,
  during tstzrange NOT NULL,
  source text NOT NULL CHECK (source IN ('appointment', 'hold', 'block')),
  source_id text NOT NULL,
  held_until timestamptz,
  double_booked boolean NOT NULL DEFAULT false,
  CONSTRAINT one_at_a_time EXCLUDE USING gist (actor WITH =, during WITH &&) WHERE (NOT double_booked)
);
COMMENT ON TABLE scheduling.booking IS 'Who and what is occupied when; written by triggers alone';
COMMENT ON COLUMN scheduling.booking.double_booked IS
  'An import brought it over another one: both happened elsewhere and both are kept, nothing new goes over either';
CREATE INDEX booking_by_source ON scheduling.booking (source, source_id);
CREATE INDEX booking_by_start ON scheduling.booking (lower(during));
CREATE INDEX booking_double ON scheduling.booking (source_id) WHERE double_booked;
CREATE INDEX booking_held ON scheduling.booking (held_until) WHERE held_until IS NOT NULL;

CREATE TABLE scheduling.freed (
  freed_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  actor text NOT NULL,
  during tstzrange NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE scheduling.freed IS 'Time of a calendar that became free, until the waitlist was asked';

CREATE TABLE scheduling.hold (
  hold_id uuid PRIMARY KEY,
  patient_id text,
  purpose text NOT NULL CHECK (purpose IN ('booking', 'offer')),
  type_code text NOT NULL,
  actors text[] NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  until timestamptz NOT NULL,
  made_by text NOT NULL,
  made_at timestamptz NOT NULL,
  state text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'booked', 'released', 'expired')),
  appointment_id text,
  CONSTRAINT booked_as_something CHECK ((state = 'booked') = (appointment_id IS NOT NULL))
);
COMMENT ON COLUMN scheduling.hold.appointment_id IS 'What it was booked as: the same hold again books nothing twice';
CREATE INDEX hold_by_end ON scheduling.hold (until) WHERE state = 'held';

CREATE TABLE scheduling.series_member (
  appointment_id text PRIMARY KEY,
  series_id uuid NOT NULL,
  patient_id text NOT NULL,
  number smallint NOT NULL,
  CONSTRAINT one_place_in_a_series UNIQUE (series_id, number)
);
"""

DAY = """
CREATE TABLE scheduling.flow (
  appointment_id text PRIMARY KEY,
  patient_id text NOT NULL,
  stage text NOT NULL CHECK (stage IN ('expected', 'arrived', 'roomed', 'with_clinician', 'checked_out')),
  walk_in boolean NOT NULL DEFAULT false,
  room text,
  arrived_at timestamptz,
  roomed_at timestamptz,
  with_clinician_at timestamptz,
  checked_out_at timestamptz,
  encounter_id text,
  version bigint NOT NULL DEFAULT 1
);
COMMENT ON COLUMN scheduling.flow.version IS 'Every move counts it up: a click acts on what was drawn, or not at all';

CREATE TABLE scheduling.check_in (
  appointment_id text PRIMARY KEY,
  patient_id text NOT NULL,
  identity_checked_at timestamptz,
  identity_checked_by text,
  identity_how text CHECK (identity_how IN ('two_identifiers', 'portal_sign_in')),
  coverage_answer text CHECK (coverage_answer IN ('as_shown', 'changed', 'no_coverage')),
  coverage_note text,
  coverage_checked_at timestamptz,
  copay_amount numeric(10, 2) CHECK (copay_amount >= 0),
  copay_currency text,
  copay_how text CHECK (copay_how IN ('cash', 'card', 'check', 'pays_later', 'none_due')),
  copay_noted_at timestamptz,
  copay_noted_by text,
  reported_at timestamptz,
  version bigint NOT NULL DEFAULT 1,
  CONSTRAINT a_copay_has_a_currency CHECK ((copay_amount IS NULL) = (copay_currency IS NULL)),
  CONSTRAINT checked_by_somebody CHECK ((identity_checked_at IS NULL) = (identity_how IS NULL))
);

CREATE TABLE scheduling.waitlist (
  entry_id uuid PRIMARY KEY,
  patient_id text NOT NULL,
  type_code text NOT NULL,
  providers text[],
  site_ids text[],
  first_day date NOT NULL,
  last_day date NOT NULL,
  weekdays smallint[],
  part_of_day text NOT NULL CHECK (part_of_day IN ('any', 'morning', 'afternoon')),
  urgency smallint NOT NULL CHECK (urgency BETWEEN 1 AND 3),
  moves_appointment_id text,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'offered', 'booked', 'withdrawn', 'lapsed')),
  made_at timestamptz NOT NULL,
  made_by text NOT NULL,
  offers smallint NOT NULL DEFAULT 0,
  version bigint NOT NULL DEFAULT 1,
  CONSTRAINT wanted_days_in_order CHECK (first_day <= last_day)
);
COMMENT ON COLUMN scheduling.waitlist.moves_appointment_id IS 'A later booking: gives way when an offer is accepted';
CREATE INDEX waitlist_waiting ON scheduling.waitlist (type_code, urgency, made_at) WHERE state = 'waiting';
CREATE INDEX waitlist_by_patient ON scheduling.waitlist (patient_id);

CREATE TABLE scheduling.offer (
  offer_id uuid PRIMARY KEY,
  entry_id uuid NOT NULL REFERENCES scheduling.waitlist (entry_id),
  patient_id text NOT NULL,
  hold_id uuid NOT NULL REFERENCES scheduling.hold (hold_id),
  made_at timestamptz NOT NULL,
  until timestamptz NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'declined', 'lapsed')),
  CONSTRAINT one_offer_a_hold UNIQUE (hold_id)
);
CREATE INDEX offer_open ON scheduling.offer (until) WHERE state = 'open';

CREATE TABLE scheduling.feed (
  feed_id uuid PRIMARY KEY,
  actor text NOT NULL REFERENCES scheduling.calendar (actor) ON DELETE CASCADE,
  secret_hash bytea NOT NULL UNIQUE,
  made_at timestamptz NOT NULL,
  made_by text NOT NULL,
  revoked_at timestamptz
);
COMMENT ON COLUMN scheduling.feed.secret_hash IS 'sha256 of the secret in the address; the secret itself is shown once';
CREATE UNIQUE INDEX feed_in_use ON scheduling.feed (actor) WHERE revoked_at IS NULL;
"""

TAKING = """
CREATE FUNCTION scheduling.actors_of(tokens text[], body text) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  SELECT DISTINCT coalesce('Practitioner/' || substr(person.token, 27), named.actor)
  FROM (SELECT substr(token, 7) AS actor FROM unnest(tokens) AS token WHERE token LIKE 'actor:%') AS named
  LEFT JOIN LATERAL (
    SELECT token FROM fhir.practitioner_role AS role, unnest(role.reference_tokens) AS token
    WHERE named.actor = 'PractitionerRole/' || role.id AND token LIKE 'practitioner:Practitioner/%' LIMIT 1
  ) AS person ON named.actor LIKE 'PractitionerRole/%'
  WHERE (split_part(named.actor, '/', 1) IN ('Practitioner', 'PractitionerRole', 'Patient', 'Device')
         OR EXISTS (SELECT FROM scheduling.calendar AS known WHERE known.actor = named.actor))
    AND (body NOT LIKE '%"declined"%' OR NOT EXISTS (
      SELECT FROM json_array_elements(CAST(body AS json) -> 'participant') AS one
      WHERE CAST(one -> 'status' AS text) = '"declined"'
        AND CAST(one -> 'actor' -> 'reference' AS text) = CAST(to_json(named.actor) AS text)))
$$;
COMMENT ON FUNCTION scheduling.actors_of IS
  'Who and what an Appointment occupies: people and devices, and of the places only those that are booked as rooms';

CREATE FUNCTION scheduling.time_of(low timestamptz, high timestamptz, body text) RETURNS tstzrange
LANGUAGE sql IMMUTABLE AS $$
  SELECT tstzrange(begins, CASE WHEN ends > begins THEN ends ELSE begins + interval '15 minutes' END)
  FROM (SELECT date_trunc('second', low, 'UTC') AS begins, coalesce(
    date_trunc('second', high, 'UTC'),
    date_trunc('second', low, 'UTC')
      + make_interval(mins => CAST(substring(body FROM '"minutesDuration"\\s*:\\s*([0-9]{1,4})') AS int))
  ) AS ends) AS written
$$;
COMMENT ON FUNCTION scheduling.time_of IS
  'From start to end, or as long as it says; a visit of unknown length occupies a quarter of an hour, never nothing';

CREATE FUNCTION scheduling.wanted(what text, ids text[])
RETURNS TABLE (source_id text, imported boolean, actor text, during tstzrange)
LANGUAGE sql STABLE AS $$
  SELECT booked.id, booked.imported, of_it.actor, scheduling.time_of(booked.date_low, booked.date_high, booked.body)
  FROM fhir.appointment AS booked, scheduling.actors_of(booked.reference_tokens, booked.body) AS of_it (actor)
  WHERE what = 'appointment' AND booked.id = ANY(ids) AND NOT booked.deleted AND booked.date_low IS NOT NULL
    AND booked.status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled')
  UNION ALL
  SELECT slot.id, slot.imported, substr(whose.token, 7), scheduling.time_of(slot.date_low, slot.date_high, slot.body)
  FROM fhir.slot AS slot, unnest(slot.reference_tokens) AS part, fhir.schedule AS schedule,
    unnest(schedule.reference_tokens) AS whose (token)
  WHERE what = 'block' AND slot.id = ANY(ids) AND NOT slot.deleted AND slot.date_low IS NOT NULL
    AND slot.status = 'busy-unavailable' AND part = 'schedule:Schedule/' || schedule.id AND NOT schedule.deleted
    AND EXISTS (SELECT FROM scheduling.calendar AS known WHERE 'actor:' || known.actor = whose.token)
$$;

CREATE FUNCTION scheduling.take(what text, ids text[], lenient boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET almoner.reach = 'all' SET search_path = pg_catalog, public AS $$
DECLARE
  refused record;
BEGIN
  WITH kept AS MATERIALIZED (SELECT * FROM scheduling.wanted(what, ids)), gone AS (
    DELETE FROM scheduling.booking AS old
    WHERE old.source = what AND old.source_id = ANY(ids) AND NOT EXISTS (
      SELECT FROM kept WHERE (kept.source_id, kept.actor, kept.during) = (old.source_id, old.actor, old.during))
    RETURNING old.actor, old.during)
  INSERT INTO scheduling.freed (actor, during)
  SELECT gone.actor, gone.during FROM gone JOIN scheduling.calendar AS known ON known.actor = gone.actor
  WHERE known.kind = 'provider';

  FOR refused IN
    WITH fresh AS MATERIALIZED (
      SELECT one.*, NOT (one.imported OR lenient) AND EXISTS (
        SELECT FROM scheduling.booking AS other
        WHERE other.actor = one.actor AND other.during && one.during AND other.double_booked
          AND (other.source, other.source_id) <> (what, one.source_id)) AS over_imported
      FROM scheduling.wanted(what, ids) AS one
      WHERE NOT EXISTS (
        SELECT FROM scheduling.booking AS old
        WHERE (old.source, old.source_id, old.actor, old.during) = (what, one.source_id, one.actor, one.during))
    ), taken AS (
      INSERT INTO scheduling.booking (actor, during, source, source_id)
      SELECT fresh.actor, fresh.during, what, fresh.source_id FROM fresh WHERE NOT fresh.over_imported
      ORDER BY fresh.actor, fresh.during
      ON CONFLICT DO NOTHING RETURNING booking.source_id, booking.actor
    )
    SELECT fresh.* FROM fresh
    WHERE NOT EXISTS (SELECT FROM taken WHERE (taken.source_id, taken.actor) = (fresh.source_id, fresh.actor))
  LOOP
    IF NOT (refused.imported OR lenient) THEN
      RAISE EXCEPTION 'this time is taken'
        USING ERRCODE = '23P01', CONSTRAINT = 'one_at_a_time', DETAIL = refused.actor, HINT = refused.source_id;
    END IF;
    INSERT INTO scheduling.booking (actor, during, source, source_id, double_booked)
    VALUES (refused.actor, refused.during, what, refused.source_id, true);
  END LOOP;
END $$;
COMMENT ON FUNCTION scheduling.take IS
  'Makes the bookings of these say what they occupy now. People here are refused what is taken (23P01); what an '
  'import brings is kept beside what is there. In a fixed order, so that two who want the same do not deadlock';

CREATE FUNCTION scheduling.follow_appointments() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET almoner.reach = 'all' AS $$
BEGIN
  PERFORM scheduling.take('appointment', ARRAY(SELECT id FROM changed), false);
  RETURN NULL;
END $$;
CREATE TRIGGER follow_new AFTER INSERT ON fhir.appointment REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION scheduling.follow_appointments();
CREATE TRIGGER follow_changed AFTER UPDATE ON fhir.appointment REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION scheduling.follow_appointments();

CREATE FUNCTION scheduling.follow_slots() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET almoner.reach = 'all' AS $$
BEGIN
  PERFORM scheduling.take('block', ARRAY(SELECT id FROM changed), false);
  RETURN NULL;
END $$;
CREATE TRIGGER follow_new AFTER INSERT ON fhir.slot REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION scheduling.follow_slots();
CREATE TRIGGER follow_changed AFTER UPDATE ON fhir.slot REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION scheduling.follow_slots();

CREATE FUNCTION scheduling.follow_hold() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET almoner.reach = 'all' AS $$
DECLARE
  got bigint;
BEGIN
  IF NEW.state <> 'held' THEN
    DELETE FROM scheduling.booking WHERE source = 'hold' AND source_id = CAST(NEW.hold_id AS text);
    RETURN NULL;
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF EXISTS (SELECT FROM scheduling.booking AS other WHERE other.actor = ANY(NEW.actors) AND other.double_booked
               AND other.during && tstzrange(NEW.starts_at, NEW.ends_at)) THEN
      RAISE EXCEPTION 'this time is taken' USING ERRCODE = '23P01', CONSTRAINT = 'one_at_a_time',
        HINT = CAST(NEW.hold_id AS text);
    END IF;
    INSERT INTO scheduling.booking (actor, during, source, source_id, held_until)
    SELECT actor, tstzrange(NEW.starts_at, NEW.ends_at), 'hold', CAST(NEW.hold_id AS text), NEW.until
    FROM unnest(NEW.actors) AS actor ORDER BY actor ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS got = ROW_COUNT;
    IF got < cardinality(NEW.actors) THEN
      RAISE EXCEPTION 'this time is taken' USING ERRCODE = '23P01', CONSTRAINT = 'one_at_a_time',
        HINT = CAST(NEW.hold_id AS text);
    END IF;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER follow AFTER INSERT OR UPDATE OF state ON scheduling.hold
  FOR EACH ROW EXECUTE FUNCTION scheduling.follow_hold();

CREATE FUNCTION scheduling.let_go(at timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET almoner.reach = 'all' AS $$
DECLARE
  ended bigint;
BEGIN
  UPDATE scheduling.hold SET state = 'expired' WHERE hold_id IN (
    SELECT hold_id FROM scheduling.hold WHERE state = 'held' AND until <= at FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS ended = ROW_COUNT;
  RETURN ended;
END $$;
COMMENT ON FUNCTION scheduling.let_go IS 'Ends the holds whose time is over, whoever made them; says how many';

CREATE FUNCTION scheduling.free_again(whose text, begins timestamptz, ends timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET almoner.reach = 'all' AS $$
  INSERT INTO scheduling.freed (actor, during) VALUES (whose, tstzrange(begins, ends))
$$;
COMMENT ON FUNCTION scheduling.free_again IS 'An offer was not taken: the waitlist is asked again';

CREATE FUNCTION scheduling.take_in(wanted text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET almoner.reach = 'all' AS $$
  SELECT scheduling.take('appointment', ARRAY(
    SELECT id FROM fhir.appointment WHERE reference_tokens @> ARRAY['actor:' || wanted] AND NOT deleted), true)
$$;
COMMENT ON FUNCTION scheduling.take_in IS 'What is booked on a calendar that is kept from now on';

REVOKE EXECUTE ON FUNCTION scheduling.take(text, text[], boolean) FROM PUBLIC;
"""

MESSAGES = """
CREATE SCHEMA messaging;

CREATE TABLE messaging.message (
  message_id uuid PRIMARY KEY,
  patient_id text NOT NULL,
  kind text NOT NULL,
  about text NOT NULL,
  channel text NOT NULL CHECK (channel IN ('email', 'sms')),
  language text NOT NULL,
  places jsonb NOT NULL,
  link_id uuid,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'failed', 'withheld', 'overtaken')),
  why text,
  sender text,
  address text,
  subject text,
  body text,
  made_at timestamptz NOT NULL,
  not_before timestamptz NOT NULL,
  tries smallint NOT NULL DEFAULT 0,
  claimed_until timestamptz,
  sent_at timestamptz,
  CONSTRAINT sent_with_words CHECK (
    state <> 'sent' OR (address IS NOT NULL AND body IS NOT NULL AND sent_at IS NOT NULL)),
  CONSTRAINT one_message_of_a_kind UNIQUE (kind, about)
);
COMMENT ON COLUMN messaging.message.about IS 'What it is about: a reminder of one visit at one time is sent once';
COMMENT ON COLUMN messaging.message.address IS 'Where it went, read from the record at the moment of sending';
CREATE INDEX message_waiting ON messaging.message (not_before) WHERE state = 'waiting';
CREATE INDEX message_by_patient ON messaging.message (patient_id, made_at DESC);
CREATE INDEX message_by_time ON messaging.message (made_at DESC);

CREATE TABLE messaging.link (
  link_id uuid PRIMARY KEY,
  patient_id text NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('answer_visit', 'accept_offer')),
  target_id text NOT NULL,
  target_state text,
  until timestamptz NOT NULL,
  used_at timestamptz,
  used_for text,
  CONSTRAINT used_for_something CHECK ((used_at IS NULL) = (used_for IS NULL))
);
COMMENT ON COLUMN messaging.link.target_state IS 'When the visit was to begin: once it has moved the link is void';
CREATE INDEX link_by_target ON messaging.link (target_id);
"""

SHARED = ("site", "calendar", "availability", "exception", "holiday", "appointment_type")
OF_A_PATIENT = ("hold", "series_member", "flow", "check_in", "waitlist", "offer")
WITH_DELETE = ("SELECT", "INSERT", "UPDATE", "DELETE")


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public")
    for part in (CALENDARS, BOOKINGS, DAY, TAKING, MESSAGES):
        op.execute(part)
    op.execute(f"GRANT USAGE ON SCHEMA scheduling, messaging TO {APP_ROLE}")
    for table in SHARED:
        protect_shared(op, f"scheduling.{table}", grants=WITH_DELETE)
    for table in OF_A_PATIENT:
        protect(op, f"scheduling.{table}")
    for table in ("freed", "feed"):
        protect_staff_only(op, f"scheduling.{table}", grants=WITH_DELETE)
    for table in ("message", "link"):
        protect(op, f"messaging.{table}")
    _protect_bookings()
    op.execute("SELECT scheduling.take('appointment', ARRAY(SELECT id FROM fhir.appointment), true)")


def _protect_bookings() -> None:
    """Anybody named sees when calendars are busy, and nobody else's own times; triggers alone write."""
    op.execute("ALTER TABLE scheduling.booking ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE scheduling.booking FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY everyone ON scheduling.booking USING ({EVERYONE}) WITH CHECK ({EVERYONE})")
    op.execute(
        f"CREATE POLICY busy_times ON scheduling.booking FOR SELECT USING ({SOMEONE} AND (actor NOT LIKE 'Patient/%' "
        "OR actor = 'Patient/' || current_setting('almoner.patient', true)))"
    )
    op.execute(f"GRANT SELECT ON scheduling.booking TO {APP_ROLE}")


def downgrade() -> None:
    for table in ("appointment", "slot"):
        for trigger in ("follow_new", "follow_changed"):
            op.execute(f"DROP TRIGGER {trigger} ON fhir.{table}")
    op.execute("DROP SCHEMA messaging CASCADE")
    op.execute("DROP SCHEMA scheduling CASCADE")
