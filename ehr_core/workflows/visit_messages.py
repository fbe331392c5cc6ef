"""Tells people about their visits. Who may be written to is read when a message is put down, and again when it goes.

A message says day and time at the clinic and carries one link; never a name, a reason, a clinician or a place of care.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from data_contracts.api.scheduling import VisitCard
from ehr_core.access.sensitivity import labels, restricting
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.standing import left_the_panel
from ehr_core.kernel.fhir_json import decode
from ehr_core.messaging import outbox
from ehr_core.messaging.links import make_link, token_of
from ehr_core.messaging.outbox import NewMessage
from ehr_core.messaging.senders import Outgoing
from ehr_core.messaging.words import Composed, compose, plan, spoken
from ehr_core.registration.model import PersonFacts
from ehr_core.registration.queries import people_by_id
from ehr_core.registration.service import person_by_id
from ehr_core.scheduling.cards import cards_by_id
from ehr_core.scheduling.rules import MOVABLE
from ehr_core.store.channel_consents import consents

CHANNELS = ("sms", "email")
"""In the order of preference: a text message is read sooner."""
REMINDERS = ("reminder_3_days", "reminder_1_day")
REMINDED_AT_ONCE = 200

DUE = text("""
SELECT a.id, a.patient_id, a.date_low FROM fhir.appointment AS a
WHERE NOT a.deleted AND a.status IN ('pending', 'booked') AND a.patient_id IS NOT NULL
  AND a.date_low > CAST(:now AS timestamptz) + make_interval(hours => :least)
  AND a.date_low <= CAST(:now AS timestamptz) + make_interval(hours => :most)
  AND NOT EXISTS (
    SELECT FROM messaging.message AS told
    WHERE told.about = a.id || '@' || CAST(extract(epoch FROM a.date_low) AS bigint)
      AND (told.kind = :kind OR told.made_at > CAST(:now AS timestamptz) - make_interval(hours => :spacing)))
