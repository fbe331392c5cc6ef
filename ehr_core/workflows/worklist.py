"""The worklist: who wants action, page by page from the database; one row a patient with all gaps together.

Who is on the page is decided set-based over every open gap; the page's people are then read in full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, text

from data_contracts.api.care_gaps import WorklistChoices, WorklistPage, WorklistQuery, WorklistRow
from data_contracts.api.model import Page
from data_contracts.api.patients import ContactFacts
from data_contracts.guidelines import definitions
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.people import organization_names, practitioner_names
from ehr_core.care_gaps.queries import as_worklist_gap, measure_titles, measured_patients
from ehr_core.care_gaps.reading import SELECT_GAPS, last_run_as_of
from ehr_core.care_gaps.rules import LIVE_STATUSES, STATUS_SQL
from ehr_core.display import show_language
from ehr_core.kernel.name_sounds import folded
from ehr_core.registration.queries import people_by_id
from ehr_core.registration.same_name import mistakable
from ehr_core.risk.reading import tiers_of
from ehr_core.risk.sight import RANK, SHOWN, UNKNOWN
from ehr_core.scheduling.queries import next_appointments
from ehr_core.store.channel_consents import consents

SORTS = {
    "priority": "priority NULLS LAST, due_on NULLS FIRST, chosen.patient_id",
    "due_on": "due_on NULLS LAST, priority NULLS LAST, chosen.patient_id",
    "name": "left(family_text, 100) NULLS LAST, left(given_text, 100) NULLS LAST, chosen.patient_id",
    "last_attempt": "last_attempt_at NULLS FIRST, priority NULLS LAST, chosen.patient_id",
    "tier": f"{RANK.format(tier=f'coalesce({SHOWN}, {UNKNOWN})')}, priority NULLS LAST, chosen.patient_id",
}
ONE_PROCESS = text("SET LOCAL max_parallel_workers_per_gather = 0")
"""Reading the index once is quicker than starting workers to share it."""

OPEN_ONLY = (
    "gap.computed_status = 'open' AND (gap.human_until IS NULL OR gap.human_until <= :today) "
    "AND (gap.workflow_until IS NULL OR gap.workflow_until <= :today)"
)
REPLY_WAITS = "gap.gap_id IN (SELECT gap_id FROM care_gaps.patient_reply WHERE reviewed_at IS NULL)"
ACTING_ROLES = ["clinician", "care_manager"]


@dataclass
class Filter:
    """SQL conditions on gaps and on people, with their values; each value is bound, never written into the text."""

    gap: list[str] = field(default_factory=list)
    person: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    overdue: str = "gap.computed_status = 'open' AND gap.due_on < :today"

    def on_gap(self, condition: str, **values: Any) -> None:
        self.gap.append(condition)
        self.values |= values

    def on_person(self, condition: str, **values: Any) -> None:
        self.person.append(condition)
        self.values |= values


def worklist_page(work: UnitOfWork, query: WorklistQuery) -> WorklistPage:
    """The patients that match, one page; `page.total` counts all of them. Audited as one row with its patients."""
    work.actor.require("worklist.read")
    chosen = _choose(work, query)
    patient_ids = [row.patient_id for row in chosen]
    total, gaps, overdue = _totals(work, query, chosen)
    rows = _rows(work, patient_ids, query)
    last = last_run_as_of(work)
    work.audit("worklist.read", patient_ids=patient_ids, detail={"page": query.page, "size": query.size})
    return WorklistPage(
        rows=rows,
        page=Page(number=query.page, size=query.size, total=total),
        gaps=gaps,
        overdue_gaps=overdue,
        replies_waiting=_replies_waiting(work),
        as_of=last["finished_at"] if last else None,
    )


def everybody(work: UnitOfWork, query: WorklistQuery, most: int) -> tuple[list[WorklistRow], int]:
    """All that match, up to so many, and how many there are; for callers that audit what they hand out."""
    whole = query.model_copy(update={"page": 1, "size": most})
    chosen = _choose(work, whole)
    total = chosen[0].total if chosen else 0
    return _rows(work, [row.patient_id for row in chosen], whole) if total <= most else [], total


def worklist_choices(work: UnitOfWork) -> WorklistChoices:
    """What the filters may be set to, by what the panel holds now."""
    work.actor.require("worklist.read")
    distinct = {
        name: work.connection.execute(
            text(f"SELECT DISTINCT {name} FROM quality.patient_stratum WHERE {name} IS NOT NULL")
        )
        .scalars()
        .all()
        for name in ("clinic", "clinician", "language")
    }
    owners = work.connection.execute(
        text(
            "SELECT id, display_name FROM access.account WHERE NOT disabled AND roles && CAST(:roles AS text[]) "
            "ORDER BY display_name"
        ),
        {"roles": ACTING_ROLES},
    )
    return WorklistChoices(
        sources=_by_words(
            {topic: pack.title for topic, pack in definitions().items()} | measure_titles(work)
        ),
        clinics=_by_words(organization_names(work, distinct["clinic"])),
        clinicians=_by_words(practitioner_names(work, distinct["clinician"])),
        owners=[(row.id, row.display_name) for row in owners],
        languages=_by_words({tag: show_language(tag) for tag in distinct["language"]}),
    )


def account_name(work: UnitOfWork, account_id: str | None) -> str | None:
    """The name of an account that may own gaps; null when there is none."""
    if account_id is None:
        return None
    return work.connection.execute(
        text(
            "SELECT display_name FROM access.account WHERE id = :id AND NOT disabled "
            "AND roles && CAST(:roles AS text[])"
        ),
        {"id": account_id, "roles": ACTING_ROLES},
    ).scalar_one_or_none()


def _choose(work: UnitOfWork, query: WorklistQuery) -> Sequence[Row]:
    """The page's patients in order, each with the totals of the whole list."""
    asked = _filter(work, query)
    statement = f"""
    WITH chosen AS ({_chosen(asked)})
    SELECT chosen.patient_id, count(*) OVER () AS total, sum(gaps) OVER () AS gaps,
           sum(overdue) OVER () AS overdue
    FROM chosen {_person_join(query, asked)}
    ORDER BY {SORTS[query.sort]} LIMIT :size OFFSET :skip"""
    values = {**asked.values, "size": query.size, "skip": (query.page - 1) * query.size}
    work.connection.execute(ONE_PROCESS)
    return work.connection.execute(text(statement), values).all()


