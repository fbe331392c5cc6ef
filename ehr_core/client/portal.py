"""The portal: a person's own language, home, results, and replies. `language` null: the record's."""

from __future__ import annotations

from data_contracts.api.portal import (
    AlreadyHadThis,
    OwnLanguage,
    OwnResults,
    PortalHome,
    RecordOpened,
    RecordOpenings,
    ReplyReceived,
)
from data_contracts.api.portal_visits import OwnVisits
from data_contracts.api.questionnaires import OwnAnswers, OwnFilled, OwnQuestionnaires
from ehr_core.client.transport import Transport, segment


class PortalRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def language(self) -> OwnLanguage:
        return self._transport.get("/api/portal/language", OwnLanguage)

    def home(self, language: str | None = None) -> PortalHome:
        return self._transport.get("/api/portal/home", PortalHome, {"language": language})

    def results(self, language: str | None = None) -> OwnResults:
        return self._transport.get("/api/portal/results", OwnResults, {"language": language})

    def questionnaires(self, language: str | None = None) -> OwnQuestionnaires:
        """What the person may answer about themselves now."""
        return self._transport.get("/api/portal/questionnaires", OwnQuestionnaires, {"language": language})

    def fill(self, questionnaire_id: str, said: OwnAnswers) -> OwnFilled:
        """Raises Conflict where nobody is named to answer a crisis that it may show."""
        return self._transport.post(
            f"/api/portal/questionnaires/{segment(questionnaire_id)}", OwnFilled, said
        )

    def already_had(self, gap_id: str, said: AlreadyHadThis) -> ReplyReceived:
        """Goes to review; closes nothing by itself."""
        return self._transport.post(
            f"/api/portal/things-to-do/{segment(gap_id)}/already-had", ReplyReceived, said
        )

    def take_back(self, gap_id: str) -> None:
        """What was told about this item no longer stands. Raises NotFound when nothing waits any more."""
        self._transport.send("DELETE", f"/api/portal/things-to-do/{segment(gap_id)}/already-had")

    def who_looked(self) -> list[RecordOpened]:
        """Who did something in the record, the newest first."""
        return self._transport.get("/api/portal/who-looked", RecordOpenings).openings

    def visits(self, language: str | None = None) -> OwnVisits:
        """What is still to come, what may be booked, what the waitlist keeps."""
        return self._transport.get("/api/portal/visits", OwnVisits, {"language": language})
