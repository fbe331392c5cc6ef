"""A worklist row in words: who, which gaps, how to reach them, what was tried."""

from __future__ import annotations

from dashboards.shared.gap_words import gap_line
from dashboards.shared.markup import lines, tag, text
from dashboards.shared.site_time import show_date, show_instant
from dashboards.shared.tier_words import row_html
from data_contracts.api.care_gaps import STATUS_WORDS, WorklistPage, WorklistQuery, WorklistRow
from ehr_core.display import show_age, show_name

OUTCOME_WORDS = {
    "reached": "reached",
    "left_message": "left a message",
    "no_answer": "no answer",
    "wrong_number": "wrong number",
    "declined": "declined",
    "booked": "booked",
}


def summary_words(query: WorklistQuery, page: WorklistPage) -> str:
    """What the whole list holds, by what was asked for."""
    if query.status not in (None, "open"):
        gaps = f"{page.gaps} gaps, status {STATUS_WORDS[query.status]}"
    elif query.reply_waiting:
        gaps = f"{page.gaps} gaps with a patient's reply"
    else:
        gaps = f"{page.gaps} open gaps · {page.overdue_gaps} overdue"
    as_of = f"as of {show_instant(page.as_of)}" if page.as_of else "never computed"
    return f"{page.page.total} patients · {gaps} · {as_of} · this list is protected health information"


def patient_html(row: WorklistRow) -> str:
    """All that tells this person apart; a name like another's on the page is marked."""
    warning = tag("Same or similar name", "open") if row.same_name else ""
    return (
        f"<h4>{text(show_name(row.name))}</h4>{warning}"
        f'<p class="quiet">Born {text(show_date(row.birth_date))} ({text(show_age(row.age_years))}) · '
        f"{text(row.sex, 'sex not recorded')}<br>MRN {text(row.mrn)}<br>"
        f"{text(row.clinic, 'no clinic')} · {text(row.clinician, 'no clinician')}</p>{row_html(row.tier)}"
    )


def gaps_html(row: WorklistRow) -> str:
    """What wants action, and a word of warning when nobody could check that it still does."""
    warning = tag("Not checked: may be out of date", "open") if row.not_checked else ""
    return warning + lines((gap_line(gap) for gap in row.gaps), "No gap wants action")


def contact_html(row: WorklistRow) -> str:
    """Language and interpreter first: they decide how one calls. What was said about each channel is shown as
    recorded; a contact by sms or email without consent on record is refused when it is logged."""
    language = text(row.language, "language not recorded")
    interpreter = {
        True: tag("Interpreter", "waiting"),
        False: "",
        None: '<span class="quiet">interpreter not recorded</span>',
    }
    consent = " · ".join(
        f"{channel} {state.replace('_', ' ')}" for channel, state in row.contact.consent.items()
    )
    return (
        f"<p>{language} {interpreter[row.interpreter_required]}</p>"
        f"<p>{text(row.contact.phone, 'no phone recorded')}</p>"
        f'<p class="quiet">Consent: {text(consent, "not recorded")}</p><p class="quiet">{_next_visit(row)}</p>'
        f'<p class="quiet">{_last_attempt(row)} · owner {text(row.owner, "nobody")}</p>'
    )


def _next_visit(row: WorklistRow) -> str:
    if row.next_appointment is None:
        return "no visit booked"
    return (
        f"next visit {text(show_date(row.next_appointment.on))} with {text(row.next_appointment.with_whom)}"
    )


def _last_attempt(row: WorklistRow) -> str:
    if row.last_attempt_at is None:
        return "no contact yet"
    outcome = OUTCOME_WORDS.get(
        row.last_attempt_outcome or "", row.last_attempt_outcome or "outcome not recorded"
    )
    return f"last contact {text(show_instant(row.last_attempt_at))}: {text(outcome)} ({row.attempts} in all)"