def _totals(work: UnitOfWork, query: WorklistQuery, chosen: Sequence[Row]) -> tuple[int, int, int]:
    """The whole list's totals; asked for again when the page lies behind its end."""
    if chosen:
        return chosen[0].total, int(chosen[0].gaps), int(chosen[0].overdue)
    if query.page == 1:
        return 0, 0, 0
    first = _choose(work, query.model_copy(update={"page": 1, "size": 1}))
    return _totals(work, query.model_copy(update={"page": 1}), first)


def _replies_waiting(work: UnitOfWork) -> int:
    waiting = text("SELECT count(*) FROM care_gaps.patient_reply WHERE reviewed_at IS NULL")
    return work.connection.execute(waiting).scalar_one()


def _chosen(asked: Filter) -> str:
    return f"""
      SELECT gap.patient_id, min(gap.priority) AS priority, min(gap.due_on) AS due_on,
             max(gap.last_attempt_at) AS last_attempt_at, count(*) AS gaps,
             count(*) FILTER (WHERE {asked.overdue}) AS overdue
      FROM care_gaps.gap AS gap WHERE gap.present AND {" AND ".join(asked.gap)}
      GROUP BY gap.patient_id"""


def _person_join(query: WorklistQuery, asked: Filter) -> str:
    """Joins what the filters and the sort ask of the person; people are not read for anything else here."""
    parts = []
    if any("stratum." in condition for condition in asked.person):
        parts.append("JOIN quality.patient_stratum AS stratum ON stratum.patient_id = chosen.patient_id")
    if query.sort == "name" or any("person." in condition for condition in asked.person):
        parts.append("JOIN fhir.patient AS person ON person.id = chosen.patient_id AND NOT person.deleted")
    if query.sort == "tier" or query.tier is not None:
        parts.append("LEFT JOIN risk.care_tier AS care_tier ON care_tier.patient_id = chosen.patient_id")
    if asked.person:
        parts.append("WHERE " + " AND ".join(asked.person))
    return " ".join(parts)


def _filter(work: UnitOfWork, query: WorklistQuery) -> Filter:
    asked = Filter(values={"today": work.today()})
    if query.status is None and query.reply_waiting:
        asked.on_gap(f"{STATUS_SQL} = ANY(:live)", live=list(LIVE_STATUSES))
    elif query.status in (None, "open"):
        asked.on_gap(OPEN_ONLY)
        asked.overdue = "gap.due_on < :today"  # said by the index alone, which holds open gaps only
    else:
        asked.on_gap(f"{STATUS_SQL} = :status", status=query.status)
    if query.source_id is not None:
        asked.on_gap("gap.source_id = :source_id", source_id=query.source_id)
    if query.gap_kind is not None:
        asked.on_gap("gap.gap_kind = :gap_kind", gap_kind=query.gap_kind)
    if query.overdue_only:
        asked.on_gap("gap.due_on < :today AND gap.computed_status = 'open'")
    if query.reply_waiting:
        asked.on_gap(REPLY_WAITS)
    if query.owner_id == "nobody":
        asked.on_gap("gap.owner_id IS NULL")
    elif query.owner_id is not None:
        owner = work.actor.actor_id if query.owner_id == "me" else query.owner_id
        asked.on_gap("gap.owner_id = :owner_id", owner_id=owner)
    for name, column in (("clinic_id", "clinic"), ("clinician_id", "clinician"), ("language", "language")):
        value = getattr(query, name)
        if value is not None:
            asked.on_person(f"stratum.{column} = :{name}", **{name: value})
    if query.tier is not None:
        asked.on_person(f"coalesce({SHOWN}, {UNKNOWN}) = :tier", tier=query.tier)
    for number, word in enumerate((query.name or "").split()):
        key = f"name_{number}"
        asked.on_person(f"person.name_text LIKE :{key}", **{key: f"% {_escaped(word)}%"})
    return asked


