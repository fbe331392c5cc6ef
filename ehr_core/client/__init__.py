"""The one door to the API for apps, pipelines and tests: typed rooms over one transport."""

from __future__ import annotations

import httpx

from ehr_core.client.access import AccessRoom
from ehr_core.client.account import AccountRoom
from ehr_core.client.alerts import AlertsRoom
from ehr_core.client.allergies import AllergiesRoom
from ehr_core.client.apps import AppsRoom
from ehr_core.client.audit import AuditRoom
from ehr_core.client.bulk import BulkRoom
from ehr_core.client.care_gaps import CareGapsRoom
from ehr_core.client.charting import ChartingRoom
from ehr_core.client.data_quality import DataQualityRoom
from ehr_core.client.decision_support import DecisionSupportRoom
from ehr_core.client.disclosures import DisclosuresRoom
from ehr_core.client.fhir import FhirRoom
from ehr_core.client.history import HistoryRoom
from ehr_core.client.medications import MedicationsRoom
from ehr_core.client.merges import MergesRoom
from ehr_core.client.messaging import MessagingRoom
from ehr_core.client.notes import NotesRoom
from ehr_core.client.orders import OrdersRoom
from ehr_core.client.outside import OutsideRoom
from ehr_core.client.pipeline import PipelineRoom
from ehr_core.client.portal import PortalRoom
from ehr_core.client.profile import ProfileRoom
from ehr_core.client.quality import QualityRoom
from ehr_core.client.questionnaires import QuestionnairesRoom
from ehr_core.client.registration import RegistrationRoom
from ehr_core.client.results_inbox import ResultsInboxRoom
from ehr_core.client.risk import RiskRoom
from ehr_core.client.scheduling import SchedulingRoom
from ehr_core.client.transport import TokenSource, Transport
from ehr_core.client.visits import VisitsRoom
from ehr_core.client.worklist import WorklistRoom

__all__ = ["AlmonerClient"]


class AlmonerClient:
    """Speaks to the API as whoever the token source stands for. Safe to share between threads.

    `token_source` is a SessionToken, a ServiceTokens or any function that returns a token; `transport` is for
    tests, which stay in the process (see in_process.py).
    """

    def __init__(
        self, base_url: str, token_source: TokenSource | None, transport: httpx.BaseTransport | None = None
    ):
        speaking = Transport(base_url, token_source, transport)
        self.transport = speaking
        self.access = AccessRoom(speaking)
        self.account = AccountRoom(speaking)
        self.apps = AppsRoom(speaking)
        self.alerts = AlertsRoom(speaking)
        self.audit = AuditRoom(speaking)
        self.fhir = FhirRoom(speaking)
        self.outside = OutsideRoom(speaking)
        self.bulk = BulkRoom(speaking)
        self.registration = RegistrationRoom(speaking)
        self.profile = ProfileRoom(speaking)
        self.merges = MergesRoom(speaking)
        self.charting = ChartingRoom(speaking)
        self.history = HistoryRoom(speaking)
        self.notes = NotesRoom(speaking)
        self.orders = OrdersRoom(speaking)
        self.results_inbox = ResultsInboxRoom(speaking)
        self.medications = MedicationsRoom(speaking)
        self.allergies = AllergiesRoom(speaking)
        self.decision_support = DecisionSupportRoom(speaking)
        self.scheduling = SchedulingRoom(speaking)
        self.messaging = MessagingRoom(speaking)
        self.visits = VisitsRoom(speaking)
        self.care_gaps = CareGapsRoom(speaking)
        self.worklist = WorklistRoom(speaking)
        self.risk = RiskRoom(speaking)
        self.quality = QualityRoom(speaking)
        self.data_quality = DataQualityRoom(speaking)
        self.questionnaires = QuestionnairesRoom(speaking)
        self.disclosures = DisclosuresRoom(speaking)
        self.portal = PortalRoom(speaking)
        self.pipeline = PipelineRoom(speaking)

    def close(self) -> None:
        self.transport.close()
