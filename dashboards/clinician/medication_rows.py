"""One medication as HTML: name, state, dose, and what is known of its refills; and the allergies above the list."""

from __future__ import annotations

from dashboards.shared.markup import tag, text
from dashboards.shared.site_time import show_date
from data_contracts.api.allergies import RecordedAllergies, RecordedAllergy
from data_contracts.api.chart import ALLERGY_STATE_WORDS
from data_contracts.api.medications import PRESCRIPTION_STATE_WORDS, MedicationEntry

STATE_KIND = {
    "draft": "waiting",
    "on_hold": "open",
    "stopped": "apart",
    "cancelled": "apart",
    "completed": "apart",
}


def allergies_line(recorded: RecordedAllergies) -> str:
    """The allergy state, always one of four, and the allergies behind it: prescribing looks at them first."""
    kind = "quiet" if recorded.state == "none_known" else "warn"
    known = "; ".join(map(_allergy, (one for one in recorded.items if not one.is_denial)))
    return (
        f'<div class="card" role="note" aria-label="Allergies"><p><span class="{kind}">'
        f"{text(ALLERGY_STATE_WORDS[recorded.state])}</span>{f': {known}' if known else ''}</p></div>"
    )


def _allergy(one: RecordedAllergy) -> str:
    said = ", ".join(filter(None, (*one.details.reactions, one.details.severity)))
    kind = " (side effect)" if one.details.intolerance else ""
    return f"<b>{text(one.name)}</b>{kind} {text(said, 'reaction not recorded')}"


def entry_html(entry: MedicationEntry) -> str:
    marks = (
        [tag(PRESCRIPTION_STATE_WORDS[entry.state], STATE_KIND.get(entry.state, "closed"))]
        if entry.state
        else []
    )
    if entry.kind == "reported":
        marks.append(tag("Reported, not prescribed here", "apart"))
    if not entry.ingredients_known:
        marks.append(tag("Not checked by ingredient", "waiting"))
    facts = " · ".join(text(fact) for fact in _facts(entry))
    return (
        f'<div class="card"><b>{text(entry.name)}</b> {" ".join(marks)}<p><span class="quiet">DOSE</span> '
        f"<b>{text(entry.sig)}</b></p><p class='quiet'>{facts}</p></div>"
    )


def _facts(entry: MedicationEntry) -> list[str]:
    facts = [f"since {show_date(entry.since)}" if entry.since else "start not recorded"]
    facts += [f"for {entry.indication}"] if entry.indication else []
    facts += [f"by {entry.written_by}"] if entry.written_by else []
    if entry.kind == "prescribed":
        left = "refills not recorded" if entry.refills_left is None else f"refills left: {entry.refills_left}"
        given = (
            show_date(entry.last_dispensed_on)
            if entry.last_dispensed_on
            else "no record of it being given out"
        )
        facts += [left, f"last given out {given}" if entry.last_dispensed_on else given]
    facts += [entry.stop_reason] if entry.stop_reason else []
    return facts
