"""'I already had this': it waits for review, somebody answers, and the patient is told; it closes nothing by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from data_contracts.api.care_gaps import ReviewReply, WorklistQuery
from data_contracts.api.portal import AlreadyHadThis
from ehr_core.kernel.errors import Conflict, Forbidden, NotFound, StaleVersion
from tests.integration.care_gaps.conftest import later
from tests.integration.chart_records import put_observation, put_patient
from tests.integration.loop.records import closed_by, gap_row

pytestmark = pytest.mark.usefixtures("gaps")

SPANISH = [{"language": {"coding": [{"code": "es"}]}, "preferred": True}]


@pytest.fixture
def ben(api):
    put_patient(api, "ben", "Young", "Ben", "1990-01-01", communication=SPANISH)
    return api.signed_in("ben", "patient", patient_id="ben")


def says_already_had(patient, **said: str):
    """The patient's first thing to do, and the word given on it."""
    thing = patient.portal.home().things_to_do[0]
    patient.portal.already_had(thing.gap_id, AlreadyHadThis(version=thing.version, **said))
    return thing


def reply_of(manager):
    return manager.worklist.replies().replies[0]


def what_is_told(patient):
    """The word on the first thing to do, as the portal shows it."""
    return patient.portal.home().things_to_do[0].reply


def test_a_reply_goes_to_review_with_who_said_what_and_closes_nothing(manager, ben):
    home = ben.portal.home()
    assert home.first_name == "Ben"
    assert [thing.title for thing in home.things_to_do] == ["Un análisis de azúcar en la sangre"]
    seen = home.things_to_do[0]
    with pytest.raises(StaleVersion):
        ben.portal.already_had(seen.gap_id, AlreadyHadThis(version=seen.version + 1))
    thing = says_already_had(ben, when="March", where="Elsewhere")
    gap = manager.care_gaps.get(thing.gap_id)
    assert (gap.status, gap.reply_waiting_since is not None) == ("open", True)
    waiting = manager.worklist.replies()
    assert waiting.waiting == 1
    reply = waiting.replies[0]
    assert (reply.patient_id, reply.name.family, reply.birth_date) == ("ben", "Young", "1990-01-01")
    assert (reply.when, reply.where, reply.language) == ("March", "Elsewhere", "Spanish")
    assert (reply.title, reply.status) == ("Glycemic control in diabetes", "open")


def test_the_worklist_marks_the_gap_counts_the_replies_and_finds_them_by_a_filter(manager, ben):
    assert manager.worklist.page(WorklistQuery(reply_waiting=True)).rows == []
    says_already_had(ben)
    page = manager.worklist.page(WorklistQuery(reply_waiting=True))
    assert ([row.patient_id for row in page.rows], page.replies_waiting) == (["ben"], 1)
    assert page.rows[0].gaps[0].reply_waiting_since is not None
    everybody = manager.worklist.page(WorklistQuery())
    marked = {row.patient_id for row in everybody.rows for gap in row.gaps if gap.reply_waiting_since}
    assert (marked, everybody.replies_waiting) == ({"ben"}, 1)


def test_the_oldest_reply_comes_first(api, manager, ben):
    says_already_had(ben)
    manager, ana = later(api, manager, 2), api.signed_in("ana", "patient", patient_id="ana")
    says_already_had(ana)
    assert [reply.patient_id for reply in manager.worklist.replies().replies] == ["ben", "ana"]


def test_not_found_is_told_in_the_clinics_words_and_the_item_is_to_do_again(manager, ben):
    says_already_had(ben)
    answer = "We called County Hospital. They have no test of yours."
    manager.worklist.review_reply(reply_of(manager).reply_id, ReviewReply(outcome="not_found", answer=answer))
    assert manager.worklist.replies().waiting == 0
    thing = ben.portal.home().things_to_do[0]
    assert (thing.reply.state, thing.reply.answer, thing.is_under_way) == ("not_found", answer, False)
    says_already_had(ben, when="April")
    assert what_is_told(ben).state == "waiting", "the patient may say it again"


def test_asked_for_elsewhere_the_reply_waits_on_and_the_patient_is_told(manager, ben):
    says_already_had(ben)
    manager.worklist.review_reply(reply_of(manager).reply_id, ReviewReply(outcome="requested"))
    assert reply_of(manager).requested_at is not None
    thing = ben.portal.home().things_to_do[0]
    assert (thing.reply.state, thing.is_under_way) == ("requested", True)
    manager.worklist.review_reply(reply_of(manager).reply_id, ReviewReply(outcome="not_found"))
    assert what_is_told(ben).state == "not_found"


