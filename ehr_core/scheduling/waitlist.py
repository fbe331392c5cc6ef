"""The waitlist: who wants an earlier time, and which freed time fits whom best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from data_contracts.api.scheduling import FindSlots, Hold, Slot
from data_contracts.api.waitlist import Waitlist, WaitlistEntry, WaitlistWish
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Conflict, Gone, NotFound, StaleVersion
from ehr_core.kernel.ids import new_id
from ehr_core.scheduling.calendars import calendar, checked_uuid
from ehr_core.scheduling.cards import card, read_person
from ehr_core.scheduling.holds import end_hold, held, require_booking
from ehr_core.scheduling.openings import Search, find_slots
from ehr_core.scheduling.rules import MOVABLE
from ehr_core.scheduling.types import appointment_type

LONGEST_WAIT_DAYS = 366
ASKED_AT_ONCE = 50
"""Entries that one freed time is compared with, the most urgent and longest waiting first."""

ENTRIES = """
SELECT w.*, p.body AS patient_body, p.display_name, t.name AS type_name,
  o.until AS offered_until, h.starts_at, h.ends_at, h.actors
FROM scheduling.waitlist AS w
LEFT JOIN fhir.patient AS p ON p.id = w.patient_id AND NOT p.deleted
LEFT JOIN scheduling.appointment_type AS t ON t.code = w.type_code
LEFT JOIN scheduling.offer AS o ON o.entry_id = w.entry_id AND o.state = 'open'
LEFT JOIN scheduling.hold AS h ON h.hold_id = o.hold_id
"""

FITTING = text(f"""
{ENTRIES} WHERE w.state = 'waiting' AND w.first_day <= :day AND w.last_day >= :day
  AND (w.providers IS NULL OR :provider = ANY(w.providers)) AND (w.weekdays IS NULL OR :weekday = ANY(w.weekdays))
  AND NOT EXISTS (
    SELECT FROM scheduling.offer AS past JOIN scheduling.hold AS tried ON tried.hold_id = past.hold_id
    WHERE past.entry_id = w.entry_id AND tried.actors @> ARRAY[:provider]
      AND tstzrange(tried.starts_at, tried.ends_at) && tstzrange(:begin, :end))
ORDER BY w.urgency, w.made_at, w.entry_id LIMIT {ASKED_AT_ONCE} FOR UPDATE OF w SKIP LOCKED
""")


def join_waitlist(work: UnitOfWork, wish: WaitlistWish) -> str:
    """The new entry's id. Raises BadRequest for days that are over or too many."""
    require_booking(work, wish.patient_id)
    kind = appointment_type(work, wish.type_code)
    if work.actor.kind == "patient" and not kind.patient_may_book:
        raise BadRequest("type_code: this visit is booked by the clinic. Call us.")
    if not work.today() <= wish.last_day or wish.last_day < wish.first_day:
        raise BadRequest("last_day: choose a day that is not over, and not before the first one.")
    if (wish.last_day - wish.first_day).days > LONGEST_WAIT_DAYS:
        raise BadRequest("last_day: at most a year after the first day.")
    if wish.moves_appointment_id is not None:
        _check_gives_way(work, wish)
    entry_id = new_id()
    work.connection.execute(
        text(
            "INSERT INTO scheduling.waitlist (entry_id, patient_id, type_code, providers, site_ids, first_day, "
            "last_day, weekdays, part_of_day, urgency, moves_appointment_id, made_at, made_by) VALUES "
            "(CAST(:entry_id AS uuid), :patient_id, :type_code, :providers, :site_ids, :first_day, :last_day, "
            ":weekdays, :part_of_day, :urgency, :moves_appointment_id, :now, :made_by)"
        ),
        wish.model_dump() | {"entry_id": entry_id, "now": work.now(), "made_by": work.actor.actor_id},
    )
    work.audit("waitlist.joined", patient_id=wish.patient_id, detail={"entry_id": entry_id})
    return entry_id


def read_waitlist(work: UnitOfWork, patient_id: str | None = None) -> Waitlist:
    """Who waits or has an offer, most urgent and longest waiting first; a patient sees their own."""
    if work.actor.kind == "patient":
        work.actor.require("own.book")
        patient_id = work.actor.patient_id
    else:
        work.actor.require("schedule.read")
    rows = (
        work.connection.execute(
            text(
                f"{ENTRIES} WHERE w.state IN ('waiting', 'offered') AND w.last_day >= :today "
                "AND (CAST(:patient AS text) IS NULL OR w.patient_id = :patient) "
                "ORDER BY w.urgency, w.made_at, w.entry_id LIMIT 500"
            ),
            {"today": work.today(), "patient": patient_id},
        )
        .mappings()
        .all()
    )
    work.audit("waitlist.read", patient_ids=[row["patient_id"] for row in rows])
    return Waitlist(entries=[_entry(work, row) for row in rows])


