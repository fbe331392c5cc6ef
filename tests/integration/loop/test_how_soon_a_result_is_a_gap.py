"""From a chart's commit to its gap row within a second, 19 times out of 20, at twenty writes a second."""

from __future__ import annotations

import pytest

from tests.bench.remeasure import WRITES_A_SECOND, Figures, diabetics, measured, running_loop, under_load

PROMISED_SECONDS = 1.0
AT_REST_COMMIT_SECONDS = 0.02
"""A write's own commit on two cores that do nothing else. A machine that is slower at this is busy with other work."""

AT_MOST_SLOWER = 4.0
"""However busy the machine is: beyond this the promise is broken, not the machine."""

ATTEMPTS = 3


def allowed_seconds(alone: Figures) -> float:
    """The promise, drawn out as much as this machine draws out a lone commit just now."""
    return PROMISED_SECONDS * min(max(alone.commit / AT_REST_COMMIT_SECONDS, 1.0), AT_MOST_SLOWER)


@pytest.mark.long
def test_a_result_is_a_gap_within_a_second_at_twenty_writes_a_second():
    with running_loop(patients=200) as database:
        people = diabetics(database)
        for _ in range(ATTEMPTS):
            alone = measured(database, people[:1], writes=10, a_second=2)
            figures, allowed = under_load(database, people, seconds=15), allowed_seconds(alone)
            print(f"{figures}; alone: {alone}; allowed: {allowed:.1f} s")
            kept_pace = figures.a_second >= 0.95 * WRITES_A_SECOND
            if figures.lost == 0 and kept_pace and figures.at(0.95) <= allowed:
                return
        pytest.fail(f"{ATTEMPTS} times not within {allowed:.1f} s: {figures}")
