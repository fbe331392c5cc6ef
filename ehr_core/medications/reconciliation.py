"""Two lists side by side: what is taken at home and what the chart says, and what may be decided about each. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from data_contracts.api.medications import MedicationEntry
from data_contracts.api.reconciliation import Column, Decision, ReconciliationRow
from ehr_core.medications.products import Lookup, generic_of

COLUMNS: tuple[Column, ...] = ("differs", "only_home", "only_chart", "same")
OFFERED: dict[Column, tuple[Decision, ...]] = {
    "same": ("continue", "stop"),
    "differs": ("continue", "change", "stop"),
    "only_home": ("continue", "add", "stop"),
    "only_chart": ("continue", "stop"),
}
"""`continue` leaves the chart as it is; `change` and `add` prepare what is taken at home for a signature."""


def reconciliation_rows(
    current: Iterable[MedicationEntry], told_of: set[str], lookup: Lookup
) -> list[ReconciliationRow]:
    """Each medication once. `told_of` are the reports that were matched with a prescription before: they add no row."""
    listed = list(current)
    home = [one for one in listed if one.kind == "reported" and one.prescription_id not in told_of]
    chart = [one for one in listed if one.kind == "prescribed"]
    rows = []
    for entry in home:
        match = next((one for one in chart if _is_one_drug(entry, one, lookup)), None)
        if match is not None:
            chart.remove(match)
        rows.append(_row(entry, match))
    rows += [_row(None, one) for one in chart]
    return sorted(rows, key=lambda row: (COLUMNS.index(row.column), _name(row).lower()))


def seen(rows: Iterable[ReconciliationRow]) -> str:
    """A name of exactly these lists, with the version of every line."""
    lines = sorted(
        f"{entry.kind}/{entry.prescription_id}/{entry.version_id}"
        for row in rows
        for entry in (row.home, row.chart)
        if entry is not None
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _is_one_drug(home: MedicationEntry, chart: MedicationEntry, lookup: Lookup) -> bool:
    """The same ingredients; where one of them is not known, the same name."""
    ours, theirs = set(lookup.ingredients(home.rxcui)), set(lookup.ingredients(chart.rxcui))
    if ours and theirs:
        return ours == theirs
    return home.name.strip().lower() == chart.name.strip().lower()


def _row(home: MedicationEntry | None, chart: MedicationEntry | None) -> ReconciliationRow:
    differs_in = _differences(home, chart) if home and chart else []
    column: Column = (
        "only_chart"
        if home is None
        else "only_home"
        if chart is None
        else "differs"
        if differs_in
        else "same"
    )
    return ReconciliationRow(
        key="+".join(one.prescription_id for one in (home, chart) if one is not None),
        column=column,
        home=home,
        chart=chart,
        differs_in=differs_in,
        offered=list(OFFERED[column]),
    )


def _differences(home: MedicationEntry, chart: MedicationEntry) -> list[str]:
    """A dose that one side does not say differs: unknown is not the same."""
    product = _product(home) != _product(chart)
    dose = _plain(home.sig) != _plain(chart.sig)
    held = chart.state == "on_hold" and home.state != "on_hold"
    named = (("product", product), ("dose or timing", dose), ("taken though it is on hold", held))
    return [words for words, differs in named if differs]


def _product(entry: MedicationEntry) -> str:
    return generic_of(entry.rxcui) if entry.rxcui else entry.name.strip().lower()


def _plain(sig: str | None) -> str:
    return " ".join((sig or "?").lower().rstrip(". ").split())


def _name(row: ReconciliationRow) -> str:
    entry = row.home or row.chart
    return entry.name if entry else ""
