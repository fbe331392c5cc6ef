"""A measure's page: its rate over time, its groups and their people, its CSV, and what an analyst never sees."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from data_contracts.api.pipeline import RunReport
from data_contracts.tables.results import MEASURE_RESULTS, PATIENT_STRATA
from ehr_core.kernel.errors import BadRequest, Forbidden
from ehr_core.kernel.pseudonym import PseudonymKey
from ehr_core.quality.cells import COUNTS
from tests.integration.chart_records import put, put_patient, put_site
from tests.integration.loop.records import as_body, flag_row, stratum_row
from tests.lib.api import running_api

MEASURE = "glycemic_control"
TODAY = date(2026, 11, 20)
NORTH, SOUTH, ELSEWHERE = 24, 14, 3
PEOPLE = NORTH + SOUTH + ELSEWHERE
MET = 20
LIMIT = 11


def clinic_of(place: int) -> str | None:
    return "north" if place < NORTH else "south" if place < NORTH + SOUTH else None


def family_of(place: int) -> str:
    """The first two could be mistaken for each other, no others."""
    alike = ("Petersen", "Pedersen")
    return alike[place] if place < 2 else chr(97 + place % 26) * 4 + chr(97 + place // 26) * 4


@pytest.fixture
def api(database, tmp_path):
    """Forty-one people of two clinics, three of them of none."""
    with running_api(database, tmp_path) as running:
        put_site(running)
        put(running, "Organization", "south", name="South Clinic", active=True)
        for place in range(PEOPLE):
            put_patient(running, f"p{place:02}", family_of(place), "Ann")
        yield running


@pytest.fixture
def key(api) -> PseudonymKey:
    grant = api.service("pipeline").pipeline.key()
    return PseudonymKey(grant.key_id, bytes.fromhex(grant.secret_hex))


@pytest.fixture
def measured(api, key) -> Callable[[int], None]:
    """Writes everybody's answer back as of a day, so many of them met, and ends the night."""

    def measuring(met: int, on: date = TODAY) -> None:
        noon = datetime(on.year, on.month, on.day, 17, tzinfo=UTC)
        api.clock.instant = noon
        pipeline = api.service("pipeline").pipeline
        stamp = {"key_id": key.key_id, "as_of": on, "outbox_transaction": 2**40, "run_id": f"run-{on}"}
        strata = [
            stratum_row(
                key,
                f"p{place:02}",
                clinic_key=clinic_of(place) and key.pseudonym("Organization", clinic_of(place)),
                sex="male" if place % 2 else "female",
            )
            for place in range(PEOPLE)
        ]
        period = {"period_begin": date(on.year, 1, 1), "period_end": date(on.year, 12, 31)}
        flags = [
            flag_row(key, f"p{place:02}", MEASURE, numerator=place < met, **period) for place in range(PEOPLE)
        ]
        pipeline.write_back("patient_strata", as_body(PATIENT_STRATA, strata), **stamp)
        pipeline.write_back("measure_results", as_body(MEASURE_RESULTS, flags), **stamp)
        pipeline.tell_run(night(key, on, noon))

    return measuring


def night(key: PseudonymKey, on: date, at: datetime) -> RunReport:
    return RunReport(
        run_id=f"run-{on}",
        kind="nightly",
        snapshot_id=f"snapshot-{on}",
        key_id=key.key_id,
        as_of=on,
        outbox_transaction=2**40,
        started_at=at,
        finished_at=at,
        code_version="test",
    )


@pytest.fixture
def manager(api, measured):
    measured(MET)
    return api.signed_in("maria", "care_manager")


@pytest.fixture
def analyst(api, measured):
    measured(MET)
    return api.signed_in("navarro", "analyst")


def names(found) -> list[str]:
    return [patient.patient_id for patient in found.rows]


def rows_of_csv(client) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.quality.csv(MEASURE).decode())))


def test_the_rate_over_time_has_one_point_a_night(api, measured):
    for days, met in ((2, 12), (1, 15), (0, 20)):
        measured(met, TODAY - timedelta(days=days))
    page = api.signed_in("maria", "care_manager").quality.measure(MEASURE)
    assert [(point.on.day, point.counts.numerator) for point in page.trend] == [(18, 12), (19, 15), (20, 20)]
    assert page.trend[-1].counts.rate == page.line.counts.rate == MET / PEOPLE


def test_a_change_is_told_with_its_interval_and_only_within_its_period(api, measured):
    measured(2, TODAY - timedelta(days=40))
    measured(40)
    manager = api.signed_in("maria", "care_manager")
    line = manager.quality.measure(MEASURE).line
    assert line.change == pytest.approx(38 / PEOPLE)
    assert 0 < line.change_low < line.change < line.change_high
    measured(5, date(2027, 1, 3))
    page = api.signed_in("mark", "care_manager").quality.measure(MEASURE)
    assert [point.period_begin.year for point in page.trend] == [2026, 2026, 2027]
    assert (page.line.period_begin.year, page.line.change, page.shifts) == (2027, None, [])


