"""Rates, counts and changes in words: suppressed is not zero, and an empty denominator has no rate."""

from __future__ import annotations

from dashboards.shared.site_time import show_date
from data_contracts.api.quality import Counts, MeasureLine, RateShift
from data_contracts.measure_scores import score_words


def count_words(count: int | None) -> str:
    return "suppressed" if count is None else f"{count:,}"


def rate_words(counts: Counts) -> str:
    """The rate as a percentage with its 95 % interval; why there is none otherwise."""
    if counts.suppressed:
        return "suppressed (small cell)"
    if counts.rate is None:
        return "no denominator"
    words = f"{counts.rate:.1%}"
    if counts.rate_low is not None and counts.rate_high is not None:
        words += f" (95 % CI {counts.rate_low:.1%} to {counts.rate_high:.1%})"
    return words


def numerator_word(line: MeasureLine) -> str:
    """Whom the numerator holds: where lower is better, those in it are the ones who need something."""
    return "Met" if line.improvement == "increase" else "Counts against"


def line_words(line: MeasureLine) -> str:
    """The rate of a proportion; of every other measure its score in its own unit, never as a percentage."""
    if line.scoring == "proportion":
        return rate_words(line.counts)
    if line.scoring == "cohort":
        return "counted only"
    if line.counts.suppressed:
        return "suppressed (small cell)"
    return score_words(line.scoring, line.score, line.unit)


def change_words(line: MeasureLine) -> str:
    """Change in percentage points with its sign, and whether chance alone explains it."""
    if line.scoring != "proportion":
        return "not a rate"
    if line.change is None:
        return "suppressed" if line.counts.suppressed else "no earlier run"
    words = points_words(line.change)
    if line.change_low is None or line.change_high is None:
        return words
    certain = line.change_low > 0 or line.change_high < 0
    return f"{words}, more than chance explains" if certain else f"{words}, within chance"


def shift_words(shift: RateShift) -> str:
    """A change that chance does not explain, as a sentence that says what to look at first."""
    way = "rose" if shift.change > 0 else "fell"
    size = f"{abs(shift.change) * 100:.1f} points"
    span = f"(95 % CI {shift.low * 100:+.1f} to {shift.high * 100:+.1f})"
    if shift.kind == "jump":
        return (
            f"On {show_date(shift.since)} the rate {way} overnight by {size} {span}: more than "
            "chance explains. Look at the data before the care: a feed, a code list or the panel may have changed."
        )
    side = "above" if shift.change > 0 else "below"
    place, end = side, f"by now by {size} {span}: more than chance explains."
    if shift.low <= 0 <= shift.high:
        place = "apart from"
        end = "more than chance explains over the months. "
        end += f"By now it is {side} by {size} {span}, which alone may be chance."
    since = show_date(shift.since)
    return f"Since {since} the rate has stayed {place} the period before at the same time of its year, {end}"


def points_words(change: float) -> str:
    return f"{change * 100:+.1f} points"
