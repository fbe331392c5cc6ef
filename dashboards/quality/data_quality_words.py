"""Data-quality findings in words: unknown is said, suppressed is not zero, and a share always has its denominator."""

from __future__ import annotations

from dashboards.shared.printing import Paper, PaperPart
from dashboards.shared.site_time import show_date, show_instant
from data_contracts.api.data_quality import DataFinding, DataPoint, DataQuality, TouchedMeasure
from data_contracts.data_quality import KIND_WORDS

NOT_RUN = {"could_not_run": "could not be checked", "nothing_to_check": "no such record to check"}


def found_words(one: DataFinding) -> str:
    """How many of how many; why that is not known otherwise."""
    if one.outcome != "ran":
        return NOT_RUN[one.outcome]
    if one.failing is None or one.checked is None:
        none = "none of " if one.failing == 0 else ""
        of = (
            "suppressed (small cell)"
            if one.checked is None
            else f"suppressed (small cell) of {one.checked:,}"
        )
        return f"{none}{of} {one.counts}"
    if one.counts == "days":
        newest = show_date(one.newest_on) if one.newest_on else "none dated"
        longer = "at least " if one.failing == one.checked else ""
        return f"{longer}{one.failing} of the last {one.checked} days without news; newest {newest}"
    return f"{one.failing:,} of {one.checked:,} {one.counts}"


def share_words(one: DataFinding) -> str:
    if one.outcome != "ran":
        return "not known"
    if one.share is None:
        return "none" if one.failing == 0 else "suppressed"
    if 0 < one.share < 0.001:
        return "under\u00a00.1\u00a0%"
    return f"{one.share:.1%}"


def change_words(one: DataFinding) -> str:
    """Against the night before, where both counted."""
    if one.outcome != "ran" or one.failing is None:
        return share_words(one)
    earlier = [point for point in one.trend[:-1] if point.failing is not None]
    if not earlier:
        return "no earlier night"
    before = earlier[-1]
    difference = one.failing - (before.failing or 0)
    since = f"since {show_date(before.on)}"
    return f"no change {since}" if difference == 0 else f"{difference:+,} {since}"


def touched_words(one: DataFinding) -> str:
    if one.outcome == "could_not_run":
        return "not known"
    return f"{len(one.touches)} measures" if len(one.touches) != 1 else "1 measure"


def records_words(touch: TouchedMeasure) -> str:
    """How many of the defective records the measure reads."""
    if touch.records is not None:
        return f"{touch.records:,}"
    return "suppressed" if touch.suppressed else "cannot be told"


def point_words(point: DataPoint) -> str:
    if point.outcome != "ran":
        return NOT_RUN[point.outcome]
    known = point.failing is not None and point.checked is not None
    return f"{point.failing:,} of {point.checked:,}" if known else "suppressed"


def quality_paper(page: DataQuality) -> Paper:
    """The findings on paper: defects first, then what could not be checked, then the code systems."""
    defects = [one for one in page.findings if one.is_defect and one.outcome == "ran"]
    parts = []
    for kind, words in KIND_WORDS.items():
        lines = [_paper_line(one) for one in defects if one.kind == kind]
        parts.append(PaperPart(words, lines or ["No defect found."], listed=bool(lines)))
    unknown = [one.title for one in page.findings if one.outcome == "could_not_run"]
    if unknown:
        parts.append(PaperPart("Could not be checked", unknown))
    systems = [f"{name}: {', '.join(titles)}" for name, titles in page.not_loaded.items()]
    parts.append(PaperPart("Code systems that are not loaded", systems or ["None."]))
    return Paper(
        title="Data quality",
        identity=f"Data as of {show_date(page.on)} · last run {show_instant(page.computed_at)}",
        mark=page.stale or "",
        parts=parts,
        closing=["Counts of records and people. Small counts are suppressed for readers without charts."],
    )


def _paper_line(one: DataFinding) -> str:
    named = ", ".join(touch.title for touch in one.touches) or "no measure"
    return f"{one.title}: {found_words(one)} ({share_words(one)}). Touches {named}. {one.repair}"