def test_a_night_that_jumps_more_than_chance_explains_is_told_with_its_day(api, measured):
    for days, met in ((2, 12), (1, 14), (0, 40)):
        measured(met, TODAY - timedelta(days=days))
    page = api.signed_in("maria", "care_manager").quality.measure(MEASURE)
    assert [(shift.kind, shift.since) for shift in page.shifts] == [("jump", TODAY)]


def test_a_group_s_rate_and_the_people_behind_it_agree(manager):
    page = manager.quality.measure(MEASURE)
    groups = [stratum for stratum in page.strata if stratum.kind in ("clinic", "sex")]
    assert {stratum.label for stratum in groups} >= {"North Clinic", "Not recorded", "Male", "Female"}
    for stratum in groups:
        for membership, count in (
            ("numerator", stratum.counts.numerator),
            ("not_in_numerator", stratum.counts.denominator - stratum.counts.numerator),
        ):
            found = manager.quality.patients(
                MEASURE, membership=membership, stratum_kind=stratum.kind, stratum_value=stratum.value
            )
            assert found.page.total == len(found.rows) == count
            assert {patient.membership for patient in found.rows} <= {membership}


def test_the_groups_of_one_kind_hold_everybody_once(manager):
    page = manager.quality.measure(MEASURE)
    listed: list[str] = []
    for stratum in page.strata:
        if stratum.kind == "clinic":
            found = manager.quality.patients(MEASURE, stratum_kind="clinic", stratum_value=stratum.value)
            listed += names(found)
    assert sorted(listed) == [f"p{place:02}" for place in range(PEOPLE)]


def test_a_group_without_its_value_is_refused(manager):
    with pytest.raises(BadRequest):
        manager.quality.patients(MEASURE, stratum_kind="clinic")


def test_pages_do_not_overlap_and_one_behind_the_end_still_counts(manager):
    pages = [manager.quality.patients(MEASURE, page=number, size=30) for number in (1, 2, 3)]
    assert [len(page.rows) for page in pages] == [30, 11, 0]
    assert [page.page.total for page in pages] == [PEOPLE] * 3
    assert not set(names(pages[0])) & set(names(pages[1]))
    nobody = manager.quality.patients(MEASURE, membership="excluded", page=2)
    assert (nobody.rows, nobody.page.total) == ([], 0)


def test_names_that_could_be_mistaken_for_each_other_are_marked(manager):
    found = manager.quality.patients(MEASURE, size=100)
    marked = {patient.patient_id for patient in found.rows if patient.same_name}
    assert marked == {"p00", "p01"}


def test_the_csv_says_what_the_page_says(manager):
    page, rows = manager.quality.measure(MEASURE), rows_of_csv(manager)
    assert len(rows) == len(page.strata)
    for row, stratum in zip(rows, page.strata, strict=True):
        assert (row["stratum_kind"], row["stratum_value"]) == (stratum.kind, stratum.value)
        assert [int(row[name]) for name in COUNTS] == [getattr(stratum.counts, name) for name in COUNTS]
        assert float(row["rate"]) == stratum.counts.rate
        assert bool(row["funnel_place"]) == (stratum.kind in ("clinic", "clinician"))
        assert row["suppressed"] == "False"


def shown_counts(counts) -> list[int]:
    return [count for name in COUNTS if (count := getattr(counts, name)) is not None]


def test_an_analyst_sees_no_small_count_on_the_page_in_the_trend_or_in_the_csv(api, measured):
    measured(4, TODAY - timedelta(days=1))
    measured(MET)
    analyst = api.signed_in("navarro", "analyst")
    page = analyst.quality.measure(MEASURE)
    shown = shown_counts(page.line.counts)
    for part in [*page.strata, *page.trend]:
        shown += shown_counts(part.counts)
    rows = rows_of_csv(analyst)
    shown += [int(row[name]) for row in rows for name in COUNTS if row[name]]
    assert shown
    assert not [count for count in shown if 0 < count < LIMIT]
    few = next(point for point in page.trend if point.on == TODAY - timedelta(days=1))
    assert (few.counts.suppressed, few.counts.numerator, few.counts.rate) == (True, None, None)
    hidden = [row for row in rows if row["suppressed"] == "True"]
    assert {row["label"] for row in hidden} >= {"Not recorded"}
    assert not [row for row in hidden if row["numerator"] and row["denominator"] and row["rate"]]
    assert not [
        row for row in hidden if row["funnel_place"] and not (row["numerator"] and row["denominator"])
    ]


def test_an_analyst_cannot_subtract_a_hidden_group_out_in_the_csv(analyst):
    """Three people have no clinic: another clinic's count is hidden with theirs."""
    clinics = [row for row in rows_of_csv(analyst) if row["stratum_kind"] == "clinic"]
    assert len([row for row in clinics if not row["denominator"]]) >= 2


def test_an_analyst_reaches_no_list_of_people(analyst):
    with pytest.raises(Forbidden):
        analyst.quality.patients(MEASURE)
