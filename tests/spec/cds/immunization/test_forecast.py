"""Immunization forecasts: doses in, status and dates out, for every group, with what is missing and at the limits."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from cds.facts import Allergy, Code, Facts, Immunization, Pregnancy, Unknowable
from cds.immunization import DEFAULT_SCHEDULE, forecast, schedule, schedules
from cds.immunization.schedule import Group, vaccines
from cds.immunization.span import read_span
from ehr_core.kernel.errors import NotFound
from tests.spec.cds.drawn import drug, problem

TODAY = date(2026, 6, 15)
CVX = "http://hl7.org/fhir/sid/cvx"


def person(born: str | None, *doses: str, as_of: date = TODAY, **said) -> Facts:
    """Doses as 'date cvx'."""
    given = tuple(Immunization(cvx, date.fromisoformat(on)) for on, cvx in (one.split() for one in doses))
    birth = date.fromisoformat(born) if born else None
    known = {"sex": "female", "allergy_list": "none_known"} | said
    return Facts(as_of=as_of, birth_date=birth, immunizations=given, **known)


def group(name: str, born: str | None, *doses: str, **said):
    return forecast(person(born, *doses, **said)).of(name)


def counts(found) -> str:
    return "".join("+" if one.counts else "-" for one in found.verdicts)


def test_the_schedule_prints_its_authority_and_its_date():
    assert (
        "Advisory Committee on Immunization Practices, 2025-11-10" in forecast(person("2026-01-01")).printed
    )
    assert schedules() == ("cdc_2025_11", "cdc_2026_01")
    assert DEFAULT_SCHEDULE == "cdc_2025_11"


@pytest.mark.parametrize(
    ("name", "born", "under_2025", "under_2026"),
    [
        ("rotavirus", "2026-04-01", "due", "individual_decision"),
        ("hepatitis_a", "2025-04-01", "due", "individual_decision"),
        ("hepatitis_b", "2026-06-10", "due", "individual_decision"),
        ("hepatitis_b", "1990-06-10", "due", "due"),
        ("meningococcal_acwy", "2015-01-01", "due", "individual_decision"),
        ("influenza", "2015-01-01", "due", "individual_decision"),
        ("influenza", "1990-01-01", "due", "due"),
        ("mmr", "2025-04-01", "due", "due"),
        ("dtap_tdap_td", "2026-04-01", "due", "due"),
    ],
)
def test_a_site_selects_whose_advice_it_follows(name, born, under_2025, under_2026):
    facts = person(born)
    assert forecast(facts).of(name).status == under_2025
    assert forecast(facts, "cdc_2026_01").of(name).status == under_2026


def test_an_unknown_schedule_is_refused_with_those_there_are():
    with pytest.raises(NotFound, match="cdc_2025_11, cdc_2026_01"):
        schedule("cdc_1999")


@pytest.mark.parametrize(
    ("name", "born", "doses", "status", "dose", "verdicts"),
    [
        # measles, mumps, rubella: 12 months, the second 28 days later or at 4 years
        ("mmr", "2025-06-16", [], "due_later", 1, ""),
        ("mmr", "2025-06-15", [], "due", 1, ""),
        ("mmr", "2025-01-19", [], "due", 1, ""),
        ("mmr", "2025-01-18", [], "overdue", 1, ""),
        ("mmr", "2020-06-15", ["2021-06-11 03"], "due", 2, "+"),
        ("mmr", "2020-06-15", ["2021-06-10 03"], "overdue", 1, "-"),
        ("mmr", "2020-06-15", ["2021-06-15 03", "2021-07-13 03"], "complete", None, "++"),
        ("mmr", "2020-06-15", ["2021-06-15 03", "2021-07-12 03"], "due", 2, "+-"),
        ("mmr", "1990-01-01", [], "due", 1, ""),
        ("mmr", "1990-01-01", ["2000-01-01 94"], "complete", None, "+"),
        ("mmr", "1956-12-31", [], "not_recommended", None, ""),
        ("mmr", "1957-01-01", [], "due", 1, ""),
        ("mmr", "2015-01-01", ["2016-02-01 05"], "overdue", 1, ""),
        # chickenpox: 12 weeks apart is advised, 4 weeks count; from 13 years 4 weeks
        ("varicella", "2020-06-15", ["2021-06-15 21", "2021-07-13 21"], "complete", None, "++"),
        ("varicella", "2020-06-15", ["2021-06-15 21", "2021-07-12 21"], "due", 2, "+-"),
        ("varicella", "1979-12-31", [], "not_recommended", None, ""),
        ("varicella", "1980-01-01", [], "due", 1, ""),
        # polio
        ("polio", "2020-06-15", ["2020-08-15 10", "2020-10-15 10", "2020-12-15 10"], "due", 4, "+++"),
        ("polio", "2021-06-15", ["2021-08-15 10", "2021-10-15 10", "2025-06-11 10"], "complete", None, "+++"),
        ("polio", "1990-06-15", [], "individual_decision", 1, ""),
        ("polio", "1990-06-15", ["1990-08-15 02"], "overdue", 2, "+"),
        ("polio", "2020-06-15", ["2020-08-15 178"], "overdue", 1, ""),
        # hepatitis A and B
        ("hepatitis_a", "1990-06-15", [], "not_recommended", None, ""),
        ("hepatitis_a", "1990-06-15", ["2025-01-15 52"], "due", 2, "+"),
        ("hepatitis_b", "1967-06-15", [], "due", 1, ""),
        ("hepatitis_b", "1966-06-15", [], "individual_decision", 1, ""),
        ("hepatitis_b", "1990-06-15", ["2026-05-18 189", "2026-06-11 189"], "complete", None, "++"),
        ("hepatitis_b", "1990-06-15", ["2026-05-18 189", "2026-06-10 189"], "due_later", 2, "+-"),
        # Hib and pneumococcal conjugate in children
        ("hib", "2025-02-15", ["2026-05-15 48"], "complete", None, "+"),
        ("hib", "2021-06-15", [], "not_recommended", None, ""),
        ("pneumococcal_child", "2024-06-15", ["2026-06-15 216"], "complete", None, "+"),
        ("pneumococcal_child", "2024-06-20", ["2025-07-01 216"], "overdue", 2, "+"),
        ("pneumococcal_child", "2021-06-15", [], "not_recommended", None, ""),
        # rotavirus: first before 15 weeks, last before 8 months
        ("rotavirus", "2026-03-03", [], "due", 1, ""),
        ("rotavirus", "2026-03-02", [], "not_recommended", None, ""),
        ("rotavirus", "2026-02-01", ["2026-04-01 119", "2026-06-01 119"], "complete", None, "++"),
        ("rotavirus", "2026-02-01", ["2026-04-01 119", "2026-06-01 116"], "due_later", 3, "++"),
        ("rotavirus", "2025-10-15", ["2025-12-15 116"], "not_recommended", None, "+"),
        ("rotavirus", "2025-10-16", ["2025-12-15 116"], "overdue", 2, "+"),
        # HPV
        ("hpv", "2017-06-16", [], "due_later", 1, ""),
        ("hpv", "2015-06-15", [], "due", 1, ""),
        ("hpv", "1999-06-16", [], "overdue", 1, ""),
        ("hpv", "1999-06-15", [], "individual_decision", 1, ""),
        ("hpv", "1980-06-15", [], "not_recommended", None, ""),
        ("hpv", "2012-06-15", ["2025-06-15 165", "2025-11-11 165"], "complete", None, "++"),
        ("hpv", "2012-06-15", ["2025-06-15 165", "2025-11-10 165"], "due", 3, "++"),
        ("hpv", "2010-06-15", ["2025-06-15 165", "2026-01-15 165"], "due", 3, "++"),
        # meningococcal
        ("meningococcal_acwy", "2010-06-15", ["2026-06-15 203"], "complete", None, "+"),
        ("meningococcal_acwy", "2010-06-15", ["2021-06-15 203"], "due", 2, "+"),
        ("meningococcal_acwy", "2010-06-15", ["2019-06-15 203"], "overdue", 1, "-"),
        ("meningococcal_acwy", "2004-06-15", [], "not_recommended", None, ""),
        ("meningococcal_b", "2010-06-16", [], "due_later", 1, ""),
        ("meningococcal_b", "2010-06-15", [], "individual_decision", 1, ""),
        ("meningococcal_b", "2009-06-15", ["2025-10-15 163"], "due", 2, "+"),
        ("meningococcal_b", "2009-06-15", ["2025-10-15 163", "2026-04-15 163"], "complete", None, "++"),
        ("meningococcal_b", "2009-06-15", ["2025-10-15 163", "2026-01-15 163"], "due", 3, "++"),
        ("meningococcal_b", "2009-06-15", ["2025-10-15 163", "2026-04-15 162"], "due", 2, "+-"),
        # adults
        ("zoster", "1976-06-16", [], "due_later", 1, ""),
        ("zoster", "1976-06-15", [], "due", 1, ""),
        ("zoster", "1960-06-15", ["2026-04-15 187"], "due", 2, "+"),
        ("zoster", "1960-06-15", ["2026-04-15 187", "2026-05-09 187"], "complete", None, "++"),
        ("zoster", "1960-06-15", ["2026-04-15 187", "2026-05-08 187"], "due_later", 2, "+-"),
        ("zoster", "1940-06-15", ["2012-04-15 121"], "due", 1, "-"),
        ("rsv_adult", "1951-06-16", [], "due_later", 1, ""),
        ("rsv_adult", "1951-06-15", [], "due", 1, ""),
        ("rsv_adult", "1951-06-15", ["2024-10-01 303"], "complete", None, "+"),
        ("pneumococcal_adult", "1976-06-16", [], "due_later", 1, ""),
        ("pneumococcal_adult", "1976-06-15", [], "due", 1, ""),
        ("pneumococcal_adult", "1950-06-15", ["2022-06-15 216"], "complete", None, "+"),
        ("pneumococcal_adult", "1950-06-15", ["2025-06-15 33"], "due", 2, "+"),
        ("pneumococcal_adult", "1950-06-15", ["2025-06-16 33"], "due_later", 2, "+"),
        ("pneumococcal_adult", "1950-06-15", ["2020-06-15 33", "2022-06-15 216"], "complete", None, "-+"),
        ("pneumococcal_adult", "1950-06-15", ["2016-06-15 133", "2020-06-15 33"], "complete", None, "++"),
        ("pneumococcal_adult", "1950-06-15", ["2016-06-15 133"], "due", 2, "+"),
        ("pneumococcal_adult", "1950-06-15", ["2022-06-15 215", "2023-06-15 33"], "complete", None, "++"),
        ("dtap_tdap_td", "1990-06-15", ["2001-06-15 115"], "overdue", 2, "+"),
    ],
)
def test_where_a_person_stands(name, born, doses, status, dose, verdicts):
    found = group(name, born, *doses)
    said = (found.status, found.dose_number, counts(found))
    assert said == (status, dose, verdicts)


@pytest.mark.parametrize(
    ("as_of", "born", "doses", "status", "dose"),
    [
        (date(2026, 9, 1), "1990-01-01", [], "due", 1),
        (date(2026, 8, 31), "1990-01-01", [], "due_later", 1),
        (date(2026, 6, 30), "1990-01-01", ["2025-07-01 140"], "complete", None),
        (date(2026, 7, 1), "1990-01-01", ["2026-06-30 140"], "due_later", 1),
        (date(2026, 12, 1), "2026-06-02", [], "due_later", 1),
        (date(2026, 12, 1), "2026-06-01", [], "due", 1),
        (date(2026, 12, 1), "2022-06-01", ["2026-09-15 140"], "due", 2),
        (date(2026, 12, 1), "2022-06-01", ["2026-09-15 140", "2026-10-09 140"], "complete", None),
        (date(2026, 12, 1), "2022-06-01", ["2026-09-15 140", "2026-10-08 140"], "due", 2),
        (
            date(2026, 12, 1),
            "2022-06-01",
            ["2024-10-01 140", "2025-10-01 140", "2026-09-15 140"],
            "complete",
            None,
        ),
        (date(2026, 12, 1), "2022-06-01", ["2024-10-01 140", "2024-10-20 140", "2026-09-15 140"], "due", 2),
        (date(2026, 12, 1), "2017-12-01", ["2026-09-15 140"], "due", 2),
        (date(2026, 12, 1), "2017-09-15", ["2026-09-15 140"], "complete", None),
    ],
)
def test_influenza_each_season_and_two_doses_for_young_children(as_of, born, doses, status, dose):
    found = group("influenza", born, *doses, as_of=as_of)
    assert (found.status, found.dose_number) == (status, dose)


@pytest.mark.parametrize(
    ("as_of", "born", "doses", "status"),
    [
        (date(2026, 10, 1), "2026-05-01", [], "due"),
        (date(2026, 9, 30), "2026-05-01", [], "due_later"),
        (date(2027, 3, 31), "2026-09-01", [], "due"),
        (date(2026, 12, 1), "2026-04-01", [], "not_recommended"),
        (date(2026, 12, 1), "2026-09-01", ["2026-10-15 306"], "complete"),
        (date(2026, 4, 1), "2026-01-01", [], "not_recommended"),
    ],
)
def test_the_antibody_against_rsv_in_infants(as_of, born, doses, status):
    assert group("rsv_infant", born, *doses, as_of=as_of).status == status


@pytest.mark.parametrize(
    ("first", "second", "verdicts"),
    [
        ("2026-01-05 21", "2026-02-01 03", "-"),
        ("2026-01-05 21", "2026-02-02 03", "+"),
        ("2026-01-05 21", "2026-01-05 03", "+"),
        ("2026-01-05 149", "2026-01-20 03", "-"),
        ("2026-01-05 140", "2026-01-20 03", "+"),
    ],
)
def test_live_vaccines_on_one_day_or_28_days_apart_without_grace(first, second, verdicts):
    assert counts(group("mmr", "2024-06-15", first, second)) == verdicts


def test_a_recent_live_vaccine_puts_the_next_one_back():
    found = group("mmr", "2025-05-01", "2026-06-01 21")
    assert (found.status, found.earliest_on) == ("due_later", date(2026, 6, 29))


def test_every_dose_says_why_it_does_not_count():
    found = group(
        "mmr",
        "2020-06-15",
        "2021-05-15 03",
        "2021-07-15 03",
        "2021-08-01 03",
        "2025-06-15 03",
        "2025-12-01 03",
    )
    assert [one.why for one in found.verdicts] == [
        "given too young: from 12 months",
        "counts as dose 1",
        "given too soon: at least 4 weeks after the dose before",
        "counts as dose 2",
        "beyond what the series asks for",
    ]


@pytest.mark.parametrize(
    ("name", "said", "status"),
    [
        ("mmr", {"pregnancy": Pregnancy("pregnant")}, "contraindicated"),
        ("mmr", {"pregnancy": Pregnancy("unknown")}, "due"),
        ("mmr", {"conditions": (problem("C91.00"),)}, "contraindicated"),
        ("mmr", {"conditions": (problem("C91.00", clinical_status="resolved"),)}, "due"),
        ("mmr", {"medications": (drug("adalimumab", 40, None),)}, "contraindicated"),
        ("mmr", {"conditions": (problem("Z88.7"),)}, "contraindicated"),
        ("zoster", {"conditions": (problem("C91.00"),)}, "due_later"),
        ("influenza", {"allergies": (Allergy("flu shot", codes=(Code(CVX, "140"),)),)}, "contraindicated"),
        ("influenza", {"allergies": (Allergy("MMR", codes=(Code(CVX, "03"),)),)}, "due"),
        ("mmr", {"allergies": (Allergy("MMR", codes=(Code(CVX, "03"),)),)}, "contraindicated"),
        ("varicella", {"conditions": (problem("B01.9", clinical_status="resolved"),)}, "not_recommended"),
        ("mmr", {"unknowable": (Unknowable("conditions", "restricted"),)}, "could_not_be_checked"),
        ("mmr", {"unknowable": (Unknowable("allergies", "restricted"),)}, "could_not_be_checked"),
        ("mmr", {"unknowable": (Unknowable("medications", "restricted"),)}, "could_not_be_checked"),
    ],
)
def test_what_speaks_against_a_vaccine(name, said, status):
    assert group(name, "1990-01-01", **said).status == status


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ({"born": None}, "the birth date"),
        (
            {"unknowable": (Unknowable("immunizations", "could not be read"),)},
            "the immunizations (could not be read)",
        ),
    ],
)
def test_without_a_birth_date_or_a_history_nothing_is_forecast(said, missing):
    known = {"born": "1990-01-01"} | said
    found = forecast(person(known.pop("born"), **known))
    assert {one.status for one in found.groups} == {"could_not_be_checked"}
    assert {one.missing for one in found.groups} == {(missing,)}


@pytest.mark.parametrize("cvx", [None, "9999"])
def test_a_dose_of_an_unknown_vaccine_is_not_taken_for_none(cvx):
    unknown = (Immunization(cvx, date(2020, 1, 2), "shot"), Immunization("216", date(2021, 1, 2)))
    found = forecast(
        Facts(
            TODAY, birth_date=date(1950, 1, 1), sex="male", allergy_list="none_known", immunizations=unknown
        )
    )
    assert found.unread == ("shot of 2020-01-02",)
    assert found.of("zoster").status == "could_not_be_checked"
    assert "shot of 2020-01-02" in found.of("zoster").why
    assert found.of("pneumococcal_adult").status == "complete"


def test_pneumococcal_advice_under_50_comes_from_the_guideline_pack():
    assert group("pneumococcal_adult", "1990-01-01").status == "due_later"
    assert group("pneumococcal_adult", "1990-01-01", conditions=(problem("E11.9"),)).status == "due"


def test_a_dose_after_the_day_that_is_asked_about_is_not_counted():
    assert group("zoster", "1960-01-01", "2026-06-16 187").verdicts == ()


@pytest.mark.parametrize(
    ("born", "written", "day"),
    [
        ("2026-01-31", "1 month", "2026-03-01"),
        ("2024-02-29", "12 months", "2025-03-01"),
        ("2026-08-31", "6 months", "2027-03-01"),
        ("2026-01-15", "3 months + 4 weeks", "2026-05-13"),
        ("2026-01-15", "15 weeks - 1 day", "2026-04-29"),
    ],
)
def test_spans_are_calendar_months_first_then_days(born, written, day):
    assert read_span(written).after(date.fromisoformat(born)) == date.fromisoformat(day)


@pytest.mark.parametrize("written", ["six weeks", "6", "weeks", "6 weeks or so", ""])
def test_a_span_that_cannot_be_read_is_refused(written):
    with pytest.raises(ValueError, match="not a span"):
        read_span(written)


def test_every_product_of_a_series_is_a_known_one_of_its_group():
    for name in schedules():
        for one in schedule(name).groups.values():
            named = {cvx for series in one.series for cvx in series.cvx}
            named |= {cvx for series in one.series for dose in series.dose for cvx in dose.cvx}
            assert all(one.id in vaccines()[cvx].groups for cvx in named), one.id
            assert any(one.id in vaccine.groups for vaccine in vaccines().values()), one.id
            assert one.season or one.series, one.id


def test_a_misspelt_field_of_a_schedule_is_refused():
    with pytest.raises(ValidationError, match="min_agee"):
        Group.model_validate({"min_agee": "6 weeks"})
