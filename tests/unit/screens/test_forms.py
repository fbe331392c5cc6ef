"""Forms at the chart: digits as typed, nothing ambiguous, and nothing left over from another patient's dialog."""

from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from dashboards.clinician.record_forms import parse_decimal


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


def test_what_was_typed_for_one_patient_is_not_in_the_next_ones_dialog():
    page = AppTest.from_function(two_rows).run(timeout=20)
    page.button(key="Ana").click().run(timeout=20)
    page.text_area[0].input("Ana says she is in hospital").run(timeout=20)
    assert page.text_area[0].value == "Ana says she is in hospital"
    page.button(key="Bob").click().run(timeout=20)
    assert page.text_area[0].value in (None, "")
    assert page.selectbox[0].value is None
