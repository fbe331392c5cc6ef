"""The portal's home: a person's own things to do, their next visit, and nothing that they may not see."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from data_contracts.api.portal import AlreadyHadThis
from data_contracts.code_systems import HCPCS
from ehr_core.kernel.errors import Forbidden, NotFound, StaleVersion
from tests.integration.chart_records import SENSITIVITY, of, put, put_appointment, put_flag, put_observation
from tests.integration.loop.records import gap_row

HIDDEN = {"security": [{"system": SENSITIVITY, "code": "TBOO"}]}


def audit_actions(api, patient_id: str) -> list[str]:
    with api.work() as work:
        rows = work.connection.execute(
            text("SELECT act FROM audit.event WHERE patient_id = :id AND act LIKE 'portal.%'"),
            {"id": patient_id},
        )
        return list(rows.scalars())


def replies(api) -> list[tuple]:
    with api.work() as work:
        rows = work.connection.execute(
            text("SELECT patient_id, said_when, said_where FROM care_gaps.patient_reply ORDER BY received_at")
        )
        return [tuple(row) for row in rows]


@pytest.mark.usefixtures("gaps")
class TestThingsToDo:
    def test_the_most_important_comes_first_and_what_is_only_for_staff_never(self, ana):
        home = ana.portal.home("en")
        assert [thing.title for thing in home.things_to_do][:2] == ["A mammogram", "A colon check"]
        assert len(home.things_to_do) == 4
        assert home.to_do_state == "checked"

    def test_everybody_sees_their_own_only(self, ana, ben):
        assert [thing.title for thing in ben.portal.home().things_to_do] == ["A colon check"]
        own = {thing.gap_id for thing in ana.portal.home().things_to_do}
        assert not own & {thing.gap_id for thing in ben.portal.home().things_to_do}

    def test_what_was_told_to_be_done_goes_to_the_end_of_the_list(self, ana):
        first = ana.portal.home().things_to_do[0]
        ana.portal.already_had(first.gap_id, AlreadyHadThis(version=first.version))
        things = ana.portal.home().things_to_do
        assert things[-1].gap_id == first.gap_id
        assert things[-1].reply.told_at == datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
        assert all(thing.reply is None for thing in things[:-1])

    def test_who_opted_out_is_not_reminded_and_is_not_told_that_nothing_is_due(self, api, ana):
        put_flag(api, "ana", "outreach-opt-out")
        home = ana.portal.home()
        assert home.things_to_do == []
        assert home.to_do_state == "paused"

    def test_who_came_under_hospice_care_is_not_reminded_from_that_moment_on(self, api, ana):
        put(
            api,
            "Procedure",
            "hospice",
            status="completed",
            code={"coding": [{"system": HCPCS.uri, "code": "S9126"}]},
            subject=of("ana"),
            performedDateTime="2026-11-19",
        )
        home = ana.portal.home()
        assert (home.things_to_do, home.to_do_state) == ([], "paused")

    def test_a_gap_that_rests_on_a_protected_item_is_held_back_and_that_is_said(self, write_back, key, ben):
        write_back(
            gap_row(key, "ben", "colorectal_cancer_screening", evidence_sensitivity="PSYTHPN"),
            run_id="second",
        )
        home = ben.portal.home()
        assert home.things_to_do == []
        assert home.hidden_items

    def test_a_run_that_found_nothing_for_somebody_is_checked(self, write_back, key, ben):
        write_back(gap_row(key, "ana"), run_id="second")
        home = ben.portal.home()
        assert (home.things_to_do, home.to_do_state, home.hidden_items) == ([], "checked", False)

    def test_a_record_whose_measuring_fails_is_not_called_checked(self, api, ana):
        with api.work() as work:
            work.connection.execute(
                text("UPDATE care_gaps.measured_patient SET quarantined = true WHERE patient_id = 'ana'")
            )
        assert ana.portal.home().to_do_state == "not_checked"


def test_a_list_that_was_never_computed_is_not_called_checked(ana):
    home = ana.portal.home()
    assert home.things_to_do == []
    assert home.to_do_state == "not_checked"


@pytest.mark.usefixtures("gaps")
class TestAlreadyHad:
    def test_the_reply_waits_for_review_and_closes_nothing(self, api, ben):
        thing = ben.portal.home().things_to_do[0]
        said = AlreadyHadThis(version=thing.version, when="May 2025", where="County hospital")
        reply = ben.portal.already_had(thing.gap_id, said)
        assert reply.message.startswith("Thank you")
        assert replies(api) == [("ben", "May 2025", "County hospital")]
        told = ben.portal.home().things_to_do[0].reply
        assert (told.told_at, told.state) == (reply.received_at, "waiting")

    def test_a_second_tap_is_the_same_reply_and_a_further_word_is_kept(self, api, ben):
        thing = ben.portal.home().things_to_do[0]
        said = AlreadyHadThis(version=thing.version, when="May 2025")
        first = ben.portal.already_had(thing.gap_id, said)
        assert ben.portal.already_had(thing.gap_id, said).received_at == first.received_at
        assert len(replies(api)) == 1
        ben.portal.already_had(thing.gap_id, said.model_copy(update={"where": "County hospital"}))
        assert len(replies(api)) == 2

    def test_thanks_come_in_the_language_of_the_page_else_of_the_record(self, ana):
        thing = ana.portal.home().things_to_do[0]
        said = AlreadyHadThis(version=thing.version)
        assert ana.portal.already_had(thing.gap_id, said).message.startswith("Gracias")
        english = said.model_copy(update={"language": "en"})
        assert ana.portal.already_had(thing.gap_id, english).message.startswith("Thank you")

    def test_another_persons_item_does_not_exist(self, api, ana, ben):
        of_ana = ana.portal.home().things_to_do[0]
        with pytest.raises(NotFound):
            ben.portal.already_had(of_ana.gap_id, AlreadyHadThis(version=of_ana.version))
        assert replies(api) == []

    @pytest.mark.parametrize("gap_id", ["no-such-gap", "00000000-0000-0000-0000-000000000000", "../home"])
    def test_an_id_that_is_none_does_not_exist(self, ana, gap_id):
        with pytest.raises(NotFound):
            ana.portal.already_had(gap_id, AlreadyHadThis(version=1))

    def test_an_item_that_the_portal_does_not_show_does_not_exist(self, api, write_back, key, ben):
        thing = ben.portal.home().things_to_do[0]
        write_back(
            gap_row(key, "ben", "colorectal_cancer_screening", evidence_sensitivity="V"), run_id="second"
        )
        with pytest.raises(NotFound):
            ben.portal.already_had(thing.gap_id, AlreadyHadThis(version=thing.version + 1))
        assert replies(api) == []

    def test_a_mis_tap_is_taken_back_and_the_item_is_to_do_again(self, api, ben):
        thing = ben.portal.home().things_to_do[0]
        for when in (None, "May"):
            ben.portal.already_had(thing.gap_id, AlreadyHadThis(version=thing.version, when=when))
        ben.portal.take_back(thing.gap_id)
        home = ben.portal.home()
        assert (home.things_to_do[0].reply, home.replies) == (None, [])
        with pytest.raises(NotFound):
            ben.portal.take_back(thing.gap_id)

    def test_nobody_takes_back_what_somebody_else_said(self, ana, ben):
        thing = ben.portal.home().things_to_do[0]
        ben.portal.already_had(thing.gap_id, AlreadyHadThis(version=thing.version))
        with pytest.raises(NotFound):
            ana.portal.take_back(thing.gap_id)
        assert ben.portal.home().things_to_do[0].reply.state == "waiting"

    def test_an_older_version_is_refused(self, api, ana):
        thing = ana.portal.home().things_to_do[0]
        with pytest.raises(StaleVersion):
            ana.portal.already_had(thing.gap_id, AlreadyHadThis(version=thing.version + 1))
        assert replies(api) == []


class TestNextVisit:
    def test_it_carries_the_sites_time_and_zone(self, api, ana):
        put_appointment(api, "later", "ana", "2026-12-09T15:30:00Z")
        put_appointment(api, "sooner", "ana", "2026-12-01T14:30:00Z")
        put_appointment(api, "cancelled", "ana", "2026-11-25T14:30:00Z", status="cancelled")
        put_appointment(api, "of-ben", "ben", "2026-11-24T14:30:00Z")
        visit = ana.portal.home().next_visit
        assert visit.starts_at.isoformat() == "2026-12-01T09:30:00-05:00"
        assert visit.time_zone == "America/New_York"
        assert visit.with_whom == "Dr Ada Okafor"

    def test_a_protected_visit_is_held_back_and_that_is_said(self, api, ana):
        put_appointment(api, "protected", "ana", "2026-12-01T14:30:00Z", meta=HIDDEN)
        home = ana.portal.home()
        assert home.next_visit is None
        assert home.hidden_items
        put_appointment(api, "open", "ana", "2026-12-02T14:30:00Z")
        home = ana.portal.home()
        assert home.next_visit.starts_at.day == 2
        assert home.hidden_items


class TestNews:
    @pytest.mark.parametrize(
        ("day", "count"),
        [("2026-11-20", 1), ("2026-10-21", 1), ("2026-10-20", 0), ("2026-11", 0)],
    )
    def test_a_result_is_new_for_thirty_days_when_its_day_is_known(self, api, ana, day, count):
        put_observation(api, "a1c", "ana", at=day, valueQuantity={"value": 7.1, "unit": "%", "code": "%"})
        assert ana.portal.home().new_results == count

    def test_a_measurement_of_the_visit_is_no_news(self, api, ana):
        put_observation(
            api, "weight", "ana", "29463-7", category="vital-signs", valueQuantity={"value": 70, "code": "kg"}
        )
        assert ana.portal.home().new_results == 0


class TestLanguage:
    @pytest.mark.usefixtures("gaps")
    @pytest.mark.parametrize(
        ("asked", "language", "title"),
        [
            (None, "es", "Una mamografía"),
            ("en", "en", "A mammogram"),
            ("es", "es", "Una mamografía"),
            ("EN-us", "en", "A mammogram"),
            ("fr", "es", "Una mamografía"),
            ("", "es", "Una mamografía"),
            ("';--", "es", "Una mamografía"),
        ],
    )
    def test_what_is_asked_for_counts_before_the_record(self, ana, asked, language, title):
        home = ana.portal.home(asked)
        assert home.language == language
        assert home.things_to_do[0].title == title

    def test_the_records_language_is_told_for_the_page_to_choose(self, api, ana, ben):
        assert ana.portal.language().language == "es"
        assert ben.portal.language().language == "en"
        assert audit_actions(api, "ana") == ["portal.language.read"]


def test_reading_is_audited(api, ana):
    ana.portal.home()
    ana.portal.results()
    assert sorted(audit_actions(api, "ana")) == ["portal.home.read", "portal.results.read"]


def test_staff_have_no_portal(api):
    clinician = api.signed_in("okafor", "clinician", practitioner_id="okafor")
    for read in (clinician.portal.home, clinician.portal.results, clinician.portal.language):
        with pytest.raises(Forbidden):
            read()