def _rows(work: UnitOfWork, patient_ids: Sequence[str], query: WorklistQuery) -> list[WorklistRow]:
    persons = people_by_id(work, patient_ids)
    shown = [patient_id for patient_id in patient_ids if patient_id in persons]
    gaps = _gaps(work, shown, query)
    said, visits = consents(work, shown), next_appointments(work, shown)
    places = _places(work, shown)
    alike = mistakable({patient_id: persons[patient_id].name for patient_id in shown})
    checked = measured_patients(work, shown)
    tiers = tiers_of(work, shown)
    return [
        WorklistRow(
            patient_id=patient_id,
            name=persons[patient_id].name,
            birth_date=persons[patient_id].birth_date,
            age_years=persons[patient_id].age_years(work.today()),
            sex=persons[patient_id].sex,
            mrn=persons[patient_id].mrn,
            clinic=places.get(patient_id, (None, None))[0],
            clinician=places.get(patient_id, (None, None))[1],
            language=persons[patient_id].language,
            interpreter_required=persons[patient_id].interpreter_required,
            contact=ContactFacts(
                phone=persons[patient_id].phone,
                email=persons[patient_id].email,
                consent=said[patient_id],
            ),
            next_appointment=visits.get(patient_id),
            tier=tiers[patient_id],
            same_name=patient_id in alike,
            not_checked=patient_id not in checked,
            **_attempts(gaps[patient_id]),
            gaps=[as_worklist_gap(work, gap) for gap in gaps[patient_id]],
        )
        for patient_id in shown
    ]


def _gaps(
    work: UnitOfWork, patient_ids: Sequence[str], query: WorklistQuery
) -> dict[str, list[Mapping[str, Any]]]:
    """All live gaps of the page's people, and those of the status that was asked for."""
    statuses = {*LIVE_STATUSES, *([query.status] if query.status else [])}
    rows = work.connection.execute(
        text(
            f"{SELECT_GAPS} AND gap.patient_id = ANY(:ids) AND {STATUS_SQL} = ANY(:statuses) "
            "ORDER BY gap.priority NULLS LAST, gap.due_on NULLS FIRST, gap.source_id"
        ),
        {"ids": list(patient_ids), "today": work.today(), "statuses": sorted(statuses)},
    ).mappings()
    found: dict[str, list[Mapping[str, Any]]] = {patient_id: [] for patient_id in patient_ids}
    for row in rows:
        found[row["patient_id"]].append(row)
    return found


def _attempts(gaps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Owner and contact history of the row: the last attempt about any of its gaps."""
    tried = [gap for gap in gaps if gap["last_attempt_at"]]
    last = max(tried, key=lambda gap: gap["last_attempt_at"], default=None)
    owners = list(dict.fromkeys(gap["owner_name"] for gap in gaps if gap["owner_name"]))
    return {
        "owner": ", ".join(owners) or None,
        "attempts": max((gap["attempts"] for gap in gaps), default=0),
        "last_attempt_at": last["last_attempt_at"] if last else None,
        "last_attempt_outcome": last["last_attempt_outcome"] if last else None,
    }


def _places(work: UnitOfWork, patient_ids: Sequence[str]) -> dict[str, tuple[str | None, str | None]]:
    rows = work.connection.execute(
        text(
            "SELECT patient_id, clinic, clinician FROM quality.patient_stratum WHERE patient_id = ANY(:ids)"
        ),
        {"ids": list(patient_ids)},
    ).all()
    clinics = organization_names(work, (row.clinic for row in rows))
    clinicians = practitioner_names(work, (row.clinician for row in rows))
    return {row.patient_id: (clinics.get(row.clinic), clinicians.get(row.clinician)) for row in rows}


def _by_words(words: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(words.items(), key=lambda entry: entry[1].casefold())


def _escaped(word: str) -> str:
    """As the store folds names (case and accents), with LIKE's own signs made harmless."""
    return folded(word).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
