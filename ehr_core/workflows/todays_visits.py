"""The day's schedule: bookings, who comes, and what each of them is due for, put together from four rooms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from data_contracts.api.care_gaps import WorklistGap
from data_contracts.api.schedule import TodaySchedule, TodayVisit
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.queries import gaps_of_patients, measured_patients
from ehr_core.charting.queries import count_unreviewed
from ehr_core.registration.model import PersonFacts
from ehr_core.registration.queries import people_by_id
from ehr_core.registration.same_name import mistakable
from ehr_core.scheduling.model import Visit
from ehr_core.scheduling.queries import visits_of_day


def read_schedule(
    work: UnitOfWork, *, on: date | None = None, practitioner_id: str | None = None
) -> TodaySchedule:
    """The visits of a day of the site (today when not said), of one clinician or of all, in order of time.

    Gaps are shown to those who may read gaps, the number of unreviewed results to those who may read charts; for
    others (the front desk) both are null, as are the gaps of a patient who was never measured: unknown is not none.
    One audit row with the sealed list of the patients shown.
    """
    work.actor.require("schedule.read")
    day = on or work.today()
    visits = visits_of_day(work, day)
    shown = [visit for visit in visits if practitioner_id in (None, visit.practitioner_id)]
    people = people_by_id(work, [visit.patient_id for visit in shown])
    gaps = _gaps(work, list(people))
    work.audit(
        "schedule_read",
        patient_ids=list(people),
        detail={"on": day.isoformat(), "visits": len(shown), "practitioner_id": practitioner_id},
    )
    return TodaySchedule(
        on=day,
        time_zone=work.site_time_zone,
        visits=_present(work, shown, people, gaps),
        unreviewed_results=_unreviewed(work, practitioner_id),
        gaps_shown=work.actor.may("gap.read"),
        practitioners=_practitioners(visits),
    )


def _gaps(work: UnitOfWork, patient_ids: Sequence[str]) -> Mapping[str, list[WorklistGap]]:
    """The gaps of each patient who was measured; somebody who was not has no entry."""
    if not work.actor.may("gap.read") or not patient_ids:
        return {}
    found = gaps_of_patients(work, patient_ids)
    return {patient_id: found.get(patient_id, []) for patient_id in measured_patients(work, patient_ids)}


def _unreviewed(work: UnitOfWork, practitioner_id: str | None) -> int | None:
    return count_unreviewed(work, practitioner_id=practitioner_id) if work.actor.may("chart.read") else None


def _present(
    work: UnitOfWork,
    visits: Sequence[Visit],
    people: Mapping[str, PersonFacts],
    gaps: Mapping[str, list[WorklistGap]],
) -> list[TodayVisit]:
    alike = mistakable({patient_id: person.name for patient_id, person in people.items()})
    return [
        _present_one(work, visit, people[visit.patient_id], gaps, same_name=visit.patient_id in alike)
        for visit in visits
        if visit.patient_id in people
    ]


def _present_one(
    work: UnitOfWork,
    visit: Visit,
    person: PersonFacts,
    gaps: Mapping[str, list[WorklistGap]],
    *,
    same_name: bool,
) -> TodayVisit:
    return TodayVisit(
        appointment_id=visit.appointment_id,
        starts_at=visit.starts_at,
        minutes=visit.minutes,
        status=visit.status,
        reason=visit.reason,
        patient_id=visit.patient_id,
        patient_name=person.name,
        age_years=person.age_years(work.today()),
        sex=person.sex,
        language=person.language,
        interpreter_required=person.interpreter_required,
        practitioner=visit.practitioner,
        practitioner_id=visit.practitioner_id,
        gaps=gaps.get(visit.patient_id),
        same_name_today=same_name,
    )


def _practitioners(visits: Sequence[Visit]) -> list[tuple[str, str]]:
    """Those with visits that day, whoever was asked for, by name."""
    named = {
        (visit.practitioner_id, visit.practitioner or "Name not recorded")
        for visit in visits
        if visit.practitioner_id
    }
    return sorted(named, key=lambda pair: pair[1].lower())
