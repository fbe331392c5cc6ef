"""Care tiers: computed and adjusted side by side, with reason, history and expiry; what a chart keeps back stays so."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from data_contracts.api.access import NewChartRule
from data_contracts.api.care_gaps import WorklistQuery
from data_contracts.api.merging import UndoMerge
from data_contracts.api.risk import AdjustTier, TakeBackTier
from data_contracts.tables.results import CARE_GAPS
from ehr_core.kernel.errors import BadRequest, Conflict, Forbidden, NotFound, StaleVersion
from ehr_core.risk import sight
from ehr_core.store.repository import Store
from ehr_core.workflows import worklist
from tests.integration.care_gaps.test_after_a_merge import merge
from tests.integration.chart_records import put_patient
from tests.integration.loop.records import as_body, gap_row
from tests.integration.risk.conftest import ANA, BEN, TODAY
from tests.lib.weakened import assert_guarded

UNTIL = TODAY + timedelta(days=90)
WITHOUT_LABELS = sight.SHOWN.replace("CASE WHEN NOT", "CASE WHEN false AND NOT", 1)
"""The tier that counts, asked without looking at the labels behind it."""


class WithAnotherPatient(AdjustTier):
    """What an attacker's program sends: another patient's id in the body."""

    patient_id: str


pytestmark = pytest.mark.usefixtures("night")


def adjusting(version: int, tier: str = "low", **more) -> AdjustTier:
    said = {"reason": "stable_and_supported", "note": "Sees her nurse weekly", "until": UNTIL} | more
    return AdjustTier(version=version, tier=tier, **said)


def audited(api, act: str) -> int:
    with api.work() as work:
        return work.connection.execute(
            text("SELECT count(*) FROM audit.event WHERE act = :act"), {"act": act}
        ).scalar_one()


def test_a_tier_shows_its_scores_their_facts_with_day_and_link_and_what_a_payment_score_is(clinician):
    risk = clinician.risk.of_patient("ana")
    assert (risk.tier.computed, risk.tier.shown, risk.tier.adjustment) == ("high", "high", None)
    assert risk.tier.basis == ["Charlson comorbidity index"]
    charlson, hcc = risk.scores
    assert (charlson.value, charlson.tier) == (3.0, "high")
    [driver] = charlson.drivers
    assert (driver.resource_id, driver.what) == ("failure", "Chronic systolic heart failure")
    assert (driver.part, driver.on, driver.code) == ("A category", date(2020, 5, 1), "I50.22")
    assert (hcc.purpose, hcc.value, hcc.tier) == ("payment", 1.9, None)
    assert risk.as_of == TODAY


def test_a_fact_that_is_gone_is_counted_as_not_shown_and_never_named(api, clinician):
    with api.work() as work:
        Store(work).delete("Condition", "failure")
    charlson = clinician.risk.of_patient("ana").scores[0]
    assert (charlson.drivers, charlson.withheld) == ([], 1)


def test_an_adjustment_stands_beside_the_computed_tier_with_who_when_why_and_its_history(
    api, clinician, manager
):
    before = clinician.risk.of_patient("ana").tier
    after = clinician.risk.adjust("ana", adjusting(before.version))
    assert (after.computed, after.shown) == ("high", "low")
    said = after.adjustment
    assert (said.by, said.reason, said.note) == ("Okafor", "stable_and_supported", "Sees her nurse weekly")
    assert (said.until, said.computed_then, said.computed_has_changed) == (UNTIL, "high", False)
    assert audited(api, "risk.adjusted") == 1
    back = manager.risk.take_back("ana", TakeBackTier(version=after.version, note="Back in hospital"))
    assert (back.shown, back.adjustment) == ("high", None)
    told = [(one.act, one.by, one.from_tier, one.to_tier) for one in manager.risk.of_patient("ana").history]
    assert told == [("taken_back", "Maria", "low", "high"), ("adjusted", "Okafor", "high", "low")]
    with pytest.raises(Conflict, match="no adjustment"):
        manager.risk.take_back("ana", TakeBackTier(version=back.version))


def test_of_two_at_once_the_second_is_told_who_was_quicker(clinician, manager):
    version = clinician.risk.of_patient("ana").tier.version
    clinician.risk.adjust("ana", adjusting(version))
    with pytest.raises(StaleVersion, match="Changed by Okafor"):
        manager.risk.adjust("ana", adjusting(version, "very_high"))
    assert manager.risk.of_patient("ana").tier.shown == "low"


def test_the_night_keeps_an_adjustment_and_says_when_the_computed_tier_moved_under_it(write_back, clinician):
    clinician.risk.adjust("ana", adjusting(clinician.risk.of_patient("ana").tier.version))
    same = write_back(ANA, BEN, run_id="second")
    assert [one.unchanged for one in same.values()] == [2, 4, 2]
    tier = clinician.risk.of_patient("ana").tier
    assert (tier.shown, tier.adjustment.computed_has_changed) == ("low", False)
    write_back(("ana", 6.0, "very_high", "failure", "I50.22"), BEN, run_id="third")
    tier = clinician.risk.of_patient("ana").tier
    assert (tier.computed, tier.shown, tier.adjustment.computed_has_changed) == ("very_high", "low", True)
    assert clinician.risk.of_patient("ana").history[0].act == "computed"
    write_back(BEN, run_id="fourth")
    tier = clinician.risk.of_patient("ana").tier
    assert (tier.computed, tier.shown) == ("unknown", "low"), "what somebody decided outlives the answer"


def test_an_adjustment_ends_on_its_day_and_one_without_an_end_is_refused(api, clinician):
    version = clinician.risk.of_patient("ana").tier.version
    for until in (TODAY, TODAY + timedelta(days=367)):
        with pytest.raises(BadRequest, match="until"):
            clinician.risk.adjust("ana", adjusting(version, until=until))
    account = clinician.account.me().account_id
    clinician.risk.adjust("ana", adjusting(version, until=TODAY + timedelta(days=2)))
    api.clock.instant += timedelta(days=2)
    later = api.client_of(api.session(account, "staff"), "staff")
    tier = later.risk.of_patient("ana").tier
    assert (tier.shown, tier.adjustment) == ("high", None)
    again = adjusting(tier.version, "moderate", until=TODAY + timedelta(days=30))
    assert later.risk.adjust("ana", again).shown == "moderate"


def test_who_may_not_adjust_is_refused(api):
    for role in ("nurse", "front_desk", "analyst", "biller", "admin"):
        client = api.signed_in(f"a-{role}", role)
        with pytest.raises(Forbidden):
            client.risk.adjust("ana", adjusting(1))


def test_no_patient_reaches_their_tier_or_adjusts_it(api):
    portal = api.signed_in("ana-reyes", "patient", patient_id="ana")
    with pytest.raises((Forbidden, NotFound)):
        portal.risk.of_patient("ana")
    with pytest.raises((Forbidden, NotFound)):
        portal.risk.adjust("ana", adjusting(1))
    with api.work() as work:
        work.connection.execute(text("SET LOCAL almoner.reach = 'own'"))
        work.connection.execute(text("SET LOCAL almoner.patient = 'ana'"))
        for table in ("score", "driver", "care_tier", "tier_event"):
            assert work.connection.execute(text(f"SELECT count(*) FROM risk.{table}")).scalar_one() == 0


def test_another_patient_in_the_body_or_a_shut_chart_changes_nobody(api, clinician):
    swapped = WithAnotherPatient(**dict(adjusting(1)), patient_id="ben")
    with pytest.raises(BadRequest, match="patient_id"):
        clinician.risk.adjust("ana", swapped)
    deny = NewChartRule(
        patient_id="ben",
        effect="deny",
        subject_kind="role",
        subject="clinician",
        asked_by="patient",
        reason="Asked for it",
    )
    api.signed_in("root", "admin").access.make_rule(deny)
    with pytest.raises(NotFound):
        clinician.risk.adjust("ben", adjusting(1))
    with pytest.raises(NotFound):
        clinician.risk.of_patient("ben")
    with api.work() as work:
        held = work.connection.execute(
            text("SELECT count(*) FROM risk.care_tier WHERE adjusted_tier IS NOT NULL")
        )
        assert held.scalar_one() == 0


def test_nobody_is_adjusted_who_died(api, clinician):
    put_patient(api, "ana", deceasedBoolean=True)
    with pytest.raises(Conflict, match="died"):
        clinician.risk.adjust("ana", adjusting(1))


def shut_out(api, role: str = "care_manager") -> None:
    """The role sees no HIV facts of Ben."""
    deny = NewChartRule(
        patient_id="ben", effect="deny", subject_kind="role", subject=role, label="HIV", asked_by="patient",
        reason="Asked for it",
    )  # fmt: skip
    api.signed_in("root", "admin").access.make_rule(deny)


def test_a_tier_that_a_restricted_fact_decides_is_restricted_wherever_it_could_be_told(
    api, key, clinician, manager
):
    gaps = as_body_of_gaps(key)
    pipeline = api.service("pipeline").pipeline
    stamp = {"run_id": "run", "key_id": key.key_id, "as_of": TODAY, "outbox_transaction": 2**40}
    pipeline.write_back("care_gaps", gaps, **stamp)
    shut_out(api)
    risk = manager.risk.of_patient("ben")
    assert (risk.tier.masked, risk.tier.computed, risk.tier.shown) == (True, None, "restricted")
    charlson = risk.scores[0]
    assert (charlson.masked, charlson.value, charlson.tier, charlson.drivers) == (True, None, None, [])
    assert (risk.tier.basis, risk.history) == ([], [])
    with pytest.raises(Forbidden, match="restricted"):
        manager.risk.adjust("ben", adjusting(1))

    def found_by(tier: str) -> list[str]:
        return [row.patient_id for row in manager.worklist.page(WorklistQuery(tier=tier)).rows]

    assert found_by("restricted") == ["ben"]
    assert_guarded(
        lambda: found_by("very_high") == ["ben"],
        lambda patch: patch.setattr(worklist, "SHOWN", WITHOUT_LABELS),
    )
    counts = {one.tier: one.people for one in manager.risk.tiers().counts}
    assert (counts["very_high"], counts["restricted"]) == (0, 1)
    assert clinician.risk.of_patient("ben").tier.shown == "very_high"


def as_body_of_gaps(key) -> bytes:
    return as_body(CARE_GAPS, [gap_row(key, "ana"), gap_row(key, "ben")])


def test_the_worklist_sorts_and_filters_by_the_tier_that_counts(api, key, manager, clinician):
    pipeline = api.service("pipeline").pipeline
    stamp = {"run_id": "run", "key_id": key.key_id, "as_of": TODAY, "outbox_transaction": 2**40}
    pipeline.write_back("care_gaps", as_body_of_gaps(key), **stamp)
    page = manager.worklist.page(WorklistQuery(sort="tier"))
    assert [(row.patient_id, row.tier.shown) for row in page.rows] == [("ben", "very_high"), ("ana", "high")]
    clinician.risk.adjust("ben", adjusting(clinician.risk.of_patient("ben").tier.version, "low"))
    page = manager.worklist.page(WorklistQuery(sort="tier"))
    assert [row.patient_id for row in page.rows] == ["ana", "ben"]
    low = manager.worklist.page(WorklistQuery(tier="low"))
    assert [row.patient_id for row in low.rows] == ["ben"]
    assert (low.rows[0].tier.computed, low.rows[0].tier.adjustment.by) == ("very_high", "Okafor")


def test_small_tiers_are_hidden_from_who_may_open_no_chart(api, manager):
    analyst = api.signed_in("aki", "analyst")
    assert {one.tier: one.people for one in manager.risk.tiers().counts}["high"] == 1
    counts = analyst.risk.tiers()
    shown = {one.tier: one.people for one in counts.counts}
    assert (shown["high"], shown["restricted"], counts.total) == (None, None, None)
    assert shown["very_high"] == 0, "what an analyst may not see of Ben is not counted as his tier either"


def test_the_database_itself_lets_no_payment_score_make_a_tier(api):
    for table, change in (
        ("care_tier", "basis = 'hcc_v28'"),
        ("score", "tier = 'high' WHERE score_id = 'hcc_v28'"),
    ):
        with pytest.raises(IntegrityError), api.work() as work:
            work.connection.execute(text(f"UPDATE risk.{table} SET {change}"))


def test_an_adjustment_goes_with_a_merge_and_back_with_its_undoing(api, clinician):
    clinician.risk.adjust("ben", adjusting(clinician.risk.of_patient("ben").tier.version, "moderate"))
    desk, merge_id = merge(api, survivor="ana", other="ben")
    tier = clinician.risk.of_patient("ana").tier
    assert (tier.computed, tier.shown, tier.adjustment.by) == ("high", "moderate", "Okafor")
    assert clinician.risk.of_patient("ana").history[0].act == "carried_over"
    desk.merges.undo(merge_id, UndoMerge(version=1, reason="Two women"))
    assert clinician.risk.of_patient("ana").tier.shown == "high"
    assert clinician.risk.of_patient("ben").tier.shown == "moderate"