ORDER BY a.date_low, a.id LIMIT :at_once
""")


@dataclass(frozen=True)
class Letter:
    """Where messages come from: the organization's name, the portal's address, the key of links."""

    site_name: str
    portal_url: str
    key: bytes
    tell_time: bool = True


@dataclass(frozen=True)
class Ready:
    """A message that may go out now, in full."""

    outgoing: Outgoing
    tries: int
    token: str | None

    def kept_body(self, *, keeps_here: bool) -> str:
        """What is kept of it: the link too only where nothing left this installation; else it is worth a sign-in."""
        if self.token is None or keeps_here:
            return self.outgoing.body
        return self.outgoing.body.replace(self.token, "…")


def tell(work: UnitOfWork, kind: str, visits: Sequence[VisitCard]) -> list[str]:
    """Puts down one message about the first of these visits; the channels on which it will go, or none.

    Nobody is told who has not agreed to it, has died, opted out or left.
    """
    visit = next((one for one in visits if one.patient_id), None)
    if visit is None or visit.starts_at <= work.now():
        return []
    return _put_down(work, kind, visit)


def queue_reminders(work: UnitOfWork) -> int:
    """Puts down the reminders that are due; says how many people will be told."""
    told = 0
    for kind in REMINDERS:
        row = plan()[kind]
        values = {
            "kind": kind,
            "now": work.now(),
            "most": row["hours_before"],
            "least": row["not_later_than_hours"],
            "spacing": plan()["spacing"]["hours"],
            "at_once": REMINDED_AT_ONCE,
        }
        due = work.connection.execute(DUE, values).all()
        cards = {card.appointment_id: card for card in cards_by_id(work, [row.id for row in due])}
        for row in due:
            visit = cards[row.id]
            told += bool(_put_down(work, kind, visit, wait_for_morning=True))
    return told


def tell_offer(
    work: UnitOfWork, patient_id: str, offer_id: str, starts_at: datetime, time_zone: str, until: datetime
) -> bool:
    """Puts down the offer of a freed time with its link; False when this person may not be written to."""
    person = people_by_id(work, [patient_id]).get(patient_id)
    channel = channel_for(work, person)
    if person is None or channel is None:
        return False
    link_id = make_link(work, patient_id, "accept_offer", offer_id, until=until)
    return outbox.put_down(
        work,
        NewMessage(
            patient_id=patient_id,
            kind="offer",
            about=offer_id,
            channel=channel,
            language=spoken(person.language_tag),
            places={"starts_at": starts_at.isoformat(), "time_zone": time_zone},
            link_id=link_id,
            not_before=work.now(),
        ),
    )


def channel_for(work: UnitOfWork, person: PersonFacts | None) -> str | None:
    """The channel that this person has agreed to and can be reached on; None when they are not to be written to."""
    if person is None or why_not(work, person) is not None:
        return None
    said = consents(work, [person.patient_id])[person.patient_id]
    addresses = {"sms": person.phone, "email": person.email}
    return next((one for one in CHANNELS if said[one] == "given" and addresses[one]), None)


def why_not(work: UnitOfWork, person: PersonFacts) -> str | None:
    """Why nobody writes to this person now, whatever the channel; None when it is right."""
    if person.deceased:
        return "The patient is recorded as deceased."
    if person.replaced_by is not None or not person.active:
        return "The record is merged into another one, or inactive."
    if left_the_panel(work, [person.patient_id]):
        return "The patient has opted out, or their care was transferred."
    return None


def next_to_send(work: UnitOfWork, letter: Letter) -> Ready | None:
    """Claims the next message that may go out, in full. Those that may not any more are put aside with why."""
    while (row := outbox.claim(work)) is not None:
        person = people_by_id(work, [row["patient_id"]]).get(row["patient_id"])
        state, why = _look_again(work, row, person)
        if why is None and person is not None:
            return _ready(row, person, letter)
        outbox.note_not_sent(work, str(row["message_id"]), state, why or "There is no such patient any more.")
        work.audit(
            "message.not_sent", patient_id=row["patient_id"], detail={"kind": row["kind"], "state": state}
        )
    return None


def note_gone(work: UnitOfWork, ready: Ready, patient_id: str, *, sender: str, keeps_here: bool) -> None:
    out = ready.outgoing
    outbox.note_sent(
        work,
        out.message_id,
        sender=sender,
        address=out.address,
        subject=out.subject,
        body=ready.kept_body(keeps_here=keeps_here),
    )
    work.audit("message.sent", patient_id=patient_id, detail={"channel": out.channel, "sender": sender})


def about_of(kind: str, visit: VisitCard) -> str:
    """One reminder for a visit at a time, one message for each change of it."""
    about = f"{visit.appointment_id}@{moment_of(visit)}"
    return f"{about}.{visit.version}" if kind in ("moved", "cancelled") else about


def moment_of(visit: VisitCard) -> str:
    """When it begins, as a link and a message remember it (seconds since 1970)."""
    return str(int(visit.starts_at.timestamp()))


def _put_down(work: UnitOfWork, kind: str, visit: VisitCard, *, wait_for_morning: bool = False) -> list[str]:
    patient_id = str(visit.patient_id)
    person = person_by_id(work, patient_id)
    channel = channel_for(work, person)
    if channel is None:
        return []
    link_id = None
    if kind != "cancelled":
        link_id = make_link(
            work,
            patient_id,
            "answer_visit",
            visit.appointment_id,
            until=visit.starts_at,
            target_state=moment_of(visit),
        )
    places = {
        "starts_at": visit.starts_at.isoformat(),
        "time_zone": visit.time_zone,
        "untold": _is_sensitive(work, visit.appointment_id),
    }
    told = outbox.put_down(
        work,
        NewMessage(
            patient_id=patient_id,
            kind=kind,
            about=about_of(kind, visit),
            channel=channel,
            language=spoken(person.language_tag),
            places=places,
            link_id=link_id,
            not_before=after_quiet_hours(work.now(), visit.time_zone) if wait_for_morning else work.now(),
        ),
    )
    return [channel] if told else []


def after_quiet_hours(now: datetime, time_zone: str) -> datetime:
    """Now, or the next morning at the clinic when it is evening or night there."""
    quiet = plan()["quiet"]
    local = now.astimezone(ZoneInfo(time_zone))
    if quiet["ends_hour"] <= local.hour < quiet["begins_hour"]:
        return now
    day = local.date() + timedelta(days=1 if local.hour >= quiet["begins_hour"] else 0)
    return datetime(day.year, day.month, day.day, quiet["ends_hour"], tzinfo=ZoneInfo(time_zone))


def _look_again(
    work: UnitOfWork, row: Mapping[str, Any], person: PersonFacts | None
) -> tuple[str, str | None]:
    """(state, why) when it may not go out: the person, their consent and the visit are read at this very moment."""
    if person is None:
        return "withheld", "There is no such patient any more."
    if (why := why_not(work, person)) is not None:
        return "withheld", why
    if consents(work, [person.patient_id])[person.patient_id][row["channel"]] != "given":
        return "withheld", f"Consent to messages by {row['channel']} is not given any more."
    if not (person.phone if row["channel"] == "sms" else person.email):
        return "withheld", "The record has no address for this channel any more."
    if not _still_so(work, row):
        return "overtaken", "The visit was moved, cancelled or took place in the meantime."
    return "waiting", None


def _still_so(work: UnitOfWork, row: Mapping[str, Any]) -> bool:
    """Whether what the message says still holds."""
    if row["kind"] == "offer":
        state = text(
            "SELECT state = 'open' AND until > :now FROM scheduling.offer WHERE offer_id = CAST(:id AS uuid)"
        )
        return bool(
            work.connection.execute(state, {"id": row["about"], "now": work.now()}).scalar_one_or_none()
        )
    appointment_id, _, moment = row["about"].rpartition("@")
    found = cards_by_id(work, [appointment_id])
    if not found or moment_of(found[0]) != moment.partition(".")[0]:
        return False
    if row["kind"] == "cancelled":
        return found[0].status == "cancelled"
    return found[0].status in MOVABLE and found[0].starts_at > work.now()


def _ready(row: Mapping[str, Any], person: PersonFacts, letter: Letter) -> Ready:
    token = token_of(letter.key, str(row["link_id"])) if row["link_id"] else None
    said = _said(row, letter, token)
    return Ready(
        outgoing=Outgoing(
            message_id=str(row["message_id"]),
            channel=row["channel"],
            address=str(person.phone if row["channel"] == "sms" else person.email),
            subject=said.subject,
            body=said.body,
        ),
        tries=row["tries"] + 1,
        token=token,
    )


def _said(row: Mapping[str, Any], letter: Letter, token: str | None) -> Composed:
    places = row["places"]
    tells = letter.tell_time and not places.get("untold")
    return compose(
        row["kind"],
        row["channel"],
        row["language"],
        site=letter.site_name,
        starts_at=datetime.fromisoformat(places["starts_at"]) if tells else None,
        time_zone=places["time_zone"],
        link=f"{letter.portal_url}/visit/{token}" if token else None,
    )


def _is_sensitive(work: UnitOfWork, appointment_id: str) -> bool:
    """Whether the booking carries a label: then not even its time is told in a message."""
    body = work.connection.execute(
        text("SELECT body FROM fhir.appointment WHERE id = :id"), {"id": appointment_id}
    ).scalar_one_or_none()
    return bool(body and restricting(labels(decode(body))))
