"""Order and inbox screens: acts on exactly what was drawn, identity beside each, and nothing said that is not known."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from dashboards.clinician.gap_cards import ordered_words
from dashboards.clinician.inbox import acknowledge_label
from dashboards.clinician.inbox_words import card_html, count_words, title_of
from dashboards.clinician.order_basket import sign_words
from dashboards.clinician.order_forms import read_details
from dashboards.clinician.order_words import draft_html, order_html
from dashboards.clinician.unmatched import candidate_html, sent_html
from data_contracts.api.care_gaps import OrderedGap, OrderOption
from data_contracts.api.decision_support import CheckedCards, SupportCard, SupportReason
from data_contracts.api.model import Page
from data_contracts.api.orders import (
    Basket,
    BasketChecked,
    DraftChecked,
    DraftOrder,
    OrderDetails,
    OrderLine,
    PatientOrders,
)
from data_contracts.api.patients import PatientName
from data_contracts.api.results_inbox import (
    Inbox,
    InboxCard,
    InboxChoices,
    InboxCounts,
    InboxResult,
    MatchCandidate,
    SentPatient,
    SuggestedMessage,
    UnmatchedResult,
)
from ehr_core.kernel.errors import Conflict
from tests.unit.screens.test_acts_on_what_is_shown import press, shown
from tests.unit.screens.test_gap_words import banner, gap
from tests.unit.screens.test_results_panel import point

NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
COUNTS = InboxCounts(critical=1, not_checked=0, abnormal=2, other=0, acknowledged=0, unmatched=0)


def draft(**changes: object) -> DraftOrder:
    facts = {
        "draft_id": "d1",
        "version": 1,
        "patient_id": "p1",
        "item_key": "hba1c",
        "kind": "laboratory",
        "name": "Hemoglobin A1c",
        "details": OrderDetails(),
        "prepared_by": "Joy Mensah",
        "prepared_at": NOW,
    }
    return DraftOrder(**{**facts, **changes})


def order_line(**changes: object) -> OrderLine:
    facts = {
        "order_id": "o1",
        "version_id": 1,
        "patient_id": "p1",
        "kind": "laboratory",
        "name": "Hemoglobin A1c",
        "status": "active",
        "priority": "routine",
        "ordered_on": "2026-11-01T10:00:00-05:00",
        "ordered_by": "Dr. Okafor",
        "reason": None,
        "due_on": date(2026, 11, 8),
        "overdue": False,
    }
    return OrderLine(**{**facts, **changes})


def result(**changes: object) -> InboxResult:
    facts = {
        "item_id": "i1",
        "version": 1,
        "resource_type": "Observation",
        "resource_id": "k",
        "result_version": 1,
        "state": "new",
        "name": "Potassium",
        "points": [("Potassium", point(number=Decimal("6.9"), text="6.9 mmol/L", unit="mmol/L", flag="HH"))],
        "grade": "critical",
        "grade_reason": "At or above the critical limit of 6.2 mmol/L.",
        "notice": "new",
    }
    return InboxResult(**{**facts, **changes})


def card(*results: InboxResult, **changes: object) -> InboxCard:
    facts = {
        "group_key": "g",
        "patient_id": "p1",
        "name": PatientName(family="Reyes", given="Ana"),
        "birth_date": "1974-05-02",
        "mrn": "A-1",
        "phone": None,
        "language": "Spanish",
        "title": "Potassium",
        "results": list(results) or [result()],
        "grade": "critical",
        "arrived_at": NOW,
        "notified_at": NOW,
        "owner": "Dr. Okafor",
        "why_here": "Dr. Okafor ordered it",
        "suggested": SuggestedMessage(language="Spanish", language_known=True, text="Hemos revisado …"),
    }
    return InboxCard(**{**facts, **changes})


class Orders:
    """A basket as the API has it; an act on another version is refused, as there."""

    def __init__(
        self, *drafts: DraftOrder, may_sign: bool = True, cards: dict[str, list[SupportCard]] | None = None
    ):
        self.drafts, self.may_sign, self.signed, self.cards = list(drafts), may_sign, [], cards or {}

    def basket(self, patient_id: str) -> Basket:
        return Basket(patient_id=patient_id, drafts=self.drafts, may_sign=self.may_sign, asks_pregnancy=False)

    def check(self, patient_id: str) -> BasketChecked:
        drafts = [
            DraftChecked(
                draft_id=one.draft_id,
                version=one.version,
                checked=CheckedCards(cards=self.cards.get(one.draft_id, []), coverage="Looked at: …"),
            )
            for one in self.drafts
        ]
        return BasketChecked(patient_id=patient_id, drafts=drafts)

    def of_patient(self, patient_id: str) -> PatientOrders:
        return PatientOrders(patient_id=patient_id, orders=[])

    def sign(self, _patient_id: str, act) -> None:
        if act.drafts != [(one.draft_id, one.version) for one in self.drafts if not one.missing]:
            raise Conflict("Dr. Chen has signed 'Hemoglobin A1c' already. Nothing was ordered twice.")
        self.signed.append(act)


class Results:
    def __init__(self, *cards: InboxCard, refuses: str | None = None):
        self.cards, self.refuses, self.acts, self.on_their_way = list(cards), refuses, [], 0

    def counts(self) -> InboxCounts:
        return COUNTS.model_copy(update={"on_their_way": self.on_their_way})

    def inbox(self, **_: object) -> Inbox:
        page = Page(number=1, size=20, total=len(self.cards))
        return Inbox(
            cards=self.cards,
            page=page,
            counts=COUNTS,
            limits_source="Kost 1990.",
            on_their_way=self.on_their_way,
        )

    def choices(self) -> InboxChoices:
        return InboxChoices(clinicians=[("chen", "Dr. Chen")], pools=[])

    def acknowledge(self, act) -> None:
        if self.refuses:
            raise Conflict(self.refuses)
        self.acts.append(act)


def session_of(**rooms: object) -> SimpleNamespace:
    me = SimpleNamespace(practitioner_id="okafor", roles=["clinician"])
    return SimpleNamespace(client=SimpleNamespace(**rooms), me=me, may=lambda _: True)


def basket_page(session, who) -> None:
    from dashboards.clinician.order_basket import basket_panel

    basket_panel(session, who)


def inbox_page(session) -> None:
    import streamlit as st

    from dashboards.clinician.inbox import inbox_page as page

    st.session_state["session"] = session
    page()


def test_signing_signs_exactly_what_stood_above_the_button_beside_the_patients_identity():
    orders = Orders(draft(), draft(draft_id="d2", name="CT head", missing=[("contrast", "Say whether …")]))
    page = AppTest.from_function(basket_page, args=(session_of(orders=orders), banner())).run(timeout=30)
    assert "REYES, Ana" in shown(page)
    assert "MRN A-1" in shown(page)
    assert "Say whether" in shown(page)
    press(page, "Sign 1 of 2 orders")
    assert [act.drafts for act in orders.signed] == [[("d1", 1)]]


def warning(**changes) -> SupportCard:
    facts = {
        "key": "imaging_contrast.weak_kidneys:iodinated",
        "rule_id": "imaging_contrast.weak_kidneys",
        "outcome": "fires",
        "tier": 1,
        "severity": "serious",
        "title": "Iodinated contrast with weak kidneys",
        "sentence": "Iodinated contrast: eGFR 22.",
        "detail": "",
        "because": [],
        "missing": [],
        "suggestions": [],
        "citation": "ACR",
        "url": None,
        "source_date": None,
        "review": "No pharmacist has reviewed this.",
        "override_reasons": [SupportReason(code="benefit", words="The benefit outweighs the risk")],
    }
    return SupportCard(**facts | changes)


def test_a_line_with_a_warning_waits_for_its_reason_while_the_others_can_be_signed():
    orders = Orders(draft(), draft(draft_id="d2", name="CT chest"), cards={"d2": [warning()]})
    page = AppTest.from_function(basket_page, args=(session_of(orders=orders), banner())).run(timeout=30)
    assert "Iodinated contrast: eGFR 22." in shown(page)
    assert [button.label for button in page.button if button.label.startswith("Sign")] == [
        "Sign 1 of 2 orders"
    ]
    page.selectbox[0].select("benefit").run(timeout=30)
    press(page, "Sign 2 orders")
    (act,) = orders.signed
    assert [one.reason_code for one in act.acknowledged["d2"]] == ["benefit"]
    assert set(act.acknowledged) == {"d2"}


def test_what_could_not_be_checked_is_said_and_stops_nobody():
    unknown = warning(outcome="could_not_check", tier=2, missing=["a creatinine (none is recorded)"])
    orders = Orders(draft(), cards={"d1": [unknown]})
    page = AppTest.from_function(basket_page, args=(session_of(orders=orders), banner())).run(timeout=30)
    assert "Could not be checked" in shown(page)
    assert "a creatinine (none is recorded)" in shown(page)
    press(page, "Sign 1 order")
    assert len(orders.signed) == 1


def test_what_changed_under_the_button_is_refused_and_who_was_first_is_said():
    orders = Orders(draft())
    page = AppTest.from_function(basket_page, args=(session_of(orders=orders), banner())).run(timeout=30)
    orders.drafts = [draft(version=2)]
    press(page, "Sign 1 order")
    assert orders.signed == []
    assert "Dr. Chen has signed" in page.error[0].value


def test_pressed_twice_the_same_lines_keep_their_key():
    orders = Orders(draft())
    page = AppTest.from_function(basket_page, args=(session_of(orders=orders), banner())).run(timeout=30)
    press(press(page, "Sign 1 order"), "Sign 1 order")
    first, second = orders.signed
    assert first.sign_key == second.sign_key


def test_who_may_not_sign_is_told_who_does():
    page = AppTest.from_function(
        basket_page, args=(session_of(orders=Orders(draft(), may_sign=False)), banner())
    ).run(timeout=30)
    assert "A clinician signs these orders." in [one.value for one in page.caption]
    assert not [button for button in page.button if button.label.startswith("Sign")]


def test_an_acknowledgement_is_of_the_versions_on_the_card_and_the_second_is_told_who_did():
    results = Results(card(result(version=4, result_version=2)))
    page = AppTest.from_function(inbox_page, args=(session_of(results_inbox=results),)).run(timeout=30)
    assert not page.exception
    assert "6.9 mmol/L" in shown(page)
    press(page, "Acknowledge")
    (act,) = results.acts
    assert [(one.item_id, one.version, one.result_version) for one in act.items] == [("i1", 4, 2)]
    results.refuses = "Dr. Chen acknowledged this at 09:02."
    press(page, "Acknowledge")
    assert "Dr. Chen acknowledged this at 09:02." in page.error[0].value


def test_telling_the_patient_starts_from_a_wording_in_their_language_and_repeats_who_it_is():
    results = Results(card())
    page = AppTest.from_function(inbox_page, args=(session_of(results_inbox=results),)).run(timeout=30)
    press(page, "Acknowledge and tell")
    assert page.text_area[0].value == "Hemos revisado …"
    assert any("**REYES, Ana**, born 02-May-1974, MRN A-1" in one.value for one in page.markdown)


def test_an_empty_inbox_says_so():
    page = AppTest.from_function(inbox_page, args=(session_of(results_inbox=Results()),)).run(timeout=30)
    assert page.info[0].value.startswith("Nothing to look at.")


def test_a_card_says_grade_limit_correction_and_range_in_words_and_escapes_the_record():
    corrected = result(notice="corrected", was="5.1 mmol/L", comments=["<b>haemolysed</b>"])
    html = card_html(card(corrected, escalated_at=NOW, escalated_to="On call"))
    for words in (
        "Critical",
        "6.2 mmol/L",
        "Corrected",
        "5.1 mmol/L",
        "Passed on to On call",
        "no range given",
    ):
        assert words in html
    assert "<b>haemolysed</b>" not in html
    unread = card_html(card(result(points=[], notice="unreadable", grade="not_checked")))
    assert "could not be read" in unread


@pytest.mark.parametrize(
    ("counts", "title"),
    [
        (None, "Inbox"),
        (COUNTS, "Inbox (1 critical)"),
        (COUNTS.model_copy(update={"critical": 0}), "Inbox (2)"),
        (COUNTS.model_copy(update={"critical": 0, "abnormal": 0}), "Inbox"),
    ],
)
def test_the_navigation_says_what_is_most_pressing(counts, title):
    assert title_of(counts) == title


def test_counts_are_told_in_words():
    assert count_words(COUNTS) == "1 critical · 2 abnormal"
    assert count_words(COUNTS.model_copy(update={"critical": 0, "abnormal": 0})) == "Nothing to look at"


def test_a_critical_result_is_acknowledged_and_any_other_is_reviewed():
    assert acknowledge_label(card()) == "Acknowledge"
    assert acknowledge_label(card(result(), result(item_id="i2"), grade="abnormal")) == "Reviewed all 2"


def test_a_line_of_the_basket_says_what_is_missing():
    html = draft_html(draft(missing=[("indication", "Imaging needs an indication.")]))
    for words in ("Incomplete", "Imaging needs an indication.", "Joy Mensah"):
        assert words in html


def test_an_order_says_since_when_it_is_overdue_and_what_is_still_to_come():
    html = order_html(order_line(overdue=True, waits_for=["Sodium"], last_note="Waits for a visit"))
    for words in ("Overdue since 08-Nov-2026", "Sodium", "Waits for a visit"):
        assert words in html
    assert "not recorded" in order_html(order_line(ordered_by=None, due_on=None))


@pytest.mark.parametrize(
    ("complete", "of", "words"),
    [(1, 1, "Sign 1 order"), (3, 3, "Sign 3 orders"), (0, 1, "Sign 0 of 1 orders")],
)
def test_the_button_says_how_many_it_signs(complete, of, words):
    assert sign_words(complete, of) == words


def test_an_empty_field_is_not_said_and_never_an_empty_word():
    details = read_details({"priority": "routine", "indication": "  ", "laterality": None, "fasting": False})
    assert (details.indication, details.laterality, details.fasting) == (None, None, False)


def test_an_order_for_a_gap_that_waits_in_the_basket_says_why():
    option = OrderOption(code_system="http://loinc.org", code="24606-6", display="Mammogram")
    waiting = OrderedGap(gap=gap(), draft_id="d", waits_for=["A clinician signs it."])
    assert ordered_words(option, waiting) == "Mammogram is in the order basket. A clinician signs it."
    assert ordered_words(option, OrderedGap(gap=gap(), service_request_id="o")) == "Ordered: Mammogram"


def test_both_sides_of_a_result_without_a_patient_say_what_is_missing():
    unmatched = UnmatchedResult(
        received_id="r",
        version=1,
        source="Regional Laboratory",
        received_at=NOW,
        why="It may be about somebody here, but that is not certain.",
        patient=SentPatient(family="Reyes"),
        order_number=None,
        results=["Potassium 6.9 mmol/L, 20-Nov-2026"],
        grade="critical",
        grade_reason="At or above the critical limit of 6.2 mmol/L.",
        candidates=[],
    )
    for words in ("no birth date sent", "no record number sent", "Critical", "Regional Laboratory"):
        assert words in sent_html(unmatched)
    candidate = MatchCandidate(
        patient_id="p1", name=PatientName(family="Reyes"), birth_date=None, sex=None, mrn=None,
        match="possible", reasons=["Family name agrees."], open_orders=["Potassium"],
    )  # fmt: skip
    for words in ("Possible", "Family name agrees.", "Open orders it may answer", "not recorded"):
        assert words in candidate_html(candidate)


def test_results_that_are_being_sorted_come_by_themselves_and_after_a_minute_a_button_is_left():
    results = Results()
    results.on_their_way = 2
    page = AppTest.from_function(inbox_page, args=(session_of(results_inbox=results),)).run(timeout=30)
    assert not page.exception
    assert any("2 results have come in" in one.value and "by themselves" in one.value for one in page.caption)
    assert "Look again" not in [button.label for button in page.button]
    page.session_state["inbox_sorting_since"] -= 61
    page.run(timeout=30)
    assert "longer than usual" in page.warning[0].value
    press(page, "Look again")
    assert any("by themselves" in one.value for one in page.caption)
    results.on_their_way = 0
    page.run(timeout=30)
    assert page.info[0].value.startswith("Nothing to look at.")
