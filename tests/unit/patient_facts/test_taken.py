"""Prescriptions and reports as the rules read them: drawn tables, what is not said stays unknown."""

from __future__ import annotations

from datetime import date

import pytest

from data_contracts.api.medications import PrescriptionDraft, Sig
from ehr_core.medications.prescriptions import STATUS_CHANGED
from ehr_core.medications.products import Lookup, make_product
from ehr_core.workflows.patient_facts import medication_of, taken

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
METFORMIN, WARFARIN, FENTANYL_PATCH, AUGMENTIN, LIQUID = "861007", "855332", "245134", "562251", "892625"
ISMN, ISMN_TABLET, GLARGINE = "28004", "311192", "847230"


def rx(code):
    return {"coding": [{"system": RXNORM, "code": code}], "text": f"drug {code}"}


def request(code=METFORMIN, status="active", dosage=None, **more):
    found = {"resourceType": "MedicationRequest", "id": "r1", "status": status, "intent": "order"}
    return (
        found
        | {"medicationCodeableConcept": rx(code), "dosageInstruction": [dosage] if dosage else []}
        | more
    )


def statement(code=METFORMIN, status="active", **more):
    found = {"resourceType": "MedicationStatement", "id": "s1", "status": status}
    return found | {"medicationCodeableConcept": rx(code)} | more


def dose(value, unit):
    return {"doseAndRate": [{"doseQuantity": {"value": value, "unit": unit}}]}


def timing(**repeat):
    return {"timing": {"repeat": repeat}}


def only(*requests, statements=(), medications=()):
    current, stopped = taken(requests, statements, medications)
    (found,) = (*current, *stopped)
    return found


@pytest.mark.parametrize(
    ("status", "current", "stopped"),
    [
        ("active", 1, 0),
        ("on-hold", 1, 0),
        ("unknown", 1, 0),
        ("stopped", 0, 1),
        ("completed", 0, 1),
        ("draft", 0, 0),
        ("cancelled", 0, 0),
        ("entered-in-error", 0, 0),
    ],
)
def test_which_orders_are_taken(status, current, stopped):
    found = taken([request(status=status)], [], [])
    assert tuple(map(len, found)) == (current, stopped)


@pytest.mark.parametrize(
    ("status", "current", "stopped"),
    [
        ("active", 1, 0),
        ("intended", 1, 0),
        ("on-hold", 1, 0),
        ("completed", 0, 1),
        ("stopped", 0, 1),
        ("not-taken", 0, 0),
    ],
)
def test_which_reports_are_taken(status, current, stopped):
    found = taken([], [statement(status=status)], [])
    assert tuple(map(len, found)) == (current, stopped)


def test_an_order_not_to_give_and_a_proposal_are_not_taken():
    assert taken([request(doNotPerform=True), request(intent="proposal")], [], []) == ((), ())


def test_a_report_of_a_prescription_of_this_record_is_not_counted_twice():
    told = statement(basedOn=[{"reference": "MedicationRequest/r1"}])
    assert len(taken([request()], [told], [])[0]) == 1
    assert len(taken([request()], [statement()], [])[0]) == 2


@pytest.mark.parametrize(
    ("given", "ended"),
    [
        (
            {"extension": [{"url": STATUS_CHANGED, "valueDateTime": "2026-10-01T09:00:00-04:00"}]},
            date(2026, 10, 1),
        ),
        ({"dispenseRequest": {"validityPeriod": {"end": "2026-09-30"}}}, date(2026, 9, 30)),
        ({"dispenseRequest": {"validityPeriod": {"end": "2026-09"}}}, None),
        ({}, None),
    ],
)
def test_when_a_stopped_order_ended(given, ended):
    assert only(request(status="stopped", **given)).stopped_on == ended
    assert only(request(status="active", **given)).stopped_on is None


def test_when_a_stopped_report_ended():
    told = statement(status="completed", effectivePeriod={"start": "2025-01-02", "end": "2026-02-03"})
    found = only(statements=[told])
    assert (found.started_on, found.stopped_on) == (date(2025, 1, 2), date(2026, 2, 3))
    assert found.reference == "MedicationStatement/s1"


