"""A care gap in words: one vocabulary, the same on the chart, the schedule and the worklist."""

from __future__ import annotations

from dashboards.shared.markup import tag, text
from dashboards.shared.site_time import show_date
from data_contracts.api.care_gaps import STATUS_WORDS, CareGap, PatientReply, WorklistGap

STATUS_KIND = {
    "open": "open",
    "outreach_sent": "waiting",
    "scheduled": "waiting",
    "result_pending": "waiting",
    "closed": "closed",
}

ACTION_STATUSES = ("open", "outreach_sent", "scheduled", "result_pending")
"""Care is due and nobody has set it aside."""

KIND_WORDS = {"due": "Due", "above_goal": "Above goal", "follow_up_due": "Follow-up due", "none": ""}


def status_tag(gap: CareGap | WorklistGap | PatientReply) -> str:
    """The status as a tag; an open gap says what it wants: 'Open · Above goal'."""
    words = STATUS_WORDS[gap.status]
    if gap.status == "open" and KIND_WORDS[gap.gap_kind]:
        words = f"{words} · {KIND_WORDS[gap.gap_kind]}"
    return tag(words, STATUS_KIND.get(gap.status, "apart"))


def reply_tag(gap: CareGap | WorklistGap) -> str:
    """The patient's own word, as long as nobody has reviewed it."""
    if gap.reply_waiting_since is None:
        return ""
    return " " + tag(f"Patient had this (told {show_date(gap.reply_waiting_since)})", "waiting")


def due_words(gap: CareGap | WorklistGap) -> str:
    """When it is due, as words; nothing for a gap that wants no action."""
    if gap.due_on is None:
        return "No earlier record" if gap.gap_kind == "due" else ""
    return f"{'Overdue since' if gap.overdue else 'Due'} {show_date(gap.due_on)}"


def gap_line(gap: WorklistGap) -> str:
    """One gap on one line of a list."""
    due = due_words(gap)
    late = (
        f' <span class="warn">{text(due)}</span>'
        if gap.overdue
        else f' <span class="quiet">{text(due, "")}</span>'
    )
    return (
        f"<b>{text(gap.title)}</b> {status_tag(gap)}{reply_tag(gap)}{late}<br>"
        f'<span class="quiet">{text(gap.why)}</span>'
    )
