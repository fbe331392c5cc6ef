"""A patient books, cancels, checks in and waits for themselves, under row-level security: nobody else's anything."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from data_contracts.api.check_in import CheckIn, FormAnswer, ReportedChanges
from data_contracts.api.scheduling import BookVisit, CancelVisit, FindSlots, HoldSlot
from data_contracts.api.visit_flow import MoveOnBoard
from data_contracts.api.waitlist import WaitlistWish
from ehr_core.kernel.errors import AlmonerError, BadRequest, Forbidden, NotFound, StaleVersion, TimeTaken
from ehr_core.store.repository import Store
from tests.integration.chart_records import body_of, put
from tests.integration.scheduling.conftest import CHEN, NORTH, OKAFOR
from tests.integration.scheduling.messages import keeper

MONDAY_9 = datetime.fromisoformat("2026-11-23T09:00:00-05:00")


@pytest.fixture
def ana(api):
    return api.signed_in("ana", "patient", patient_id="ana")


def booked_by_desk(desk, patient: str, starts_at: datetime = MONDAY_9, provider: str = OKAFOR):
    wanted = BookVisit(patient_id=patient, type_code="office_visit", provider=provider, starts_at=starts_at)
    return desk.scheduling.book(wanted).visits[0]


def test_a_patient_sees_free_times_only_and_books_one_of_their_own(api, desk, ana):
    booked_by_desk(desk, "ben")
    found = ana.scheduling.find(FindSlots(type_code="office_visit", providers=[OKAFOR], days=5)).slots
    assert MONDAY_9 not in [slot.starts_at for slot in found]
    assert found[0].own_clinician
    slot = next(one for one in found if one.starts_at > MONDAY_9)
    held = ana.scheduling.hold(
        HoldSlot(type_code="office_visit", provider=OKAFOR, site_id=NORTH, starts_at=slot.starts_at)
    )
    done = ana.scheduling.book(
        BookVisit(patient_id="ana", type_code="office_visit", hold_id=held.hold_id, reason="Cough")
    )
    own = ana.portal.visits("es")
    assert [visit.appointment_id for visit in own.visits] == [done.visits[0].appointment_id]
    assert (own.visits[0].kind, own.visits[0].where) == ("Visita en la clínica", "North Clinic")
    assert "new_patient" not in [kind.code for kind in own.types]
    with pytest.raises(TimeTaken):
        ana.scheduling.book(
            BookVisit(patient_id="ana", type_code="office_visit", provider=CHEN, starts_at=slot.starts_at)
        )


def test_a_patient_reaches_nobody_elses_visits_and_no_types_of_the_clinics(api, desk, ana):
    other = booked_by_desk(desk, "ben")
    acts = (
        lambda: ana.scheduling.cancel(other.appointment_id, CancelVisit(version=1, reason="patient_request")),
        lambda: ana.visits.sheet(other.appointment_id),
        lambda: ana.scheduling.book(
            BookVisit(patient_id="ben", type_code="office_visit", provider=CHEN, starts_at=MONDAY_9)
        ),
        lambda: ana.messaging.join_waitlist(
            WaitlistWish(
                patient_id="ben",
                type_code="office_visit",
                first_day=MONDAY_9.date(),
                last_day=MONDAY_9.date(),
            )
        ),
    )
    for act in acts:
        with pytest.raises(NotFound):
            act()
    for act in (ana.visits.board, ana.messaging.mailbox, lambda: ana.scheduling.calendar(MONDAY_9.date(), 1)):
        with pytest.raises(Forbidden):
            act()
    with pytest.raises(BadRequest, match="Call us"):
        ana.scheduling.book(
            BookVisit(patient_id="ana", type_code="new_patient", provider=CHEN, starts_at=MONDAY_9)
        )


def test_a_labelled_booking_is_neither_shown_nor_told(api, desk, ana):
    visit = booked_by_desk(desk, "ana")
    body = body_of(api, "Appointment", visit.appointment_id)
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}
    put(api, "Appointment", visit.appointment_id, **{**body, "meta": {"security": [label]}})
    assert ana.portal.visits().visits == []
    with pytest.raises(AlmonerError):
        ana.scheduling.cancel(visit.appointment_id, CancelVisit(version=2, reason="patient_request"))


def test_check_in_at_home_keeps_the_answers_and_leaves_the_arrival_to_the_desk(api, desk, ana):
    starts = datetime.fromisoformat("2026-11-20T10:00:00-05:00")
    visit = booked_by_desk(desk, "ana", starts)
    sheet = ana.visits.sheet(visit.appointment_id, "es")
    assert sheet.forms[0].title == "Pago de las visitas"
    signed = [
        FormAnswer(form_id=form.form_id, answers={"agree": True}, signed_by="Ana Reyes")
        for form in sheet.forms
    ]
    wanted = CheckIn(
        version=sheet.version,
        coverage="as_shown",
        forms=signed,
        reported=ReportedChanges(medications="Ya no tomo la pastilla"),
        arrive=False,
    )
    ana.visits.check_in(visit.appointment_id, wanted)
    own = ana.portal.visits().visits[0]
    assert (own.checked_in, own.can_check_in) == (True, False)
    with api.work() as work:
        for kind, count in (("QuestionnaireResponse", 2), ("Task", 1)):
            assert Store(work).search(kind, {"patient": "ana"}).total == count
    drawn = desk.visits.board().visits[0]
    assert (drawn.stage, drawn.checked_in) == ("expected", True)
    assert (
        desk.visits.move(visit.appointment_id, MoveOnBoard(version=drawn.version, to="arrived")).stage
        == "arrived"
    )
    with pytest.raises(StaleVersion):
        ana.visits.check_in(visit.appointment_id, wanted)


def test_a_patient_cancels_and_the_waitlists_offer_is_accepted_in_the_portal(api, desk, ana):
    other = booked_by_desk(desk, "ben")
    day = MONDAY_9.date()
    ana.messaging.join_waitlist(
        WaitlistWish(patient_id="ana", type_code="office_visit", first_day=day, last_day=day)
    )
    assert ana.portal.visits().waits[0].offered_at is None
    desk.scheduling.cancel(other.appointment_id, CancelVisit(version=1, reason="patient_request"))
    keeper(api).run_once(remind=False)
    waiting = ana.portal.visits().waits[0]
    assert waiting.offered_at is None, "nobody agreed to messages, so nothing was held for them"
    ana.messaging.withdraw(waiting.entry_id, waiting.version)
    mine = booked_by_desk(desk, "ana", MONDAY_9 + timedelta(minutes=20))
    ana.scheduling.cancel(mine.appointment_id, CancelVisit(version=1, reason="patient_request"))
    assert ana.portal.visits().visits == []
