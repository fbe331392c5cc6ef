"""The page of a one-tap link: looking changes nothing, one answer is taken, once, as the person it was sent to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from data_contracts.api.messaging import LinkPage
from data_contracts.api.scheduling import CancelVisit
from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, Gone
from ehr_core.messaging.links import link_row, use_link
from ehr_core.messaging.words import spoken
from ehr_core.registration.queries import people_by_id
from ehr_core.scheduling import changing
from ehr_core.scheduling.calendars import site_zone, sites
from ehr_core.scheduling.cards import cards_by_id
from ehr_core.scheduling.rules import MOVABLE
from ehr_core.workflows.book_visit import cancel_visit
from ehr_core.workflows.offer_freed_time import accept_offer, decline_offer
from ehr_core.workflows.visit_messages import moment_of

LINK_READER = Actor("service:links", "service", "One-tap links", (), frozenset())
ACTS = {"answer_visit": ("confirm", "cancel"), "accept_offer": ("accept", "decline")}
SAID = {"confirm": "confirmed", "cancel": "cancelled", "accept": "accepted", "decline": "declined"}


def person_of(row: Mapping[str, Any]) -> Actor:
    """Who the link was sent to: as far as their own record, and only to answer."""
    return Actor(
        actor_id=f"link:{row['link_id']}",
        kind="patient",
        name="One-tap link",
        roles=("patient",),
        permissions=frozenset({"own.book"}),
        patient_id=row["patient_id"],
    )


def look(work: UnitOfWork, link_id: str, site_name: str) -> LinkPage:
    """What the page says now. Changes nothing, so that a mail program that follows links answers nothing."""
    row = link_row(work, link_id)
    work.audit("link.opened", patient_id=row["patient_id"], detail={"link_id": link_id})
    return _page(work, row, site_name)


def answer(work: UnitOfWork, link_id: str, act: str, site_name: str) -> LinkPage:
    """Takes the answer and spends the link. Raises Gone for a spent one, BadRequest for an act that is not offered."""
    row = link_row(work, link_id, lock=True)
    if act not in ACTS[row["purpose"]]:
        raise BadRequest("act: this link does not offer that.")
    use_link(work, row, act)
    if row["purpose"] == "accept_offer":
        _answer_offer(work, row, act)
    else:
        _answer_visit(work, row, act)
    work.audit("link.used", patient_id=row["patient_id"], detail={"link_id": link_id, "act": act})
    return _page(work, link_row(work, link_id), site_name)


def _answer_visit(work: UnitOfWork, row: Mapping[str, Any], act: str) -> None:
    found = cards_by_id(work, [row["target_id"]])
    if not found or moment_of(found[0]) != row["target_state"]:
        raise Gone("This visit was moved in the meantime. Look for a newer message, or call us.")
    if act == "confirm":
        changing.confirm(work, row["target_id"])
        return
    cancel_visit(work, row["target_id"], CancelVisit(version=found[0].version, reason="patient_request"))


def _answer_offer(work: UnitOfWork, row: Mapping[str, Any], act: str) -> None:
    if act == "accept":
        accept_offer(work, row["target_id"])
    else:
        decline_offer(work, row["target_id"])


def _page(work: UnitOfWork, row: Mapping[str, Any], site_name: str) -> LinkPage:
    person = people_by_id(work, [row["patient_id"]]).get(row["patient_id"])
    when = _visit_time(work, row) if row["purpose"] == "answer_visit" else _offer_time(work, row)
    is_open = row["used_at"] is None and row["until"] > work.now() and when is not None and when[2]
    return LinkPage(
        purpose=row["purpose"],
        language=spoken(person.language_tag if person else None),
        site_name=site_name,
        place=when[3] if when else None,
        starts_at=when[0] if when else None,
        time_zone=when[1] if when else work.site_time_zone,
        acts=list(ACTS[row["purpose"]]) if is_open else [],
        said="open" if is_open else SAID.get(row["used_for"] or "", "over"),
    )


def _visit_time(work: UnitOfWork, row: Mapping[str, Any]) -> tuple[Any, str, bool, str | None] | None:
    """(when, zone, whether it can be answered, place); None when the visit is not as it was, or not to be shown."""
    found = cards_by_id(work, [row["target_id"]])
    if not found or moment_of(found[0]) != row["target_state"]:
        return None
    visit = found[0]
    place = next((site.name for site in sites(work) if site.site_id == visit.site_id), None)
    return visit.starts_at, visit.time_zone, visit.status in MOVABLE, place


def _offer_time(work: UnitOfWork, row: Mapping[str, Any]) -> tuple[Any, str, bool, str | None] | None:
    found = work.connection.execute(
        text(
            "SELECT o.state, o.until, h.starts_at, c.site_id FROM scheduling.offer AS o "
            "JOIN scheduling.hold AS h USING (hold_id) "
            "LEFT JOIN scheduling.calendar AS c ON c.actor = ANY(h.actors) AND c.kind = 'provider' "
            "WHERE o.offer_id = CAST(:id AS uuid)"
        ),
        {"id": row["target_id"]},
    ).first()
    if found is None:
        return None
    is_open = found.state == "open" and found.until > work.now()
    place = next((site.name for site in sites(work) if site.site_id == found.site_id), None)
    return found.starts_at, site_zone(work, found.site_id), is_open, place
