"""Decision support beside an open chart: passive, printed with its schedule, and quick."""

from __future__ import annotations

import time
from datetime import date

import pytest

from data_contracts.api.medications import PrescriptionDraft, RecordReview, Sig
from data_contracts.tables.results import CARE_GAPS, PATIENT_STRATA
from ehr_core.kernel.errors import Forbidden, InvalidResource, NotFound
from ehr_core.kernel.pseudonym import PseudonymKey
from tests.integration.chart_records import of, put, put_patient, put_site
from tests.integration.loop.records import as_body, gap_row, stratum_row
from tests.integration.medications.test_prescribing import taken
from tests.lib.api import running_api

TODAY = date(2026, 11, 20)
CVX = "http://hl7.org/fhir/sid/cvx"
OXYCODONE, LORAZEPAM = "1049621", "197901"


def vaccinated(api, identity, on, code=None):
    concept = {"text": "a vaccine"} | ({"coding": [{"system": CVX, "code": code}]} if code else {})
    put(
        api,
        "Immunization",
        identity,
        status="completed",
        vaccineCode=concept,
        patient=of("ana"),
        occurrenceDateTime=on,
    )


@pytest.mark.parametrize(("schedule", "authority"), [("cdc_2025_11", "2025-11"), ("cdc_2026_01", "2026-01")])
def test_the_forecast_prints_whose_schedule_it_is(database, tmp_path, schedule, authority):
    with running_api(database, tmp_path, immunization_schedule=schedule) as api:
        put_site(api)
        put_patient(api, "ana")
        vaccinated(api, "flu", "2025-10-10", "140")
        shown = api.signed_in("okafor", "clinician").decision_support.of_chart("ana")
        assert authority in shown.schedule
        influenza = next(one for one in shown.vaccines if one.group == "influenza")
        assert influenza.status in ("due", "overdue")
        assert influenza.why


def test_cards_are_passive_recorded_once_a_day_and_quick(database, tmp_path):
    with running_api(database, tmp_path) as api:
        put_site(api)
        put_patient(api, "ana")
        put_patient(api, "newborn", birth=None)
        taken(api, "oxycodone", OXYCODONE)
        taken(api, "lorazepam", LORAZEPAM)
        vaccinated(api, "unknown", "2020-01-01")
        okafor, theo = api.signed_in("okafor", "clinician"), api.signed_in("theo", "pharmacist")
        shown = okafor.decision_support.of_chart("ana")
        assert any(card.rule_id.startswith("opioid") for card in shown.cards.cards)
        assert shown.cards.interrupting == []
        assert shown.unread == ["a vaccine of 2020-01-01"]
        assert {"could_not_be_checked"} == {
            one.status for one in okafor.decision_support.of_chart("newborn").vaccines
        }
        began = time.perf_counter()
        for _ in range(5):
            okafor.decision_support.of_chart("ana")
        assert (time.perf_counter() - began) / 5 < 0.5, "about 50 ms on an idle machine"
        figures = theo.decision_support.figures()
        assert (figures.checks, {one.shown for one in figures.rules} <= {1, 2}) == (0, True)
        with pytest.raises(NotFound):
            okafor.decision_support.of_chart("nobody")
        with pytest.raises(Forbidden):
            api.signed_in("desk", "front_desk").decision_support.of_chart("ana")


def test_a_review_of_the_monitoring_program_is_written_down_once_and_answers_its_rule(database, tmp_path):
    with running_api(database, tmp_path) as api:
        put_site(api)
        put_patient(api, "ana")
        taken(api, "oxycodone", OXYCODONE)
        nurse = api.signed_in("joy", "nurse")

        def asks_for_it():
            sig = Sig(dose_amount=1, dose_unit="tablet", route="oral", frequency="twice_daily")
            draft = PrescriptionDraft(rxcui=OXYCODONE, name="oxycodone", sig=sig)
            cards = nurse.medications.check("ana", draft).cards.cards
            return any(card.outcome == "fires" and "monitoring program" in card.sentence for card in cards)

        assert asks_for_it()
        first, second = (
            nurse.medications.record_review("ana", RecordReview(kind="pdmp_review")) for _ in range(2)
        )
        assert first == second
        assert not asks_for_it()
        with pytest.raises(InvalidResource, match="in the future"):
            nurse.medications.record_review("ana", RecordReview(kind="pdmp_review", on="2026-12-01"))


def test_a_vaccine_of_an_open_gap_is_marked_so_that_the_screen_says_it_once(database, tmp_path):
    with running_api(database, tmp_path) as api:
        put_site(api)
        put_patient(api, "ana")
        okafor = api.signed_in("okafor", "clinician")
        grant = api.service("pipeline").pipeline.key()
        key = PseudonymKey(grant.key_id, bytes.fromhex(grant.secret_hex))
        stamp = {"key_id": key.key_id, "as_of": TODAY, "outbox_transaction": 2**40, "run_id": "run"}
        pipeline = api.service("pipeline").pipeline
        pipeline.write_back("patient_strata", as_body(PATIENT_STRATA, [stratum_row(key, "ana")]), **stamp)
        gap = gap_row(key, "ana", "influenza_immunization")
        pipeline.write_back("care_gaps", as_body(CARE_GAPS, [gap]), **stamp)
        said = {one.group: one.in_gap for one in okafor.decision_support.of_chart("ana").vaccines}
        assert said["influenza"]
        assert not said["zoster"]
