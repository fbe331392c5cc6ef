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

    def row(name):
        return SimpleNamespace(
            patient_id=name, name=PatientName(family=name), birth_date="1970-01-01", mrn=name, gaps=[],
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
        widgets = [*page.text_area, *page.selectbox, *page.multiselect, *page.date_input]
        assert len(widgets) == 4
        return {widget.key for widget in widgets}

    first, second = keys_in_dialog("Ana"), keys_in_dialog("Bob")
    assert None not in first | second
    assert not first & second
