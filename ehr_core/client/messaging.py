"""The mailbox, the waitlist, one-tap links and calendar feeds."""

from __future__ import annotations

from urllib.parse import quote

from data_contracts.api.calendars import NewFeed
from data_contracts.api.messaging import LinkAct, LinkPage, LinkToken, Mailbox
from data_contracts.api.scheduling import BookedVisits, VisitAct
from data_contracts.api.waitlist import Waitlist, WaitlistWish
from ehr_core.client.transport import Transport, segment


class MessagingRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def mailbox(self, page: int = 1, *, state: str | None = None, channel: str | None = None) -> Mailbox:
        return self._transport.get(
            "/api/mailbox", Mailbox, {"page": page, "state": state, "channel": channel}
        )

    def waitlist(self, patient_id: str | None = None) -> Waitlist:
        return self._transport.get("/api/waitlist", Waitlist, {"patient_id": patient_id})

    def join_waitlist(self, wish: WaitlistWish) -> None:
        self._transport.send("POST", "/api/waitlist", wish)

    def withdraw(self, entry_id: str, version: int) -> None:
        self._transport.send("POST", f"/api/waitlist/{segment(entry_id)}/withdraw", VisitAct(version=version))

    def accept_for(self, entry_id: str) -> BookedVisits:
        """Staff accept the open offer of an entry for the person."""
        return self._transport.post(f"/api/waitlist/{segment(entry_id)}/accept", BookedVisits)

    def look_at_link(self, token: str) -> LinkPage:
        """Needs no sign-in; changes nothing. The token travels in the body, never in an address of the API."""
        return self._transport.post("/api/links/look", LinkPage, LinkToken(token=token))

    def answer_link(self, token: str, act: str) -> LinkPage:
        return self._transport.post("/api/links/act", LinkPage, LinkAct(token=token, act=act))

    def make_feed(self, actor: str) -> NewFeed:
        return self._transport.post(f"/api/scheduling/feeds?actor={quote(actor, safe='')}", NewFeed)

    def revoke_feed(self, actor: str) -> None:
        self._transport.send("DELETE", f"/api/scheduling/feeds?actor={quote(actor, safe='')}")
