"""The day of a visit: check-in, the flow board, walk-ins, and what people told, as one record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from data_contracts.api.check_in import CheckIn, FormAnswer, NoteCopay, ReportedChanges
from data_contracts.api.scheduling import BookVisit, CancelVisit
from data_contracts.api.visit_flow import MoveOnBoard, WalkIn
from ehr_core.kernel.errors import BadRequest, Conflict, Forbidden, StaleVersion, TimeTaken
from ehr_core.store.repository import Store
from tests.integration.chart_records import body_of, put
from tests.integration.scheduling.conftest import NORTH, OKAFOR, ROOM_1

BOTH = {"identity": "two_identifiers", "coverage": "as_shown"}


@pytest.fixture
def visit(api, desk):
    """Ana's visit this morning at half past nine; it is nine."""
    put(
        api,
        "Coverage",
        "plan",
        status="active",
        beneficiary={"reference": "Patient/ana"},
        subscriberId="S-1",
        payor=[{"display": "Plan"}],
        costToBeneficiary=[{"valueMoney": {"value": 25, "currency": "USD"}}],
    )
    starts = datetime.fromisoformat("2026-11-20T09:40:00-05:00")
    wanted = BookVisit(patient_id="ana", type_code="office_visit", provider=OKAFOR, starts_at=starts)
    return desk.scheduling.book(wanted).visits[0]


@pytest.fixture
def nurse(api):
    return api.signed_in("nurse", "nurse")


def test_check_in_keeps_identity_coverage_forms_copay_and_what_was_told(api, desk, visit):
    sheet = desk.visits.sheet(visit.appointment_id)
    assert (sheet.mrn, sheet.coverages[0].member_id, sheet.coverages[0].copay) == ("M-ANA", "S-1", "25 USD")
    assert [form.form_id for form in sheet.forms] == [
        "form-payment-responsibility",
        "form-privacy-and-treatment",
    ]
    with pytest.raises(BadRequest, match="identity"):
        desk.visits.check_in(visit.appointment_id, CheckIn(version=sheet.version))
    with pytest.raises(BadRequest, match="amount"):
        desk.visits.check_in(
            visit.appointment_id,
            CheckIn(version=sheet.version, **BOTH, copay=NoteCopay(amount="25,-", how="card")),
        )
    unsigned = FormAnswer(form_id=sheet.forms[0].form_id, answers={"agree": False}, signed_by="Ana Reyes")
    with pytest.raises(BadRequest, match="needs an answer"):
        desk.visits.check_in(visit.appointment_id, CheckIn(version=sheet.version, **BOTH, forms=[unsigned]))
    signed = unsigned.model_copy(update={"answers": {"agree": True}})
    done = desk.visits.check_in(
        visit.appointment_id,
        CheckIn(
            version=sheet.version,
            **BOTH,
            forms=[signed],
            copay=NoteCopay(amount="25", how="card"),
            reported=ReportedChanges(allergies="Peanuts make me itch"),
        ),
    )
    assert (done.stage, done.checked_in) == ("arrived", True)
    assert body_of(api, "Appointment", visit.appointment_id)["status"] == "arrived"
    after = desk.visits.sheet(visit.appointment_id)
    assert (after.copay.amount, after.copay.how, len(after.forms)) == ("25.00", "card", 1)
    with api.work() as work:
        assert Store(work).search("AllergyIntolerance", {"patient": "ana"}).total == 0
        assert Store(work).search("QuestionnaireResponse", {"patient": "ana"}).total == 1


def test_what_a_patient_told_waits_for_a_clinician(api, desk, visit):
    sheet = desk.visits.sheet(visit.appointment_id)
    told = ReportedChanges(medications="I stopped the water pill")
    desk.visits.check_in(visit.appointment_id, CheckIn(version=sheet.version, **BOTH, reported=told))
    with pytest.raises(Forbidden):
        desk.visits.reported()
    okafor = api.signed_in("okafor", "clinician", practitioner_id="okafor")
    change = okafor.visits.reported().changes[0]
    assert (change.patient_id, change.medications, change.allergies) == (
        "ana",
        "I stopped the water pill",
        None,
    )
    okafor.visits.settle_reported(change.task_id, change.version)
    assert okafor.visits.reported().changes == []
    with pytest.raises(StaleVersion):
        okafor.visits.settle_reported(change.task_id, change.version)


