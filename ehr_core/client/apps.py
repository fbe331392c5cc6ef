"""Outside applications: registered, opened from a chart, and put out again by whoever let them in."""

from __future__ import annotations

from data_contracts.api.apps import AllLetIn, App, AppMade, AppOpened, Apps, LetIn, NewApp, NewKeys, OpenApp
from ehr_core.client.transport import Transport, segment


class AppsRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def all(self) -> list[App]:
        return self._transport.get("/api/apps", Apps).apps

    def register(self, app: NewApp) -> str:
        """The client id. Raises BadRequest, which names the field and what to write there."""
        return self._transport.post("/api/apps", AppMade, app).client_id

    def change_keys(self, client_id: str, keys: NewKeys) -> None:
        """Raises BadRequest, which names the field and what to write there."""
        self._transport.send("PUT", f"/api/apps/{segment(client_id)}/keys", keys)

    def close(self, client_id: str) -> None:
        self._transport.send("POST", f"/api/apps/{segment(client_id)}/close")

    def open_again(self, client_id: str) -> None:
        self._transport.send("POST", f"/api/apps/{segment(client_id)}/open")

    def of_chart(self) -> list[App]:
        return self._transport.get("/api/chart-apps", Apps).apps

    def launch(self, client_id: str, patient_id: str, encounter_id: str | None = None) -> str:
        """The address that opens the application for this patient."""
        asked = OpenApp(patient_id=patient_id, encounter_id=encounter_id)
        return self._transport.post(f"/api/chart-apps/{segment(client_id)}/launch", AppOpened, asked).address

    def let_in(self) -> list[LetIn]:
        return self._transport.get("/api/me/apps", AllLetIn).apps

    def put_out(self, grant_id: str) -> None:
        self._transport.send("POST", f"/api/me/apps/{segment(grant_id)}/end")
