"""What changes between the drawing of a screen and the click on it: nobody signs, orders or takes back the unseen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from dashboards.clinician.gap_cards import LATE_SECONDS, is_late, waiting_words
from data_contracts.api.care_gaps import CareGap, GapList, NextStep, OrderedGap, OrderOption
from data_contracts.api.chart import ResultPoint, ResultSeries, ResultsView
from ehr_core.kernel.errors import StaleVersion
from tests.unit.screens.test_gap_words import banner, gap
from tests.unit.screens.test_results_panel import point, series

ORDER = NextStep(
    label="Order an HbA1c",
    orders=[OrderOption(code_system="http://loinc.org", code="4548-4", display="HbA1c")],
)
STALE = "Somebody else changed this a moment ago"
NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)


class ChangingGaps:
    """Care gaps as the API has them; an act on an older version is refused, as there."""

    def __init__(self, *gaps: CareGap):
        self.gaps = {one.gap_id: one for one in gaps}
        self.acts: list[tuple[str, int]] = []

    def of_patient(self, patient_id: str) -> GapList:
        return GapList(patient_id=patient_id, gaps=list(self.gaps.values()), as_of=NOW)

    def changes(self, gap_id: str, **facts: object) -> None:
        old = self.gaps[gap_id]
        self.gaps[gap_id] = old.model_copy(update={"version": old.version + 1, **facts})

    def order(self, gap_id: str, act) -> OrderedGap:
        self._act("order", gap_id, act)
        return OrderedGap(gap=self.gaps[gap_id], service_request_id="order")

    def undo(self, gap_id: str, act) -> None:
        self._act("undo", gap_id, act)

    def _act(self, name: str, gap_id: str, act) -> None:
        if act.version != self.gaps[gap_id].version:
            raise StaleVersion("It has changed.")
        self.acts.append((name, act.version))


class ChangingResults:
    def __init__(self, *points: ResultPoint):
        self.view = ResultsView(patient_id="p1", series=[series(*points)])
        self.reviews: list[tuple[int, str | None]] = []

    def results(self, _patient_id: str, **_which: object) -> ResultsView:
        return self.view

    def now_says(self, *points: ResultPoint) -> None:
        self.view = ResultsView(patient_id="p1", series=[series(*points)])

    def review_result(self, _result_id: str, review, _resource_type: str) -> None:
        if review.version_id != self.view.series[0].points[0].version_id:
            raise StaleVersion("It has changed.")
        self.reviews.append((review.version_id, review.comment_to_patient))


def session_of(**rooms: object) -> SimpleNamespace:
    return SimpleNamespace(client=SimpleNamespace(**rooms), may=lambda _: True)


def cards_page(session, who, watching) -> None:
    """The cards as they refresh themselves: this run is what the click or the clock runs again."""
    from dashboards.clinician.gap_cards import _cards

    _cards(session, who, watching)


def results_page(session, who) -> None:
    from dashboards.clinician.results import results_panel

    results_panel(session, who)


def cards(gaps: ChangingGaps, *, watching: bool = False) -> AppTest:
    return AppTest.from_function(cards_page, args=(session_of(care_gaps=gaps), banner(), watching)).run(
        timeout=30
    )


def press(page: AppTest, label: str) -> AppTest:
    (button,) = [button for button in page.button if button.label == label]
    return button.click().run(timeout=30)


def shown(page: AppTest) -> str:
    return " ".join(part.proto.body for part in page.get("html"))


def test_an_order_for_a_card_that_has_changed_is_refused_and_the_newest_state_is_shown():
    gaps = ChangingGaps(gap(next_step=ORDER, version=3))
    page = cards(gaps)
    gaps.changes("g1", why="HbA1c 7.1 % on 21-Nov-2026")
    press(page, "Order HbA1c")
    assert gaps.acts == []
    assert STALE in page.error[0].value
    assert "7.1 %" in shown(page)
    press(page, "Order HbA1c")
    assert gaps.acts == [("order", 4)]
    assert not page.error


def test_an_exclusion_is_not_taken_back_by_who_saw_another_one():
    gaps = ChangingGaps(gap(status="excluded", can_undo=True, version=3))
    page = cards(gaps)
    gaps.changes("g1", status_reason="Contraindicated")
    press(page, "Undo")
    assert gaps.acts == []
    assert STALE in page.error[0].value


def test_a_refusal_outlives_the_next_tick_and_hides_no_other_card():
    gaps = ChangingGaps(
        gap(next_step=ORDER, version=3),
        gap(gap_id="g2", source_id="breast_cancer_screening", title="Mammogram"),
    )
    page = cards(gaps)
    gaps.changes("g1")
    press(page, "Order HbA1c")
    page.run(timeout=30)
    assert STALE in page.error[0].value
    assert "Mammogram" in shown(page)


def test_after_a_refusal_the_held_answer_is_not_served_again():
    gaps = ChangingGaps(gap(next_step=ORDER, version=3))
    page = cards(gaps, watching=True)
    gaps.changes("g1", why="HbA1c 7.1 % on 21-Nov-2026")
    page.run(timeout=30)
    assert "7.1 %" not in shown(page), "the held answer stands while nobody acts"
    press(page, "Order HbA1c")
    assert "7.1 %" in shown(page)
    press(page, "Order HbA1c")
    assert gaps.acts == [("order", 4)]


def test_an_act_with_a_dialog_opens_only_for_the_card_that_was_on_the_screen():
    gaps = ChangingGaps(gap(next_step=ORDER, version=3))
    page = cards(gaps)
    gaps.changes("g1")
    page.menu_button[0].click("Snooze…").run(timeout=30)
    assert STALE in page.error[0].value
    assert not page.date_input
    page.menu_button[0].click("Snooze…").run(timeout=30)
    assert page.date_input
    assert not page.exception


def look_at_a1c(results: ChangingResults) -> AppTest:
    page = AppTest.from_function(results_page, args=(session_of(charting=results), banner())).run(timeout=30)
    return page.selectbox(key="result_code").select(("http://loinc.org", "4548-4")).run(timeout=30)


def test_a_review_is_of_the_value_that_was_on_the_screen():
    first = point(number=Decimal("7.1"), text="7.1 %", awaits_review=True, version_id=1)
    results = ChangingResults(first)
    page = look_at_a1c(results)
    page.text_area[0].input("Your sugar is fine.").run(timeout=30)
    results.now_says(
        first.model_copy(
            update={"number": Decimal("10.2"), "text": "10.2 %", "status": "corrected", "version_id": 2}
        )
    )
    press(page, "Mark reviewed")
    assert results.reviews == []
    assert STALE in page.error[0].value
    assert "10.2 %" in shown(page)
    assert page.text_area[0].value == "Your sugar is fine.", "what was typed is not lost"
    page.text_area[0].input("Please call us.").run(timeout=30)
    press(page, "Mark reviewed")
    assert results.reviews == [(2, "Please call us.")]


def test_a_review_without_words_sends_none():
    results = ChangingResults(point(awaits_review=True))
    press(look_at_a1c(results), "Mark reviewed")
    assert results.reviews == [(1, None)]


def test_what_awaits_review_is_named_whatever_kind_is_looked_at():
    mammogram = ResultSeries(
        code="24606-6", system="http://loinc.org", name="Mammogram", category="imaging", unit=None,
        points=[point(number=None, text="BI-RADS 4", unit=None, resource_type="DiagnosticReport", awaits_review=True)],
    )  # fmt: skip
    results = ChangingResults(point())
    results.view.series.append(mammogram)
    page = AppTest.from_function(results_page, args=(session_of(charting=results), banner())).run(timeout=30)
    assert "Mammogram" in page.warning[0].value


@pytest.mark.parametrize(
    ("waited", "late", "words"),
    [(5, False, "Still being computed."), (LATE_SECONDS + 1, True, "Care gaps are late")],
)
def test_a_change_that_is_not_computed_says_from_when_the_cards_are(waited, late, words):
    gaps = GapList(
        patient_id="p1",
        gaps=[],
        as_of=datetime(2026, 11, 19, 14, tzinfo=UTC),
        being_computed=True,
        waiting_since=NOW - timedelta(seconds=waited),
    )
    assert is_late(gaps, NOW) is late
    assert waiting_words(gaps, NOW).startswith(words)
    assert "as of 19-Nov-2026" in waiting_words(gaps, NOW)


def test_an_answer_that_is_held_too_long_says_so_on_the_cards():
    gaps = ChangingGaps(gap())
    late = GapList(
        patient_id="p1",
        gaps=[gap()],
        as_of=NOW,
        being_computed=True,
        waiting_since=datetime(2026, 11, 1, tzinfo=UTC),
    )
    gaps.of_patient = lambda _: late
    page = cards(gaps)
    assert "Care gaps are late" in page.warning[0].value
    assert [button.label for button in page.button if button.label == "Look again"]


def test_a_schedule_of_people_who_were_never_measured_does_not_say_zero_gaps():
    from dashboards.clinician.today import gap_count_words

    def visit(gaps):
        return SimpleNamespace(gaps=gaps)

    assert gap_count_words([visit(None), visit(None)]) == "care gaps not computed yet"
    assert gap_count_words([visit([1, 2]), visit(None)]) == (
        "2 care gaps that want action, not computed yet for 1 visits"
    )
    assert gap_count_words([visit([]), visit([1])]) == "1 care gaps that want action"
    assert gap_count_words([]) == "0 care gaps that want action"
