"""Reads the chart from the store: everything that a screen needs of one patient in one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Executable, Row, text

from ehr_core.access.chart_policy import LabelSieve, whole_record
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.parts import LOINC, OBSERVATION_CATEGORY
from ehr_core.charting.reports import LOINC_SERVICE, OWN_WORDS
from ehr_core.charting.reviews import (
    ARRIVES_UNSEEN,
    DONE,
    REVIEW_EXPECTED_DAYS,
    REVIEW_URL,
    SEEN_WHEN_RECORDED,
)
from ehr_core.charting.series import Versioned
from ehr_core.charting.statements import (
    EARLIER_VALUES,
    LATE_DAYS,
    NEWEST_RESULTS,
    PAST_CARE,
    RESULTS,
    STORED,
    STORED_TABLES,
    SUMMARY,
    UNREVIEWED,
)
from ehr_core.charting.summary import CURRENT_PRESCRIPTIONS, CURRENT_STATEMENTS
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.fhir_json import decode, extension

Resource = dict[str, Any]

BIRTH_SEX = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"
VITAL_SIGNS = f"{OBSERVATION_CATEGORY}|vital-signs"
SHOWN_VITALS = 2


@dataclass(frozen=True)
class StoredResult:
    """The current version of something recorded; `body` is empty when it is deleted."""

    resource_type: str
    resource_id: str
    version_id: int
    deleted: bool
    patient_id: str | None
    body: str


@dataclass
class ChartFacts:
    """The visible resources by type, and how many of each type were held back from this actor."""

    stored: dict[str, list[Versioned]] = field(default_factory=lambda: defaultdict(list))
    hidden: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    unreadable: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Stored rows that are no JSON, by type: they are told, and leave the rest."""

    def of(self, kind: str) -> list[Resource]:
        return [stored.resource for stored in self.stored[kind]]

    @property
    def results(self) -> list[Versioned]:
        return self.stored["Observation"] + self.stored["DiagnosticReport"]

    @property
    def hidden_items(self) -> int:
        return sum(self.hidden.values())

    @property
    def unreadable_items(self) -> int:
        return sum(self.unreadable.values())


def chart_facts(work: UnitOfWork, patient_id: str, *, encounters: int) -> ChartFacts:
    """What the summary shows: current allergies, problems, medications, visits, vaccinations, newest vital signs."""
    rows = found_in_record(
        work,
        SUMMARY,
        {
            "id": patient_id,
            "vital_signs": VITAL_SIGNS,
            "done": sorted(DONE),
            "shown_vitals": SHOWN_VITALS,
            "prescriptions": sorted(CURRENT_PRESCRIPTIONS),
            "statements": sorted(CURRENT_STATEMENTS),
            "encounters": encounters,
        },
    )
    return sorted_facts(work, ((row.kind, row.version_id, row.body) for row in rows))


def all_results(
    work: UnitOfWork, patient_id: str, counts: Callable[[Resource], bool] = lambda _: True
) -> ChartFacts:
    """Every observation and report of one patient that this actor may see; retracted ones too.

    `counts` leaves some out before anything is counted as hidden.
    """
    rows = found_in_record(work, RESULTS, {"id": patient_id})
    return sorted_facts(work, ((row.kind, row.version_id, row.body) for row in rows), counts)


def newest_results(work: UnitOfWork, patient_id: str, newest: int) -> tuple[ChartFacts, dict[str, int]]:
    """The newest so many observations of each test with all that may wait for review, and every report.

    Also how many observations there are of each test, by its token `system|code`.
    """
    rows = found_in_record(
        work,
        NEWEST_RESULTS,
        {
            "id": patient_id,
            "newest": newest,
            "review_url": REVIEW_URL,
            "late_days": LATE_DAYS,
            **_waiting_words(),
        },
    )
    facts = sorted_facts(work, ((row.kind, row.version_id, row.body) for row in rows))
    return facts, {row.code: row.total for row in rows if row.code}


def _waiting_words() -> dict[str, Any]:
    """What decides in SQL whether a result may wait for review."""
    return {
        "done": sorted(DONE),
        "unseen": [f"{OBSERVATION_CATEGORY}|{category}" for category in sorted(ARRIVES_UNSEEN)],
        "seen": [f"{OBSERVATION_CATEGORY}|{category}" for category in sorted(SEEN_WHEN_RECORDED)],
        "days": REVIEW_EXPECTED_DAYS,
    }


def past_care_facts(work: UnitOfWork, patient_id: str) -> ChartFacts:
    """Every procedure, vaccination and document of one patient that this actor may see; retracted ones too."""
    rows = found_in_record(work, PAST_CARE, {"id": patient_id})
    return sorted_facts(work, ((row.kind, row.version_id, row.body) for row in rows))


