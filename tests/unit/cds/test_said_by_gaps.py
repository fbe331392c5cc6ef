"""What an open care gap says already is not said twice; a safety rule is never silenced by one."""

from __future__ import annotations

from datetime import date

import pytest

from cds.cards import Rule, Severity, Source, Tier, could_not_check, fires
from cds.engine import registry
from cds.immunization.schedule import schedule
from cds.knowledge import read_toml
from cds.said_by_gaps import KNOWLEDGE, vaccines_of, without_repeats
from data_contracts.guidelines import definitions

SOURCE = Source("A guideline", written_on=date(2026, 11, 28))
CARE = Rule("example.care", "Due care", Severity.INFORMATION, Tier.PASSIVE, SOURCE, about_care=True)
SAFETY = Rule("example.safety", "Danger", Severity.SERIOUS, Tier.INLINE, SOURCE)
OVERDUE = registry().rules["lab_check.metformin_creatinine_overdue"]
CLOSER = registry().rules["lab_check.methotrexate_creatinine_overdue"]
SMOKES = "whether the person smokes"


@pytest.mark.parametrize(
    ("card", "gap", "kept"),
    [
        (fires(OVERDUE, "Creatinine is overdue."), "kidney_health_diabetes", False),
        (fires(OVERDUE, "Creatinine is overdue."), "tobacco_screening", True),
        (fires(CLOSER, "Creatinine is overdue."), "kidney_health_diabetes", True),
        (could_not_check(OVERDUE, "a number"), "kidney_health_diabetes", True),
        (could_not_check(CARE, SMOKES), "tobacco_screening", False),
        (could_not_check(CARE, SMOKES, "the race"), "tobacco_screening", True),
        (could_not_check(SAFETY, SMOKES), "tobacco_screening", True),
        (fires(CARE, "A statin."), "tobacco_screening", True),
    ],
)
def test_a_card_that_says_no_more_than_an_open_gap_is_left_out(card, gap, kept):
    assert without_repeats([card], [gap]) == ((card,) if kept else ())
    assert without_repeats([card], []) == (card,)


def test_a_vaccine_of_an_open_gap_is_known():
    assert vaccines_of(["influenza_immunization"]) == {"influenza"}
    assert vaccines_of(["colorectal_cancer_screening"]) == frozenset()


def test_every_entry_names_what_there_is():
    groups = {group for name in ("cdc_2025_11", "cdc_2026_01") for group in schedule(name).groups}
    known = set(definitions())
    for gap, said in read_toml(KNOWLEDGE).items():
        assert gap in known
        assert set(said.get("rules", ())) <= set(registry().rules)
        assert set(said.get("vaccines", ())) <= groups