@pytest.mark.parametrize(
    ("code", "written", "expected"),
    [
        (METFORMIN, dose(2, "tablet"), [("6809", 1000, "mg")]),
        (METFORMIN, dose(2, "Tablets"), [("6809", 1000, "mg")]),
        (METFORMIN, dose(1, "TAB"), [("6809", 500, "mg")]),
        (METFORMIN, dose(500, "mg"), [("6809", 500, "mg")]),
        (METFORMIN, dose(1, "g"), [("6809", 1000, "mg")]),
        (METFORMIN, dose(5, "mL"), []),
        (METFORMIN, {"text": "as told"}, []),
        (METFORMIN, {"doseAndRate": [{"doseRange": {"low": {"value": 1}, "high": {"value": 2, "unit": "tablet"}}}]},
         [("6809", 1000, "mg")]),
        (AUGMENTIN, dose(1, "tablet"), [("48203", 125, "mg"), ("723", 250, "mg")]),
        (AUGMENTIN, dose(375, "mg"), []),
        (FENTANYL_PATCH, dose(1, "patch"), [("4337", 25, "ug/h")]),
        (FENTANYL_PATCH, dose(2, "patches"), [("4337", 50, "ug/h")]),
        (LIQUID, dose(5, "mL"), [("7052", 100, "mg")]),
        (LIQUID, dose(1, "tablet"), []),
        (GLARGINE, dose(20, "units"), [("274783", 20, "[IU]")]),
        ("999999999", dose(1, "tablet"), []),
        ("6809", dose(850, "mg"), [("6809", 850, "mg")]),
    ],
)  # fmt: skip
def test_what_one_administration_gives(code, written, expected):
    found = only(request(code, dosage=written))
    assert [(one.rxcui, pytest.approx(one.amount), one.unit) for one in found.ingredient_doses] == expected


@pytest.mark.parametrize(
    ("written", "per_day"),
    [
        (timing(frequency=2, period=1, periodUnit="d"), 2),
        (timing(frequency=1, period=6, periodUnit="h"), 4),
        (timing(frequency=1, period=4, periodMax=6, periodUnit="h"), 6),
        (timing(frequency=1, frequencyMax=3, period=1, periodUnit="d"), 3),
        (timing(period=8, periodUnit="h"), 3),
        (timing(frequency=1, period=1, periodUnit="wk"), 1 / 7),
        (timing(count=1), None),
        ({"text": "as told"}, None),
        (dose(1, "tablet") | timing(period=4, periodUnit="h") | {
         "maxDosePerPeriod": {"numerator": {"value": 4, "unit": "tablet"},
          "denominator": {"value": 1, "code": "d"}}}, 4),
        (dose(2, "tablet") | {"maxDosePerPeriod": {"numerator": {"value": 8, "unit": "tablet"},
         "denominator": {"value": 24, "unit": "h"}}}, 4),
        (dose(2, "tablet") | {"maxDosePerPeriod": {"numerator": {"value": 4, "unit": "g"},
         "denominator": {"value": 1, "code": "d"}}}, None),
    ],
)  # fmt: skip
def test_the_most_doses_a_day(written, per_day):
    found = only(request(dosage=written))
    assert found.doses_per_day == (None if per_day is None else pytest.approx(per_day))


@pytest.mark.parametrize(
    ("written", "prn"),
    [
        (timing(period=1), False),
        ({"asNeededBoolean": True}, True),
        ({"asNeededBoolean": False}, False),
        ({"asNeededCodeableConcept": {"text": "pain"}}, True),
        ({"text": "as told"}, None),
        (None, None),
    ],
)
def test_whether_it_is_taken_when_needed(written, prn):
    assert only(request(dosage=written)).prn is prn


def test_several_instructions_in_turn_give_no_number():
    order = request() | {"dosageInstruction": [dose(1, "tablet"), dose(2, "tablet")]}
    found = only(order)
    assert (found.dose_amount, found.doses_per_day, found.ingredient_doses) == (None, None, ())


@pytest.mark.parametrize(
    ("code", "ingredients"),
    [
        (ISMN, ("6057",)),
        (ISMN_TABLET, ("6057",)),
        ("151392", ("48203", "723")),
        ("6809", ("6809",)),
        ("999999999", ()),
    ],
)
def test_a_salt_a_brand_and_an_ingredient_say_what_they_hold(code, ingredients):
    found = only(request(code))
    assert (found.ingredients, found.coded) == (ingredients, bool(ingredients))


def test_a_drug_that_is_only_named_or_referred_to():
    words = request() | {"medicationCodeableConcept": {"text": "drops"}}
    assert (only(words).name, only(words).coded) == ("drops", False)
    referred = request() | {
        "medicationCodeableConcept": None,
        "medicationReference": {"reference": "Medication/m"},
    }
    assert only(referred, medications=[{"id": "m", "code": rx(WARFARIN)}]).ingredients == ("11289",)
    assert not only(referred).coded


def test_an_imported_product_is_known_by_its_code():
    lookup = Lookup({"77": make_product("77", "newdrug 5 MG Oral Tablet", "Oral Tablet", "888=5 MG", ())})
    (found,), _ = taken([request("77", dosage=dose(2, "tablet"))], [], [], lookup)
    assert (found.ingredients, found.ingredient_doses[0].amount) == (("888",), 10)


def test_a_draft_when_needed_counts_at_its_most():
    sig = Sig(dose_amount=1, dose_unit="tablet", route="oral", frequency="every_6_hours", as_needed=True)
    found = medication_of(PrescriptionDraft(rxcui=METFORMIN, name="metformin", sig=sig), date(2026, 11, 27))
    assert (found.doses_per_day, found.prn) == (4, True)
