"""Messages about visits: who is told, what stands in them, what a link can do, and the waitlist that lives on them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from data_contracts.api.scheduling import BookVisit, CancelVisit, MoveVisit
from data_contracts.api.waitlist import WaitlistWish
from ehr_core.client import AlmonerClient
from ehr_core.kernel.errors import BadRequest, Forbidden, Gone, NotFound, Unavailable
from ehr_core.kernel.fhir_json import encode
from ehr_core.messaging.senders import SmtpSender
from ehr_core.store.repository import Store
from ehr_core.workflows import visit_messages
from tests.integration.chart_records import body_of, put_flag, put_patient
from tests.integration.scheduling.conftest import OKAFOR
from tests.integration.scheduling.messages import Carrier, consent, keeper, messages, token_in
from tests.lib.postgres import free_port
from tests.lib.weakened import assert_guarded

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
MONDAY_9 = datetime.fromisoformat("2026-11-23T09:00:00-05:00")


@pytest.fixture
def people(api):
    """Ana and Ben have agreed to e-mail and have an address; Cem has not been asked."""
    for identity, family, given in (("ana", "Reyes", "Ana"), ("ben", "Young", "Ben"), ("cem", "Kaya", "Cem")):
        put_patient(
            api,
            identity,
            family,
            given,
            telecom=[{"system": "email", "value": f"{identity}@example.org"}],
            communication=[
                {"language": {"coding": [{"code": "es" if identity == "ben" else "en"}]}, "preferred": True}
            ],
        )
    consent(api, "ana")
    consent(api, "ben")


@pytest.fixture
def anybody(api):
    """Somebody who has a link and no account."""
    return AlmonerClient(api.base_url, None, api.transport)


def book(desk, patient: str = "ana", starts_at: datetime = MONDAY_9):
    wanted = BookVisit(
        patient_id=patient, type_code="office_visit", provider=OKAFOR, starts_at=starts_at, reason="Cough"
    )
    return desk.scheduling.book(wanted)


def test_a_booking_is_told_to_who_agreed_and_says_nothing_of_who_or_why(api, desk, people):
    assert book(desk).told_by == ["email"]
    assert book(desk, "cem", MONDAY_9 + timedelta(minutes=20)).told_by == []
    keeper(api).run_once()
    (sent,) = messages(api)
    assert (sent.state, sent.sender, sent.address) == ("sent", "mailbox", "ana@example.org")
    assert "Mon 23 Nov, 9:00 am" in sent.body
    assert len(sent.subject) <= 60
    for secret in ("Ana", "Reyes", "M-ANA", "1972", "Cough", "Okafor", "office"):
        assert secret.lower() not in (sent.subject + sent.body).lower()
    with pytest.raises(Forbidden):
        api.signed_in("okafor", "clinician").messaging.mailbox()


def test_of_a_labelled_visit_not_even_the_time_is_told(api, desk, people):
    """Whoever reads along over somebody's shoulder learns of a message and no more."""
    times = iter(MONDAY_9 + timedelta(minutes=20 * number) for number in range(3, 9))

    def attack() -> bool:
        visit = book(desk, starts_at=next(times)).visits[0]
        body = body_of(api, "Appointment", visit.appointment_id)
        body["meta"] = {"security": [{"system": CONFIDENTIALITY, "code": "R"}]}
        with api.work() as work:
            version = Store(work).update("Appointment", visit.appointment_id, encode(body)).version_id
        desk.scheduling.cancel(visit.appointment_id, CancelVisit(version=version, reason="patient_request"))
        keeper(api).run_once()
        told = [one.body for one in messages(api) if one.kind == "cancelled"]
        return "Mon 23 Nov" in told[0]

    assert_guarded(attack, lambda patch: patch.setattr(visit_messages, "_is_sensitive", lambda *given: False))


def test_a_link_shows_without_acting_and_acts_once(api, desk, people, anybody):
    visit = book(desk).visits[0]
    keeper(api).run_once()
    token = token_in(messages(api)[0].body)
    page = anybody.messaging.look_at_link(token)
    assert (page.said, page.acts, page.starts_at) == ("open", ["confirm", "cancel"], MONDAY_9)
    assert not desk.scheduling.visit(visit.appointment_id).confirmed
    with pytest.raises(BadRequest):
        anybody.messaging.answer_link(token, "accept")
    assert anybody.messaging.answer_link(token, "confirm").said == "confirmed"
    assert desk.scheduling.visit(visit.appointment_id).confirmed
    with pytest.raises(Gone):
        anybody.messaging.answer_link(token, "cancel")
    assert anybody.messaging.look_at_link(token).acts == []
    for forged in ("x" * 43, token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), ""):
        with pytest.raises(NotFound):
            anybody.messaging.look_at_link(forged)


