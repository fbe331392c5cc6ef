"""A person's own visits: what is still to come, what they may book, what the waitlist keeps for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from data_contracts.api.calendars import AppointmentType
from data_contracts.api.portal_visits import OwnVisit, OwnVisits, OwnVisitType, OwnWait
from data_contracts.api.scheduling import VisitCard
from data_contracts.api.waitlist import WaitlistEntry
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.scheduling import check_in
from ehr_core.scheduling.calendars import sites
from ehr_core.scheduling.cards import cards_of_patient
from ehr_core.scheduling.rules import MOVABLE, STILL_TO_COME
from ehr_core.scheduling.types import appointment_types
from ehr_core.scheduling.waitlist import read_waitlist
from ehr_core.workflows.portal_language import answer_language, own_person

CHECK_IN_OPENS_DAYS = 3
"""The questions before a visit can be answered so long before it: what is told should still hold on the day."""


def own_visits(work: UnitOfWork, asked_language: str | None = None) -> OwnVisits:
    """Raises Forbidden for anybody but a patient. Held-back bookings are not shown."""
    person = own_person(work, "own.book")
    language = answer_language(asked_language, person)
    kinds = {kind.code: kind for kind in appointment_types(work, active_only=False)}
    places = {site.site_id: site.name for site in sites(work)}
    found = cards_of_patient(work, person.patient_id, work.now() - timedelta(hours=2), STILL_TO_COME)
    work.audit("portal.visits.read", patient_id=person.patient_id, detail={"visits": len(found)})
    return OwnVisits(
        patient_id=person.patient_id,
        visits=[_visit(work, visit, kinds, places, language) for visit in found],
        types=[
            OwnVisitType(
                code=kind.code,
                name=_name(kind, language),
                minutes=kind.minutes,
                preparation=_preparation(kind, language),
            )
            for kind in kinds.values()
            if kind.active and kind.patient_may_book
        ],
        waits=[_wait(work, entry, kinds, language) for entry in read_waitlist(work).entries],
    )


def _visit(
    work: UnitOfWork,
    visit: VisitCard,
    kinds: Mapping[str, AppointmentType],
    places: Mapping[str, str],
    language: str,
) -> OwnVisit:
    kind = kinds.get(visit.type_code or "")
    ahead = visit.status in MOVABLE and visit.starts_at > work.now()
    soon = visit.starts_at <= work.now() + timedelta(days=CHECK_IN_OPENS_DAYS)
    checked = check_in.noted(work, visit.appointment_id).get("identity_checked_at") is not None
    minutes = (visit.ends_at - visit.starts_at).total_seconds() // 60 if visit.ends_at else None
    return OwnVisit(
        appointment_id=visit.appointment_id,
        version=visit.version,
        starts_at=visit.starts_at,
        time_zone=visit.time_zone,
        minutes=int(minutes) if minutes else None,
        kind=_name(kind, language) if kind else visit.reason,
        with_whom=visit.provider_name,
        where=places.get(visit.site_id or ""),
        confirmed=visit.confirmed,
        can_cancel=ahead,
        can_check_in=ahead and soon and not checked and work.actor.may("own.check_in"),
        checked_in=checked,
        preparation=_preparation(kind, language) if kind else None,
    )


def _wait(
    work: UnitOfWork, entry: WaitlistEntry, kinds: Mapping[str, AppointmentType], language: str
) -> OwnWait:
    kind = kinds.get(entry.wish.type_code)
    return OwnWait(
        entry_id=entry.entry_id,
        version=entry.version,
        kind=_name(kind, language) if kind else None,
        first_day=entry.wish.first_day.isoformat(),
        last_day=entry.wish.last_day.isoformat(),
        offered_at=entry.offered.starts_at if entry.offered else None,
        offered_with=entry.offered.provider_name if entry.offered else None,
        offered_until=entry.offered_until,
        time_zone=entry.offered.time_zone if entry.offered else work.site_time_zone,
    )


def _name(kind: AppointmentType, language: str) -> str:
    return kind.patient_names.get(language) or kind.patient_names.get("en") or kind.name


def _preparation(kind: AppointmentType, language: str) -> str | None:
    return kind.patient_preparations.get(language) or kind.patient_preparations.get("en")
