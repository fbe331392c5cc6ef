"""Forms at the chart: digits as typed, nothing ambiguous, and nothing left over from another patient's dialog."""

from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from dashboards.clinician.form_parts import parse_decimal


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("7.10", "7.10"),
        (" 36.8 ", "36.8"),
        ("-1", "-1"),
        ("1,250", None),
        ("7,1", None),
        ("ten", None),
        ("NaN", None),
    ],
)
def test_a_number_is_taken_digit_for_digit_and_an_ambiguous_one_not_at_all(typed, value):
    parsed = parse_decimal(typed)
    assert (None if parsed is None else str(parsed)) == value
    assert parsed is None or isinstance(parsed, Decimal)


def two_rows() -> None:
    """A page with two patients whose contact dialog may be opened."""
    from types import SimpleNamespace

    import streamlit as st

    from dashboards.care_manager.worklist_acts import contact_dialog
    from data_contracts.api.patients import PatientName

    gap = SimpleNamespace(gap_id="g", title="Care", status="open", gap_kind="due")

    def row(name):
        return SimpleNamespace(
            patient_id=name, name=PatientName(family=name), birth_date="1970-01-01", mrn=name, gaps=[gap],
            interpreter_required=False, language=None,
        )  # fmt: skip

    for name in ("Ana", "Bob"):
        if st.button(f"Call {name}", key=name):
            contact_dialog(SimpleNamespace(client=None), row(name))


def test_the_next_dialog_shares_no_widget_with_the_last_one():
    """Streamlit keeps what was typed by a widget's key: another key, another patient's words cannot be in it."""
    page = AppTest.from_function(two_rows).run(timeout=20)

    def keys_in_dialog(of: str) -> set[str]:
        page.button(key=of).click().run(timeout=20)
        widgets = [*page.text_area, *page.selectbox, *page.checkbox, *page.date_input]
        assert len(widgets) == 4
        return {widget.key for widget in widgets}

    first, second = keys_in_dialog("Ana"), keys_in_dialog("Bob")
    assert None not in first | second
    assert not first & second


def a_call_about_two_gaps() -> None:
    """The contact dialog of a row with an abnormal result and a routine gap.

    A test runs the whole page again at each act, so the dialog is opened again, as the same form.
    """
    from types import SimpleNamespace

    import streamlit as st

    from dashboards.care_manager.worklist_acts import _contact_dialog
    from data_contracts.api.patients import PatientName

    gaps = [
        SimpleNamespace(gap_id=kind, title=f"Care that is {kind}", status="open", gap_kind=kind)
        for kind in ("due", "follow_up_due")
    ]
    row = SimpleNamespace(
        patient_id="p1", name=PatientName(family="Ana"), birth_date="1970-01-01", mrn="M", gaps=gaps,
        interpreter_required=False, language=None,
    )  # fmt: skip
    logged = st.session_state.setdefault("logged", [])
    worklist = SimpleNamespace(log_contact=lambda _patient_id, contact: logged.append(contact))
    _contact_dialog(SimpleNamespace(client=SimpleNamespace(worklist=worklist)), row, "form")


@pytest.fixture
def call() -> AppTest:
    """The dialog, open, with the outcome 'declined'."""
    page = AppTest.from_function(a_call_about_two_gaps).run(timeout=20)
    page.selectbox[0].select("declined").run(timeout=20)
    return page


def save(page: AppTest):
    return next(button for button in page.button if button.label == "Save")


def test_a_call_is_about_no_gap_until_one_is_chosen(call):
    assert [box.value for box in call.checkbox] == [False, False]
    assert save(call).disabled
    call.checkbox(key="form-about-due").check().run(timeout=20)
    assert not call.warning
    save(call).click().run(timeout=20)
    logged = call.session_state["logged"][0]
    assert (logged.gap_ids, logged.follow_up_confirmed) == (["due"], False)


def test_declining_the_follow_up_of_an_abnormal_result_is_confirmed_for_itself(call):
    call.checkbox(key="form-about-follow_up_due").check().run(timeout=20)
    assert "abnormal" in call.warning[0].value
    assert save(call).disabled
    call.checkbox(key="form-follow-up").check().run(timeout=20)
    save(call).click().run(timeout=20)
    logged = call.session_state["logged"][0]
    assert (logged.gap_ids, logged.follow_up_confirmed) == (["follow_up_due"], True)