def test_a_visit_walks_through_the_board_with_its_times_and_its_encounter(api, desk, nurse, visit):
    sheet = desk.visits.sheet(visit.appointment_id)
    here = desk.visits.check_in(visit.appointment_id, CheckIn(version=sheet.version, **BOTH))
    for to, minutes in (("roomed", 4), ("with_clinician", 9), ("checked_out", 20)):
        api.clock.instant += timedelta(minutes=minutes)
        room = ROOM_1 if to == "roomed" else None
        here = nurse.visits.move(visit.appointment_id, MoveOnBoard(version=here.version, to=to, room=room))
    assert [here.arrived_at, here.roomed_at, here.with_clinician_at, here.checked_out_at] == [
        datetime(2026, 11, 20, 14, minute, tzinfo=UTC) for minute in (0, 4, 13, 33)
    ]
    assert (here.room, body_of(api, "Appointment", visit.appointment_id)["status"]) == (ROOM_1, "fulfilled")
    with api.work() as work:
        (stored,) = Store(work).search("Encounter", {"appointment": visit.appointment_id}).resources
    encounter = body_of(api, "Encounter", stored.id)
    assert encounter["status"] == "finished"
    assert [one["status"] for one in encounter["statusHistory"]] == ["arrived", "triaged", "in-progress"]
    assert encounter["location"][-1]["location"]["reference"] == ROOM_1


def test_a_visit_whose_note_is_signed_is_checked_out_and_keeps_the_end_that_signing_gave_it(
    api, desk, nurse, visit
):
    here = desk.visits.sheet(visit.appointment_id)
    here = desk.visits.check_in(visit.appointment_id, CheckIn(version=here.version, **BOTH))
    for to in ("roomed", "with_clinician"):
        here = nurse.visits.move(visit.appointment_id, MoveOnBoard(version=here.version, to=to))
    with api.work() as work:
        (stored,) = Store(work).search("Encounter", {"appointment": visit.appointment_id}).resources
        signed = body_of(api, "Encounter", stored.id) | {"status": "finished"}
        signed["period"] = signed["period"] | {"end": "2026-11-20T14:00:00+00:00"}
        Store(work).update("Encounter", stored.id, signed)
    api.clock.instant += timedelta(minutes=15)
    out = desk.visits.move(visit.appointment_id, MoveOnBoard(version=here.version, to="checked_out"))
    assert (out.stage, out.checked_out_at) == ("checked_out", datetime(2026, 11, 20, 14, 15, tzinfo=UTC))
    assert body_of(api, "Encounter", stored.id)["period"]["end"] == "2026-11-20T14:00:00+00:00"


def test_a_click_moves_what_was_drawn_or_nothing(api, desk, nurse, visit):
    drawn = desk.visits.board().visits[0]
    moved = nurse.visits.move(visit.appointment_id, MoveOnBoard(version=drawn.version, to="arrived"))
    with pytest.raises(StaleVersion):
        desk.visits.move(visit.appointment_id, MoveOnBoard(version=drawn.version, to="arrived"))
    with pytest.raises(Conflict, match="arrived"):
        desk.scheduling.cancel(
            visit.appointment_id, CancelVisit(version=moved.visit.version, reason="patient_request")
        )
    with pytest.raises(Forbidden):
        desk.visits.move(visit.appointment_id, MoveOnBoard(version=moved.version, to="roomed"))
    there = nurse.visits.move(visit.appointment_id, MoveOnBoard(version=moved.version, to="roomed"))
    with pytest.raises(BadRequest, match="one step"):
        nurse.visits.move(visit.appointment_id, MoveOnBoard(version=there.version, to="expected"))
    back = nurse.visits.move(visit.appointment_id, MoveOnBoard(version=there.version, to="arrived"))
    assert (back.stage, back.roomed_at) == ("arrived", None)
    undone = nurse.visits.move(visit.appointment_id, MoveOnBoard(version=back.version, to="expected"))
    assert body_of(api, "Appointment", visit.appointment_id)["status"] == "booked"
    assert undone.arrived_at is None
    board = desk.visits.board()
    assert (board.waiting, board.visits[0].stage) == (0, "expected")


def test_a_walk_in_waits_for_whoever_is_free_and_takes_nobodys_time(desk, visit):
    came = desk.visits.walk_in(
        WalkIn(patient_id="ben", type_code="office_visit", site_id=NORTH, reason="Fever")
    )
    assert (came.stage, came.walk_in, came.visit.provider, came.checked_in) == ("arrived", True, None, False)
    with_okafor = WalkIn(patient_id="cem", type_code="annual_check_up", site_id=NORTH, provider=OKAFOR)
    assert desk.visits.walk_in(with_okafor).visit.provider == OKAFOR
    with pytest.raises(TimeTaken):
        desk.visits.walk_in(with_okafor.model_copy(update={"patient_id": "ana"}))
    assert desk.visits.board().waiting == 2
