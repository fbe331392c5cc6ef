"""The mailbox, the waitlist, one-tap links (which need no sign-in) and calendar feeds (which need their secret)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from data_contracts.api.calendars import NewFeed
from data_contracts.api.messaging import LinkAct, LinkPage, LinkToken, Mailbox
from data_contracts.api.scheduling import BookedVisits, VisitAct
from data_contracts.api.waitlist import Waitlist, WaitlistWish
from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.api.dependencies import Parts, ProcessParts, Work
from ehr_core.messaging import mailbox
from ehr_core.messaging.links import link_id_of, link_key, link_row
from ehr_core.messaging.senders import senders
from ehr_core.scheduling import feeds, waitlist
from ehr_core.workflows import answer_link
from ehr_core.workflows.offer_freed_time import accept_offer

router = APIRouter(tags=["messaging"])

FEED_READER = Actor("service:feeds", "service", "Calendar feed", (), frozenset())


@router.get("/api/mailbox")
def read_mailbox(
    parts: ProcessParts,
    work: Work,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    state: str | None = None,
    channel: str | None = None,
) -> Mailbox:
    named = {channel: sender.name for channel, sender in senders(parts.settings).items()}
    return mailbox.read_mailbox(work, named, page=page, state=state, channel=channel)


@router.get("/api/waitlist")
def read_waitlist(work: Work, patient_id: str | None = None) -> Waitlist:
    return waitlist.read_waitlist(work, patient_id)


@router.post("/api/waitlist", status_code=204)
def join_waitlist(wish: WaitlistWish, work: Work) -> None:
    waitlist.join_waitlist(work, wish)


@router.post("/api/waitlist/{entry_id}/withdraw", status_code=204)
def withdraw(entry_id: str, act: VisitAct, work: Work) -> None:
    waitlist.withdraw(work, entry_id, act.version)


@router.post("/api/waitlist/{entry_id}/accept")
def accept(entry_id: str, work: Work) -> BookedVisits:
    """By telephone: staff accept the open offer for the person."""
    offer = next(iter(waitlist.open_offers(work, waitlist.checked_uuid(entry_id, "entry"))), None)
    return accept_offer(work, str(offer["offer_id"]) if offer else entry_id)


@router.post("/api/links/look")
def look(given: LinkToken, parts: ProcessParts) -> LinkPage:
    link_id = link_id_of(_key(parts), given.token)
    with begin(parts.database, _person(parts, link_id), parts.clock, parts.settings.site_time_zone) as work:
        return answer_link.look(work, link_id, parts.settings.site_name)


@router.post("/api/links/act")
def act(given: LinkAct, request: Request, parts: ProcessParts) -> LinkPage:
    link_id = link_id_of(_key(parts), given.token)
    person = _person(parts, link_id)
    request.state.actor = person
    with begin(parts.database, person, parts.clock, parts.settings.site_time_zone) as work:
        return answer_link.answer(work, link_id, given.act, parts.settings.site_name)


@router.post("/api/scheduling/feeds")
def make_feed(actor: str, work: Work) -> NewFeed:
    return feeds.make_feed(work, actor)


@router.delete("/api/scheduling/feeds", status_code=204)
def revoke_feed(actor: str, work: Work) -> None:
    feeds.revoke_feed(work, actor)


@router.get("/feeds/{secret}.ics")
def feed(secret: str, parts: ProcessParts) -> Response:
    with begin(parts.database, FEED_READER, parts.clock, parts.settings.site_time_zone) as work:
        written = feeds.read_feed(work, secret)
    return Response(written, media_type="text/calendar; charset=utf-8")


def _key(parts: Parts) -> bytes:
    return link_key(parts.secrets.token_signing_key)


def _person(parts: Parts, link_id: str) -> Actor:
    """Whom the link was sent to: what follows reaches no further than their own record."""
    zone = parts.settings.site_time_zone
    with begin(parts.database, answer_link.LINK_READER, parts.clock, zone) as work:
        return answer_link.person_of(link_row(work, link_id))
