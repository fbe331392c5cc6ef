"""From a chart's commit to its gap row within a second, 19 times out of 20, at twenty writes a second."""

from __future__ import annotations

import statistics

import pytest

from tests.bench.remeasure import WRITES_A_SECOND, diabetics, measured, running_loop, slowdown, under_load

PROMISED_SECONDS = 1.0
AT_MOST_SLOWER = 3.0
"""However busy the machine is with other work: beyond this nothing is shown by it, and the test does not pass."""

PATIENTS = 1000
"""A hundred with diabetes, so that nobody's record changes again while it is being measured."""

ATTEMPTS = 3


@pytest.mark.long
def test_a_result_is_a_gap_within_a_second_at_twenty_writes_a_second():
    """The promise is drawn out as much as this machine draws out other work just now; at rest not at all."""
    with running_loop(PATIENTS) as loop:
        people = diabetics(loop.database)
        for _ in range(ATTEMPTS):
            before = slowdown()
            figures = under_load(loop, people, seconds=15)
            busy = max(1.0, statistics.mean((before, slowdown())))
            allowed = PROMISED_SECONDS * min(busy, AT_MOST_SLOWER)
            print(f"{figures}; machine {busy:.1f} times slower than at rest, allowed {allowed:.1f} s")
            kept_pace = figures.a_second >= 0.95 * WRITES_A_SECOND
            if figures.lost == 0 and kept_pace and figures.at(0.95) <= allowed:
                return
        pytest.fail(
            f"{ATTEMPTS} times not within {allowed:.1f} s on a machine {busy:.1f} times slower: {figures}"
        )


@pytest.mark.long
def test_a_record_that_changes_faster_than_it_is_measured_is_right_as_soon_as_it_rests():
    """No answer of a record that has moved on is written, so its gap waits for the end of the burst, and no longer."""
    with running_loop(patients=200) as loop:
        person = diabetics(loop.database)[:1]
        before = slowdown()
        figures = measured(loop, person, writes=5 * WRITES_A_SECOND, a_second=WRITES_A_SECOND)
        busy = max(1.0, statistics.mean((before, slowdown())))
        last = min(figures.arrivals, default=float("inf"))
        print(
            f"last of the burst: {last:.2f} s after its commit; machine {busy:.1f} times slower than at rest"
        )
        assert figures.lost == 0
        assert last <= PROMISED_SECONDS * min(busy, AT_MOST_SLOWER)
