"""Reads the chart from the store: everything that a screen needs of one patient in one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from ehr_core.access.sensitivity import split_visible
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.parts import OBSERVATION_CATEGORY
from ehr_core.charting.reviews import DONE, REVIEW_EXPECTED_DAYS, REVIEW_URL, REVIEWED_CATEGORIES
from ehr_core.charting.series import StoredObservation
from ehr_core.kernel.fhir_json import decode

Resource = dict[str, Any]

VITAL_SIGNS = f"{OBSERVATION_CATEGORY}|vital-signs"
SHOWN_VITALS = 2

SUMMARY = text("""
SELECT 'AllergyIntolerance' AS kind, version_id, body FROM fhir.allergy_intolerance
 WHERE patient_id = :id AND NOT deleted
UNION ALL
SELECT 'Condition', version_id, body FROM fhir.condition WHERE patient_id = :id AND NOT deleted
   AND coalesce(clinical_status, 'active') NOT IN ('resolved', 'inactive', 'remission')
UNION ALL
SELECT 'MedicationRequest', version_id, body FROM fhir.medication_request
 WHERE patient_id = :id AND NOT deleted AND status IN ('active', 'on-hold')
UNION ALL
SELECT 'Medication', m.version_id, m.body FROM fhir.medication m WHERE NOT m.deleted AND m.id IN (
  SELECT substr(token, length('medication:Medication/') + 1)
  FROM fhir.medication_request r, unnest(r.reference_tokens) AS token
  WHERE r.patient_id = :id AND NOT r.deleted AND r.status IN ('active', 'on-hold')
    AND token LIKE 'medication:Medication/%')
UNION ALL
(SELECT 'Encounter', version_id, body FROM fhir.encounter
  WHERE patient_id = :id AND NOT deleted AND status NOT IN ('entered-in-error', 'cancelled')
  ORDER BY date_low DESC NULLS LAST, id LIMIT :encounters)
UNION ALL
SELECT 'Immunization', version_id, body FROM fhir.immunization
 WHERE patient_id = :id AND NOT deleted AND status = 'completed'
UNION ALL
SELECT 'Observation', version_id, body FROM (
  SELECT version_id, body,
         row_number() OVER (PARTITION BY code_tokens[1] ORDER BY date_low DESC NULLS LAST, id DESC) AS place
  FROM fhir.observation
  WHERE patient_id = :id AND NOT deleted AND category_tokens @> ARRAY[:vital_signs]
    AND status = ANY(:done)) AS newest
 WHERE place <= :shown_vitals
""")

OBSERVATIONS = text(
    "SELECT version_id, body FROM fhir.observation WHERE patient_id = :id AND NOT deleted "
    "ORDER BY date_low DESC NULLS LAST, id DESC"
)

UNREVIEWED = text("""
SELECT count(*) FROM fhir.observation o
 WHERE NOT o.deleted AND o.status = ANY(:done) AND o.category_tokens && :categories
   AND (o.date_low IS NULL
        OR (o.date_low AT TIME ZONE :zone)::date >= (o.last_updated AT TIME ZONE :zone)::date - CAST(:days AS integer)
        OR left(CAST(o.body AS jsonb) ->> 'issued', 10)
           >= ((o.last_updated AT TIME ZONE :zone)::date - CAST(:days AS integer))::text)
   AND strpos(o.body, :review_url) = 0
   AND (CAST(:practitioner AS text) IS NULL OR o.patient_id IN (
         SELECT id FROM fhir.patient p WHERE NOT p.deleted AND p.reference_tokens @> ARRAY[:practitioner]))
""")


@dataclass
class ChartFacts:
    """The visible resources by type, and how many of each type were held back from this actor."""

    by_type: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    observations: list[StoredObservation] = field(default_factory=list)
    hidden: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def hidden_items(self) -> int:
        return sum(self.hidden.values())


def chart_facts(work: UnitOfWork, patient_id: str, *, encounters: int) -> ChartFacts:
    """What the summary shows: current allergies, problems, medications, visits, vaccinations, newest vital signs."""
    rows = work.connection.execute(
        SUMMARY,
        {
            "id": patient_id,
            "vital_signs": VITAL_SIGNS,
            "done": sorted(DONE),
            "shown_vitals": SHOWN_VITALS,
            "encounters": encounters,
        },
    )
    return _sorted_facts(work, ((row.kind, row.version_id, row.body) for row in rows))


def all_observations(work: UnitOfWork, patient_id: str) -> ChartFacts:
    """Every observation of one patient that this actor may see, newest first; retracted ones too."""
    rows = work.connection.execute(OBSERVATIONS, {"id": patient_id})
    return _sorted_facts(work, (("Observation", row.version_id, row.body) for row in rows))


def _sorted_facts(work: UnitOfWork, rows: Iterable[tuple[str, int, str]]) -> ChartFacts:
    facts = ChartFacts()
    for kind, version_id, body in rows:
        visible, hidden = split_visible(work.actor.kind, [decode(body)])
        facts.hidden[kind] += hidden
        facts.by_type[kind] += visible
        if kind == "Observation":
            facts.observations += [StoredObservation(version_id, resource) for resource in visible]
    return facts


def count_unreviewed(work: UnitOfWork, *, practitioner_id: str | None = None) -> int:
    """Results that still wait for a clinician's eyes, of one clinician's patients or of everybody."""
    return work.connection.execute(
        UNREVIEWED,
        {
            "done": sorted(DONE),
            "categories": [f"{OBSERVATION_CATEGORY}|{category}" for category in sorted(REVIEWED_CATEGORIES)],
            "days": REVIEW_EXPECTED_DAYS,
            "zone": work.site_time_zone,
            "review_url": REVIEW_URL,
            "practitioner": f"general-practitioner:Practitioner/{practitioner_id}"
            if practitioner_id
            else None,
        },
    ).scalar_one()


@dataclass(frozen=True)
class Subject:
    """What recording must know of the patient: the first possible birth day, and whether the record is in use."""

    patient_id: str
    birth_date: str | None
    replaced_by: str | None


def subject_of(work: UnitOfWork, patient_id: str) -> Subject | None:
    """The patient as recording sees them; None when there is none that this actor reaches."""
    row = work.connection.execute(
        text("SELECT body, replaced_by FROM fhir.patient WHERE id = :id AND NOT deleted"), {"id": patient_id}
    ).one_or_none()
    return Subject(patient_id, decode(row.body).get("birthDate"), row.replaced_by) if row else None


def encounter_is_of(work: UnitOfWork, encounter_id: str, patient_id: str) -> bool:
    found = text("SELECT 1 FROM fhir.encounter WHERE id = :id AND patient_id = :patient AND NOT deleted")
    return (
        work.connection.execute(found, {"id": encounter_id, "patient": patient_id}).scalar_one_or_none()
        is not None
    )


def outbox_position(work: UnitOfWork) -> int:
    """The last outbox position that this transaction has written: what re-measure will reach."""
    written = text("SELECT max(position) FROM core.outbox WHERE transaction_id = pg_current_xact_id()")
    return work.connection.execute(written).scalar_one()