def test_a_link_to_a_visit_that_has_moved_is_void_and_the_new_one_cancels(api, desk, people, anybody):
    visit = book(desk).visits[0]
    turn = keeper(api)
    turn.run_once()
    old = token_in(messages(api)[0].body)
    later = MONDAY_9 + timedelta(minutes=40)
    moved = desk.scheduling.move(visit.appointment_id, MoveVisit(version=1, starts_at=later))
    assert moved.told_by == ["email"]
    turn.run_once()
    assert anybody.messaging.look_at_link(old).said == "over"
    with pytest.raises(Gone):
        anybody.messaging.answer_link(old, "confirm")
    new = token_in(messages(api)[0].body)
    assert anybody.messaging.answer_link(new, "cancel").said == "cancelled"
    stored = body_of(api, "Appointment", visit.appointment_id)
    assert (stored["status"], stored["cancelationReason"]["coding"][0]["code"]) == ("cancelled", "pat")


def test_who_may_be_written_to_is_looked_at_again_when_the_message_goes(api, desk, people):
    for number, patient in enumerate(("ana", "ben")):
        book(desk, patient, MONDAY_9 + timedelta(minutes=20 * number))
    consent(api, "ana", given=False)
    put_flag(api, "ben", "outreach-opt-out")
    carrier = Carrier()
    keeper(api, email=carrier, sms=carrier).run_once()
    assert carrier.sent == []
    assert {message.patient_id: message.state for message in messages(api)} == {
        "ana": "withheld",
        "ben": "withheld",
    }


def test_a_sender_that_is_away_is_tried_again_and_one_that_refuses_is_not(api, desk, people):
    book(desk)
    carrier = Carrier(fails_with=Unavailable("The mail server did not take the message."))
    turn = keeper(api, email=carrier, sms=carrier)
    turn.run_once()
    assert (messages(api)[0].state, messages(api)[0].why) == ("waiting", carrier.fails_with.message)
    turn.run_once()
    carrier.fails_with = None
    api.clock.instant += timedelta(minutes=3)
    turn.run_once()
    assert len(carrier.sent) == 1
    kept = messages(api)[0]
    assert kept.state == "sent"
    assert token_in(carrier.sent[0].body) not in kept.body
    book(desk, "ben", MONDAY_9 + timedelta(minutes=20))
    carrier.fails_with = ValueError("no such address")
    turn.run_once()
    assert messages(api)[0].state == "failed"


def test_reminders_come_once_in_the_persons_language_and_not_by_night(api, desk, people):
    book(desk, "ben", MONDAY_9 + timedelta(days=7))
    turn = keeper(api)
    turn.run_once()
    assert len(messages(api)) == 1
    api.clock.instant = datetime.fromisoformat("2026-11-28T22:30:00-05:00")
    turn.run_once()
    reminder = messages(api)[0]
    assert (reminder.kind, reminder.state) == ("reminder_3_days", "waiting")
    assert reminder.not_before == datetime.fromisoformat("2026-11-29T08:00:00-05:00")
    api.clock.instant = datetime.fromisoformat("2026-11-29T08:01:00-05:00")
    turn.run_once()
    turn.run_once()
    listed = messages(api)
    assert [message.kind for message in listed] == ["reminder_3_days", "booked"]
    assert "tiene una visita" in listed[0].body.lower()


def test_a_freed_time_is_offered_held_and_booked_on_acceptance(api, desk, people, anybody):
    first = book(desk, "cem").visits[0]
    later = book(desk, "ana", MONDAY_9 + timedelta(days=7)).visits[0]
    wish = {"type_code": "office_visit", "first_day": MONDAY_9.date(), "last_day": MONDAY_9.date()}
    desk.messaging.join_waitlist(WaitlistWish(patient_id="ben", urgency=2, **wish))
    desk.messaging.join_waitlist(
        WaitlistWish(patient_id="ana", urgency=1, moves_appointment_id=later.appointment_id, **wish)
    )
    turn = keeper(api)
    turn.run_once(remind=False)
    desk.scheduling.cancel(first.appointment_id, CancelVisit(version=1, reason="patient_request"))
    turn.run_once(remind=False)
    entries = {entry.wish.patient_id: entry for entry in desk.messaging.waitlist().entries}
    assert (entries["ana"].state, entries["ana"].offered.starts_at) == ("offered", MONDAY_9)
    assert entries["ben"].state == "waiting"
    offer = next(message for message in messages(api) if message.kind == "offer")
    with pytest.raises(Forbidden):
        api.signed_in("okafor", "analyst").messaging.waitlist()
    assert anybody.messaging.answer_link(token_in(offer.body), "accept").said == "accepted"
    moved = desk.scheduling.visit(later.appointment_id)
    assert (moved.starts_at, moved.status) == (MONDAY_9, "booked")
    assert [entry.wish.patient_id for entry in desk.messaging.waitlist().entries] == ["ben"]