def withdraw(work: UnitOfWork, entry_id: str, version: int) -> None:
    """No longer waiting; an offer that is open ends. Raises StaleVersion, NotFound."""
    row = locked_entry(work, entry_id)
    require_booking(work, row["patient_id"])
    if row["version"] != version or row["state"] not in ("waiting", "offered"):
        raise StaleVersion("Somebody else has changed this entry a moment ago. Look at it again.")
    for offer in open_offers(work, entry_id):
        end_offer(work, offer, "declined")
    set_entry(work, entry_id, "withdrawn")
    work.audit("waitlist.withdrawn", patient_id=row["patient_id"], detail={"entry_id": entry_id})


def best_matches(
    work: UnitOfWork, provider: str, begin: datetime, end: datetime, *, earliest: datetime
) -> list[tuple[Mapping[str, Any], Slot]]:
    """Entries that a freed time fits, best first, each with the slot that it would get. Locks the entries."""
    zone = ZoneInfo(work.site_time_zone)
    day = begin.astimezone(zone).date()
    rows = (
        work.connection.execute(
            FITTING,
            {"day": day, "provider": provider, "weekday": day.isoweekday(), "begin": begin, "end": end},
        )
        .mappings()
        .all()
    )
    matches = []
    for row in rows:
        slot = _slot_for(work, row, provider, max(begin, earliest), end)
        if slot is not None:
            matches.append((row, slot))
    return matches


def make_offer(work: UnitOfWork, entry: Mapping[str, Any], hold: Hold) -> str:
    """The new offer's id; the entry is offered until it ends."""
    offer_id = new_id()
    work.connection.execute(
        text(
            "INSERT INTO scheduling.offer (offer_id, entry_id, patient_id, hold_id, made_at, until) VALUES "
            "(CAST(:id AS uuid), :entry, :patient, CAST(:hold AS uuid), :now, :until)"
        ),
        {
            "id": offer_id,
            "entry": entry["entry_id"],
            "patient": entry["patient_id"],
            "hold": hold.hold_id,
            "now": work.now(),
            "until": hold.until,
        },
    )
    set_entry(work, str(entry["entry_id"]), "offered", offered=True)
    work.audit("waitlist.offered", patient_id=entry["patient_id"], detail={"offer_id": offer_id})
    return offer_id