def test_recorded_is_refused_until_the_chart_has_moved_the_gap(
    api, manager, ben, write_back, above_goal, key
):
    says_already_had(ben)
    recorded = ReviewReply(outcome="recorded")
    with pytest.raises(Conflict, match="Record the outside result in the chart first"):
        manager.worklist.review_reply(reply_of(manager).reply_id, recorded)
    assert what_is_told(ben).state == "waiting"

    api.clock.instant += timedelta(minutes=1)
    put_observation(api, "x", "ben", valueQuantity={"value": 7.1, "unit": "%", "code": "%"})
    write_back(above_goal, closed_by(key, "ben", "x"), run_id="second")
    assert reply_of(manager).status == "closed"
    manager.worklist.review_reply(reply_of(manager).reply_id, recorded)
    home = ben.portal.home("en")
    assert home.things_to_do == []
    assert [(told.title, told.state) for told in home.replies] == [("A blood sugar test", "recorded")]


def test_a_word_on_an_item_that_has_left_the_list_is_not_lost_from_sight(ben, write_back, above_goal, key):
    says_already_had(ben)
    write_back(above_goal, closed_by(key, "ben", "x"), run_id="second")
    assert [told.state for told in ben.portal.home().replies] == ["waiting"]


def test_an_answer_is_shown_for_thirty_days(api, manager, ben):
    says_already_had(ben)
    manager.worklist.review_reply(reply_of(manager).reply_id, ReviewReply(outcome="not_found"))
    ben = later(api, ben, 29, "portal")
    assert what_is_told(ben).state == "not_found"
    assert what_is_told(later(api, ben, 2, "portal")) is None


def test_an_answer_settles_what_was_said_before_it_and_nothing_after(api, manager, ben):
    says_already_had(ben)
    api.clock.instant += timedelta(minutes=1)
    says_already_had(ben, when="March")
    api.clock.instant += timedelta(minutes=1)
    second = manager.worklist.replies().replies[1]
    says_already_had(ben, where="Elsewhere")
    manager.worklist.review_reply(second.reply_id, ReviewReply(outcome="not_found"))
    assert [reply.where for reply in manager.worklist.replies().replies] == ["Elsewhere"]


def test_a_reply_is_reviewed_once_and_one_that_was_taken_back_not_at_all(manager, ben):
    thing = says_already_had(ben)
    first = reply_of(manager)
    ben.portal.take_back(thing.gap_id)
    assert manager.worklist.replies().waiting == 0
    for reply_id in (first.reply_id, "no-such-reply"):
        with pytest.raises(NotFound):
            manager.worklist.review_reply(reply_id, ReviewReply(outcome="not_found"))


def test_a_word_on_what_a_label_now_hides_is_not_shown_to_the_patient(ben, write_back, above_goal, key):
    says_already_had(ben)
    write_back(above_goal, gap_row(key, "ben", evidence_sensitivity="V"), run_id="second")
    home = ben.portal.home()
    assert (home.things_to_do, home.replies, home.hidden_items) == ([], [], True)


def test_a_patient_cannot_reply_about_somebody_else(api, manager):
    ana = api.signed_in("ana", "patient", patient_id="ana")
    gap = manager.care_gaps.of_patient("ben").gaps[0]
    with pytest.raises(NotFound):
        ana.portal.already_had(gap.gap_id, AlreadyHadThis(version=gap.version))


def test_who_may_not_work_the_list_neither_sees_nor_answers_replies(api, manager, ben):
    says_already_had(ben)
    reply_id = reply_of(manager).reply_id
    for role in ("front_desk", "analyst", "admin"):
        somebody = api.signed_in(role.replace("_", ""), role)
        with pytest.raises(Forbidden):
            somebody.worklist.replies()
        with pytest.raises(Forbidden):
            somebody.worklist.review_reply(reply_id, ReviewReply(outcome="not_found"))


def test_seeing_answering_and_taking_back_are_audited_without_what_was_said(api, manager, ben):
    thing = says_already_had(ben, where="County Hospital")
    manager.worklist.review_reply(reply_of(manager).reply_id, ReviewReply(outcome="requested", answer="Soon"))
    ben.portal.take_back(thing.gap_id)
    with api.work() as work:
        rows = work.connection.execute(
            text(
                "SELECT act, coalesce(patient_id, patient_ids[1]), detail::text FROM audit.event "
                "WHERE act LIKE 'care_gaps.%repl%' ORDER BY at, id"
            )
        ).all()
    assert {(act, patient) for act, patient, _ in rows} == {
        (f"care_gaps.{act}", "ben")
        for act in ("patient_replied", "replies.read", "reply_reviewed", "reply_taken_back")
    }
    assert not [detail for *_, detail in rows if detail and ("County" in detail or "Soon" in detail)]
