"""Sigs: words, arithmetic, FHIR Dosage, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from data_contracts.api.medications import PrescriptionDraft, Sig
from ehr_core.kernel.errors import InvalidResource
from ehr_core.medications.sig import arithmetic, check_sig, dosage, sig_text, units_per_day


def sig(
    amount: str | None = "1",
    unit: str | None = "tablet",
    route: str | None = "oral",
    often: str | None = "twice_daily",
    **more,
):
    return Sig(
        dose_amount=None if amount is None else Decimal(amount),
        dose_unit=unit,
        route=route,
        frequency=often,
        **more,
    )


@pytest.mark.parametrize(
    ("taken", "words"),
    [
        (sig(), "Take 1 tablet by mouth 2 times a day."),
        (sig("2", often="bedtime"), "Take 2 tablets by mouth at bedtime."),
        (sig("0.50"), "Take 0.5 tablets by mouth 2 times a day."),
        (sig("2.50", "mL", often="every_6_hours"), "Take 2.5 mL by mouth every 6 hours."),
        (
            sig("2", "puff", "inhaled", "every_4_hours", as_needed=True, as_needed_for="wheezing"),
            "Inhale 2 puffs every 4 hours as needed for wheezing.",
        ),
        (sig("1", "patch", "transdermal", "weekly"), "Apply 1 patch to the skin once a week."),
        (sig(often="three_times_daily", duration_days=5), "Take 1 tablet by mouth 3 times a day for 5 days."),
        (sig(duration_days=1, often="daily"), "Take 1 tablet by mouth every day for 1 day."),
        (sig("1000", "mL", "oral", "once"), "Take 1,000 mL by mouth one time only."),
        (Sig(free_text=" 2 tablets today, then 1 a day "), "2 tablets today, then 1 a day"),
    ],
)
def test_the_words_of_a_label(taken, words):
    assert sig_text(taken) == words


@pytest.mark.parametrize(
    ("often", "amount", "daily"),
    [
        ("daily", "1", Decimal(1)),
        ("every_6_hours", "2", Decimal(8)),
        ("every_other_day", "1", Decimal("0.5")),
        ("weekly", "7", Decimal(1)),
        ("once", "1", None),
    ],
)
def test_units_a_day(often, amount, daily):
    assert units_per_day(sig(amount, often=often)) == daily


def test_a_free_text_says_nothing_about_units_a_day():
    assert (
        units_per_day(Sig(dose_amount=1, dose_unit="tablet", frequency="daily", free_text="as told")) is None
    )


@pytest.mark.parametrize(
    ("draft", "quantity", "lasts", "disagrees"),
    [
        ({"sig": sig(), "days_supply": 30}, Decimal(60), None, False),
        ({"sig": sig("0.5", often="daily"), "days_supply": 15}, Decimal(8), None, False),
        ({"sig": sig("2.5", "mL"), "days_supply": 7}, Decimal("35.0"), None, False),
        ({"sig": sig(), "quantity": Decimal(60)}, None, 30, False),
        ({"sig": sig(), "quantity": Decimal(61), "days_supply": 30}, Decimal(60), 30, False),
        ({"sig": sig(), "quantity": Decimal(30), "days_supply": 30}, Decimal(60), 15, True),
        (
            {"sig": sig(), "quantity": Decimal(1), "quantity_unit": "bottle", "days_supply": 30},
            Decimal(60),
            None,
            False,
        ),
        ({"sig": sig(often="once"), "days_supply": 30}, None, None, False),
        ({"sig": sig(duration_days=10)}, Decimal(20), None, False),
    ],
)
def test_quantity_and_days_supply_are_worked_out_and_compared(draft, quantity, lasts, disagrees):
    found = arithmetic(PrescriptionDraft(name="x", **draft))
    assert (found.quantity, found.days_supply, found.disagreement is not None) == (quantity, lasts, disagrees)


@pytest.mark.parametrize(
    ("taken", "fields"),
    [
        (Sig(), ["sig.dose_amount", "sig.dose_unit", "sig.route", "sig.frequency"]),
        (sig(None), ["sig.dose_amount"]),
        (sig(route="by magic"), ["sig.route"]),
        (sig(often="QD"), ["sig.frequency"]),
        (sig(as_needed_for="pain"), ["sig.as_needed_for"]),
    ],
)
def test_what_is_missing_is_named(taken, fields):
    with pytest.raises(InvalidResource) as refused:
        check_sig(taken)
    assert [issue.expression for issue in refused.value.issues] == fields


def test_parts_become_a_fhir_dosage():
    built = dosage(sig("1", often="every_8_hours", as_needed=True, as_needed_for="pain", duration_days=5))
    assert built["timing"]["repeat"] == {
        "frequency": 1,
        "period": 8,
        "periodUnit": "h",
        "boundsDuration": {"value": 5, "unit": "day", "system": "http://unitsofmeasure.org", "code": "d"},
    }
    assert built["asNeededCodeableConcept"] == {"text": "pain"}
    assert built["route"]["coding"][0]["code"] == "PO"
    assert built["doseAndRate"] == [{"doseQuantity": {"value": Decimal(1), "unit": "tablet"}}]
    assert built["text"] == "Take 1 tablet by mouth every 8 hours as needed for pain for 5 days."


def test_a_free_text_is_kept_as_text_alone():
    assert dosage(Sig(free_text="as told")) == {"text": "as told"}