def test_an_offer_that_lapses_or_is_declined_goes_to_the_next_and_to_nobody_twice(api, desk, people, anybody):
    first = book(desk, "cem").visits[0]
    wish = {"type_code": "office_visit", "first_day": MONDAY_9.date(), "last_day": MONDAY_9.date()}
    for patient in ("ana", "ben", "cem"):
        desk.messaging.join_waitlist(WaitlistWish(patient_id=patient, **wish))
    turn = keeper(api)
    desk.scheduling.cancel(first.appointment_id, CancelVisit(version=1, reason="patient_request"))
    turn.run_once(remind=False)
    offered = [e.wish.patient_id for e in desk.messaging.waitlist().entries if e.state == "offered"]
    assert offered == ["ana"]
    api.clock.instant += timedelta(hours=2, minutes=1)
    turn.run_once(remind=False)
    desk = api.signed_in("later", "front_desk")
    offered = [e.wish.patient_id for e in desk.messaging.waitlist().entries if e.state == "offered"]
    assert offered == ["ben"]
    offer = next(
        message for message in messages(api) if message.kind == "offer" and message.patient_id == "ben"
    )
    assert "es" in anybody.messaging.look_at_link(token_in(offer.body)).language
    assert anybody.messaging.answer_link(token_in(offer.body), "decline").said == "declined"
    turn.run_once(remind=False)
    states = {entry.wish.patient_id: entry.state for entry in desk.messaging.waitlist().entries}
    assert states == {"ana": "waiting", "ben": "waiting", "cem": "waiting"}
    assert book(desk, "ana").visits[0].starts_at == MONDAY_9


def test_a_calendar_feed_has_no_names_and_stops_when_it_is_revoked(api, desk, people):
    book(desk)
    feed = desk.messaging.make_feed(OKAFOR)
    http = api.http()
    answer = http.get(feed.path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    assert "DTSTART:20261123T140000Z" in answer.text
    assert "SUMMARY:Office visit" in answer.text
    for secret in ("Ana", "Reyes", "Cough", "M-ANA"):
        assert secret not in answer.text
    again = desk.messaging.make_feed(OKAFOR)
    assert http.get(feed.path).status_code == 404
    desk.messaging.revoke_feed(OKAFOR)
    assert http.get(again.path).status_code == 404
    with pytest.raises(Forbidden):
        api.signed_in("chen", "clinician", practitioner_id="chen").messaging.make_feed(OKAFOR)


def test_mail_goes_out_over_smtp_with_its_words_intact():
    from aiosmtpd.controller import Controller

    from ehr_core.messaging.senders import Outgoing

    class Inbox:
        mails: list = []

        async def handle_DATA(self, server, session, envelope):
            self.mails.append(envelope)
            return "250 OK"

        async def handle_RCPT(self, server, session, envelope, address, options):
            if address.startswith("nobody"):
                return "550 no such person"
            envelope.rcpt_tos.append(address)
            return "250 OK"

    port = free_port()
    server = Controller(Inbox(), hostname="127.0.0.1", port=port)
    server.start()
    try:
        sender = SmtpSender(f"smtp://127.0.0.1:{port}", "Clínica <no-reply@example.org>")
        sender.send(Outgoing("m-1", "email", "ana@example.org", "Vea su visita", "Mañana a las 9:00.\n"))
        with pytest.raises(ValueError, match="refuses"):
            sender.send(Outgoing("m-2", "email", "nobody@example.org", "x", "y"))
    finally:
        server.stop()
    (mail,) = Inbox.mails
    assert mail.rcpt_tos == ["ana@example.org"]
    assert b"Message-ID: <m-1@example.org>" in mail.content
    with pytest.raises(Unavailable):
        sender.send(Outgoing("m-3", "email", "ana@example.org", "x", "y"))
