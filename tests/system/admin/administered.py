"""What an administrator finds on a Monday: alerts, broken glass, subscriptions that fail, services, apps, sessions."""

from __future__ import annotations

from datetime import timedelta

from data_contracts.api.access import NewChartRule, NewProxy
from data_contracts.api.disclosures import NewDisclosure
from data_contracts.api.outside import NewCdsService
from tests.integration.chart_records import put_patient, put_site
from tests.integration.outside.subscribing import Subscriber
from tests.lib.small_house import SmallHouse

WORDS = "Found unresponsive in the waiting room; the usual team is away"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def administered(house: SmallHouse) -> None:
    """Fills the pages of the house; everything by the doors that people and applications use."""
    api = house.api
    house.person("admin", "robin")
    put_site(api)
    put_patient(api, "ana")
    put_patient(api, "ben", "Okafor", "Ben", "1980-01-02")
    put_patient(
        api,
        "cel",
        "Starling",
        "Celia",
        "1969-11-30",
        meta={"security": [{"system": ACT_CODE, "code": "CEL"}]},
    )
    nurse = api.signed_in("kimura", "nurse")
    for name in ("ana", "cel"):
        nurse.fhir.read("Patient", name)
    root = api.signed_in("lee", "admin")
    _charts(house, root)
    _outside(house, root)
    api.app.state.audit_watcher.look()


def _charts(house: SmallHouse, root) -> None:
    api = house.api
    root.access.make_rule(
        NewChartRule(
            patient_id="ana", effect="deny", subject_kind="role", subject="nurse", asked_by="patient",
            reason="Asked that no nurse of this clinic opens it",
        )
    )  # fmt: skip
    api.signed_in("park", "nurse").access.break_glass("ana", "emergency", WORDS)
    mother = api.account("maria", "proxy")
    root.access.give_proxy(
        NewProxy(account_id=mother, patient_id="ana", relationship="parent", scope=["record"])
    )
    root.disclosures.record(
        NewDisclosure(
            patient_id="ana", disclosed_on=api.clock.now().date() - timedelta(days=3), recipient="County Health",
            what="A culture", purpose="public_health", basis="State law",
        )
    )  # fmt: skip


def _outside(house: SmallHouse, root) -> None:
    subscriber = Subscriber(house.api)
    subscriber.subscribed("https://hooks.away.example/results")
    root.outside.add_service(
        NewCdsService(
            service_id="kidney-watch", hook="patient-view", title="Kidney watch",
            url="https://kidney.example/cds-services/watch",
            prefetch={"patient": "Patient/{{context.patientId}}"},
        )
    )  # fmt: skip