def found_in_record(work: UnitOfWork, query: Executable, values: dict[str, Any]) -> Sequence[Row]:
    """The rows of one patient's record, labelled ones too, for `sorted_facts` to show or to count as hidden."""
    with whole_record(work):
        return work.connection.execute(query, values).all()


def sorted_facts(
    work: UnitOfWork,
    rows: Iterable[tuple[str, int, str]],
    counts: Callable[[Resource], bool] = lambda _: True,
) -> ChartFacts:
    """Rows of (type, version, body) as what this actor may see of them."""
    facts, sight = ChartFacts(), LabelSieve(work)
    for kind, version_id, body in rows:
        try:
            resource = decode(body)
        except BadRequest:
            facts.unreadable[kind] += 1
            continue
        if not counts(resource):
            continue
        if sight.sees(resource):
            facts.stored[kind].append(Versioned(version_id, resource))
        else:
            facts.hidden[kind] += 1
    return facts


def count_unreviewed(work: UnitOfWork, *, practitioner_id: str | None = None) -> int:
    """Results that still wait for a clinician's eyes, of one clinician's patients or of everybody."""
    return work.connection.execute(
        UNREVIEWED,
        {
            **_waiting_words(),
            "document": f"{LOINC}|",
            "service": f"{LOINC}|{LOINC_SERVICE}",
            "own_words": list(OWN_WORDS),
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
    deceased: bool = False
    sex: str | None = None
    """Recorded at birth where it is, else administrative: 'female', 'male' or another word."""


def subject_of(work: UnitOfWork, patient_id: str) -> Subject | None:
    """The patient as recording sees them; None when there is none that this actor reaches."""
    row = work.connection.execute(
        text("SELECT body, replaced_by, deceased FROM fhir.patient WHERE id = :id AND NOT deleted"),
        {"id": patient_id},
    ).one_or_none()
    if row is None:
        return None
    patient = decode(row.body)
    return Subject(
        patient_id, patient.get("birthDate"), row.replaced_by, bool(row.deceased), sex_at_birth(patient)
    )


def sex_at_birth(patient: Resource) -> str | None:
    said = (extension(patient, BIRTH_SEX) or {}).get("valueCode")
    return {"F": "female", "M": "male"}.get(said, patient.get("gender"))


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


def stored_results(
    work: UnitOfWork, references: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], StoredResult]:
    """The current versions of these (type, id), deletions included, unaudited: for workflows, whose acts are."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for kind, identity in references:
        wanted[kind].append(identity)
    found = {}
    for kind, ids in wanted.items():
        rows = work.connection.execute(
            text(STORED.format(kind=kind, table=STORED_TABLES[kind])), {"ids": sorted(set(ids))}
        )
        for row in rows:
            stored = StoredResult(row.kind, row.id, row.version_id, row.deleted, row.patient_id, row.body)
            found[row.kind, row.id] = stored
    return found


def earlier_values(
    work: UnitOfWork, wanted: Iterable[tuple[str, str]], *, most: int = 8
) -> dict[tuple[str, str], list[Versioned]]:
    """The newest finished observations of each (patient, 'system|code'), oldest first, unaudited."""
    pairs = sorted(set(wanted))
    found: dict[tuple[str, str], list[Versioned]] = {pair: [] for pair in pairs}
    if not pairs:
        return found
    values = {
        "patients": [patient for patient, _ in pairs],
        "tokens": [token for _, token in pairs],
        "done": sorted(DONE),
        "most": most,
    }
    for row in work.connection.execute(EARLIER_VALUES, values):
        found[row.patient_id, row.token].append(Versioned(row.version_id, decode(row.body)))
    return found


def reports_of(work: UnitOfWork, observation_ids: Sequence[str]) -> dict[str, StoredResult]:
    """The report that lists each of these observations among its results; the newest where there are several."""
    tokens = {f"result:Observation/{one}": one for one in observation_ids}
    rows = work.connection.execute(
        text(
            "SELECT token, id, version_id, deleted, patient_id, body FROM fhir.diagnostic_report, "
            "unnest(reference_tokens) AS token WHERE reference_tokens && CAST(:tokens AS text[]) AND NOT deleted "
            "AND token = ANY(:tokens) ORDER BY date_low NULLS FIRST, id"
        ),
        {"tokens": list(tokens)},
    )
    return {
        tokens[row.token]: StoredResult(
            "DiagnosticReport", row.id, row.version_id, row.deleted, row.patient_id, row.body
        )
        for row in rows
    }
