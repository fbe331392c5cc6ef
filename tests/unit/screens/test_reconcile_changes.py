"""Medication lists that change under somebody's hands: the difference is told, no decision that fits is lost."""

from __future__ import annotations

from dashboards.clinician.reconcile_changes import carried_over
from data_contracts.api.medications import MedicationEntry
from data_contracts.api.reconciliation import ReconciliationRow


def row(key: str, dose: str = "1 tablet") -> ReconciliationRow:
    entry = MedicationEntry.model_construct(name=key, sig=dose)
    return ReconciliationRow.model_construct(key=key, chart=entry, home=None, column="only_chart", offered=[])


def test_a_line_that_is_as_it_was_keeps_its_decision():
    found = carried_over([row("a"), row("b")], [row("a"), row("c")], {"a": "continue"})
    assert found.decided == {"a": "continue"}
    assert found.words == "New: c. Gone: b. Your decisions on 1 other lines stand."


def test_a_line_that_changed_or_went_is_told_with_what_had_been_decided():
    found = carried_over([row("a"), row("b")], [row("a", "2 tablets")], {"a": "continue", "b": "stop"})
    assert found.decided == {}
    assert found.words.startswith("Gone: b (you had decided: ")
    assert "Changed: a (you had decided: " in found.words