def offer_to_answer(work: UnitOfWork, offer_id: str) -> Mapping[str, Any]:
    """The locked, open offer. Raises Gone when it is over, NotFound."""
    row = (
        work.connection.execute(
            text("SELECT * FROM scheduling.offer WHERE offer_id = CAST(:id AS uuid) FOR UPDATE"),
            {"id": checked_uuid(offer_id, "offer")},
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound("There is no such offer.")
    require_booking(work, row["patient_id"])
    if row["state"] != "open" or row["until"] <= work.now():
        raise Gone("This offer is over: the time was given to somebody else, or its end has come.")
    return row


def lapsed_offers(work: UnitOfWork) -> Sequence[Mapping[str, Any]]:
    """Open offers whose time is over; locked."""
    return (
        work.connection.execute(
            text(
                "SELECT o.*, h.actors, h.starts_at, h.ends_at FROM scheduling.offer AS o "
                "JOIN scheduling.hold AS h USING (hold_id) WHERE o.state = 'open' AND o.until <= :now "
                "FOR UPDATE OF o SKIP LOCKED"
            ),
            {"now": work.now()},
        )
        .mappings()
        .all()
    )


def open_offers(work: UnitOfWork, entry_id: str) -> Sequence[Mapping[str, Any]]:
    return (
        work.connection.execute(
            text(
                "SELECT * FROM scheduling.offer WHERE entry_id = CAST(:id AS uuid) AND state = 'open' FOR UPDATE"
            ),
            {"id": entry_id},
        )
        .mappings()
        .all()
    )


def end_offer(work: UnitOfWork, offer: Mapping[str, Any], state: str) -> None:
    """Declined or lapsed: its hold ends, and the time is offered to the next one."""
    work.connection.execute(
        text("UPDATE scheduling.offer SET state = :state WHERE offer_id = :id"),
        {"state": state, "id": offer["offer_id"]},
    )
    hold = held(work, str(offer["hold_id"]))
    if hold["state"] == "held":
        end_hold(work, hold, "released" if state == "declined" else "expired")
    provider = next(actor for actor in hold["actors"] if actor.startswith("Practitioner/"))
    work.connection.execute(
        text("SELECT scheduling.free_again(:actor, :begin, :end)"),
        {"actor": provider, "begin": hold["starts_at"], "end": hold["ends_at"]},
    )


def accept(work: UnitOfWork, offer: Mapping[str, Any]) -> None:
    work.connection.execute(
        text("UPDATE scheduling.offer SET state = 'accepted' WHERE offer_id = :id"), {"id": offer["offer_id"]}
    )
    set_entry(work, str(offer["entry_id"]), "booked")


def locked_entry(work: UnitOfWork, entry_id: str) -> Mapping[str, Any]:
    row = (
        work.connection.execute(
            text("SELECT * FROM scheduling.waitlist WHERE entry_id = CAST(:id AS uuid) FOR UPDATE"),
            {"id": checked_uuid(entry_id, "entry")},
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound("There is no such entry on the waitlist. Reload the page.")
    return row


def set_entry(work: UnitOfWork, entry_id: str, state: str, *, offered: bool = False) -> None:
    work.connection.execute(
        text(
            "UPDATE scheduling.waitlist SET state = :state, version = version + 1, "
            "offers = offers + :more WHERE entry_id = CAST(:id AS uuid)"
        ),
        {"state": state, "more": int(offered), "id": entry_id},
    )


def next_freed(work: UnitOfWork) -> Mapping[str, Any] | None:
    """A time that became free and nobody of the waitlist was asked about; taken from the list."""
    return (
        work.connection.execute(
            text(
                "DELETE FROM scheduling.freed WHERE freed_id = (SELECT freed_id FROM scheduling.freed "
                "ORDER BY freed_id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING actor, during"
            )
        )
        .mappings()
        .one_or_none()
    )


def wish_of(row: Mapping[str, Any]) -> WaitlistWish:
    return WaitlistWish(**{name: row[name] for name in WaitlistWish.model_fields})


def _slot_for(
    work: UnitOfWork, row: Mapping[str, Any], provider: str, begin: datetime, end: datetime
) -> Slot | None:
    wish, kind = wish_of(row), appointment_type(work, row["type_code"], retired_too=True)
    zone = ZoneInfo(work.site_time_zone)
    search = FindSlots(
        type_code=kind.code,
        patient_id=wish.patient_id,
        providers=[provider],
        site_ids=wish.site_ids,
        first_day=begin.astimezone(zone).date() - timedelta(days=1),
        days=3,
        part_of_day=wish.part_of_day,
        near=begin,
        limit=5,
    )
    aside = [wish.moves_appointment_id] if wish.moves_appointment_id else []
    found = find_slots(work, Search(kind, search, aside=aside))
    return next((slot for slot in found if begin <= slot.starts_at < end), None)


def _check_gives_way(work: UnitOfWork, wish: WaitlistWish) -> None:
    visit = card(work, str(wish.moves_appointment_id))
    if visit.patient_id != wish.patient_id or visit.status not in MOVABLE:
        raise Conflict("The booking that should give way is not this patient's, or can no longer be moved.")


def _entry(work: UnitOfWork, row: Mapping[str, Any]) -> WaitlistEntry:
    person = read_person(row["patient_body"])
    return WaitlistEntry(
        entry_id=str(row["entry_id"]),
        version=row["version"],
        wish=wish_of(row),
        state=row["state"],
        made_at=row["made_at"],
        offers=row["offers"],
        offered=_offered(work, row),
        offered_until=row["offered_until"],
        patient_name=person.name,
        birth_date=person.birth_date,
        mrn=person.mrn,
        type_name=row["type_name"],
    )


def _offered(work: UnitOfWork, row: Mapping[str, Any]) -> Slot | None:
    if row["starts_at"] is None:
        return None
    provider = next(actor for actor in row["actors"] if actor.startswith("Practitioner/"))
    person = calendar(work, provider)
    return Slot(
        type_code=row["type_code"],
        provider=provider,
        provider_name=person.name,
        site_id=person.site_id,
        site_name="",
        time_zone=work.site_time_zone,
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        resources=[],
    )
